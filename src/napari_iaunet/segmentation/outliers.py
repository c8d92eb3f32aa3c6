"""Hot and dead pixels: defects of the camera, and what strikes it.

They are told from the sample so cautiously that ordinary images stay as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The percentiles of the normalisation, of a plane without single bright pixels.
_RANGE = (1.0, 99.8)
# A hot pixel is brighter than all around it that is larger than a speck: by more than
# the range of all the image; by more than so many times what nine of ten pixels differ
# by (the noise: 6.6 standard deviations if it is Gaussian); and by this share of the
# height of what is around. A dead pixel is as much darker.
_NOISE_PERCENTILE, _NOISE = 90.0, 4.0
_OF_HEIGHT = 0.5
# It lies this share of the range beyond the percentiles.
_BEYOND = 0.5
# Width of a speck in pixels, and by how many ranges it stands out. Two pixels wide are
# hot columns side by side and traces of cosmic rays, but also membranes.
_SPECKS = ((2, 4.0), (1, 1.0))
# How far around, in pixels.
_AROUND = 2
# More of them, as a share of all pixels, are no defects of a camera.
_MANY = 0.05
# Pixels that percentiles are taken from.
_SAMPLE = 120_000
# Rows that are looked at together.
_BAND = 16


class Outliers(NamedTuple):
    """When a pixel is hot or dead.

    Attributes
    ----------
    low, high : float
        Range of all the image.
    step : float
        By how much it differs from what is around it.
    width : int
        Of a speck, in pixels.
    """

    low: float
    high: float
    step: float
    width: int

    def repaired(
        self, x: NDArray[np.floating[Any]]
    ) -> tuple[NDArray[np.floating[Any]], int]:
        """Replace hot and dead pixels by what is around them.

        Parameters
        ----------
        x : (..., Y, X) float
            NaN is nothing.

        Returns
        -------
        x : float array of the same shape
            The same array if there is none.
        count : int
            How many there are.
        """
        beyond = _BEYOND * (self.high - self.low)
        with np.errstate(invalid="ignore"):
            bright, dark = x > self.high + beyond, x < self.low - beyond
        where = np.nonzero((bright | dark) & np.isfinite(x))
        if not where[0].size:
            return x, 0
        smooth = _smooth_at(x, where, self.width)
        hot = ~(np.abs(x[where] - smooth) <= self.step)  # or NaN is near
        where, smooth = tuple(axis[hot] for axis in where), smooth[hot]
        value, is_bright = x[where], bright[where]
        lowest, highest = _extremes_around(x, where, self.width)
        around = np.where(is_bright, highest, lowest)
        apart = np.where(is_bright, value - around, around - value)
        hot = apart > np.maximum(self.step, _OF_HEIGHT * np.abs(around - self.low))
        hot |= highest < lowest  # alone amid nothing
        if not hot.any():
            return x, 0
        repaired = x.copy()
        repaired[tuple(axis[hot] for axis in where)] = smooth[hot]
        return repaired, int(hot.sum())


def find_outliers(x: NDArray[np.floating[Any]]) -> tuple[Outliers, ...]:
    """Find out whether an image has hot or dead pixels, and what tells them.

    Parameters
    ----------
    x : (..., Y, X) float
        NaN is nothing.

    Returns
    -------
    tuple of Outliers
        To be repaired one after another.
    """
    all_found = []
    for width, ranges in _SPECKS:
        found = _find(x, width, ranges)
        if found:
            repaired, count = found.repaired(x)
            if 0 < count <= _MANY * x.size:
                all_found.append(found)
                x = repaired
    return tuple(all_found)


def _find(x: NDArray[np.floating[Any]], width: int, ranges: float) -> Outliers | None:
    sample = _bands(x)
    smooth = without_specks(sample, width)
    known = np.isfinite(smooth) & np.isfinite(sample)
    if not known.any():
        return None
    smooth = smooth[known]
    low, high = np.percentile(smooth, _RANGE).tolist()
    beyond = _BEYOND * (high - low)
    # Most images end here: no pixel is bright or dark enough.
    if not high > low or not (
        np.fmax.reduce(x, axis=None) > high + beyond
        or np.fmin.reduce(x, axis=None) < low - beyond
    ):
        return None
    noise = np.percentile(np.abs(sample[known] - smooth), _NOISE_PERCENTILE).item()
    return Outliers(low, high, max(ranges * (high - low), _NOISE * noise), width)


def _bands(x: NDArray[Any]) -> NDArray[Any]:
    """Bands of whole rows, spread evenly: in them pixels have their neighbours."""
    every = max(1, x.size // _SAMPLE)
    return x[..., np.arange(x.shape[-2]) // _BAND % every == 0, :]


def without_specks(x: NDArray[Any], width: int) -> NDArray[Any]:
    """Remove what is one or two pixels wide: medians of three along both axes.

    Parameters
    ----------
    x : (..., Y, X) bool, integer or real
        Near NaN is NaN.
    width : int
        The three are so many pixels apart.
    """
    for axis in (-1, -2):
        frame = [(0, 0)] * x.ndim
        frame[axis] = (width, width)
        padded = np.swapaxes(np.pad(x, frame, "symmetric"), axis, -1)
        before, after = padded[..., : -2 * width], padded[..., 2 * width :]
        x = _median(np.swapaxes(before, axis, -1), x, np.swapaxes(after, axis, -1))
    return x


def _median(a: NDArray[Any], b: NDArray[Any], c: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(invalid="ignore"):
        median: NDArray[Any] = np.maximum(
            np.minimum(a, c), np.minimum(np.maximum(a, c), b)
        )
    return median


def _smooth_at(
    x: NDArray[np.floating[Any]], where: tuple[NDArray[np.intp], ...], width: int
) -> NDArray[np.floating[Any]]:
    """Return what `without_specks` gives at some pixels only."""
    *plane, y, x_ = where
    rows, columns = (
        [_mirrored(axis + step, length) for step in (-width, 0, width)]
        for axis, length in zip((y, x_), x.shape[-2:], strict=True)
    )
    return _median(
        *(_median(*(x[(*plane, row, column)] for column in columns)) for row in rows)
    )


def _mirrored(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Bring indices beyond both ends back, as symmetric padding does."""
    index = np.where(index < 0, -1 - index, index)
    index = np.where(index >= length, 2 * length - 1 - index, index)
    return np.clip(index, 0, length - 1)


def _extremes_around(
    x: NDArray[np.floating[Any]], where: tuple[NDArray[np.intp], ...], width: int
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Lowest and highest value around some pixels, without specks and NaN."""
    *plane, y, x_ = where
    height, breadth = x.shape[-2:]
    lowest = np.full(len(y), np.inf, x.dtype)
    highest = -lowest
    for down, right in np.ndindex(2 * _AROUND + 1, 2 * _AROUND + 1):
        row = np.clip(y + down - _AROUND, 0, height - 1)
        column = np.clip(x_ + right - _AROUND, 0, breadth - 1)
        value = _smooth_at(x, (*plane, row, column), width)
        np.fmin(lowest, value, out=lowest)
        np.fmax(highest, value, out=highest)
    return lowest, highest
