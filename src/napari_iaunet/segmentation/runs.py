"""Cells as runs of pixels along rows: what outlines and areas are measured from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_AXIAL = (((0, 1), (0, -1)), ((1, 0), (-1, 0)))
_DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))


@dataclass(frozen=True)
class Runs:
    """The runs of a part of a plane, background among them.

    Attributes
    ----------
    labels : (Y, X) int
    starts : (R,) int64
        Index of each run's first pixel in the flattened part. A run ends with its row.
    """

    labels: NDArray[np.integer[Any]]
    starts: Ints

    @cached_property
    def lengths(self) -> Ints:
        """Pixels of each run."""
        return np.diff(self.starts, append=self.labels.size)

    @cached_property
    def values(self) -> NDArray[np.integer[Any]]:
        """Label of each run, 0 for the background."""
        return self.labels.ravel()[self.starts]

    @cached_property
    def y(self) -> Ints:
        """Row of each run."""
        y: Ints = self.starts // self.labels.shape[1]
        return y

    @cached_property
    def x(self) -> Ints:
        """Column of each run's first pixel."""
        x: Ints = self.starts % self.labels.shape[1]
        return x


def find_runs(labels: NDArray[np.integer[Any]]) -> Runs:
    """Find the runs of equal labels in the rows of a part (Y, X) that is not empty."""
    flat = np.ascontiguousarray(labels).ravel()
    begins = np.empty(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=begins[1:])
    begins[:: labels.shape[1]] = True
    return Runs(labels, np.flatnonzero(begins))


# -- perimeter -----------------------------------------------------------------------


def outline_lengths(
    around: NDArray[np.integer[Any]], pixel_size: tuple[float, float]
) -> tuple[Ints, Floats]:
    """Pixels on the outlines of cells, and the length of outline that each stands for.

    The sum over a cell is what `skimage.measure.perimeter` gives for square pixels of
    side 1; of other pixels, each step between neighbours has its own length.

    Parameters
    ----------
    around : (Y + 4, X + 4) int
        A part of a plane and two pixels more on each side, 0 beyond the plane.
    pixel_size : (float, float)
        Height and width of a pixel.

    Returns
    -------
    (P,) int64, (P,) float64
        Indices into the flattened part (Y, X), and lengths.
    """
    inner = around[1:-1, 1:-1]
    edge = np.zeros(inner.shape, bool)
    for steps in _AXIAL:
        for step in steps:
            edge |= _moved(around, step) != inner
    outline = np.where(edge, inner, inner.dtype.type(0))
    width = outline.shape[1]
    place = np.flatnonzero(outline[1:-1, 1:-1])
    y, x = np.divmod(place, width - 2)
    place_around, flat = (y + 1) * width + x + 1, outline.ravel()
    own = flat[place_around]

    def neighbours(steps: tuple[tuple[int, int], ...]) -> NDArray[np.int8]:
        found = np.zeros(own.size, np.int8)
        for down, right in steps:
            found += flat[place_around + down * width + right] == own
        return found

    beside, above = (neighbours(steps) for steps in _AXIAL)
    code = beside * 15 + above * 5 + neighbours(_DIAGONAL)
    return place, _step_lengths(pixel_size)[code]


def _moved(around: NDArray[Any], step: tuple[int, int]) -> NDArray[Any]:
    (down, right), (height, width) = step, around.shape
    return around[1 + down : height - 1 + down, 1 + right : width - 1 + right]


def _step_lengths(pixel_size: tuple[float, float]) -> Floats:
    """Length of outline by the number of neighbours on it: beside, above, diagonal.

    These are the cases of Benkrid and Crookes, as scikit-image has them: a pixel
    stands for a straight step, a diagonal one, half of each, or nothing.
    """
    height, width = pixel_size
    lengths = np.zeros((3, 3, 5))
    for beside in range(3):
        for above in range(3):
            axial = beside + above
            straight = (beside * width + above * height) / max(axial, 1)
            slanted = float(np.hypot(height, width))
            cases = lengths[beside, above]
            if axial >= 2:
                cases[0] = cases[1] = straight
            if axial in (2, 3):
                cases[2] = straight
            if axial == 1:
                cases[1] = cases[2] = (straight + slanted) / 2
                cases[3] = slanted
            if axial == 0:
                cases[2] = slanted
    return lengths.ravel()


# -- convex hull ---------------------------------------------------------------------


def row_ends(
    cell: Ints, y: Ints, first: Ints, last: Ints
) -> tuple[Ints, Ints, Ints, Ints]:
    """Join what a cell has in one row: its first and its last column there.

    Returns cells, rows, first and last columns, sorted by cell, then row.
    """
    if not cell.size:
        return cell, y, first, last
    order = np.lexsort((y, cell))
    cell, y = cell[order], y[order]
    new = np.flatnonzero(np.diff(cell, prepend=-1) | np.diff(y, prepend=y[0]))
    return (
        cell[new],
        y[new],
        np.minimum.reduceat(first[order], new),
        np.maximum.reduceat(last[order], new),
    )


def convex_areas(cell: Ints, y: Ints, first: Ints, last: Ints, count: int) -> Ints:
    """Pixels in the convex hull of each cell, as scikit-image counts them.

    That is the hull of the middles of the sides of all pixels, and a pixel is in it if
    its middle is, or is on its border. All is done in whole numbers of half pixels.

    Parameters
    ----------
    cell, y, first, last : (R,) int64
        As `row_ends` gives them; cells are 0..count - 1, and each has a row.
    """
    if not count:
        return np.zeros(0, np.int64)
    begin = np.flatnonzero(np.diff(cell, prepend=-1))
    end = np.append(begin[1:], cell.size) - 1
    heights = y[end] - y[begin] + 1  # rows that the cell leaves out count, too
    within = np.arange(heights.sum()) - np.repeat(np.cumsum(heights) - heights, heights)
    of_row = np.repeat(np.arange(count), heights)
    row = y[begin][of_row] + within
    left = _first_columns(cell, y, first, of_row, row)
    right = -_first_columns(cell, y, -last, of_row, row)
    inside = np.maximum(right - left + 1, 0)
    return np.bincount(of_row, inside, count).astype(np.int64)


def _first_columns(cell: Ints, y: Ints, first: Ints, of_row: Ints, row: Ints) -> Ints:
    """First column of the convex hull in each row of its cell."""
    high = int(y.min())
    span = 2 * (int(y.max()) - high) + 4

    def key(cells: Ints, half_rows: Ints) -> Ints:
        return cells * span + half_rows - 2 * high + 1

    owner, half, column = _left_hull(*_left_points(cell, y, first))
    place = np.searchsorted(key(owner, half), key(of_row, 2 * row), side="right") - 1
    down = half[place + 1] - half[place]
    along = (column[place + 1] - column[place]) * (2 * row - half[place])
    # Rounded up: the first whole pixel whose middle is not left of the hull.
    first_column: Ints = -((-(column[place] * down + along)) // (2 * down))
    return first_column


def _left_points(cell: Ints, y: Ints, first: Ints) -> tuple[Ints, Ints, Ints]:
    """Middles of the left, upper and lower sides of pixels, in half pixels."""
    half = (2 * y[:, None] + np.array([-1, 0, 1])).ravel()
    column = (2 * first[:, None] - np.array([0, 1, 0])).ravel()
    owner = np.repeat(cell, 3)
    new = np.diff(owner, prepend=-1).astype(bool)
    new[1:] |= np.diff(half) != 0
    begin = np.flatnonzero(new)
    return owner[begin], half[begin], np.minimum.reduceat(column, begin)


def _left_hull(cell: Ints, y: Ints, x: Ints) -> tuple[Ints, Ints, Ints]:
    """Leave out the points that are not corners of the left side of a hull.

    A point on the line between its neighbours, or to the right of it, is none; so all
    such can go at once, again and again. The first and last point of a cell stay.
    """
    finished = []
    while cell.size:
        own = (cell[1:-1] == cell[:-2]) & (cell[1:-1] == cell[2:])
        before, after = np.diff(y)[:-1], np.diff(y)[1:]
        step = np.diff(x)
        goes = np.zeros(cell.size, bool)
        goes[1:-1] = own & (step[:-1] * after >= step[1:] * before)
        changing = np.zeros(int(cell[-1]) + 1, bool)
        changing[cell[goes]] = True
        stays = ~changing[cell]
        finished.append([values[stays] for values in (cell, y, x)])
        again = ~stays & ~goes
        cell, y, x = cell[again], y[again], x[again]
    found = [np.concatenate(values) for values in zip(*finished, strict=True)]
    # Cells are finished at different times; of each all points at once.
    order = np.argsort(found[0], kind="stable")
    return found[0][order], found[1][order], found[2][order]
