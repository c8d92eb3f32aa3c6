"""How often cells of each class are taken for another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Confusion(NamedTuple):
    """Counts of examples by what they are and by what they were taken for.

    Attributes
    ----------
    names : tuple of str or int
        The classes.
    counts : (K, K) int64
        Row: the class that they are; column: the class that was predicted.
    """

    names: tuple[str | int, ...]
    counts: NDArray[np.int64]

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each class (K,) that was found; NaN where nothing was counted."""
        total = self.counts.sum(axis=1)
        return np.where(total, self.counts.diagonal() / np.maximum(total, 1), np.nan)

    @property
    def accuracy(self) -> float:
        """Mean of the recall over the classes that were counted; NaN if none was."""
        known = self.recall[~np.isnan(self.recall)]
        return float(known.mean()) if known.size else float("nan")


def doubt(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Say how doubtful the class of each cell is.

    Parameters
    ----------
    probabilities : (N, K) float
        Of at least two classes.

    Returns
    -------
    (N,) float64
        In [0, 1]: 1 where the two likeliest classes are equally likely.
    """
    best = np.sort(np.asarray(probabilities, np.float64), axis=1)[:, -2:]
    found: NDArray[np.float64] = 1.0 - (best[:, 1] - best[:, 0])
    return found
