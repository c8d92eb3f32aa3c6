"""The leading principal axes of vectors: those along which cells differ most."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Axes of the embedding that a table has: these hold most of what tells cells apart.
_AXES = 8


def leading_axes(embeddings: NDArray[Any], count: int = _AXES) -> NDArray[np.float64]:
    """Project embeddings (N, D) to their leading principal axes: (N, count).

    The largest weight of each axis is positive, so that the same cells get the same
    numbers again.
    """
    known = np.asarray(embeddings, np.float64)
    count = min(count, known.shape[1])
    if not known.size:
        return np.zeros((len(known), count))
    known = known - known.mean(axis=0)
    _, vectors = np.linalg.eigh(known.T @ known)
    vectors = vectors[:, ::-1][:, :count]
    largest = np.abs(vectors).argmax(axis=0)
    signs = np.where(vectors[largest, np.arange(count)] < 0, -1.0, 1.0)
    projected: NDArray[np.float64] = known @ (vectors * signs)
    return projected
