"""How much cells resemble examples: likes, and unlikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Strength of the ridge: how far single examples may bend the direction.
_RIDGE = 1.0


def similarity(
    embeddings: NDArray[np.floating[Any]],
    like: Sequence[int],
    unlike: Sequence[int] = (),
) -> NDArray[np.float32]:
    """Rank cells by their likeness to examples.

    One example is compared by the cosine. Several are joined by a ridge regression
    of +1 for likes and -1 for unlikes on the embeddings, in its dual form
    (Saunders et al., ICML 1998), which costs no more than the examples are many.

    Parameters
    ----------
    embeddings : (N, D) float
        Rows of unit length.
    like, unlike : sequences of int
        Rows of the examples; at least one like. Repeated rows count once.

    Returns
    -------
    (N,) float32
        In [0, 1], higher is more alike; 0.5 is neither like nor unlike.

    Raises
    ------
    ImageError
        If there is no like, a row does not exist, or one is like and unlike.
    """
    vectors = np.asarray(embeddings, np.float32)
    if vectors.ndim != 2:
        raise ImageError("Embeddings are a table: one row for each cell.")
    likes, unlikes = (_rows(chosen, len(vectors)) for chosen in (like, unlike))
    if not likes.size:
        raise ImageError("At least one cell must be given as an example.")
    if np.intersect1d(likes, unlikes).size:
        raise ImageError("A cell cannot be an example of both like and unlike.")
    examples = vectors[np.concatenate([likes, unlikes])].astype(np.float64)
    wanted = np.concatenate([np.ones(likes.size), -np.ones(unlikes.size)])
    # Likes and unlikes weigh the same in all, whichever are more.
    weight = np.where(wanted > 0, 1 / likes.size, 1 / max(1, unlikes.size))
    gram = examples @ examples.T + _RIDGE * np.diag(1 / weight) / len(wanted)
    direction = examples.T @ np.linalg.solve(gram, wanted)
    score = vectors @ direction.astype(np.float32)
    # The examples' own mean likeness becomes 1, as the cosine of one example is.
    reach = float((examples[: likes.size] @ direction).mean())
    score = score / max(reach, 1e-9)
    alike: NDArray[np.float32] = np.clip(0.5 + 0.5 * score, 0, 1).astype(np.float32)
    return alike


def _rows(chosen: Sequence[int], count: int) -> NDArray[np.int64]:
    rows = np.asarray(chosen).reshape(-1)
    if rows.size and rows.dtype.kind not in "iu":
        raise ImageError("Examples are given by the numbers of their rows.")
    if rows.size and not (rows.min() >= 0 and rows.max() < count):
        raise ImageError(f"There is no such cell: rows go from 0 to {count - 1}.")
    return np.unique(rows).astype(np.int64)
