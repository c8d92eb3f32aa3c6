"""Cells that cross the borders of chunks become one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from skimage.segmentation import relabel_sequential

from napari_iaunet.segmentation.queries import groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
