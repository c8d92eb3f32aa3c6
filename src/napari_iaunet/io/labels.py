"""Read label images, in any form that programs write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.axes import ordered, squeeze
from napari_iaunet.io.background import with_background
from napari_iaunet.io.formats.cells import Cells
from napari_iaunet.io.formats.read import holds_outlines, read_outlines
from napari_iaunet.io.ome_zarr import labels_within
from napari_iaunet.io.paths import local_path
from napari_iaunet.io.read import log, read_pixels

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from numpy.typing import NDArray


def read_labels(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read the label ids of cells: the numbers that a file stores.

    The numbers of a palette are labels, whatever their colours; so are real numbers
    that are whole, gray that is stored as three equal colours, and numbers that are
    shown with 0 as white. Where no pixel is 0, and the highest number of the type
    covers the edges, as in inverted labels, that is the background; so is -1. Outlines
    are filled: ROIs of ImageJ, GeoJSON and COCO.

    Parameters
    ----------
    path : path
        A file, an OME-Zarr label image, or an OME-Zarr image that holds a single one.

    Returns
    -------
    (Y, X), (T or Z, Y, X) or (T, Z, Y, X) array of integers or booleans

    Raises
    ------
    ImageError
        If the file cannot be read, or holds colours or fractions.
    """
    return read_cells(path).labels


def read_cells(path: str | os.PathLike[str]) -> Cells:
    """Read a label image with its axes, and where its pixels lie; as `read_labels`."""
    given = local_path(path)
    if holds_outlines(given):
        images = read_outlines(given)
        if len(images) > 1:
            msg = f"{given} holds the cells of {len(images)} images: give one of one."
            raise ImageError(msg)
        return images[0]
    path = _within_image(given)
    pixels = read_pixels(path, as_stored=True)
    array, axes = ordered(*squeeze(pixels.array, pixels.axes))
    labels = np.asarray(array)
    for letter in "SC":
        if letter in axes:
            labels = _one_of(path, labels, axes.index(letter))
            axes = axes.replace(letter, "")
    labels = _whole(path, labels)
    for note in pixels.notes:
        log.warning(note)
    if labels.dtype.kind in "iu":
        labels, note = with_background(labels)
        if note:
            log.warning("%s: %s", path, note)
    return Cells(labels, axes, given.name, pixels.places)


def _within_image(path: Path) -> Path:
    """Labels that an OME-Zarr image holds, if it is one."""
    names = [] if not path.is_dir() else labels_within(path)
    if len(names) > 1:
        msg = f"{path} holds several label images: give one, like {names[0]}."
        raise ImageError(msg)
    return names[0] if names else path


def _one_of(path: Path, labels: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return what several channels hold, if it is the same."""
    first: NDArray[Any] = labels.take(0, axis)
    if any((labels.take(i, axis) != first).any() for i in range(labels.shape[axis])):
        raise ImageError(
            f"{path} is not a label image: it holds colours or several channels; save "
            "the numbers of the cells, as one gray image."
        )
    return first


def _whole(path: Path, labels: NDArray[Any]) -> NDArray[Any]:
    if labels.dtype.kind in "biu":
        return labels
    real = labels.dtype.kind == "f"
    if not real or not (np.isfinite(labels) & (labels == np.rint(labels))).all():
        raise ImageError(
            f"{path} is not a label image: its numbers are not whole; save integers, "
            "one for each cell."
        )
    return labels.astype(np.int64)
