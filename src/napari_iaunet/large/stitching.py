"""Cells that cross the borders of chunks get one id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.segmentation.joining import Numbers, number_cells, same_cells
from napari_iaunet.segmentation.measure import CellSums, as_table, sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.large.chunk_task import ChunkTask
    from napari_iaunet.large.work_folder import Found


def stitch(task: ChunkTask) -> tuple[Numbers, dict[str, NDArray[Any]]]:
    """Join the cells of all chunks, which must be done; number and measure them.

    The table is as of `LazySegmentation`.
    """
    grid, folder = task.grid, task.folder
    found = [folder.found(i) for i in range(len(grid))]
    pairs = []
    for border in grid.borders(task.reach):
        key = border.first, border.second
        pairs.append((*key, same_cells(*(folder.border(i, key) for i in key))))
    numbers = number_cells([chunk.sums.area for chunk in found], pairs)
    return numbers, _measure(found, numbers, task)


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
