"""How further clicks change a cell's mask: every click is obeyed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Users click in the middle of an error: the outline moves so many times as far as the
# click is from it. At 1 it would end at the click; far above, it takes what was right.
_BEYOND = 1.5
# Least height above or below 0 at a click, in units of the logit: the click is then
# clearly inside or outside.
_MARGIN = 0.2
# First the whole outline around a click moves, by so much at most, in units of the
# logit; what is still missing moves nearby only: so far, as a share of the usual
# spread.
_GENTLE = 1.0
_NARROW = 0.25
# Nearby also ends at this share of the distance to a click of the other kind, but not
# below so many pixels: where such clicks lie close together, the cell or the error is
# small.
_TOWARDS_OPPOSITE = 0.5
_NARROWEST = 0.7
# Clicks are served one after another, the worst first, at most so many times; a few are
# enough, unless clicks contradict each other.
_ROUNDS = 50


def correction(
    height: NDArray[np.float32],
    points: NDArray[np.float64],
    positive: NDArray[np.bool_],
    spread: float,
) -> NDArray[np.float32]:
    """Raise or lower a map around the clicks that lie on its wrong side of 0.

    A click beside the outline says where the outline runs, so the whole outline
    near it moves; clicks that are right already hold it where it is.

    Parameters
    ----------
    height : (Y, X) float32
        Above 0 inside of the cell.
    points : (P, 2) float
        (y, x) in pixels.
    positive : (P,) bool
    spread : float
        How far a click reaches, in pixels.

    Returns
    -------
    (Y, X) float32, to be added.
    """
    sign = np.where(positive, 1.0, -1.0)
    value = np.array([_at(height, point) for point in points]) * sign
    if (value > 0).all():
        return np.zeros(height.shape, np.float32)
    wanted = _MARGIN + (_BEYOND - 1) * np.maximum(0, -value)
    apart = ((points[:, None] - points[None]) ** 2).sum(-1)
    y, x = np.ogrid[: height.shape[0], : height.shape[1]]
    squares = [(y - point[0]) ** 2 + (x - point[1]) ** 2 for point in points]
    total = np.zeros(height.shape, np.float32)
    everywhere = np.full(len(points), spread)
    nearby = _nearby(apart, positive, _NARROW * spread)
    for widths, most in ((everywhere, _GENTLE), (nearby, np.inf)):
        kernel = _nearness(apart, widths) * np.outer(sign, sign)
        strengths = _solve(kernel, wanted - value, most)
        value = value + kernel @ strengths
        shifts = sign * strengths
        for square, shift, width in zip(squares, shifts, widths, strict=True):
            if shift:
                total += (shift * _nearness(square, width)).astype(np.float32)
    return total


def _nearby(
    apart: NDArray[np.float64], positive: NDArray[np.bool_], widest: float
) -> NDArray[np.float64]:
    """How far each click reaches when it acts alone, (P,) pixels."""
    opposite = positive[:, None] != positive
    distance = np.sqrt(np.where(opposite, apart, np.inf).min(axis=1))
    least = min(_NARROWEST, widest)
    return np.asarray(np.clip(_TOWARDS_OPPOSITE * distance, least, widest))


def _nearness(
    square: NDArray[np.float64], width: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * square / width**2))


def _solve(
    kernel: NDArray[np.float64], missing: NDArray[np.float64], most: float
) -> NDArray[np.float64]:
    """Strengths of the clicks, up to `most`, that leave little missing at any."""
    strengths = np.zeros(len(missing))
    for _ in range(_ROUNDS):
        left = np.where(strengths < most, missing - kernel @ strengths, 0.0)
        worst = int(left.argmax())
        if left[worst] <= 0:
            break
        strengths[worst] = min(most, strengths[worst] + left[worst])
    return strengths


def obey(
    mask: NDArray[np.bool_],
    points: NDArray[np.float64],
    positive: NDArray[np.bool_],
    drawn: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Change a mask so that it holds the positive points and no negative one.

    A point on the wrong side gets a disc: around a positive point outside it reaches
    to the mask, around a negative point inside to the mask's edge. That is the size of
    the error, if it was clicked in its middle. Pixels that were drawn count alone.
    Parts without a positive point go; without any such point the largest part stays.

    Parameters
    ----------
    mask : (Y, X) bool
    points : (P, 2) float
        (y, x) in pixels; no two on one pixel unless both are positive or both not,
        else the positive one wins.
    positive : (P,) bool
    drawn : (P,) bool, optional
        Pixels of strokes; none if left out.
    """
    clicked = np.ones(len(points), bool) if drawn is None else ~drawn
    mask = _with_holes_filled(mask, points[~positive])
    _set(mask, points[positive & ~clicked], True)
    for point in points[positive & clicked]:
        if not _at(mask, point):
            gap = ndimage.distance_transform_edt(~mask) if mask.any() else mask + 2.0
            mask |= _disc(mask.shape, point, 1.5 + _at(gap, point))
    for point in points[~positive & clicked]:
        if _at(mask, point):
            depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
            apart = np.linalg.norm(points[positive] - point, axis=1)
            nearest = apart.min(initial=np.inf)
            radius = max(0.5, min(1.0 + _at(depth, point), nearest - 1.5))
            mask &= ~_disc(mask.shape, point, radius)
    _set(mask, points[~positive & ~clicked], False)
    # At a coarser scale a negative point may lie on the same pixel.
    _set(mask, points[positive], True)
    if not positive.any():
        return largest_part(mask)
    parts, _ = ndimage.label(mask)
    wanted = {_at(parts, point) for point in points[positive]} - {0}
    return np.isin(parts, list(wanted))


def largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part of a mask (Y, X)."""
    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray(parts == sizes.argmax())


def _with_holes_filled(
    mask: NDArray[np.bool_], negative: NDArray[np.float64]
) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(mask)
    parts, _ = ndimage.label(filled & ~mask)
    asked_for = [_at(parts, point) for point in negative]
    return filled & ~np.isin(parts, [part for part in asked_for if part])


def _set(mask: NDArray[np.bool_], points: NDArray[np.float64], value: bool) -> None:
    mask[tuple(np.rint(points).astype(int).T)] = value


def _at(values: NDArray[Any], point: NDArray[np.float64]) -> Any:
    y, x = np.rint(point).astype(int)
    return values[y, x]


def _disc(
    shape: tuple[int, ...], point: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((y - point[0]) ** 2 + (x - point[1]) ** 2 <= radius**2)
