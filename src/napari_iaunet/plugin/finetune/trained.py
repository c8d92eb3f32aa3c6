"""What a training has made, whether or not it is known to be better than the start."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.responsive import load_torch
from napari_iaunet.plugin.finetune import runs
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.layers.labels import write_labels
from napari_iaunet.training.task import MODEL, read_start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import napari.viewer
    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.geometry import LayerImage

# Of a training's folder: the model that was trained last, where it is not the best one.
_TRAINED = "trained"


def trained_model(folder: Path) -> Path:
    """Return the model of a training that may be saved: the best, else the last one.

    Raises
    ------
    IAUNetError
        If there is none, or the disk is full.
    """
    load_torch()
    from napari_iaunet.model.checkpoint import save_model
    from napari_iaunet.training.selection import trained_network

    reached = runs.outcome(folder)
    if reached is not None and reached.improved:
        return folder / MODEL
    save_model(folder / _TRAINED, *trained_network(folder / MODEL))
    return folder / _TRAINED


@dataclass(frozen=True)
class Compared:
    """What the start and the trained model find in one image.

    Attributes
    ----------
    key : str
        Of the image's layer.
    image : LayerImage
    labels : tuple of (Y, X) int32
        Of the start and of the trained model; none before they were looked for.
    names : tuple of str
        Of both models, for the user.
    """

    key: str
    image: LayerImage
    labels: tuple[NDArray[np.int32], ...] = ()
    names: tuple[str, ...] = ()

    def show(self, viewer: napari.viewer.Viewer) -> None:
        """Add a layer for each model.

        Raises
        ------
        ImageError
            If the image is gone.
        """
        image = find_layer(viewer, self.key, Image)
        if image is None:
            raise ImageError("The image was closed.")
        for name, labels in zip(self.names, self.labels, strict=True):
            about = {"model": name, "image": image.name, "compared": True}
            layer = write_labels(viewer, image, self.image, labels, None, about)
            layer.name = f"{layer.name}, {name}"


def compare(
    folder: Path,
    compared: Compared,
    device: str,
    progress: Callable[[int, int], None],
) -> Compared:
    """Find the cells of an image with the start and with what was trained."""
    load_torch()
    from napari_iaunet.inference.engines import PYTORCH
    from napari_iaunet.segmentation.segmenter import Segmenter

    start = read_start(folder)
    models: dict[str, str | Path] = {f"start ({start})": start}
    models["trained"] = trained_model(folder)
    found: list[Any] = []
    image = compared.image
    for done, model in enumerate(models.values()):
        progress(done, len(models))
        segmenter = Segmenter(model, device, engine=PYTORCH)
        found.append(segmenter.segment(image.array, **image.seen_as).labels)
    return replace(compared, labels=tuple(found), names=tuple(models))
