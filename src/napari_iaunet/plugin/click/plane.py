"""Where the parts of cells lie in a plane, which may be large or on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.draft import Point

    Corner = tuple[int, int]
    # First row and column, and the first ones beyond.
    Ends = tuple[Corner, Corner]

# A plane in memory of up to so many pixels is searched as a whole.
_SEARCHED = 4096 * 4096
# A part of a cell is found if it is so near, in pixels, to another one that was found.
_NEAR = 64
# Else it is found if it shows in a look at the plane of so many pixels at most.
_GLANCE = 1 << 22


class Plane:
    """Reads parts of a plane of labels.

    ``pixels`` are those of the whole layer, an array or what is like one, and
    ``coarse`` the same at other resolutions; ``index`` is the plane in it, with slices
    for rows and columns.
    """

    def __init__(
        self, pixels: Any, coarse: Sequence[Any], index: tuple[int | slice, ...]
    ) -> None:
        self._pixels, self._coarse, self._index = pixels, coarse, index
        self._axes = [i for i, part in enumerate(index) if isinstance(part, slice)]
        self.shape = tuple(pixels.shape[axis] for axis in self._axes)

    def box(self, corner: Corner, shape: tuple[int, ...]) -> NDArray[np.integer]:
        """Return a copy of a part of the plane, as far as that reaches."""
        (y, x), (height, width) = corner, shape
        rows = slice(max(y, 0), max(y + height, 0))
        columns = slice(max(x, 0), max(x + width, 0))
        return np.array(self._pixels[self._at(self._index, rows, columns)])

    def ends(self, places: Sequence[tuple[int, Sequence[Point]]]) -> Ends | None:
        """Return the ends of the smallest box that holds cells; None without any.

        Each cell is given by its label id and points in it.
        """
        if isinstance(self._pixels, np.ndarray) and np.prod(self.shape) <= _SEARCHED:
            plane = self._pixels[self._index]
            return _ends_of(plane, [label_id for label_id, _ in places])
        found: Ends | None = None
        for label_id, points in places:
            cell: Ends | None = None
            for point in [*points, *self._glance(label_id)]:
                y, x = (round(p) for p in point)
                if cell is None or not _holds(cell, (y, x)):
                    cell = _both(cell, self._around(label_id, (y, x)))
            found = _both(found, cell)
        return found

    def _around(self, label_id: int, place: Corner) -> Ends | None:
        """Return the ends of what a cell has at a place, and near to that."""
        low = np.maximum(np.subtract(place, 2 * _NEAR), 0)
        high = np.minimum(np.add(place, 2 * _NEAR), self.shape)
        while True:
            corner = int(low[0]), int(low[1])
            labels = self.box(corner, tuple((high - low).tolist()))
            ends = _ends_of(labels, [label_id])
            if ends is None:
                return None
            first, last = np.add(ends[0], low), np.add(ends[1], low)
            wanted_low = np.maximum(first - _NEAR, 0)
            wanted_high = np.minimum(last + _NEAR, self.shape)
            if (wanted_low >= low).all() and (wanted_high <= high).all():
                return _pair(first), _pair(last)
            # A cell that goes on is followed in larger and larger steps.
            side = high - low
            low = np.where(wanted_low < low, np.maximum(low - side, 0), low)
            high = np.where(
                wanted_high > high, np.minimum(high + side, self.shape), high
            )

    def _glance(self, label_id: int) -> list[Point]:
        """Return where a cell shows in a coarse look at the plane, one place a part."""
        from scipy import ndimage

        coarse, step = self._coarse_plane()
        if coarse is None:
            return []
        ends = _ends_of(coarse, [label_id])
        if ends is None:
            return []
        (top, left), (bottom, right) = ends
        held = coarse[top:bottom, left:right] == label_id
        parts, _ = ndimage.label(held, np.ones((3, 3)))
        rows, columns = np.nonzero(parts)
        _, firsts = np.unique(parts[rows, columns], return_index=True)
        return [
            (float((rows[i] + top) * step[0]), float((columns[i] + left) * step[1]))
            for i in firsts
        ]

    def _coarse_plane(self) -> tuple[NDArray[np.integer] | None, list[float]]:
        """Return the plane as few pixels show it, and how far apart these are."""
        if isinstance(self._pixels, np.ndarray):
            step = int(np.ceil(np.sqrt(np.prod(self.shape) / _GLANCE)))
            return self._pixels[self._index][::step, ::step], [step, step]
        for level in [self._pixels, *self._coarse]:
            shape = [level.shape[axis] for axis in self._axes]
            if np.prod(shape) > _GLANCE:
                continue
            index = tuple(
                part if isinstance(part, slice) else part * n // full
                for part, n, full in zip(
                    self._index, level.shape, self._pixels.shape, strict=True
                )
            )
            step_of = np.divide(self.shape, shape)
            return np.asarray(level[index]), [float(step) for step in step_of]
        return None, []

    def _at(
        self, index: tuple[int | slice, ...], rows: slice, columns: slice
    ) -> tuple[int | slice, ...]:
        parts = iter((rows, columns))
        return tuple(next(parts) if isinstance(i, slice) else i for i in index)


def _ends_of(labels: NDArray[np.integer], label_ids: Sequence[int]) -> Ends | None:
    held = labels == label_ids[0]
    for label_id in label_ids[1:]:  # np.isin takes ten times as long
        held |= labels == label_id
    rows, columns = (np.flatnonzero(held.any(axis)) for axis in (1, 0))
    if rows.size == 0:
        return None
    return (int(rows[0]), int(columns[0])), (int(rows[-1]) + 1, int(columns[-1]) + 1)


def _holds(ends: Ends, place: Corner) -> bool:
    (top, left), (bottom, right) = ends
    return top <= place[0] < bottom and left <= place[1] < right


def _both(one: Ends | None, other: Ends | None) -> Ends | None:
    if one is None or other is None:
        return one or other
    low, high = np.minimum(one[0], other[0]), np.maximum(one[1], other[1])
    return _pair(low), _pair(high)


def _pair(place: NDArray[np.integer]) -> Corner:
    return int(place[0]), int(place[1])
