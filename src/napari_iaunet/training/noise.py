"""Smooth random fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray


def smooth_noise(
    shape: tuple[int, int], scale: float, rng: Generator
) -> NDArray[np.float32]:
    """Random field without direction.

    Parameters
    ----------
    shape : (H, W)
    scale : float
        Distance, in pixels, over which it changes.
    rng : numpy Generator

    Returns
    -------
    (H, W) float32 of mean 0 and standard deviation 1, about.
    """
    if scale < 1.5:
        return rng.standard_normal(shape, dtype=np.float32)
    rows, columns = (_spreading(n, scale) for n in shape)
    coarse = rng.standard_normal((rows.shape[1], columns.shape[1]), dtype=np.float32)
    return np.asarray(rows @ coarse @ columns.T, np.float32)


def _spreading(length: int, scale: float) -> NDArray[np.float32]:
    """Matrix (length, knots) that spreads independent values at knots over pixels."""
    knots = np.arange(-1, int(np.ceil(length / scale)) + 2, dtype=np.float32)
    gaps = np.arange(length, dtype=np.float32)[:, None] / np.float32(scale) - knots
    # Bells of this width overlap enough to show no knots.
    weights = np.exp(-0.5 * (gaps / 0.6) ** 2)
    # Independent values add up in squares.
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return np.asarray(weights, np.float32)
