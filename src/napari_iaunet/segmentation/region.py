"""Cells that are found anew in a region, between others that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from skimage.segmentation import relabel_sequential

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.masks import one_piece_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pixels that are seen beyond a region, at least, so that a cell at its edge is seen
# whole: two diameters of what the bundled model takes for a usual cell, or two of
# the given diameter.
_HALO, _TIMES = 56, 2.0
# And the least side of what is seen: in less, neither brightness nor the cells'
# diameter can be told from the rest of the image.
_LEAST_SIDE = 256


class RegionCells(NamedTuple):
    """Cells for a region.

    Attributes
    ----------
    labels : (Y, X) int32
        The new cells, numbered from 1.
    rows : (N,) int64
        Which of the cells that were found they are, counted from 0.
    replaced : (M,) int64
        Label ids of the former cells that give way to them.
    """

    labels: NDArray[np.int32]
    rows: NDArray[np.int64]
    replaced: NDArray[np.int64]


def check_region(region: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a region (Y, X) of an image of a shape; ImageError if it is none."""
    wanted = np.asarray(region)
    if len(shape) != 2:
        raise ImageError(
            f"A region is a part of one plane, but this is a stack {shape}: pick one "
            "of its planes."
        )
    if wanted.shape != shape:
        raise ImageError(
            f"The region has the shape {wanted.shape}, the image {shape}: they must be "
            "the same."
        )
    if wanted.dtype.kind not in "bui" or not wanted.any():
        raise ImageError("The region is empty: it must be true where cells are wanted.")
    return wanted.astype(bool)


def seen_around(
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    shape: tuple[int, int],
    diameter: float | None,
) -> tuple[slice, slice] | None:
    """Return what must be seen of a plane to find the cells of a part of it.

    Parameters
    ----------
    low, high : (2,) int
        Row and column where the part begins, and those beyond its end; they may lie
        outside of the plane.
    shape : (int, int)
        Of the plane, in pixels.
    diameter : float or None
        Of the cells, in pixels, if it is known.

    Returns
    -------
    (slice, slice) or None
        Rows and columns; None if nothing of the plane is near.
    """
    halo = round(max(_HALO, _TIMES * (diameter or 0)))
    begin, end = np.clip(low - halo, 0, shape), np.clip(high + halo, 0, shape)
    if (end <= begin).any():
        return None
    for axis, size in enumerate(shape):
        least = min(size, _LEAST_SIDE)
        missing = least - (end[axis] - begin[axis])
        if missing > 0:
            begin[axis] = np.clip(begin[axis] - missing // 2, 0, size - least)
            end[axis] = begin[axis] + least
    rows, columns = (slice(int(b), int(e)) for b, e in zip(begin, end, strict=True))
    return rows, columns


def cells_in_region(
    found: NDArray[np.int32],
    region: NDArray[np.bool_],
    before: NDArray[np.integer[Any]] | None = None,
) -> RegionCells:
    """Keep the cells that lie in a region, and fit them between those around it.

    A cell lies in the region if at least half of it does. Former cells in it give way;
    all others keep every pixel, and a new cell of which less than half is left between
    them is none. Where nothing is found, nothing gives way.

    Parameters
    ----------
    found : (Y, X) int32
        Cells of a box around the region, labelled 1..N.
    region : (Y, X) bool
    before : (Y, X) int, optional
        The former cells there.
    """
    kept = _mostly_in(found, region)
    kept[0] = False
    if not kept.any():
        nothing = np.zeros(0, np.int64)
        return RegionCells(np.zeros(found.shape, np.int32), nothing, nothing)
    labels = np.where(kept[found], found, 0)
    replaced = np.zeros(0, np.int64)
    if before is not None:
        numbers, where = np.unique(before, return_inverse=True)
        former = where.reshape(before.shape)
        gone = _mostly_in(former, region) & (numbers > 0)
        replaced = numbers[gone].astype(np.int64)
        labels = _between(labels, (numbers > 0)[former] & ~gone[former])
    rows = np.unique(labels[labels > 0]).astype(np.int64) - 1
    return RegionCells(relabel_sequential(labels)[0].astype(np.int32), rows, replaced)


def fit_between(
    labels: NDArray[np.int32], taken: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Take from cells (Y, X) what others have, and those away that lose half.

    Those that are left are numbered from 1.
    """
    return np.asarray(relabel_sequential(_between(labels, taken))[0], np.int32)


def _between(labels: NDArray[np.int32], taken: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Take from cells what others have, and those away of which too little is left."""
    whole = np.bincount(labels.ravel())
    left = one_piece_each(np.where(taken, 0, labels).astype(np.int32))
    area = np.bincount(left.ravel(), minlength=len(whole))
    fits: NDArray[np.int32] = np.where((2 * area >= whole)[left], left, 0)
    return fits


def _mostly_in(labels: NDArray[Any], region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether at least half of the pixels of each label 0..N lie in a region."""
    count = int(labels.max(initial=0)) + 1
    area = np.bincount(labels.ravel(), minlength=count)
    inside = np.bincount(labels[region], minlength=count)
    mostly: NDArray[np.bool_] = (2 * inside >= area) & (inside > 0)
    return mostly
