"""What napari's File menu gets: cells are saved as OME-Zarr and opened again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.viewer import Viewer  # noqa: TC002 - napari looks it up

from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.io.labels import read_labels
from napari_iaunet.io.ome_zarr import may_be_read
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.ome_zarr_store import read_store
from napari_iaunet.io.pixels import AxisPlace
from napari_iaunet.plugin.core.notify import show_error, show_warning, unmarked
from napari_iaunet.plugin.layers import stored
from napari_iaunet.plugin.layers.images import CHANNEL_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.types import LayerDataTuple


def save_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer at full resolution, with its features and colours.

    ``path`` gets the ending ".zarr" if it has none. Of several resolutions, each
    (..., Y, X), the first one is written.

    Raises OSError, with a sentence for the user, if something else is there, the folder
    cannot be written to, or OME-Zarr cannot hold the labels. It is not an ImageError
    because napari takes a ValueError for a sign that nobody can write such a file.
    """
    try:
        return [str(_save(Path(path), data, attributes))]
    except IAUNetError as error:
        raise OSError(unmarked(str(error))) from error
    except (ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(unmarked(f"The layer could not be saved: {reason}")) from error


def _save(path: Path, data: Any, attributes: dict[str, Any]) -> Path:
    if path.suffix != ".zarr":
        path = path.with_name(f"{path.name}.zarr")
        if path.exists():  # the user was not asked about this one
            raise ImageError(f"{path} exists. Choose a name with the ending .zarr.")
    full = data[0] if attributes.get("multiscale") else data
    kept = _kept_axes(full.shape, attributes.get("axis_labels"))
    dropped = sorted({*range(full.ndim)} - {*kept})
    axes, places = _axes_of(kept, attributes)
    write_labels_ome_zarr(
        path,
        full[tuple(slice(None) if a in kept else 0 for a in range(full.ndim))],
        axes=axes,
        places=places,
        label_details=stored.label_details(attributes),
        about=stored.about(attributes, dropped),
    )
    return path


def _kept_axes(shape: tuple[int, ...], names: Sequence[str] | None) -> list[int]:
    """Leave out axes of length 1: OME-Zarr labels have no channels, and four axes."""
    kept = list(range(len(shape)))
    if names is not None:
        kept = [
            axis
            for axis in kept
            if shape[axis] > 1 or names[axis].strip().lower() not in CHANNEL_NAMES
        ]
    while len(kept) > 4:
        needless = [axis for axis in kept[:-2] if shape[axis] == 1]
        if not needless:
            msg = (
                f"This layer has {len(shape)} axes. OME-Zarr labels have four at most: "
                "time, depth, rows and columns."
            )
            raise ImageError(msg)
        kept.remove(needless[0])
    if len(kept) < 2:
        raise ImageError("This layer has no rows and columns.")
    return kept


def _axes_of(
    kept: list[int], attributes: dict[str, Any]
) -> tuple[str, dict[str, AxisPlace]]:
    """Letters and places of the axes of a layer that are kept."""
    n = len(kept)
    scale, translate, units, names = (
        others if attributes.get(key) is None else [attributes[key][a] for a in kept]
        for key, others in (
            ("scale", [1.0] * n),
            ("translate", [0.0] * n),
            ("units", ["pixel"] * n),
            ("axis_labels", [""] * n),
        )
    )
    described = [
        _place(float(step), float(begin), str(unit))
        for step, begin, unit in zip(scale, translate, units, strict=True)
    ]
    axes = "TZYX"[-n:] if n != 3 else f"{_stacked(str(names[0]), described[0])}YX"
    return axes, dict(zip(axes, described, strict=True))


def _stacked(name: str, place: AxisPlace) -> str:
    """Whether an axis is time or depth, as far as the layer tells."""
    if name.strip().lower() in ("t", "z"):
        return name.strip().upper()
    return "Z" if place.unit == "micrometer" else "T"


def _place(step: float, begin: float, unit: str) -> AxisPlace:
    """Lengths in micrometres, times in seconds, anything else without a unit."""
    import pint

    registry = pint.get_application_registry()
    for named in ("micrometer", "second"):
        try:
            factor = float(registry.Quantity(1.0, unit).to(named).m)
        except pint.PintError:
            continue
        return AxisPlace(step * factor, begin * factor, named)
    return AxisPlace(step, begin)


def get_reader(path: str | list[str]) -> Callable[..., list[LayerDataTuple]] | None:
    """Return what opens the folder of an OME-Zarr image or of labels; None for others.

    Opened are an image, with its channels as layers, and the labels beside it as Labels
    layers; of our own labels also features, colours and how they were made.
    """
    paths = [path] if isinstance(path, str) else path
    return _open if all(map(may_be_read, map(Path, paths))) else None


def _open(path: str | list[str]) -> list[LayerDataTuple]:
    layers: list[LayerDataTuple] = []
    for one in [path] if isinstance(path, str) else path:
        images = read_store(Path(one))
        for image in images:
            for note in image.notes:
                show_warning(note)
        layers += stored.layers_of(images)
    return layers


def open_label_images(viewer: Viewer) -> None:
    """Ask for label images, and add them as Labels layers."""
    from qtpy.QtWidgets import QFileDialog

    paths, _ = QFileDialog.getOpenFileNames(
        None, "Open label images", "", "Label images (*.png *.tif *.tiff)"
    )
    for path in paths:
        try:
            labels = read_labels(path)
        except IAUNetError as error:
            show_error(str(error))
            continue
        ids = labels.astype(np.uint8) if labels.dtype == np.bool_ else labels
        viewer.add_labels(ids, name=Path(path).stem)


def stained_tissue() -> list[LayerDataTuple]:
    """Tissue stained for a protein (brown), its nuclei counterstained (blue)."""
    from skimage.data import immunohistochemistry

    options = {"name": "stained tissue", "rgb": True}
    return [(immunohistochemistry(), options, "image")]
