"""Chunks with a halo: how an image larger than memory is cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    Shape = tuple[int, int]


@dataclass(frozen=True)
class Chunk:
    """A part of one plane that is segmented by itself.

    Attributes
    ----------
    index : int
        In raster order, one plane after the other.
    plane : int
        Of the flattened stack.
    rows, columns : slice
        The pixels whose labels are taken from this chunk; all of them cover a plane
        once.
    outer_rows, outer_columns : slice
        The same with the halo, as far as the plane reaches.
    """

    index: int
    plane: int
    rows: slice
    columns: slice
    outer_rows: slice
    outer_columns: slice

    @property
    def outer_shape(self) -> Shape:
        """Rows and columns with the halo."""
        rows, columns = self.outer_rows, self.outer_columns
        return rows.stop - rows.start, columns.stop - columns.start

    def within(self, part: Chunk | Border) -> tuple[slice, slice]:
        """Where rows and columns of the plane lie in the chunk with its halo."""
        y, x = self.outer_rows.start, self.outer_columns.start
        rows = slice(part.rows.start - y, part.rows.stop - y)
        return rows, slice(part.columns.start - x, part.columns.stop - x)


@dataclass(frozen=True)
class Border:
    """Where two chunks of a plane meet.

    Attributes
    ----------
    first, second : int
        Their indices; the second lies to the right of the first or below it.
    rows, columns : slice
        Pixels on both sides of the border, up to some reach; both chunks, with
        their halos, hold them.
    """

    first: int
    second: int
    rows: slice
    columns: slice


class ChunkGrid:
    """Cuts equal planes (Y, X) into squares, the last of a row or column smaller.

    The side, without the halo, and the halo are in pixels. Two sides, of rows and of
    columns, make rectangles.
    """

    def __init__(self, planes: int, shape: Shape, side: int | Shape, halo: int) -> None:
        self.planes, self.shape, self.halo = planes, shape, halo
        self.sides = (side, side) if isinstance(side, int) else side
        self.counts = (
            math.ceil(shape[0] / self.sides[0]),
            math.ceil(shape[1] / self.sides[1]),
        )

    def __len__(self) -> int:
        return self.planes * self.counts[0] * self.counts[1]

    def __getitem__(self, index: int) -> Chunk:
        if not 0 <= index < len(self):
            raise IndexError(f"chunk {index} of {len(self)}")
        plane, place = divmod(index, self.counts[0] * self.counts[1])
        row, column = divmod(place, self.counts[1])
        rows, outer_rows = self._cut(row, 0)
        columns, outer_columns = self._cut(column, 1)
        return Chunk(index, plane, rows, columns, outer_rows, outer_columns)

    def __iter__(self) -> Iterator[Chunk]:
        return map(self.__getitem__, range(len(self)))

    def borders(self, reach: int) -> Iterator[Border]:
        """Every place where two chunks meet, `reach` pixels on each side.

        The reach is not above the halo.
        """
        for index in range(len(self)):
            yield from self.borders_of(index, reach, after=True)

    def borders_of(
        self, index: int, reach: int, *, after: bool = False
    ) -> Iterator[Border]:
        """Borders of one chunk; with `after` those to its right and below it only."""
        here = self[index]
        height, width = self.shape
        beside, below = 1, self.counts[1]
        if here.columns.stop < width:
            columns = self._around(here.columns.stop, reach, 1)
            yield Border(index, index + beside, here.rows, columns)
        if here.rows.stop < height:
            rows = self._around(here.rows.stop, reach, 0)
            yield Border(index, index + below, rows, here.columns)
        if after:
            return
        if here.columns.start > 0:
            columns = self._around(here.columns.start, reach, 1)
            yield Border(index - beside, index, here.rows, columns)
        if here.rows.start > 0:
            rows = self._around(here.rows.start, reach, 0)
            yield Border(index - below, index, rows, here.columns)

    def _cut(self, place: int, axis: int) -> tuple[slice, slice]:
        length = self.shape[axis]
        side = self.sides[axis]
        start, stop = place * side, min((place + 1) * side, length)
        outer = slice(max(0, start - self.halo), min(length, stop + self.halo))
        return slice(start, stop), outer

    def _around(self, border: int, reach: int, axis: int) -> slice:
        return slice(max(0, border - reach), min(self.shape[axis], border + reach))
