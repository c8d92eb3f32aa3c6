"""Values that fill borders and missing tiles where an image shows nothing.

They are told from the sample so cautiously that ordinary images stay as they are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.segmentation.outliers import without_specks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Fewer filled pixels than this share do not reach the upper percentile.
_FEW = 0.002
# Percentiles of all other pixels, robust against hot ones, and how far off a filling
# lies from them, as a share of their range. The white around a stained tissue and
# saturated cells fade into it and lie near. From below, where it is not negative,
# it may be a background that was cut to 0: it must lie farther off.
_OTHERS = (1.0, 98.0)
_FAR, _FARTHER = 0.25, 1.0
# Sides that other pixels share with filled ones, for each other pixel: at most so many.
# Round cells, 130 or 260 pixels wide, on a background of one value have as many.
_SIDES, _FEWER_SIDES = 0.04, 0.02
# A square of so many pixels is too large for a saturated cell, and so is a run along
# the border of the image of this share of it; at a corner, of so many pixels, and this
# share of each side.
_SQUARE = 64
_RUN = 0.1
_CORNER, _CORNER_SHARE = 32, 1 / 16
# Pixels that shares and percentiles are taken from.
_SAMPLE = 60_000


def find_fillings(x: NDArray[Any]) -> tuple[Any, ...]:
    """Find values that fill borders or missing tiles, such as 65535 and -9999.

    Parameters
    ----------
    x : (..., Y, X) array
        Any boolean, integer or real dtype.

    Returns
    -------
    tuple of values of that dtype
    """
    fillings: list[Any] = []
    if x.dtype.kind != "b" and x.ndim >= 2:
        # Of several, one may hide the other.
        while new := next(_new_filling(x, fillings), None):
            fillings += new
    return tuple(fillings)


def _new_filling(x: NDArray[Any], known: list[Any]) -> Iterator[list[Any]]:
    step = max(1, math.ceil(math.sqrt(x.size / _SAMPLE)))
    sample = x[..., ::step, ::step].ravel()
    sample = sample[~np.isnan(sample) & ~np.isin(sample, known)]
    for value in _candidates(x):
        others = sample[sample != value]
        if value in known or sample.size - others.size < _FEW * sample.size:
            continue
        sides = _most_sides(value, others)
        if sides:
            filled, nothing = x == value, np.isnan(x) | np.isin(x, known)
            if _is_area(filled, nothing, sides):
                yield [value]


def _candidates(x: NDArray[Any]) -> Iterator[Any]:
    """Values of the corners, the largest and the smallest."""
    known = x[~np.isnan(x)] if x.dtype.kind == "f" else x
    if not known.size:
        return
    corners = x[..., [0, 0, -1, -1], [0, -1, 0, -1]].ravel()
    extremes = np.array([known.max(), known.min()], x.dtype)
    for value in np.unique(np.concatenate([extremes, corners])):
        if not np.isnan(value):
            yield value


def _most_sides(value: Any, others: NDArray[Any]) -> float | None:
    """Sides that each other pixel may share with a filling; None if it is too near."""
    others = others[np.isfinite(others)].astype(np.float64)
    if not others.size:
        return None
    low, high = np.percentile(others, _OTHERS).tolist()
    from_below = 0 <= value < low
    far = (high - low) * (_FARTHER if from_below else _FAR)
    if not (high > low and max(float(value) - high, low - float(value)) > far):
        return None
    return _FEWER_SIDES if from_below else _SIDES


def _is_area(
    filled: NDArray[np.bool_], nothing: NDArray[np.bool_], most_sides: float
) -> bool:
    """Whether filled pixels are a large area with a short outline."""
    # Hot pixels lie in it, or have the same value.
    area = without_specks(filled, 2)
    others = ~area & ~nothing
    shared = 0
    for axis in (-1, -2):
        a, b = (np.moveaxis(mask, axis, 0) for mask in (area, others))
        shared += int(np.count_nonzero(a[1:] & b[:-1]))
        shared += int(np.count_nonzero(b[1:] & a[:-1]))
    if shared > most_sides * np.count_nonzero(others & ~filled):
        return False
    planes = np.concatenate(
        [mask.reshape(-1, *mask.shape[-2:]) for mask in (filled, area)]
    )
    return any(_fills_square(plane) or _fills_border(plane) for plane in planes)


def _fills_square(filled: NDArray[np.bool_]) -> bool:
    rows, columns = (n // _SQUARE for n in filled.shape)
    blocks = filled[: rows * _SQUARE, : columns * _SQUARE]
    blocks = blocks.reshape(rows, _SQUARE, columns, _SQUARE)
    return bool(blocks.all((1, 3)).any())


def _fills_border(filled: NDArray[np.bool_]) -> bool:
    """Whether a long part of the image's border is filled, or a corner of it."""
    height, width = filled.shape
    # Once around; a run may go on where it begins.
    sides = filled[0], filled[1:, -1], filled[-1, -2::-1], filled[-2:0:-1, 0]
    around = np.concatenate(sides)
    ends = np.flatnonzero(~np.concatenate([around, around]))
    runs = np.diff(ends, prepend=-1) - 1
    if not ends.size or runs.max() >= _RUN * len(around):
        return True
    down, right = (max(_CORNER, round(_CORNER_SHARE * n)) for n in (height, width))
    turned = (filled, filled[::-1], filled[:, ::-1], filled[::-1, ::-1])
    return any(one[:down, 0].all() and one[0, :right].all() for one in turned)
