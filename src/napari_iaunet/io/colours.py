"""Colours of printing and television become red, green and blue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

# Pixels that are converted at a time: 25 MB as real numbers.
_AT_ONCE = 1 << 20

# What TIFF takes where a file does not say: luma of ITU-R BT.601, black and white.
_LUMA, _BLACK_AND_WHITE = (0.299, 0.587, 0.114), (0, 255, 128, 255, 128, 255)


def from_cmyk(inks: NDArray[Any]) -> NDArray[Any]:
    """Unsigned (..., 4) of cyan, magenta, yellow and black to (..., 3) of its type."""
    full = float(np.iinfo(inks.dtype).max)

    def convert(part: NDArray[Any]) -> NDArray[Any]:
        paper = 1 - part.astype(np.float32) / full
        return paper[:, :3] * paper[:, 3:] * full

    return _in_parts(convert, inks, inks.dtype)


def from_lab(lab: NDArray[Any], *, icc: bool) -> NDArray[Any]:
    """CIE L*a*b* (..., 3) of 8 or 16 bits, or real, to red, green, blue of its type.

    TIFF stores a and b with a sign, or, as ICC does, so that half the range is gray.
    """
    from skimage.color import lab2rgb

    dtype = lab.dtype
    real = dtype.kind == "f"
    # An ICC file of 16 bits has its white at 0xFF00.
    step = 1 if real or dtype.itemsize == 1 else 256
    white = 100.0 if real else 255.0 * step if icc else float(np.iinfo(dtype).max)
    full = 1.0 if real else float(np.iinfo(dtype).max)

    def convert(part: NDArray[Any]) -> NDArray[Any]:
        signed = part[:, 1:] if icc or real else part[:, 1:].view(f"i{dtype.itemsize}")
        hue = signed.astype(np.float32) / step - (128 if icc and not real else 0)
        light = part[:, :1].astype(np.float32) * (100 / white)
        return np.asarray(lab2rgb(np.hstack([light, hue]))) * full

    return _in_parts(convert, np.ascontiguousarray(lab), dtype)


def from_ycbcr(
    ycbcr: NDArray[np.uint8],
    luma: Sequence[float] | None = None,
    black_and_white: Sequence[float] | None = None,
) -> NDArray[Any]:
    """Luma and chroma (..., 3) of 8 bits to red, green, blue, as TIFF defines it."""
    r, g, b = luma or _LUMA
    ends = np.reshape(black_and_white or _BLACK_AND_WHITE, (3, 2)).astype(np.float32)
    span, size = np.array([255, 127, 127], np.float32), ends[:, 1] - ends[:, 0]

    def convert(part: NDArray[Any]) -> NDArray[Any]:
        y, cb, cr = ((part.astype(np.float32) - ends[:, 0]) * span / size).T
        red, blue = y + cr * (2 - 2 * r), y + cb * (2 - 2 * b)
        return np.stack([red, (y - b * blue - r * red) / g, blue], -1)

    return _in_parts(convert, ycbcr, ycbcr.dtype)


def _in_parts(
    convert: Callable[[NDArray[Any]], NDArray[Any]],
    colours: NDArray[Any],
    dtype: np.dtype[Any],
) -> NDArray[Any]:
    """Convert pixels some at a time: as real numbers they take much memory."""
    flat = colours.reshape(-1, colours.shape[-1])
    out = np.empty((len(flat), 3), dtype)
    for start in range(0, len(flat), _AT_ONCE):
        part = convert(flat[start : start + _AT_ONCE])
        if dtype.kind != "f":
            part = np.clip(np.rint(part), 0, np.iinfo(dtype).max)
        out[start : start + _AT_ONCE] = part
    return out.reshape(*colours.shape[:-1], 3)
