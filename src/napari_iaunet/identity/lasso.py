"""Which points of a plot are meant: those in a lasso, and those next to a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.measure import points_in_poly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def rows_inside(
    places: NDArray[np.floating[Any]], polygon: NDArray[np.floating[Any]]
) -> NDArray[np.intp]:
    """Return the rows of the places (N, 2) that lie in a polygon (M, 2).

    Where it crosses itself, a place that it goes round twice is outside.
    """
    if len(polygon) < 3 or not len(places):
        return np.zeros(0, np.intp)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    near = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
    inside = points_in_poly(places[near].astype(np.float64), polygon.astype(np.float64))
    found: NDArray[np.intp] = near[np.asarray(inside, bool)]
    return found


def nearest_row(
    places: NDArray[np.floating[Any]], to: Sequence[float], reach: float
) -> int | None:
    """Return the row of the place (N, 2) next to another; None beyond a reach."""
    if not len(places):
        return None
    away = ((places - np.asarray(to, places.dtype)) ** 2).sum(axis=1)
    row = int(away.argmin())
    return row if float(away[row]) <= reach**2 else None


def next_row(
    places: NDArray[np.floating[Any]], row: int, towards: tuple[int, int]
) -> int:
    """Return the row of the next place (N, 2) in a direction; the same if none is.

    What lies aside counts as twice as far, and what lies more aside than ahead, not at
    all. ``towards`` is (1, 0) to the right, (0, 1) upwards.
    """
    apart = places - places[row]
    ahead = apart @ np.asarray(towards, places.dtype)
    aside = np.abs(apart @ np.asarray(towards[::-1], places.dtype))
    far = np.where((ahead > 0) & (aside <= ahead), ahead + 2 * aside, np.inf)
    best = int(far.argmin())
    return best if np.isfinite(far[best]) else row
