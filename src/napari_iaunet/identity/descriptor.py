"""Descriptors of cells: the network's feature maps, pooled over each cell.

A cell's descriptor holds mean and standard deviation of the decoder's maps of all
levels over the cell's pixels. It lies before the projection that the cell triplets
train: that projection tells individuals apart, which is the opposite of finding
their like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class CellPixels(NamedTuple):
    """Every pixel of every cell of a plane.

    Attributes
    ----------
    cell : (P,) int64
        Row of the cell, from 0.
    y, x : (P,) int64
        Place on the network's plane, in its pixels.
    """

    cell: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]


def cell_pixels(
    labels: NDArray[np.integer[Any]],
    names: NDArray[np.integer[Any]],
    shape: tuple[int, int],
) -> CellPixels:
    """List the pixels of the cells, at places of the rescaled plane.

    Pixels are carried over one by one, so that a cell keeps a pixel however much
    the plane is shrunk.

    Parameters
    ----------
    labels : (Y, X) int
        0 is background.
    names : (N,) int
        Sorted labels; row i of a descriptor belongs to ``names[i]``.
    shape : (int, int)
        Height and width of the network's plane.
    """
    y, x = np.nonzero(labels)
    cell = np.searchsorted(names, labels[y, x])
    places = [
        np.minimum((place + 0.5) * (new / old), new - 1).astype(np.int64)
        for place, new, old in zip((y, x), shape, labels.shape, strict=True)
    ]
    return CellPixels(cell.astype(np.int64), *places)


class CellStatistics:
    """Sums over cells of the maps of several levels, added up tile by tile.

    Parameters
    ----------
    count : int
        Number of cells N.
    widths : sequence of int
        Channels of the levels, finest first.
    """

    def __init__(self, count: int, widths: Sequence[int]) -> None:
        self.widths = tuple(widths)
        self.area = torch.zeros(count)
        self.total = torch.zeros(count, sum(widths))
        self.square = torch.zeros(count, sum(widths))

    def add(self, maps: Sequence[Tensor], pixels: CellPixels) -> None:
        """Add the pixels of a tile.

        Parameters
        ----------
        maps : sequence of Tensor
            Level i has shape (widths[i], H / 2**i, W / 2**i), float32, on the CPU.
        pixels : CellPixels
            Places in the tile, in pixels of the finest level.
        """
        if not pixels.cell.size:
            return
        start = 0
        for level, values in enumerate(maps):
            channels = slice(start, start + values.shape[0])
            start = channels.stop
            self._add_level(values, pixels, level, channels)
        area = np.bincount(pixels.cell, minlength=len(self.area))
        self.area += torch.from_numpy(area.astype(np.float32))

    def _add_level(
        self, values: Tensor, pixels: CellPixels, level: int, channels: slice
    ) -> None:
        """Add one level; pixels of a cell that share a place are counted once."""
        width = values.shape[2]
        place = (pixels.y >> level) * width + (pixels.x >> level)
        size = values.shape[1] * width
        pairs, weight = np.unique(pixels.cell * size + place, return_counts=True)
        cell = torch.from_numpy(pairs // size)
        found = values.flatten(1).T[torch.from_numpy(pairs % size)]
        weighted = found * torch.from_numpy(weight.astype(np.float32))[:, None]
        self.total[:, channels].index_add_(0, cell, weighted)
        self.square[:, channels].index_add_(0, cell, weighted * found)

    def descriptor(self) -> Tensor:
        """Mean and standard deviation of every channel, (N, 2 * sum(widths))."""
        area = self.area.clamp(min=1)[:, None]
        mean = self.total / area
        spread = (self.square / area - mean**2).clamp(min=0).sqrt()
        return torch.cat([mean, spread], 1)
