"""Cells that cross the borders of chunks get one id."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_iaunet.large.work_folder import create_labels
from napari_iaunet.segmentation.measure import sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.large.chunk_task import ChunkTask
    from napari_iaunet.large.work_folder import Found

# Two chunks see one cell if they agree on more than this share of its pixels around
# the border: above a half, no cell can agree with two.
_SAME = 0.5


def same_cells(
    first: NDArray[np.int32], second: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Pairs of labels that two chunks gave to the same cell.

    Parameters
    ----------
    first, second : (y, x) int32
        What each of them says of the pixels around their border; 0 is background.

    Returns
    -------
    (P, 2) int64
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
        Of each chunk: pixels of labels 1..n that the chunk speaks for; labels of
        none, which live in its halo only, get no id.
    pairs : sequence of (first chunk, second chunk, (P, 2) labels)
    """
    starts = np.cumsum([0, *(len(area) for area in areas)])
    total = int(starts[-1])
    edges = [
        found - 1 + np.array([starts[first], starts[second]])
        for first, second, found in pairs
        if len(found)
    ]
    joined = np.concatenate(edges) if edges else np.zeros((0, 2), np.int64)
    area = np.concatenate([np.zeros(0, np.int64), *areas])
    present = area > 0
    joined = joined[present[joined].all(1)]
    graph = coo_array(
        (np.ones(len(joined), bool), (joined[:, 0], joined[:, 1])), (total, total)
    )
    _, part = connected_components(graph, directed=False)
    ids = np.zeros(total, np.int32)
    # In the order in which cells are met first, whatever the components are called.
    _, first_met, inverse = np.unique(
        part[present], return_index=True, return_inverse=True
    )
    rank = np.empty(len(first_met), np.int32)
    rank[np.argsort(first_met)] = np.arange(1, len(first_met) + 1)
    ids[present] = rank[inverse]
    tables = [
        np.concatenate([np.zeros(1, np.int32), ids[a:b]]) for a, b in pairwise(starts)
    ]
    return Numbers(tables, len(first_met))


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
