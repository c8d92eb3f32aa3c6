"""How much cells resemble examples: likes, and unlikes.

What all cells at hand have in common says nothing of any of them, so it is taken off
first: cells are compared by what sets them apart from the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.identity.describe import DescribedCells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

# Shrinks the covariance, as a share of its trace; the more likes, the less. The larger
# it is, the nearer the ranking comes to one by the difference of the means; the
# smaller, the more it relies on what few examples have in common by chance.
_SHRINKAGE = 0.2
# The cells at large speak against the likes as so many unlikes do: a few unlikes
# correct the ranking, and do not turn it.
_AT_LARGE = 32.0
# What few cells have in common may be what the user looks for: of their mean, a share
# of N / (N + 4) is taken off.
_FEW = 4.0
# One example is joined by the cells most like it, so that what is odd about it counts
# less: up to ten, or a tenth of the cells, each by the third power of its cosine.
_MOST_JOINED, _SHARE_JOINED, _POWER = 10, 0.1, 3
_TINY = 1e-9


def similarity(
    embeddings: DescribedCells | NDArray[np.floating[Any]],
    like: Sequence[int],
    unlike: Sequence[int] = (),
    *,
    weights: Mapping[str, float] | None = None,
) -> NDArray[np.float32]:
    """Rank cells by their likeness to examples.

    The ranking is relative to the cells at hand: their mean is taken off all vectors.
    One like is compared by the cosine, together with the few cells that are most like
    it. Several are joined by linear discriminant analysis with a shrunken covariance
    (Friedman, J. Am. Stat. Assoc. 84, 1989): what sets the mean of the likes apart from
    the cells at large and from the unlikes, in units of how much all cells vary in that
    direction.

    Parameters
    ----------
    embeddings : DescribedCells or (N, D) float
        As `Segmenter.describe` gives them: appearance, colour, size, shape and
        intensity count. Or embeddings alone, rows of unit length: appearance counts.
    like, unlike : sequences of int
        Rows of the examples; at least one like. Repeated rows count once.
    weights : mapping of str to float, optional
        How much each group of described cells counts, as for
        `DescribedCells.vectors`; the usual weights if None.

    Returns
    -------
    (N,) float32
        In [0, 1], higher is more alike. One like is 1, several are near 1 in the mean.

    Raises
    ------
    ImageError
        If there is no like, a row does not exist, one is like and unlike, or the
        weights cannot be used.
    """
    if isinstance(embeddings, DescribedCells):
        embeddings = embeddings.vectors(weights)
    elif weights is not None:
        raise ImageError("Only cells that Segmenter.describe gave can be weighted.")
    vectors = np.asarray(embeddings, np.float32)
    if vectors.ndim != 2:
        raise ImageError("Embeddings are a table: one row for each cell.")
    return compare(relative(vectors), like, unlike)


def relative(vectors: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Take off vectors (N, D) what all of them have in common; rows of unit length."""
    vectors = np.asarray(vectors, np.float32)
    count = len(vectors)
    common = vectors.sum(axis=0, dtype=np.float64) / (count + _FEW)
    apart = vectors - common.astype(np.float32)
    length = np.linalg.norm(apart, axis=1, keepdims=True)
    unit: NDArray[np.float32] = apart / np.maximum(length, np.float32(_TINY))
    return unit


def compare(
    vectors: NDArray[np.float32], like: Sequence[int], unlike: Sequence[int] = ()
) -> NDArray[np.float32]:
    """Rank cells as `similarity` does, by vectors (N, D) that `relative` gave."""
    likes, unlikes = (_rows(chosen, len(vectors)) for chosen in (like, unlike))
    if not likes.size:
        raise ImageError("At least one cell must be given as an example.")
    if np.intersect1d(likes, unlikes).size:
        raise ImageError("A cell cannot be an example of both like and unlike.")
    if likes.size == 1 and not unlikes.size:
        score = _by_cosine(vectors, int(likes[0]))
    else:
        score = _discriminant(vectors, likes, unlikes)
    alike: NDArray[np.float32] = np.clip(0.5 + 0.5 * score, 0, 1)
    return alike


def _by_cosine(vectors: NDArray[np.float32], like: int) -> NDArray[np.float32]:
    """Cosine of all cells with a like and the cells that are most like it."""
    score: NDArray[np.float32] = vectors @ vectors[like]
    count = min(_MOST_JOINED, int(_SHARE_JOINED * len(vectors)))
    if count:
        # The like is among them, as its cosine is 1.
        rows = np.argpartition(-score, count)[: count + 1]
        weight = np.maximum(score[rows], 0) ** _POWER
        joined = weight @ vectors[rows]
        score = vectors @ (joined / max(float(np.linalg.norm(joined)), _TINY))
    score[like] = 1.0
    return score


def _discriminant(
    vectors: NDArray[np.float32], likes: NDArray[np.int64], unlikes: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Projection of all cells, 1 at the mean of the likes and 0 against them."""
    middle = vectors.mean(axis=0)
    second = vectors.T @ vectors / len(vectors)
    covariance = second.astype(np.float64) - np.outer(middle, middle)
    shrink = _SHRINKAGE / likes.size * max(float(np.trace(covariance)), 1e-9)
    covariance[np.diag_indices_from(covariance)] += shrink
    against = (_AT_LARGE * middle + vectors[unlikes].sum(axis=0)) / (
        _AT_LARGE + unlikes.size
    )
    liked = vectors[likes].mean(axis=0)
    direction = np.linalg.solve(covariance, (liked - against).astype(np.float64))
    reach = max(float((liked - against) @ direction), 1e-9)
    projected: NDArray[np.float32] = (vectors - against) @ (direction / reach).astype(
        np.float32
    )
    return projected


def _rows(chosen: Sequence[int], count: int) -> NDArray[np.int64]:
    rows = np.asarray(chosen).reshape(-1)
    if rows.size and rows.dtype.kind not in "iu":
        raise ImageError("Examples are given by the numbers of their rows.")
    if rows.size and not (rows.min() >= 0 and rows.max() < count):
        raise ImageError(f"There is no such cell: rows go from 0 to {count - 1}.")
    return np.unique(rows).astype(np.int64)
