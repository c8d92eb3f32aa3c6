"""Tiles with a halo, blended so that no seam can appear."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# Pixels at a tile's inner borders that do not count, since the network did not see what
# lies beyond: more than two usual cells wide. Larger halos take more time.
HALO = 64
# Half the width, in pixels, over which neighbouring tiles are blended.
_BLEND = 32


def plan_axis(
    length: int, tile: int, stride: int, halo: int = HALO
) -> tuple[list[int], int]:
    """Cut one axis into equal tiles, none larger than `tile`.

    All tiles begin at multiples of `stride`, so each sees the network's pooling
    grid in the same phase; neighbours share twice the halo at least.

    Parameters
    ----------
    length : int
        Pixels; a multiple of `stride`.
    tile, stride, halo : int
        Pixels; ``tile`` is a multiple of `stride` and above ``2 * halo``.

    Returns
    -------
    starts : list of int
    size : int
        Length of every tile.
    """
    if length <= tile:
        return [0], length
    count = -(-(length - 2 * halo) // (tile - 2 * halo))
    size = -(-(length + (count - 1) * 2 * halo) // (count * stride)) * stride
    last = (length - size) // stride
    return [round(i * last / (count - 1)) * stride for i in range(count)], size


def _ramp(start: int, tile: int, length: int, halo: int) -> Tensor:
    """Weight of a tile's pixels along one axis: 1 inside, 0 in the outer halo."""
    place = torch.arange(tile, dtype=torch.float32)
    blend = min(_BLEND, halo // 2)
    weight = torch.ones(tile)
    if start > 0:
        weight = torch.minimum(weight, (place - (halo - blend) + 0.5) / (2 * blend))
    if start + tile < length:
        back = tile - 1 - place
        weight = torch.minimum(weight, (back - (halo - blend) + 0.5) / (2 * blend))
    return weight.clamp(0, 1)


def pad_to_stride(plane: NDArray[np.float32], stride: int) -> NDArray[np.float32]:
    """Mirror a (C, Y, X) plane at its end so that both sizes are multiples."""
    height, width = plane.shape[1:]
    missing = ((0, 0), (0, -height % stride), (0, -width % stride))
    return np.pad(plane, missing, mode="reflect") if np.any(missing) else plane


def _tile_side(tile: int, stride: int, halo: int) -> int:
    """Round a side up to a multiple of the stride, with room for the halo."""
    return max(-(-tile // stride) * stride, 2 * halo + 4 * stride)


def run_tiled(
    plane: NDArray[np.float32],
    predict: Callable[[Tensor], Sequence[Tensor]],
    *,
    tile: int,
    stride: int,
    progress: Callable[[int, int], None] | None = None,
    halo: int = HALO,
) -> list[Tensor]:
    """Run `predict` over overlapping tiles and blend what it returns.

    Parameters
    ----------
    plane : (C, Y, X) float32
    predict : callable
        (1, C, h, w) tensor -> (F, h, w) float32 tensors on the CPU.
    tile : int
        Side of a tile in pixels; rounded up to a multiple of `stride`, with
        room for the halo.
    stride : int
        Sizes and places of tiles are multiples of this.
    progress : callable, optional
        Called with the tiles done and the number of tiles; may raise to stop.
    halo : int
        Pixels at a tile's inner borders that do not count.

    Returns
    -------
    list of (F, Y, X) float32 tensors
        In memory as `predict` returns them.
    """
    height, width = plane.shape[1:]
    padded = torch.from_numpy(np.ascontiguousarray(pad_to_stride(plane, stride)))
    size = _tile_side(tile, stride, halo)
    full = padded.shape[1:]
    rows, h = plan_axis(full[0], size, stride, halo)
    columns, w = plan_axis(full[1], size, stride, halo)
    total = len(rows) * len(columns)
    if total == 1:
        whole = predict(padded[None])
        if progress:
            progress(1, 1)
        return [values[:, :height, :width] for values in whole]
    results: list[Tensor] = []
    weights = torch.zeros(full)
    for done, (y, x) in enumerate((y, x) for y in rows for x in columns):
        found = predict(padded[None, :, y : y + h, x : x + w])
        weight = _ramp(y, h, full[0], halo)[:, None] * _ramp(x, w, full[1], halo)[None]
        results = results or [_zeros_as(values, full) for values in found]
        for result, values in zip(results, found, strict=True):
            result[:, y : y + h, x : x + w].addcmul_(values, weight)
        weights[y : y + h, x : x + w] += weight
        if progress:
            progress(done + 1, total)
    return [result.div_(weights)[:, :height, :width] for result in results]


def _zeros_as(values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Zeros (F, *shape) that lie in memory as a tile's values do."""
    count = values.shape[0]
    if values.stride(0) == 1:
        return torch.zeros((*shape, count)).permute(2, 0, 1)
    return torch.zeros((count, *shape))


class Block(NamedTuple):
    """A tile, and the part of the plane that is taken from it alone.

    Attributes
    ----------
    rows, columns : slice
        The tile with its halo.
    inner_rows, inner_columns : slice
        Without: the inner parts of all tiles cover the plane once.
    """

    rows: slice
    columns: slice
    inner_rows: slice
    inner_columns: slice

    @property
    def within(self) -> tuple[slice, slice]:
        """Where the inner part lies in the tile."""
        y, x = self.rows.start, self.columns.start
        return (
            slice(self.inner_rows.start - y, self.inner_rows.stop - y),
            slice(self.inner_columns.start - x, self.inner_columns.stop - x),
        )


def plan_blocks(
    shape: tuple[int, int], tile: int, stride: int, halo: int = HALO
) -> list[Block]:
    """Cut a plane (Y, X) into tiles whose inner parts do not overlap.

    Height and width are multiples of `stride`; the rest is as for `run_tiled`.
    """
    size = _tile_side(tile, stride, halo)
    axes = []
    for length in shape:
        starts, width = plan_axis(length, size, stride, halo)
        borders = [0, *((a + width + b) // 2 for a, b in pairwise(starts)), length]
        outer = [slice(start, start + width) for start in starts]
        inner = [slice(low, high) for low, high in pairwise(borders)]
        axes.append(list(zip(outer, inner, strict=True)))
    return [
        Block(rows, columns, inner_rows, inner_columns)
        for rows, inner_rows in axes[0]
        for columns, inner_columns in axes[1]
    ]


def rescale(plane: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Resize a plane bilinearly, with anti-aliasing where it shrinks.

    (C, Y, X) becomes (C, round(Y * scale), round(X * scale)), each at least 1 pixel.
    """
    height, width = (max(1, round(n * scale)) for n in plane.shape[-2:])
    if (height, width) == plane.shape[-2:]:
        return plane
    resized = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(plane, np.float32))[None],
        size=(height, width),
        mode="bilinear",
        align_corners=False,
        antialias=scale < 1,
    )
    out: NDArray[np.float32] = resized[0].numpy()
    return out
