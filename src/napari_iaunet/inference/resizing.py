"""Planes at another size, made part by part: as a whole they may be large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ResizedPlane:
    """What `rescale` makes of a plane (C, Y, X) float32, part by part.

    Attributes
    ----------
    shape : (C, rows, columns)
        After rescaling.
    """

    def __init__(self, plane: NDArray[np.float32], scale: float) -> None:
        self._plane = plane
        height, width = (max(1, round(n * scale)) for n in plane.shape[1:])
        self.shape = (plane.shape[0], height, width)

    def part(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return some rows and columns of it, (C, y, x) float32."""
        if self.shape == self._plane.shape:
            return self._plane[:, rows, columns]
        sizes = zip(self._plane.shape[1:], self.shape[1:], (rows, columns), strict=True)
        (high, down), (low, along) = (_weights(*size) for size in sizes)
        part = self._plane[:, high, low]
        found = [down @ np.ascontiguousarray((along @ c.T).T) for c in part]
        return np.stack(found).astype(np.float32, copy=False)


class ResizedLabels:
    """Labels (Y, X) at another size, each pixel that of the nearest one."""

    def __init__(self, labels: NDArray[np.int32], shape: tuple[int, int]) -> None:
        self._labels, self.shape = labels, shape

    def part(self, rows: slice, columns: slice) -> NDArray[np.int64]:
        """Return some rows and columns of it, (y, x) int64."""
        places = (
            np.minimum((np.arange(new)[here] + 0.5) * old / new, old - 1)
            for new, old, here in zip(
                self.shape, self._labels.shape, (rows, columns), strict=True
            )
        )
        y, x = (place.astype(np.int64) for place in places)
        return self._labels[np.ix_(y, x)].astype(np.int64)


def _weights(old: int, new: int, part: slice) -> tuple[slice, csr_array]:
    """Weights of an axis's pixels in each pixel of a part of the new axis.

    Bilinear, and smoothed where the axis shrinks, as PyTorch does both.

    Returns
    -------
    slice
        The old pixels that matter, n of them.
    csr_array, (new pixels of the part, n) float32
    """
    step = old / new
    reach = max(step, 1.0)
    centre = (np.arange(new)[part] + 0.5) * step
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), old)
    place = first[:, None] + np.arange(int((last - first).max()))
    weight = 1 - np.abs(place - centre[:, None] + 0.5) / reach
    weight = np.where(place < last[:, None], np.maximum(weight, 0), 0)
    weight /= weight.sum(1, keepdims=True)
    row, column = np.nonzero(weight)
    start, stop = int(first.min()), int(last.max())
    where = (row, place[row, column] - start)
    values = weight[row, column].astype(np.float32)
    return slice(start, stop), csr_array((values, where), (len(centre), stop - start))
