"""Percentile normalisation: intensities become what the network was trained on."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.segmentation.fillings import find_fillings
from napari_iaunet.segmentation.outliers import Outliers, find_outliers

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Percentiles, those of StarDist's examples (Schmidt et al., MICCAI 2018): the few
# brightest pixels may be dust or dead cells.
_LOW, _HIGH = 1.0, 99.8
# What is far darker or brighter than all else counts as this much: dust must not
# outshine the cells around it in the network's maps.
_CLIP = (-0.5, 3.0)
# Pixels that percentiles are taken from; to sort more takes time and changes little.
_SAMPLE = 1_000_000
# Largest values of real images that need no scaling: float32, in which the network
# computes, reaches from 1e-38 to 3e38, and differences must not overflow.
_MODERATE = (1e-30, 1e30)
_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Normalisation:
    """A linear map of intensities: the background gets near 0, cells near 1.

    Attributes
    ----------
    offset : int
        Subtracted from 64-bit integers, before their precision is cut.
    size : float
        Very large and very small reals are divided by this first.
    low, high : float
        What becomes 0 and 1; equal if there is nothing to see.
    fillings : tuple of values
        Pixels of these values show nothing: they become 0, as NaN does.
    outliers : tuple of Outliers
        What tells hot and dead pixels, if there are any: they become as bright as those
        around them.
    """

    offset: int
    size: float
    low: float
    high: float
    fillings: tuple[Any, ...] = ()
    outliers: tuple[Outliers, ...] = ()

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise and clip to [-0.5, 3].

        Parameters
        ----------
        x : array, usually (C, Y, X)
            Of the dtype that the normalisation was found for; rows and columns last.
            NaN becomes 0, infinities become the largest or smallest finite value.

        Returns
        -------
        float32 array of the same shape; zeros if ``low`` is ``high``.
        """
        if not self.high > self.low or not np.size(x):
            return np.zeros(np.shape(x), np.float32)
        x = self._repaired(self._float(np.asarray(x)))
        low, high = x.dtype.type(self.low), x.dtype.type(self.high - self.low)
        out: NDArray[np.float32] = ((x - low) / high).astype(np.float32)
        finite = np.isfinite(out)
        if not finite.all():
            top, bottom = out[finite].max(initial=0), out[finite].min(initial=0)
            np.nan_to_num(out, copy=False, nan=0.0, posinf=top, neginf=bottom)
        np.clip(out, *_CLIP, out=out)
        return out

    def _float(self, x: NDArray[Any]) -> NDArray[np.floating[Any]]:
        """Floats of moderate size, NaN where there is a filling."""
        values = _as_float(x, self.offset, self.size)
        if self.fillings:
            filled = np.isin(x, self.fillings)
            values = np.where(filled, values.dtype.type(np.nan), values)
        return values

    def _repaired(self, x: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        for outliers in self.outliers:
            x, _ = outliers.repaired(x)
        return x


def find_normalisation(x: NDArray[Any]) -> Normalisation:
    """Find what brings percentiles 1 and 99.8 of all finite values to 0 and 1.

    Filled borders and hot or dead pixels are left out.

    Parameters
    ----------
    x : array, usually (C, Y, X)
        Any boolean, integer or real dtype; rows and columns last.
    """
    x = np.asarray(x)
    if not x.size:
        return Normalisation(0, 1.0, 0.0, 0.0)
    offset, size = 0, 1.0
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        offset = int(x.min())
    elif x.dtype.kind == "f" and x.dtype.itemsize > 2:
        largest = min(float(np.abs(x[np.isfinite(x)]).max(initial=0)), _LARGEST)
        if largest and not _MODERATE[0] < largest < _MODERATE[1]:
            size = largest
    found = Normalisation(offset, size, 0.0, 0.0, find_fillings(x))
    values = found._float(x)
    found = replace(found, outliers=find_outliers(values) if x.ndim >= 2 else ())
    low, high = _limits(found._repaired(values))
    return replace(found, low=low, high=high)


def _as_float(x: NDArray[Any], offset: int, size: float) -> NDArray[np.floating[Any]]:
    """Floats of moderate size, equal to ``x`` up to offset and positive factor."""
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        # Two's complement: the wrapped difference is exact where float64 is not.
        x = np.maximum(x, x.dtype.type(offset)).astype(np.uint64)
        with np.errstate(over="ignore"):
            return (x - np.uint64(offset % 2**64)).astype(np.float64)
    if x.dtype.kind == "b" or x.dtype.itemsize <= 2:
        return x.astype(np.float32)
    if x.dtype.kind in "iu":
        return x.astype(np.float64)
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    if size != 1.0:
        x = x / size
    return x.astype(np.float32 if x.dtype.itemsize == 4 else np.float64, copy=False)


def _limits(x: NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Values that become 0 and 1; equal if ``x`` is constant."""
    step = max(1, math.ceil(math.sqrt(x.size / _SAMPLE)))
    sample = x[..., ::step, ::step] if x.ndim >= 2 else x[::step]
    sample = sample[np.isfinite(sample)]
    if sample.size:
        low, high = np.percentile(sample, (_LOW, _HIGH)).tolist()
        if high > low:
            return low, high
    finite = x[np.isfinite(x)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
