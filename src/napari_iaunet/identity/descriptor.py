"""Descriptors of cells: the network's feature maps, pooled over each cell.

Mean over the cell's rim, over its core and over what lies between, and the standard
deviation over all its pixels, of the maps of all levels, before the projection that
the cell triplets train: that projection tells individuals apart, which is the opposite
of finding their like. Whether a pattern lies in the core or in the rim often sets one
type of cell apart from another, and a mean over the whole cell cannot say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from napari_iaunet.identity.properties import edge_pixels
from napari_iaunet.model.network import RINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


# Where a ring ends, as a share of the cell's largest distance to its edge: of a disc
# the rim takes 44 % of the pixels, what lies between 40 %, the core 16 %. A trained
# model's basis belongs to these values.
_RING_ENDS = (0.25, 0.6)
# Least spread of a channel, as a share of the median over its map: see
# `_at_least_a_share`.
_LEAST_SPREAD = 0.1
# Directions in which changes are looked at, and the share of their mean variance that
# is added to each. More directions than there are cells to measure changes by would
# take noise for steadiness; the larger the share, the less the changes count.
_WIDE = 800
_SHRINKAGE = 0.1
# Cells whose sums become means at once: some 40 MB of temporary arrays, where those of
# 12,769 cells took 570 MB.
_CELLS_AT_ONCE = 1024
# Pixels of a tile whose values are added up at once: 32 channels of 2**17 take 17 MB,
# three times, where those of a full tile took 400 MB.
_PIXELS_AT_ONCE = 2**17


class CellPixels(NamedTuple):
    """Pixels of cells, at places of a plane or of a part of it.

    Attributes
    ----------
    cell : (P,) int32
        Row of the cell, from 0.
    ring : (P,) int8
        0 at the cell's rim to ``RINGS - 1`` in its core.
    y, x : (P,) int32
    """

    cell: NDArray[np.int32]
    ring: NDArray[np.int8]
    y: NDArray[np.int32]
    x: NDArray[np.int32]

    def within(
        self, rows: slice, columns: slice, corner: tuple[int, int]
    ) -> CellPixels:
        """Pixels in a block of the plane, with places counted from `corner`."""
        here = (self.y >= rows.start) & (self.y < rows.stop)
        here &= (self.x >= columns.start) & (self.x < columns.stop)
        return CellPixels(
            self.cell[here],
            self.ring[here],
            self.y[here] - corner[0],
            self.x[here] - corner[1],
        )


def cell_pixels(
    labels: NDArray[np.integer[Any]],
    label_ids: NDArray[np.integer[Any]],
    shape: tuple[int, int],
) -> CellPixels:
    """List the pixels of the cells, at places of the rescaled plane.

    Pixels are carried over one by one, so that a cell keeps a pixel however much
    the plane is shrunk to a shape. Row i belongs to ``label_ids[i]``, which are sorted.
    """
    y, x = np.nonzero(labels)
    cell = np.searchsorted(label_ids, labels[y, x]).astype(np.int32)
    ring = _rings(_edge_distance(labels)[y, x], cell, len(label_ids))
    y, x = (
        np.minimum((place + 0.5) * (new / old), new - 1).astype(np.int32)
        for place, new, old in zip((y, x), shape, labels.shape, strict=True)
    )
    return CellPixels(cell, ring, y, x)


def _edge_distance(labels: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Distance to the cell's outermost pixels; the border of the image is no edge."""
    inside = (labels > 0) & ~edge_pixels(labels)
    if inside.all():  # one cell that is the whole image has no edge
        return np.ones(labels.shape)
    distance: NDArray[np.float64] = distance_transform_edt(inside)
    return distance


def _rings(
    distance: NDArray[np.float64], cell: NDArray[np.int32], count: int
) -> NDArray[np.int8]:
    """Sort pixels into rings by their share of the largest distance in the cell."""
    largest = np.ones(count)
    np.maximum.at(largest, cell, distance)
    return np.digitize(distance / largest[cell], _RING_ENDS).astype(np.int8)


class PooledMaps:
    """Sums over N cells of maps of several levels, added up tile by tile."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._area = torch.zeros(count * RINGS)
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
        part = pixels.cell.astype(np.int64) * RINGS + pixels.ring
        area = np.bincount(part, minlength=len(self._area))
        self._area += torch.from_numpy(area.astype(np.float32))
        pairs: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        for values, total, square in zip(maps, self._total, self._square, strict=True):
            step = maps[0].shape[2] // values.shape[2]
            if step not in pairs:
                pairs[step] = _pairs(part, pixels, step, values.shape[1:])
            row, place, weight = pairs[step]
            pixels_of = values.flatten(1).T
            for start in range(0, len(row), _PIXELS_AT_ONCE):
                some = slice(start, start + _PIXELS_AT_ONCE)
                found = pixels_of[place[some]].float()
                weighted = found * weight[some, None]
                total.index_add_(0, row[some], weighted)
                square.index_add_(0, row[some], weighted * found)

    def result(self) -> Tensor:
        """Describe every cell, (N, (RINGS + 1) * channels).

        The mean of every channel in each ring, from the rim to the core, then its
        standard deviation over the cell. An empty ring of a small cell gets the mean
        over the cell.
        """
        channels = sum(values.shape[1] for values in self._total)
        found = torch.empty(self._count, (RINGS + 1) * channels)
        for start in range(0, self._count, _CELLS_AT_ONCE):
            cells = slice(start, start + _CELLS_AT_ONCE)
            found[cells] = self._described(cells)
        return found

    def _described(self, cells: slice) -> Tensor:
        area, total, square = (
            torch.cat(
                [values.view(self._count, RINGS, -1)[cells] for values in sums], 2
            )
            for sums in ([self._area], self._total, self._square)
        )
        whole = area.sum(1).clamp(min=1)
        mean = total.sum(1) / whole
        spread = (square.sum(1) / whole - mean**2).clamp(min=0).sqrt()
        rings = torch.where(area > 0, total / area.clamp(min=1), mean[:, None])
        return torch.cat([rings.flatten(1), spread], 1)


def _pairs(
    part: NDArray[np.int64], pixels: CellPixels, step: int, shape: Sequence[int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Part, place and number of pixels of all that share both at a coarser level."""
    height, width = shape
    size = height * width
    place = (pixels.y // step) * width + pixels.x // step
    pairs, weight = np.unique(part * size + place, return_counts=True)
    return (
        torch.from_numpy(pairs // size),
        torch.from_numpy(pairs % size),
        torch.from_numpy(weight.astype(np.float32)),
    )


def fit_descriptor(
    pooled: Tensor, changes: Tensor, widths: Sequence[int], size: int
) -> tuple[Tensor, Tensor]:
    """Choose what descriptors keep of the pooled maps.

    Differences between cells count in units of how much a cell itself changes when
    its picture is turned, zoomed or gets another look: within-class covariance
    normalisation (Hatch et al., Interspeech 2006), where a class is one cell. First
    every channel is scaled so, and every map weighs the same; then the directions
    along which the cells differ most are scaled so, and the first of them are kept.

    Parameters
    ----------
    pooled : Tensor, (N, P)
        Result of `PooledMaps` for many cells.
    changes : Tensor, (M, P)
        Differences of such results between two views of the same cells.
    widths : sequence of int
        Channels of each map; P is their sum times ``RINGS + 1``.
    size : int
        Number of directions D.

    Returns
    -------
    mean : Tensor, (P,)
    basis : Tensor, (P, D)
        Zeros where the cells are too few for D directions.
    """
    mean = pooled.mean(0)
    spread = changes.square().mean(0).sqrt()
    weight = torch.cat(
        [
            float(part.numel()) ** -0.5 / _at_least_a_share(part)
            for part in torch.split(spread, [*widths] * (RINGS + 1))
        ]
    )
    cells = (pooled - mean) * weight
    wide = _main_directions(cells, _WIDE)
    within = (changes * weight) @ wide
    covariance = within.T @ within / len(within)
    shrink = _SHRINKAGE * covariance.diagonal().mean().clamp(min=1e-12)
    values, vectors = torch.linalg.eigh(
        covariance + shrink * torch.eye(len(covariance))
    )
    wide = wide @ (vectors * values.rsqrt()) @ vectors.T
    kept = wide @ _main_directions(cells @ wide, size)
    basis = torch.zeros(pooled.shape[1], size)
    basis[:, : kept.shape[1]] = weight[:, None] * kept
    return mean, basis


def _main_directions(values: Tensor, count: int) -> Tensor:
    """Columns along which the rows of (N, P) differ most; at most `count`."""
    directions: Tensor = torch.linalg.svd(values, full_matrices=False)[2]
    return directions[:count].T


def _at_least_a_share(spread: Tensor) -> Tensor:
    """Raise the spreads of channels that are hardly ever active.

    Such a channel would outweigh all others on the first image that wakes it.
    """
    least = _LEAST_SPREAD * float(spread.median())
    return torch.clamp(spread, min=least if least > 0 else 1.0)
