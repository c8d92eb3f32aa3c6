"""Better outlines of cells: holes filled, edges smoothed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Progress = Callable[[int, int], None]
    Box = tuple[slice, slice]

# Bumps are smoothed up to this share of a cell's width, and at least a pixel.
_SHARE, _LEAST = 0.08, 1.0
# Standard deviations in which next to all of a normal distribution lies.
_REACH = 3
# Cells between two reports of progress.
_REPORT = 200


def fill_holes(
    index: NDArray[np.int32], progress: Progress | None = None
) -> NDArray[np.int32]:
    """Give background that is enclosed by one cell to that cell, plane by plane.

    Parameters
    ----------
    index : (Y, X) or stack of planes, int32
        0 for background, 1 to N for the cells.
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.
    """
    changed = index.copy()
    for plane, row, box in _cells(changed, progress):
        part = plane[box]
        filled = ndimage.binary_fill_holes(part == row)
        part[filled & (part == 0)] = row
    return changed


def smooth_outlines(
    index: NDArray[np.int32], progress: Progress | None = None
) -> NDArray[np.int32]:
    """Take bumps and frays from the outlines of cells, plane by plane.

    A cell stays about as large as it is, takes nothing from another one, and stays in
    one piece. Parameters are as for `fill_holes`.
    """
    changed = index.copy()
    for plane, row, box in _cells(changed, progress):
        area = np.count_nonzero(plane[box] == row)
        sigma = max(_LEAST, _SHARE * area**0.5)
        pad = int(np.ceil(_REACH * sigma))
        around = tuple(slice(max(0, s.start - pad), s.stop + pad) for s in box)
        part = plane[around]
        own = part == row
        # The border of the image is no edge of the cell.
        blurred = ndimage.gaussian_filter(own.astype(np.float32), sigma, mode="nearest")
        smooth = _largest_piece((blurred > 0.5) & (own | (part == 0)))
        if smooth.any():
            part[own & ~smooth] = 0
            part[smooth] = row
    return changed


def _cells(
    index: NDArray[np.int32], progress: Progress | None
) -> Iterator[tuple[NDArray[np.int32], int, Box]]:
    """Go through the cells of all planes: the plane, the row + 1, and the box."""
    planes = index.reshape(-1, *index.shape[-2:])
    for number, plane in enumerate(planes):
        boxes = ndimage.find_objects(plane)
        for row, box in enumerate(boxes, 1):
            if progress is not None and row % _REPORT == 1:
                done = number * len(boxes) + row
                progress(done, len(planes) * len(boxes) + 1)
            if box is not None:
                yield plane, row, box


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    largest = int(np.bincount(pieces.ravel())[1:].argmax()) + 1
    return np.asarray(pieces == largest)
