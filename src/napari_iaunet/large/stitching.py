"""Cells that cross the borders of chunks get one id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.large.pieces import find_strays, without
from napari_iaunet.segmentation.joining import Numbers, number_cells, same_cells
from napari_iaunet.segmentation.measure import CellSums, as_table, sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.large.chunk_task import ChunkTask
    from napari_iaunet.large.work_folder import Found


class Stitched(NamedTuple):
    """Cells of all chunks.

    Attributes
    ----------
    numbers : Numbers
    strays : dict of int to (n,) int64
        As of `find_strays`.
    table : dict of (N,) arrays
        As of `LazySegmentation`.
    """

    numbers: Numbers
    strays: dict[int, NDArray[np.int64]]
    table: dict[str, NDArray[Any]]

    def labels_of(self, task: ChunkTask, index: int) -> NDArray[np.int32]:
        """Return a chunk's own labels (y, x), which are final ids."""
        return self.numbers.tables[index][_whole_cells(task, self.strays, index)]


def stitch(task: ChunkTask) -> Stitched:
    """Join the cells of all chunks, which must be done; number and measure them."""
    grid, folder = task.grid, task.folder
    found = [folder.found(i) for i in range(len(grid))]
    pairs = []
    for border in grid.borders(task.reach):
        key = border.first, border.second
        pairs.append((*key, same_cells(*(folder.border(i, key) for i in key))))
    numbers = number_cells([chunk.sums.area for chunk in found], pairs)
    strays = find_strays(grid, task.labels_of, numbers)
    for index in strays:
        sums = task.sums_of(
            index, _whole_cells(task, strays, index), len(found[index].scores)
        )
        found[index] = found[index]._replace(sums=sums)
    return Stitched(numbers, strays, _measure(found, numbers, task))


def _whole_cells(
    task: ChunkTask, strays: dict[int, NDArray[np.int64]], index: int
) -> NDArray[np.int32]:
    """Return labels of a chunk, (y, x), 1..n, without what hangs on nothing."""
    labels = task.labels_of(index)
    return without(labels, strays[index]) if index in strays else labels


def _measure(
    found: Sequence[Found], numbers: Numbers, task: ChunkTask
) -> dict[str, NDArray[Any]]:
    """Table of all cells; parts of a cell in several chunks count together."""
    ids = np.concatenate([table[1:] for table in numbers.tables])
    keep, count = ids > 0, numbers.count
    row = ids[keep] - 1
    parts = CellSums._make(
        np.concatenate(column)[keep]
        for column in zip(*(chunk.sums for chunk in found), strict=True)
    )
    sums = CellSums._make(
        sum_by(row, column, count).astype(column.dtype) for column in parts
    )
    scores = np.concatenate([chunk.scores for chunk in found])[keep]
    table = as_table(np.arange(1, count + 1), sums)
    if task.planes.shape:
        planes = [
            np.full(len(chunk.scores), task.grid[i].plane)
            for i, chunk in enumerate(found)
        ]
        plane = np.zeros(count, np.int64)
        plane[row] = np.concatenate(planes)[keep]
        table = {"label": table.pop("label"), "plane": plane, **table}
    score = sum_by(row, scores * parts.area, count) / sums.area
    return table | {"score": score.astype(np.float32)}
