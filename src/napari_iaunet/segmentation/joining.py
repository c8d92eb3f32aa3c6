"""Chunks become one label image and one table of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.segmentation.measure import sums
from napari_iaunet.segmentation.stitching import number_cells, same_cells
from napari_iaunet.segmentation.work_folder import create_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.chunk_task import ChunkTask
    from napari_iaunet.segmentation.stitching import Numbers
    from napari_iaunet.segmentation.work_folder import Found


def join(
    task: ChunkTask, out: Path, options: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Write the labels with their final ids, and measure the cells."""
    grid, folder = task.grid, task.folder
    found = [folder.found(i) for i in range(len(grid))]
    pairs = []
    for border in grid.borders(task.reach):
        key = border.first, border.second
        pairs.append((*key, same_cells(*(folder.border(i, key) for i in key))))
    numbers = number_cells([chunk.area for chunk in found], pairs)
    labels = create_labels(out, task.plan, options)
    for index, table in enumerate(numbers.tables):
        labels[task.place_of(grid[index])] = table[task.labels_of(index)]
    return _measure(found, numbers, task)


def _measure(
    found: Sequence[Found], numbers: Numbers, task: ChunkTask
) -> dict[str, NDArray[Any]]:
    """Table of all cells; parts of a cell in several chunks count together."""
    ids = np.concatenate([table[1:] for table in numbers.tables])
    keep = ids > 0
    ids = ids[keep] - 1

    def total(name: str, weights: NDArray[Any] | float = 1.0) -> NDArray[np.float64]:
        values = np.concatenate([getattr(chunk, name) for chunk in found])[keep]
        return sums(ids, values * weights, numbers.count)

    parts = np.concatenate([chunk.area for chunk in found])[keep]
    area = total("area")
    mean = np.full(numbers.count, np.nan)
    values = total("values")
    np.divide(total("intensity"), values, out=mean, where=values > 0)
    table: dict[str, NDArray[Any]] = {"label": np.arange(1, numbers.count + 1)}
    if task.planes.shape:
        planes = [
            np.full(len(chunk.area), task.grid[i].plane)
            for i, chunk in enumerate(found)
        ]
        table["plane"] = np.zeros(numbers.count, np.int64)
        table["plane"][ids] = np.concatenate(planes)[keep]
    return table | {
        "y": total("y") / area,
        "x": total("x") / area,
        "area": area.astype(np.int64),
        "mean_intensity": mean,
        "score": (total("score", parts) / area).astype(np.float32),
    }
