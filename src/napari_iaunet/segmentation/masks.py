"""Masks of cells: made one piece each, cut out, split, clicked in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage.measure import label as label_components

from napari_iaunet.segmentation.correction import largest_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.click import ClickedCell

# A label of so many separate pieces is a class of cells rather than a cell.
_PIECES = 5


def one_piece_each(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Leave every cell in one piece: pixels that touch by their sides.

    A cell keeps its largest piece. Smaller ones go to the cell that they touch most, or
    to the background.

    Parameters
    ----------
    labels : (Y, X) int32
        Returned as it is if no cell is in pieces.
    """
    pieces, count = label_components(labels, connectivity=1, return_num=True)
    where = np.flatnonzero(labels)
    piece = pieces.ravel()[where]
    area = np.bincount(piece, minlength=count + 1)
    owner = np.zeros(count + 1, np.int32)
    owner[piece] = labels.ravel()[where]
    order = np.lexsort((-area[1:], owner[1:])) + 1
    stray = np.zeros(count + 1, bool)
    stray[order[1:]] = owner[order[1:]] == owner[order[:-1]]
    if not stray.any():
        return labels
    whole = np.where(stray, 0, owner)[pieces]
    owner[stray] = _touched_most(pieces, whole, stray)
    changed: NDArray[np.int32] = owner[pieces]
    return changed


def seem_classes(labels: NDArray[np.integer]) -> str | None:
    """Say so if a label image has one label for many cells, such as 255 for all.

    Parameters
    ----------
    labels : (Y, X) int or bool
        0 is background.
    """
    count = len(np.unique(labels[labels > 0]))
    pieces = int(label_components(labels > 0, connectivity=2).max(initial=0))
    if not count or pieces < _PIECES * count:
        return None
    return (
        f"the labels look like classes, not like cells: {count} "
        f"label{'' if count == 1 else 's'} for {pieces} separate pieces. Every cell "
        "needs a number of its own."
    )


def _touched_most(
    pieces: NDArray[np.integer], labels: NDArray[np.int32], stray: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return the label that each stray piece shares most sides with, 0 for none."""
    y, x = np.nonzero(stray[pieces])
    # Labels with a border of background: each pixel has four neighbours.
    padded = np.pad(labels, 1)
    sides = ((y, x + 1), (y + 2, x + 1), (y + 1, x), (y + 1, x + 2))
    beside = np.concatenate([padded[side] for side in sides])
    piece = np.tile(pieces[y, x], len(sides))[beside > 0]
    pairs, shared = np.unique(
        np.stack([piece, beside[beside > 0]], 1), axis=0, return_counts=True
    )
    most = np.zeros(len(stray), np.int32)
    order = np.argsort(shared, kind="stable")
    most[pairs[order, 0]] = pairs[order, 1]
    return most[stray]


def spare(
    cell: ClickedCell,
    labels: NDArray[np.integer],
    label_id: int,
    inside: Sequence[tuple[float, float]],
) -> NDArray[np.bool_]:
    """Take the pixels of other cells out of a cell's mask (y, x).

    What this cuts off stays only if a click lies in it; the largest part does, if there
    are no clicks.

    Parameters
    ----------
    labels : (y, x) int
        The cells that are there already, in the cell's box.
    label_id : int
        Of the cell itself; 0 if it is a new one.
    inside : sequence of (y, x)
        Clicks, in pixels of the image; none if a box or a lasso shows the cell.
    """
    free: NDArray[np.bool_] = cell.mask & ((labels == 0) | (labels == label_id))
    if np.array_equal(free, cell.mask):  # a box as small as the cell
        return free
    if not len(inside):
        return largest_part(free)
    pieces, count = ndimage.label(free)
    kept = np.zeros(count + 1, bool)
    for y, x in np.round(np.asarray(inside) - cell.corner).astype(int):
        if 0 <= y < free.shape[0] and 0 <= x < free.shape[1]:
            kept[pieces[y, x]] = True
    kept[0] = False
    spared: NDArray[np.bool_] = kept[pieces]
    return spared


def divide(
    cell: NDArray[np.bool_],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Split a cell by two masks, all (y, x), and return the second part.

    Every pixel goes to one of both parts, each of which is in one piece if the cell is.
    Each mask holds a pixel of the cell that the other one does not hold.
    """
    first, second = first & ~second & cell, second & ~first & cell
    distance = [ndimage.distance_transform_edt(~part) for part in (first, second)]
    part: NDArray[np.bool_] = cell & (distance[1] < distance[0])
    whole = one_piece_each(np.where(cell, 1 + part, 0).astype(np.int32))
    return np.where(whole == 0, part, whole == 2)


def deepest(mask: NDArray[np.bool_], away_from: tuple[int, int]) -> tuple[int, int]:
    """Return the pixel deepest in a mask, among those not near to a point of it."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    grid = np.indices(mask.shape)
    apart = np.hypot(grid[0] - away_from[0], grid[1] - away_from[1])
    worth = np.where(mask, np.minimum(depth, apart), -1)
    y, x = np.unravel_index(int(np.argmax(worth)), mask.shape)
    return int(y), int(x)
