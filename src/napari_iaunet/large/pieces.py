"""Cells that crossed the borders of chunks are left in one piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from skimage.measure import label as label_components

from napari_iaunet.segmentation.measure import sum_by
from napari_iaunet.segmentation.queries import groups

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.chunks import ChunkGrid
    from napari_iaunet.segmentation.joining import Numbers

_ZERO = np.zeros(1, np.int64)


class _Pieces(NamedTuple):
    """Pieces of the cells of all chunks: pixels of a chunk that touch by their sides.

    Attributes
    ----------
    starts : (chunks + 1,) int64
        Pieces of the chunks before each: a piece is known by this and by its number in
        its chunk, from 1.
    area : (P + 1,) int64
        Pixels of each piece; 0 comes first, as everywhere.
    cell : (P + 1,) int64
        Final id of the cell, 0 for none.
    beside : (Q, 2) int64
        Pieces of one cell that touch across a border of chunks.
    """

    starts: NDArray[np.int64]
    area: NDArray[np.int64]
    cell: NDArray[np.int64]
    beside: NDArray[np.int64]


def find_strays(
    grid: ChunkGrid, labels_of: Callable[[int], NDArray[np.int32]], numbers: Numbers
) -> dict[int, NDArray[np.int64]]:
    """Find what hangs together with the largest piece of its cell nowhere.

    Neighbours that agree on a cell around their border may each see a part that does
    not reach the other's, and parts that met in the halo only miss each other.

    Parameters
    ----------
    grid : ChunkGrid
    labels_of : callable
        Labels (y, x) of a chunk without its halo, by its index.
    numbers : Numbers
        Final ids of the labels of all chunks.

    Returns
    -------
    dict of int to (n,) int64
        Of chunks that have such pieces: their numbers, as of `without`.
    """
    if grid.counts == (1, 1):
        return {}
    pieces = _collect(grid, labels_of, numbers)
    whole = groups(pieces.beside, len(pieces.area))
    area = sum_by(whole, pieces.area, int(whole.max()) + 1)[whole]
    # Of each cell the pieces of the largest whole stay; of equal ones, the first.
    order = np.lexsort((whole, -area, pieces.cell))
    cell, here = pieces.cell[order], whole[order]
    _, first, member = np.unique(cell, return_index=True, return_inverse=True)
    stray = np.sort(order[(cell > 0) & (here != here[first][member])])
    chunk = np.searchsorted(pieces.starts, stray) - 1
    return {
        int(index): stray[chunk == index] - pieces.starts[index]
        for index in np.unique(chunk)
    }


def without(labels: NDArray[np.int32], strays: NDArray[np.int64]) -> NDArray[np.int32]:
    """Leave pieces, which `find_strays` found, out of the labels of their chunk."""
    kept: NDArray[np.int32] = np.where(np.isin(_numbered(labels), strays), 0, labels)
    return kept


def _numbered(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give each piece of the cells (y, x) a number from 1 on."""
    numbered: NDArray[np.int64] = label_components(labels, connectivity=1)
    return numbered


def _collect(
    grid: ChunkGrid, labels_of: Callable[[int], NDArray[np.int32]], numbers: Numbers
) -> _Pieces:
    starts, areas, cells, beside = [0], [_ZERO], [_ZERO], [np.zeros((0, 2), np.int64)]
    # Last columns and rows of chunks, by the neighbour that is still to come.
    sides: dict[tuple[int, int], _Side] = {}
    for chunk, table in zip(grid, numbers.tables, strict=True):
        labels, start = labels_of(chunk.index), starts[-1]
        numbered = _numbered(labels)
        ids = table[labels]
        area = np.bincount(numbered.ravel())[1:]
        cell = np.zeros(len(area) + 1, np.int64)
        cell[numbered] = ids
        starts.append(start + len(area))
        areas.append(area)
        cells.append(cell[1:])
        whole = _Side(np.where(numbered > 0, numbered + start, 0), ids)
        for axis, step in enumerate((grid.counts[1], 1)):
            if before := sides.pop((chunk.index, axis), None):
                beside.append(before.touching(whole.line(axis, 0)))
            if (chunk.rows, chunk.columns)[axis].stop < grid.shape[axis]:
                sides[chunk.index + step, axis] = whole.line(axis, -1)
    found = (np.concatenate(each) for each in (areas, cells, beside))
    return _Pieces(np.array(starts), *found)


class _Side(NamedTuple):
    """Pieces of some pixels, counted over all chunks, and the final ids there."""

    piece: NDArray[np.int64]
    cell: NDArray[np.int32]

    def line(self, axis: int, place: int) -> _Side:
        """Return one row (axis 0) or column (axis 1) of it."""
        here = (slice(None),) * axis + (place,)
        return _Side(self.piece[here], self.cell[here])

    def touching(self, other: _Side) -> NDArray[np.int64]:
        """Return pairs of pieces of one cell, (Q, 2), that lie side by side."""
        same = (self.cell == other.cell) & (self.cell > 0)
        pairs = np.stack([self.piece, other.piece], 1)[same]
        found: NDArray[np.int64] = np.unique(pairs, axis=0)
        return found
