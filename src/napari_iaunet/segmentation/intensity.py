"""Intensities and sizes of planes, brought to what the network knows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOW, _HIGH = 1.0, 99.8
_CLIP = (-0.5, 3.0)
_SAMPLE = 1_000_000


def _as_float(x: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Floats of moderate size, equal to ``x`` up to offset and positive factor."""
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        # Two's complement: the wrapped difference is exact where float64 is not.
        low = np.uint64(int(x.min()) % 2**64)
        with np.errstate(over="ignore"):
            return (x.astype(np.uint64) - low).astype(np.float64)
    if x.dtype.kind == "b" or x.dtype.itemsize <= 2:
        return x.astype(np.float32)
    if x.dtype.kind in "iu":
        return x.astype(np.float64)
    x = x.astype(x.dtype.newbyteorder("="), copy=False)
    size = np.abs(x[np.isfinite(x)]).max(initial=0)
    if size and not 1e-30 < size < 1e30:
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


def normalise(x: NDArray[Any]) -> NDArray[np.float32]:
    """Stretch intensities so that the background is near 0 and cells near 1.

    Percentiles 1 and 99.8 of all finite values together become 0 and 1; the
    result is clipped to [-0.5, 3].

    Parameters
    ----------
    x : array, usually (C, Y, X)
        Any boolean, integer or real dtype. NaN becomes 0, infinities become
        the largest or smallest finite value.

    Returns
    -------
    float32 array of the same shape; zeros if ``x`` is constant.
    """
    x = _as_float(np.asarray(x)) if np.size(x) else np.asarray(x, np.float32)
    low, high = _limits(x)
    if not high > low:
        return np.zeros(x.shape, np.float32)
    out: NDArray[np.float32] = (
        (x - x.dtype.type(low)) / x.dtype.type(high - low)
    ).astype(np.float32)
    finite = np.isfinite(out)
    if not finite.all():
        np.nan_to_num(
            out,
            copy=False,
            nan=0.0,
            posinf=float(out[finite].max()),
            neginf=float(out[finite].min()),
        )
    np.clip(out, *_CLIP, out=out)
    return out


def rescale(plane: NDArray[np.float32], scale: float) -> NDArray[np.float32]:
    """Resize a plane bilinearly, with anti-aliasing where it shrinks.

    Parameters
    ----------
    plane : (C, Y, X) float32
    scale : float
        Factor of both spatial axes.

    Returns
    -------
    (C, round(Y * scale), round(X * scale)) float32, each at least 1 pixel.
    """
    height, width = (max(1, round(n * scale)) for n in plane.shape[-2:])
    if (height, width) == plane.shape[-2:]:
        return plane
    import torch
    from torch.nn.functional import interpolate

    resized = interpolate(
        torch.from_numpy(np.ascontiguousarray(plane, np.float32))[None],
        size=(height, width),
        mode="bilinear",
        align_corners=False,
        antialias=scale < 1,
    )
    out: NDArray[np.float32] = resized[0].numpy()
    return out
