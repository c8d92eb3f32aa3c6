"""Scores become probabilities that a cell is right, at an IoU of 0.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

# Scores this near to 0 and 1 count as this near: log odds are finite then, and no cell
# is certain.
_LEAST = 0.001
# Strength of the pull towards scores that stay as they are: that of about one cell, so
# that a few cells, all of them right, do not make a step of the line.
_PULL = 1.0


def log_odds(scores: ArrayLike) -> NDArray[np.float64]:
    """Log odds of scores in [0, 1]."""
    p = np.clip(np.asarray(scores, np.float64), _LEAST, 1 - _LEAST)
    odds: NDArray[np.float64] = np.log(p / (1 - p))
    return odds


def calibrated(
    scores: NDArray[np.float32], line: tuple[float, float]
) -> NDArray[np.float32]:
    """Make scores (N,) probabilities; their order stays.

    Parameters
    ----------
    scores : (N,) float32
        In [0, 1].
    line : (offset, slope)
        `IAUNetConfig.calibration`; with 0 and 1 the scores stay as they are.
    """
    if line == (0.0, 1.0):
        return scores
    offset, slope = line
    p: NDArray[np.float32] = (
        1 / (1 + np.exp(-offset - slope * log_odds(scores)))
    ).astype(np.float32)
    return p


def fit_calibration(
    scores: ArrayLike, right: ArrayLike, weights: ArrayLike | None = None
) -> tuple[float, float]:
    """Find the line that makes scores probabilities, by the likelihood.

    Platt, Advances in Large Margin Classifiers 1999.

    Parameters
    ----------
    scores : (N,) float
        As the decoding gives them, in [0, 1].
    right : (N,) bool
        Whether a cell is one of the annotated ones, at an IoU of 0.5.
    weights : (N,) float, optional
        How much a cell counts, so that kinds of many cells do not outvote the others.

    Returns
    -------
    offset, slope : float
        The slope is positive: order stays.
    """
    x, y = log_odds(scores), np.asarray(right, np.float64)
    w = np.ones(x.size) if weights is None else np.asarray(weights, np.float64)

    def loss(line: NDArray[Any]) -> float:
        z = line[0] + np.exp(line[1]) * x
        pull = line[0] ** 2 + line[1] ** 2
        return float(w @ (np.logaddexp(0, z) - y * z) + _PULL * pull)

    offset, log_slope = minimize(loss, np.zeros(2), method="BFGS").x
    return float(offset), float(np.exp(log_slope))
