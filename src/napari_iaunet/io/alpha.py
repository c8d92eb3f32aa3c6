"""Transparency that may be a channel: four channels are stored as colours, too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Pixels that are looked at.
_SAMPLE = 1 << 20
# Part of the pixels that soft edges may take: more are no edges.
_EDGES = 0.1


def holds_picture(samples: NDArray[Any], axis: int, alpha: int) -> bool:
    """Whether transparency may be a channel with a picture of its own.

    It is none if all of it is one value, or if it only cuts out what the colours show:
    where pixels are transparent, nothing else is.

    Parameters
    ----------
    samples : (..., Y, X) array with an axis more
        Colours, or gray, and transparency.
    axis : int
        Axis of the samples.
    alpha : int
        Which of them is transparency.
    """
    last = np.moveaxis(samples, axis, -1)
    low, high = last[..., alpha].min(), last[..., alpha].max()
    if low == high:
        return False
    every = slice(None, None, math.isqrt(last[..., alpha].size // _SAMPLE) or 1)
    seen = last[..., every, every, :].reshape(-1, last.shape[-1])
    transparency, colours = seen[:, alpha], np.delete(seen, alpha, 1)
    hidden = transparency == low
    if _is_flat(colours) or low != 0:
        return True
    is_soft = ~hidden & (transparency != high)
    return bool(is_soft.mean() > _EDGES) or not _is_flat(colours[hidden])


def _is_flat(colours: NDArray[Any]) -> bool:
    """Whether all of (N, C) pixels have one colour."""
    return bool((colours[:1] == colours).all())
