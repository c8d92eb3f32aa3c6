"""The part of a plane that is prepared for clicks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    Point = tuple[float, float]

# A plane of more pixels is prepared in parts of this side. What lies nearer to the
# border of one than the margin is looked at in another, so that no cell is cut.
_LARGE = 1 << 24
_SIDE, _MARGIN = 2048, 384


class ClickWindow(NamedTuple):
    """A part of a plane, or the whole of it.

    Attributes
    ----------
    plane : tuple of int
        Where the plane lies in the image's stack.
    corner : (int, int)
        First row and column.
    shape : (int, int)
        Rows and columns.
    plane_shape : (int, int)
        Rows and columns of the plane.
    """

    plane: tuple[int, ...]
    corner: tuple[int, int]
    shape: tuple[int, int]
    plane_shape: tuple[int, int]

    @classmethod
    def around(
        cls,
        points: Sequence[Point],
        plane: tuple[int, ...],
        plane_shape: tuple[int, int],
    ) -> ClickWindow:
        """Return the window for some clicks: all of a plane, unless it is large.

        Parameters
        ----------
        points : sequence of (y, x)
            In pixels of the plane; one at least if it is large.
        plane : tuple of int
        plane_shape : (int, int)
        """
        height, width = plane_shape
        if height * width <= _LARGE:
            return cls(plane, (0, 0), plane_shape, plane_shape)
        needed = np.asarray(_together(points))
        middle = (needed.min(0) + needed.max(0)) / 2
        shape = min(_SIDE, height), min(_SIDE, width)
        y, x = (
            int(np.clip(round(m - side / 2), 0, n - side))
            for m, side, n in zip(middle, shape, plane_shape, strict=True)
        )
        return cls(plane, (y, x), shape, plane_shape)

    def serves(self, points: Sequence[Point]) -> bool:
        """Whether the cell of some clicks, as far as can be told, is not cut."""
        for point in _together(points):
            axes = zip(point, self.corner, self.shape, self.plane_shape, strict=True)
            for p, first, side, n in axes:
                if first > 0 and p < first + _MARGIN:
                    return False
                if first + side < n and p >= first + side - _MARGIN:
                    return False
        return True

    def holds(self, corner: tuple[int, int], shape: tuple[int, ...]) -> bool:
        """Whether a box of the plane lies in the window."""
        low = np.subtract(corner, self.corner)
        return bool((low >= 0).all() and (low + shape <= self.shape).all())

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the plane."""
        (y, x), (height, width) = self.corner, self.shape
        return slice(y, y + height), slice(x, x + width)


def _together(points: Sequence[Point]) -> Sequence[Point]:
    """Return points that one window can serve: all, or the last one alone."""
    if len(points) > 1 and np.ptp(np.asarray(points), axis=0).max() > _SIDE - 2 * (
        _MARGIN + 1
    ):
        return points[-1:]
    return points
