"""Descriptors of cells: the network's feature maps, pooled over each cell.

Mean and standard deviation over the cell's pixels, of the maps of all levels,
before the projection that the cell triplets train: that projection tells
individuals apart, which is the opposite of finding their like.
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
    """Pixels of cells, at places of a plane or of a part of it.

    Attributes
    ----------
    cell : (P,) int64
        Row of the cell, from 0.
    y, x : (P,) int64
    """

    cell: NDArray[np.int64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]

    def within(
        self, rows: slice, columns: slice, corner: tuple[int, int]
    ) -> CellPixels:
        """Pixels in a block of the plane, with places counted from `corner`."""
        here = (self.y >= rows.start) & (self.y < rows.stop)
        here &= (self.x >= columns.start) & (self.x < columns.stop)
        return CellPixels(
            self.cell[here], self.y[here] - corner[0], self.x[here] - corner[1]
        )


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
        Sorted labels; row i belongs to ``names[i]``.
    shape : (int, int)
        Height and width of the rescaled plane.
    """
    y, x = np.nonzero(labels)
    cell = np.searchsorted(names, labels[y, x]).astype(np.int64)
    y, x = (
        np.minimum((place + 0.5) * (new / old), new - 1).astype(np.int64)
        for place, new, old in zip((y, x), shape, labels.shape, strict=True)
    )
    return CellPixels(cell, y, x)


class PooledMaps:
    """Sums over cells of maps of several levels, added up tile by tile.

    Parameters
    ----------
    count : int
        Number of cells N.
    """

    def __init__(self, count: int) -> None:
        self._area = torch.zeros(count)
        self._total: list[Tensor] = []
        self._square: list[Tensor] = []

    def add(self, maps: Sequence[Tensor], pixels: CellPixels) -> None:
        """Add a tile's pixels.

        Parameters
        ----------
        maps : sequence of Tensor
            (C, H / 2**k, W / 2**k), each with its own C and k; the first has k = 0.
        pixels : CellPixels
            Places in the tile, in pixels of the first map.
        """
        if not self._total:
            sizes = [(len(self._area), values.shape[0]) for values in maps]
            self._total = [torch.zeros(size) for size in sizes]
            self._square = [torch.zeros(size) for size in sizes]
        if not pixels.cell.size:
            return
        area = np.bincount(pixels.cell, minlength=len(self._area))
        self._area += torch.from_numpy(area.astype(np.float32))
        pairs: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        for values, total, square in zip(maps, self._total, self._square, strict=True):
            step = maps[0].shape[2] // values.shape[2]
            if step not in pairs:
                pairs[step] = _pairs(pixels, step, values.shape[1], values.shape[2])
            cell, place, weight = pairs[step]
            found = values.flatten(1).T[place].float()
            weighted = found * weight[:, None]
            total.index_add_(0, cell, weighted)
            square.index_add_(0, cell, weighted * found)

    def result(self) -> Tensor:
        """Mean, then standard deviation of every channel, (N, 2 * channels)."""
        area = self._area.clamp(min=1)[:, None]
        mean = torch.cat(self._total, 1) / area
        square = torch.cat(self._square, 1) / area
        return torch.cat([mean, (square - mean**2).clamp(min=0).sqrt()], 1)


def _pairs(
    pixels: CellPixels, step: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Cell, place and number of pixels of all that share both at a coarser level."""
    size = height * width
    place = (pixels.y // step) * width + pixels.x // step
    pairs, weight = np.unique(pixels.cell * size + place, return_counts=True)
    return (
        torch.from_numpy(pairs // size),
        torch.from_numpy(pairs % size),
        torch.from_numpy(weight.astype(np.float32)),
    )


def fit_descriptor(
    pooled: Tensor, widths: Sequence[int], size: int
) -> tuple[Tensor, Tensor]:
    """Choose what descriptors keep of the pooled maps.

    Every channel is standardised over the cells, every map weighs the same, and
    the directions along which the cells differ most are kept. They keep their
    lengths: whitening them ranks worse.

    Parameters
    ----------
    pooled : Tensor, (N, P)
        Result of `PooledMaps` for many cells.
    widths : sequence of int
        Channels of each map; twice their sum is P.
    size : int
        Number of directions D.

    Returns
    -------
    mean : Tensor, (P,)
    basis : Tensor, (P, D)
        Zeros where the cells are too few for D directions.
    """
    mean, spread = pooled.mean(0), pooled.std(0, correction=0)
    weight = torch.cat([torch.full((w,), float(w) ** -0.5) for w in (*widths, *widths)])
    weight = torch.where(spread > 1e-6, weight / spread.clamp(min=1e-6), 0.0)
    _, _, directions = torch.linalg.svd((pooled - mean) * weight, full_matrices=False)
    basis = torch.zeros(pooled.shape[1], size)
    kept = directions[:size]
    basis[:, : len(kept)] = (kept * weight).T
    return mean, basis
