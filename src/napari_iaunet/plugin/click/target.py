"""The Labels layer that clicks write into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

import napari_iaunet
from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click import edits
from napari_iaunet.plugin.click.undo import EditLog
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers.find import find_layer, list_layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image

    from napari_iaunet.plugin.click.edits import LabelsPlane
    from napari_iaunet.plugin.click.source import ClickSource
    from napari_iaunet.plugin.layers.views import View


class ClickTarget:
    """Finds the layer that the user has picked, or makes one.

    Parameters
    ----------
    viewer : Viewer

    Attributes
    ----------
    key : str
        The picked layer's ``unique_id``; "" for a layer that is to be made.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._logs: dict[str, EditLog] = {}
        self.key = ""

    def teardown(self) -> None:
        """Let go of all layers."""
        for log in self._logs.values():
            log.close()
        self._logs.clear()

    def forget_closed(self) -> None:
        """Let go of layers that are gone."""
        kept = {str(layer.unique_id) for layer in self._viewer.layers}
        for key in self._logs.keys() - kept:
            self._logs.pop(key).close()

    @property
    def layer(self) -> Labels | None:
        """The picked layer; None if it is to be made, or is gone."""
        return find_layer(self._viewer, self.key, Labels) if self.key else None

    def offers(
        self, image: Image, channel_axis: int | None
    ) -> Sequence[tuple[str, str]]:
        """Layers that lie on an image: key and name, the topmost first."""
        return [
            (str(layer.unique_id), layer.name)
            for layer in reversed(list_layers(self._viewer, Labels))
            if edits.lies_on(layer, image, channel_axis, tuple(self._viewer.dims.point))
        ]

    def plane(
        self, image: Image, channel_axis: int | None, view: View
    ) -> LabelsPlane | None:
        """Return the plane to write into; None if its layer is to be made.

        Raises
        ------
        ImageError
            If the picked layer has no such plane.
        """
        layer = self.layer
        if layer is None:
            return None
        if self.key not in self._logs:
            self._logs[self.key] = EditLog(layer, self._viewer)
        plane = edits.find_plane(self._logs[self.key], image, channel_axis, view)
        if plane is None:
            msg = (
                f"The layer “{layer.name}” has no plane here, or no longer lies on "
                "the image. Choose another layer."
            )
            raise ImageError(msg)
        return plane

    def undo(self) -> None:
        """Undo the last change of the picked layer."""
        if self.layer is not None:
            self.layer.undo()
            self._look()

    def redo(self) -> None:
        """Undo the last undo."""
        if self.layer is not None:
            self.layer.redo()
            self._look()

    def _look(self) -> None:
        """Follow an undo of which a hidden layer tells nothing."""
        if self.key in self._logs:
            self._logs[self.key].look()

    def make(self, source: ClickSource) -> None:
        """Make an empty layer that covers the whole image, and pick it.

        Raises
        ------
        ImageError
            If memory does not hold the layer.
        """
        from pandas import DataFrame

        image, choice = source.image, source.choice
        if image is None or choice is None:
            return
        whole = source.read(None)
        shape = image_layers.describe(image).shape
        kept = [n for a, n in enumerate(shape) if a != choice.channel_axis]
        columns: dict[str, Any] = {"index": int, "label": int}
        if len(kept) > 2:
            columns["plane"] = int
        columns |= {"area": int, "mean_intensity": float, "score": float}
        table = DataFrame({c: np.zeros(0, t) for c, t in columns.items()})
        parameters = {
            "version": napari_iaunet.__version__,
            "model": choice.model,
            "image": image.name,
            "clicked": True,
        }
        try:
            labels = np.zeros(kept, np.int32)
        except MemoryError as error:
            msg = (
                f"The memory does not hold the cells of all planes of “{image.name}”. "
                "Crop the image, or open fewer planes of it."
            )
            raise ImageError(msg) from error
        made = label_layers.write_labels(
            self._viewer, image, whole, labels, table, parameters
        )
        self.key = str(made.unique_id)
        self._logs[self.key] = EditLog(made, self._viewer, highest=0)
