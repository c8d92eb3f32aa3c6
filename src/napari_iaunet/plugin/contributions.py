"""What napari's File menu gets: cells are saved as OME-Zarr and opened again."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.viewer import Viewer  # noqa: TC002 - napari looks it up

from napari_iaunet import samples
from napari_iaunet.commands.common import caught_warnings
from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.io.formats.names import OUTLINES, SUFFIXES
from napari_iaunet.io.formats.read import holds_outlines, read_outlines, seem_outlines
from napari_iaunet.io.formats.write import write_cells
from napari_iaunet.io.labels import read_cells
from napari_iaunet.io.ome_zarr import may_be_read
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.ome_zarr_store import read_store
from napari_iaunet.io.several_labels import several_labels
from napari_iaunet.plugin.core.notify import show_error, show_warning, unmarked
from napari_iaunet.plugin.layers import stored
from napari_iaunet.plugin.layers.exported import axes_of, cells_of, kept_axes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari.types import FullLayerData, LayerDataTuple

    from napari_iaunet.io.formats.cells import Cells


def save_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer at full resolution, with its features and colours.

    ``path`` gets the ending ".zarr" if it has none. Of several resolutions, each
    (..., Y, X), the first one is written.

    Raises OSError, with a sentence for the user, if something else is there, the folder
    cannot be written to, or OME-Zarr cannot hold the labels. It is not an ImageError
    because napari takes a ValueError for a sign that nobody can write such a file.
    """
    with _told():
        target = _with_ending(Path(path))
        _save(target, data, attributes)
    return [str(target)]


def save_several(path: str, layers: list[FullLayerData]) -> list[str]:
    """Write Labels layers into one store, each as `save_labels` writes it.

    Raises OSError, with a sentence for the user, as `save_labels`.
    """
    with _told():
        target = _with_ending(Path(path))
        with several_labels(target) as folder:
            for data, attributes, _ in layers:
                name = folder.name_for(str(attributes.get("name", "cells")))
                _save(folder.path / name, data, attributes)
                folder.register(name)
    return [str(target)]


def _with_ending(path: Path) -> Path:
    if path.suffix != ".zarr":
        path = path.with_name(f"{path.name}.zarr")
        if path.exists():  # the user was not asked about this one
            raise ImageError(f"{path} exists. Choose a name with the ending .zarr.")
    return path


def _save(path: Path, data: Any, attributes: dict[str, Any]) -> None:
    full = data[0] if attributes.get("multiscale") else data
    kept = kept_axes(full.shape, attributes.get("axis_labels"))
    dropped = sorted({*range(full.ndim)} - {*kept})
    axes, places = axes_of(kept, attributes)
    if dropped:
        full = full[tuple(slice(None) if a in kept else 0 for a in range(full.ndim))]
    write_labels_ome_zarr(
        path,
        full,
        axes=axes,
        places=places,
        label_details=stored.label_details(attributes),
        about=stored.about(attributes, dropped),
    )


def save_outlines(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer for another program; the ending of ``path`` says for which.

    ImageJ (.zip), QuPath (.geojson), COCO (.json), AnnData (.h5ad) or GEFF (.geff).
    Features that are numbers go along as measures, the feature ``class`` as class.

    Raises OSError, with a sentence for the user, as `save_labels`.
    """
    with _told():
        target = Path(path)
        to = {ending: name for name, ending in SUFFIXES.items()}[target.suffix.lower()]
        write_cells(target, [cells_of(target.stem, data, attributes)], to)
    return [path]


@contextmanager
def _told() -> Iterator[None]:
    """Raise what napari shows to the user as it is."""
    try:
        yield
    except IAUNetError as error:
        raise OSError(unmarked(str(error))) from error
    except (ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(unmarked(f"The layer could not be saved: {reason}")) from error


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


def get_outline_reader(
    path: str | list[str],
) -> Callable[..., list[LayerDataTuple]] | None:
    """Return what opens ROIs of ImageJ, GeoJSON and COCO as labels; None for others."""
    paths = [path] if isinstance(path, str) else path
    return _open_outlines if all(map(seem_outlines, map(Path, paths))) else None


def _open_outlines(path: str | list[str]) -> list[LayerDataTuple]:
    paths = [path] if isinstance(path, str) else path
    return [_layer(cells) for one in paths for cells in read_outlines(Path(one))]


def _layer(cells: Cells) -> LayerDataTuple:
    labels = cells.labels
    if labels.dtype == np.bool_:
        labels = labels.astype(np.uint8)
    return labels, {"name": Path(cells.name).stem}, "labels"


def open_label_images(viewer: Viewer) -> None:
    """Ask for label images, or outlines, and add them as Labels layers."""
    from qtpy.QtWidgets import QFileDialog

    endings = " ".join(f"*{end}" for end in (".png", ".tif", ".tiff", *OUTLINES))
    paths, _ = QFileDialog.getOpenFileNames(
        None, "Open label images", "", f"Label images ({endings})"
    )
    for path in map(Path, paths):
        try:
            with caught_warnings() as notes:
                is_outlines = holds_outlines(path)
                found = read_outlines(path) if is_outlines else [read_cells(path)]
        except IAUNetError as error:
            show_error(str(error))
            continue
        for note in notes:
            show_warning(note)
        for cells in found:
            labels, options, _ = _layer(cells)
            viewer.add_labels(labels, **options)


def drawn_nuclei() -> list[LayerDataTuple]:
    """Draw nuclei in fluorescence."""
    return [(samples.nuclei().image, {"name": "nuclei"}, "image")]


def drawn_film() -> list[LayerDataTuple]:
    """Draw a film of nuclei, two of which divide."""
    options = {"name": "dividing nuclei", "axis_labels": ("t", "y", "x")}
    return [(samples.film().image, options, "image")]


def drawn_two_channels() -> list[LayerDataTuple]:
    """Draw nuclei and membranes of the same cells, each a layer."""
    found = samples.two_channels().image
    shown = (("membranes", found[1], "yellow"), ("nuclei", found[0], "bop blue"))
    return [
        (image, {"name": name, "colormap": colour, "blending": "additive"}, "image")
        for name, image, colour in shown
    ]


def drawn_phase_contrast() -> list[LayerDataTuple]:
    """Draw round, budding cells in phase contrast."""
    return [(samples.phase_contrast().image, {"name": "phase contrast"}, "image")]


def stained_tissue() -> list[LayerDataTuple]:
    """Tissue stained for a protein (brown), its nuclei counterstained (blue)."""
    from skimage.data import immunohistochemistry

    options = {"name": "stained tissue", "rgb": True}
    return [(immunohistochemistry(), options, "image")]
