"""Cells that cross the borders of chunks become one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.ndimage import find_objects
from skimage.segmentation import relabel_sequential

from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.segmentation.masks import one_piece_each
from napari_iaunet.segmentation.measure import sum_by
from napari_iaunet.segmentation.queries import groups

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.chunks import Chunk, ChunkGrid

# Two chunks see one cell if they agree on more than this share of its pixels around
# the border: above a half, no cell can agree with two.
_SAME = 0.5


def same_cells(
    first: NDArray[np.int32], second: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Pairs of labels, (P, 2), that two chunks gave to the same cell.

    `first` and `second` are their labels (y, x) of the pixels around their border.
    """
    both = (first > 0) & (second > 0)
    if not both.any():
        return np.zeros((0, 2), np.int64)
    pairs, shared = np.unique(
        np.stack([first[both], second[both]], 1), axis=0, return_counts=True
    )
    sizes = [np.bincount(side.ravel()) for side in (first, second)]
    either = sizes[0][pairs[:, 0]] + sizes[1][pairs[:, 1]] - shared
    iou = shared / either
    return pairs[iou > _SAME].astype(np.int64)


@dataclass(frozen=True)
class Numbers:
    """Final ids of the cells of all chunks.

    Attributes
    ----------
    tables : list of (n + 1,) int32 arrays
        Of each chunk: the final id of each of its labels, 0 for none.
    count : int
        Number of cells; ids are 1 to this.
    """

    tables: list[NDArray[np.int32]]
    count: int


def number_cells(
    areas: Sequence[NDArray[np.int64]],
    pairs: Sequence[tuple[int, int, NDArray[np.int64]]],
) -> Numbers:
    """Join the parts of cells and number them from chunk to chunk.

    Parameters
    ----------
    areas : sequence of (n,) int
        Of each chunk: pixels of labels 1..n without the halo; labels that lie in the
        halo only, whose area is 0, get no id.
    pairs : sequence of (first chunk, second chunk, (P, 2) labels)
    """
    starts = np.cumsum([0, *(len(area) for area in areas)])
    # Label 1 of the first chunk is number 1, and so on; 0 is background.
    joined = np.concatenate(
        [np.zeros((0, 2), np.int64)]
        + [
            found + np.array([starts[first], starts[second]])
            for first, second, found in pairs
        ]
    )
    present = np.concatenate([[0], *areas]) > 0
    # Groups are numbered by their first members: cells in the order of the chunks.
    group = groups(joined[present[joined].all(1)], len(present))
    ids, *_ = relabel_sequential(np.where(present, group, 0))
    ids = ids.astype(np.int32)
    tables = [np.append(np.int32(0), ids[a + 1 : b + 1]) for a, b in pairwise(starts)]
    return Numbers(tables, int(ids.max()))


def join_chunks(
    grid: ChunkGrid, found: Iterable[Instances], reach: int, smallest: float
) -> Instances:
    """Join the cells that were found in the chunks of one plane.

    Parameters
    ----------
    grid : ChunkGrid
        Of one plane.
    found : iterable of Instances
        Of every chunk with its halo, in their order; only one is held at a time.
    reach : int
        Pixels on each side of a border in which neighbours are compared.
    smallest : float
        Cells of fewer pixels are dropped: slivers that only one neighbour sees.
    """
    labels = np.zeros(grid.shape, np.int32)
    chunks: list[_ChunkCells] = []
    pairs: list[tuple[int, int, NDArray[np.int64]]] = []
    strips: dict[tuple[int, int], NDArray[np.int32]] = {}
    for chunk, cells in zip(grid, found, strict=True):
        for border in grid.borders_of(chunk.index, reach):
            key = border.first, border.second
            strip = cells.labels[chunk.within(border)]
            if key in strips:
                pairs.append((*key, same_cells(strips.pop(key), strip)))
            else:
                strips[key] = strip.copy()
        own = cells.labels[chunk.within(chunk)]
        labels[chunk.rows, chunk.columns] = own
        chunks.append(_ChunkCells.of(own, cells.scores, chunk))
    numbers = number_cells([cells.area for cells in chunks], pairs)
    joined = _Joined.of(numbers, chunks, smallest)
    for chunk, table in zip(grid, joined.tables, strict=True):
        here = chunk.rows, chunk.columns
        labels[here] = table[labels[here]]
    for number in np.flatnonzero(joined.may_miss).tolist():
        _make_whole(labels, number + 1, joined.boxes[number])
    return Instances(labels, joined.scores)


class _ChunkCells(NamedTuple):
    """Cells of one chunk without its halo; item i belongs to its label i + 1.

    Attributes
    ----------
    area : (n,) int64
        Pixels, 0 for cells that lie in the halo only.
    scores : (n,) float32
    boxes : (n, 4) int64
        First row, first column, last row + 1, last column + 1, in the plane.
    cut : (n,) bool
        Whether it ends where the chunk does: its own pixels may be in pieces that
        meet in the halo.
    """

    area: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.int64]
    cut: NDArray[np.bool_]

    @classmethod
    def of(
        cls, own: NDArray[np.int32], scores: NDArray[np.float32], chunk: Chunk
    ) -> _ChunkCells:
        """Collect what is needed of a chunk's own labels (y, x)."""
        count = len(scores)
        boxes = np.zeros((count, 4), np.int64)
        for label, box in enumerate(find_objects(own, max_label=count)):
            if box is not None:
                boxes[label] = *(b.start for b in box), *(b.stop for b in box)
        boxes += np.array([chunk.rows.start, chunk.columns.start] * 2)
        area = np.bincount(own.ravel(), minlength=count + 1)[1:]
        cut = np.zeros(count + 1, bool)
        cut[np.concatenate([own[0], own[-1], own[:, 0], own[:, -1]])] = True
        return cls(area, scores, boxes, cut[1:])


class _Joined(NamedTuple):
    """N cells of all chunks; item i belongs to label i + 1.

    Attributes
    ----------
    tables : list of (n + 1,) int32
        Of each chunk: the final label of each of its labels, 0 for none.
    scores : (N,) float32
    may_miss : (N,) bool
        Whether parts of the cell may miss each other.
    boxes : (N, 4) int64
        As of `_ChunkCells`, around all parts.
    """

    tables: list[NDArray[np.int32]]
    scores: NDArray[np.float32]
    may_miss: NDArray[np.bool_]
    boxes: NDArray[np.int64]

    @classmethod
    def of(
        cls, numbers: Numbers, chunks: Sequence[_ChunkCells], smallest: float
    ) -> _Joined:
        """Put the parts of cells together; leave out what is too small."""
        row = np.concatenate([table[1:] for table in numbers.tables])
        area, scores, boxes, cut = (
            np.concatenate(column)[row > 0] for column in zip(*chunks, strict=True)
        )
        row = row[row > 0] - 1
        total = sum_by(row, area, numbers.count)
        kept = total >= smallest
        ends = np.zeros((numbers.count, 4), np.int64)
        ends[:, :2] = np.iinfo(np.int64).max
        np.minimum.at(ends[:, :2], row, boxes[:, :2])
        np.maximum.at(ends[:, 2:], row, boxes[:, 2:])
        final = np.append(0, np.where(kept, np.cumsum(kept), 0)).astype(np.int32)
        return cls(
            [final[table] for table in numbers.tables],
            (sum_by(row, area * scores, numbers.count) / total)[kept].astype(
                np.float32
            ),
            (np.bincount(row, 1 + cut, minlength=numbers.count) > 1)[kept],
            ends[kept],
        )


def _make_whole(labels: NDArray[np.int32], label: int, box: NDArray[np.int64]) -> None:
    """Leave the largest piece of a joined cell: its parts may miss each other."""
    here = labels[box[0] : box[2], box[1] : box[3]]
    cell = np.where(here == label, np.int32(1), np.int32(0))
    whole = one_piece_each(cell)
    here[(cell > 0) & (whole == 0)] = 0
