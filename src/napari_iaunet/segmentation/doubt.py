"""Which cells are worth a second look, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# As many cells tell what is usual.
_ENOUGH = 8
# Standard deviations of a normal distribution in one median absolute deviation.
_SIGMA = 1.4826
# Robust standard deviations from which on a cell is odd, and at which it could not be
# odder; one of a hundred usual cells is odd by chance.
_ODD, _ODDEST = 2.6, 6.0
# A convex cell fills its hull by 95 % or so, one with a lobe or a dent by less than 88.
_CONVEX, _DENTED, _LOBED = 0.94, 0.88, 0.6
# Even the oddest is not beyond doubt: two reasons are more than one.
_MOST = 0.95


class Doubts(NamedTuple):
    """How doubtful cells are, 0 to 1, (N,), and what is odd about each, in words."""

    values: NDArray[np.float64]
    reasons: list[str]


def doubts(
    scores: NDArray[np.float64],
    areas: NDArray[np.float64],
    borders: NDArray[np.float64],
    solidities: NDArray[np.float64],
) -> Doubts:
    """Judge cells by their score, and by what sets them apart from the others.

    Parameters
    ----------
    scores : (N,) float
        0 to 1; NaN for a cell that was drawn by hand, which is no reason for doubt.
    areas, borders, solidities : (N,) float
        In pixels, and as in `napari_iaunet.segmentation.survey`.
    """
    low = -_deviations(scores)
    size = _deviations(np.log(np.maximum(areas, 1)))
    # A cell that the border cuts is small without being odd.
    size = np.where((borders == 0) & (size < 0), 0.0, size)
    parts = (
        np.where(np.isnan(scores), 0.0, np.clip(1 - scores, 0, _MOST)),
        _between(np.abs(size), _ODD, _ODDEST),
        _between(-solidities, -_CONVEX, -_LOBED),
    )
    values = 1 - np.prod([1 - part for part in parts], axis=0)
    usual = float(np.median(areas)) if len(areas) else 1.0
    reasons = [
        _words(scores[i], low[i], size[i], areas[i] / usual, solidities[i])
        for i in range(len(scores))
    ]
    return Doubts(values, reasons)


def _deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from the median values are, in robust standard deviations."""
    known = values[np.isfinite(values)]
    if known.size < _ENOUGH:
        return np.zeros(len(values))
    middle = np.median(known)
    spread = _SIGMA * float(np.median(np.abs(known - middle)))
    if spread <= 0:
        return np.zeros(len(values))
    return np.asarray(np.where(np.isfinite(values), values - middle, 0.0) / spread)


def _between(
    values: NDArray[np.float64], least: float, most: float
) -> NDArray[np.float64]:
    """Rise from 0 at the least value to `_MOST` at the other."""
    return _MOST * np.clip((values - least) / (most - least), 0, 1)


def _words(score: float, low: float, size: float, times: float, solidity: float) -> str:
    found = []
    if low > _ODD or score < 0.5:
        found.append(f"low score ({score:.2f})")
    if size > _ODD:
        found.append(f"large: {times:.1f} times the usual area")
    elif size < -_ODD:
        found.append(f"small: {100 * times:.0f} % of the usual area")
    if solidity < _DENTED:
        share = f"{100 * solidity:.0f} %"
        found.append(f"lobes or dents: fills {share} of the hull around it")
    if found:
        return "; ".join(found)
    return "nothing odd" if np.isnan(score) else f"nothing odd, score {score:.2f}"
