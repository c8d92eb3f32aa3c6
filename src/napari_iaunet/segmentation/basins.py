"""Basins of the centre map: the pixels that climb to one maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _Passes(NamedTuple):
    """The highest ways between maxima, (P, 2), and their lowest pixels, (P,)."""

    ends: NDArray[np.int64]
    height: NDArray[np.float32]


def merge_basins(
    heights: NDArray[np.float32],
    inside: NDArray[np.bool_],
    places: NDArray[np.int64],
    depth: float,
) -> NDArray[np.int64]:
    """Tell in which basin places lie, where shallow basins join their neighbours.

    Every pixel climbs to its highest neighbour until it stands on a maximum. From
    the highest pass between two basins to the lowest, basins become one where the
    lower of their maxima rises above the pass by less than `depth`: its dynamics
    (Grimaud, Proc. SPIE 1769, 1992). Returns (Q,): places in one basin share a number.

    Parameters
    ----------
    heights : (Y, X) float32
    inside : (Y, X) bool
        No way leads through other pixels.
    places : (Q,) int64
        Indices into the flattened plane, of pixels inside.
    depth : float
        In units of the heights.
    """
    # With a margin around the plane, every pixel has all its neighbours.
    height = np.pad(
        np.where(inside, np.nan_to_num(heights), -np.inf), 1, constant_values=-np.inf
    ).ravel()
    width = inside.shape[1] + 2
    pixels = np.flatnonzero(height > -np.inf)
    top = _climb(height, width, pixels)
    passes = _shallow_passes(height, width, pixels, top, depth)
    y, x = np.divmod(places, inside.shape[1])
    return _join_along(passes, height, top[(y + 1) * width + x + 1], depth)


def _climb(
    height: NDArray[np.float32], width: int, pixels: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Index of the maximum that each pixel climbs to, 0 beside `pixels`.

    Of equally high neighbours the last is taken: no way leads in circles.
    """
    highest = np.full(len(pixels), -np.inf, np.float32)
    target = np.zeros(len(pixels), np.int32)
    beside = (-1, 0, 1)
    for step in [dy * width + dx for dy in beside for dx in beside]:
        there = height[pixels + step]
        higher = there >= highest
        highest = np.where(higher, there, highest)
        target = np.where(higher, pixels + step, target).astype(np.int32)
    top = np.zeros(len(height), np.int32)
    top[pixels] = target
    while True:
        # From target to target: each round doubles the steps that are taken at once.
        farther = top[target]
        if np.array_equal(farther, target):
            return top
        top[pixels] = target = farther


def _shallow_passes(
    height: NDArray[np.float32],
    width: int,
    pixels: NDArray[np.int64],
    top: NDArray[np.int32],
    depth: float,
) -> _Passes:
    """Find the passes that a maximum beside them exceeds by less than `depth`."""
    ends, heights = [], []
    for step in (1, width - 1, width, width + 1):
        one, other = top[pixels], top[pixels + step]
        border = np.flatnonzero((one != other) & (other > 0))
        here = pixels[border]
        pair = np.stack([one[border], other[border]], 1).astype(np.int64)
        way = np.minimum(height[here], height[here + step])
        shallow = height[pair].min(axis=1) - way < depth
        ends.append(np.sort(pair[shallow], axis=1))
        heights.append(way[shallow])
    pairs, ways = np.concatenate(ends), np.concatenate(heights)
    order = np.argsort(-ways, kind="stable")
    key = pairs[order] @ np.array([len(height), 1])
    # Of all ways between the same two maxima only the highest is kept: the first.
    first = order[np.sort(np.unique(key, return_index=True)[1])]
    return _Passes(pairs[first], ways[first])


def _join_along(
    passes: _Passes,
    height: NDArray[np.float32],
    maxima: NDArray[np.int32],
    depth: float,
) -> NDArray[np.int64]:
    """Follow the passes, the highest first; where each maximum ends: (Q,)."""
    known, number = np.unique(
        np.concatenate([passes.ends.ravel(), maxima]), return_inverse=True
    )
    into, tops = list(range(len(known))), height[known].tolist()

    def end(basin: int) -> int:
        while into[basin] != basin:
            into[basin] = basin = into[into[basin]]
        return basin

    ends = number[: passes.ends.size].reshape(-1, 2).tolist()
    for pair, way in zip(ends, passes.height.tolist(), strict=True):
        low, high = sorted(map(end, pair), key=tops.__getitem__)
        if tops[low] - way < depth:
            into[low] = high
    return np.array([end(n) for n in number[passes.ends.size :].tolist()], np.int64)
