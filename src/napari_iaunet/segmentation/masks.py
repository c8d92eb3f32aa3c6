"""Masks of cells that are made by hand: cut out, split, and clicked in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.click import ClickedCell


def spare(
    cell: ClickedCell,
    labels: NDArray[np.integer],
    label_id: int,
    inside: Sequence[tuple[float, float]],
) -> NDArray[np.bool_]:
    """Take the pixels of other cells out of a cell's mask (y, x).

    What this cuts off stays only if a click lies in it.

    Parameters
    ----------
    labels : (y, x) int
        The cells that are there already, in the cell's box.
    label_id : int
        Of the cell itself; 0 if it is a new one.
    inside : sequence of (y, x)
        Clicks, in pixels of the image.
    """
    free: NDArray[np.bool_] = cell.mask & ((labels == 0) | (labels == label_id))
    if np.array_equal(free, cell.mask):  # a box as small as the cell
        return free
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

    Every pixel goes to one of both parts. Each mask holds a pixel of the cell that the
    other one does not hold.
    """
    first, second = first & ~second & cell, second & ~first & cell
    distance = [ndimage.distance_transform_edt(~part) for part in (first, second)]
    part: NDArray[np.bool_] = cell & (distance[1] < distance[0])
    return part


def deepest(mask: NDArray[np.bool_], away_from: tuple[int, int]) -> tuple[int, int]:
    """Return the pixel deepest in a mask, among those not near to a point of it."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    grid = np.indices(mask.shape)
    apart = np.hypot(grid[0] - away_from[0], grid[1] - away_from[1])
    worth = np.where(mask, np.minimum(depth, apart), -1)
    y, x = np.unravel_index(int(np.argmax(worth)), mask.shape)
    return int(y), int(x)
