"""Tiles with a halo, blended so that no seam can appear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

HALO = 64
_BLEND = 32


def tile_starts(length: int, tile: int, halo: int = HALO) -> list[int]:
    """Where tiles begin along one axis; neighbours share twice the halo.

    All but the last are multiples of the step, so every tile sees the network's
    pooling grid in the same phase as long as step and length are multiples of
    its stride.

    Parameters
    ----------
    length, tile, halo : int
        Pixels; ``tile > 2 * halo``.
    """
    if length <= tile:
        return [0]
    step = tile - 2 * halo
    count = -(-(length - tile) // step)
    return [i * step for i in range(count)] + [length - tile]


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


def run_tiled(
    plane: NDArray[np.float32],
    predict: Callable[[Tensor], Tensor],
    *,
    tile: int,
    stride: int,
    progress: Callable[[int, int], None] | None = None,
    halo: int = HALO,
) -> Tensor:
    """Run `predict` over overlapping tiles and blend what it returns.

    Parameters
    ----------
    plane : (C, Y, X) float32
    predict : callable
        (1, C, h, w) tensor -> (F, h, w) float32 tensor on the CPU.
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
    (F, Y, X) float32 tensor
    """
    height, width = plane.shape[1:]
    padded = torch.from_numpy(np.ascontiguousarray(pad_to_stride(plane, stride)))
    size = max(-(-tile // stride) * stride, 2 * halo + 4 * stride)
    full = padded.shape[1:]
    rows, columns = tile_starts(full[0], size, halo), tile_starts(full[1], size, halo)
    total = len(rows) * len(columns)
    if total == 1:
        out = predict(padded[None])[:, :height, :width]
        if progress:
            progress(1, 1)
        return out
    result: Tensor | None = None
    h, w = min(size, full[0]), min(size, full[1])
    weights = torch.zeros(full)
    for done, (y, x) in enumerate((y, x) for y in rows for x in columns):
        values = predict(padded[None, :, y : y + h, x : x + w])
        weight = _ramp(y, h, full[0], halo)[:, None] * _ramp(x, w, full[1], halo)[None]
        if result is None:
            result = torch.zeros((values.shape[0], *full))
        result[:, y : y + h, x : x + w].addcmul_(values, weight)
        weights[y : y + h, x : x + w] += weight
        if progress:
            progress(done + 1, total)
    assert result is not None
    result /= weights
    return result[:, :height, :width]


def resize(values: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bilinear (F, y, x) -> (F, *shape)."""
    return F.interpolate(
        values[None], size=shape, mode="bilinear", align_corners=False
    )[0]
