"""Logistic regression for several classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS = 200


def fit_logistic(
    values: NDArray[np.float64], classes: NDArray[np.int64], count: int, penalty: float
) -> NDArray[np.float64]:
    """Fit weights by which the classes of examples are the likeliest.

    Every class counts the same, however many examples it has: they are chosen by a
    person, so how many there are says nothing of how frequent the class is.

    Parameters
    ----------
    values : (n, D) float64
        All of about one size, since the penalty is the same for each column.
    classes : (n,) int
        From 0 to ``count - 1``.
    count : int
        Number of classes K.
    penalty : float
        Of the squared weights, the intercepts left out; the more examples, the less it
        counts beside them.

    Returns
    -------
    (D + 1, K) float64
        The weight of each column, the intercept last.
    """
    n, width = values.shape
    wanted = np.eye(count)[classes]
    share = (n / count / np.maximum(wanted.sum(axis=0), 1))[classes]
    ridge = np.full((width + 1, 1), penalty)
    ridge[-1] = 0.0
    extended = np.hstack([values, np.ones((n, 1))])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.reshape(width + 1, count)
        chance = softmax(extended @ weights)
        likely = np.log(np.maximum(chance[np.arange(n), classes], 1e-300))
        value = -float(share @ likely) + 0.5 * float((ridge * weights**2).sum())
        slope = extended.T @ (share[:, None] * (chance - wanted)) + ridge * weights
        return value, slope.ravel()

    start = np.zeros((width + 1) * count)
    options = {"maxiter": _STEPS}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x).reshape(width + 1, count)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores (N, K) into probabilities (N, K)."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    chance: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return chance
