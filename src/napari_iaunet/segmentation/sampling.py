"""Samples of an image that is too large to be read as a whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.intensity import Normalisation

# Planes of more pixels are known by samples only; smaller ones are read in an instant.
_LARGE = 2048 * 2048
# Side of a sampled window in pixels, and windows along each axis: 144 windows hold 2.4
# million pixels, more than percentiles are taken from, and find cells in the corners of
# a slide, too.
_WINDOW, _PER_AXIS = 128, 12
# One window in so many is read to tell an image from another of the same shape.
_DIGESTED = 5
# Side, in pixels, of the parts that cells are measured in: that of `diameter.py`.
_PART = 512
# Which windows, in the order of their contrast: the first may be dust or a scratch, the
# later ones are more and more background.
_RANKS = (0.02, 0.06, 0.12)


def is_large(planes: Planes) -> bool:
    """Whether a plane had better not be read as a whole to learn about it."""
    height, width = planes.plane_shape
    return height * width > _LARGE


def sample_normalisations(planes: Planes, i: int) -> tuple[Normalisation, ...]:
    """Stretches of one plane; from windows all over it if it is large."""
    if not is_large(planes):
        return planes.find_normalisations(planes.raw(i))
    windows = [planes.raw(i, *place) for place in _windows(planes.plane_shape)]
    return planes.find_normalisations(np.concatenate(windows, 1))


def digest(planes: Planes) -> str:
    """Digest of samples of the first, the middle and the last plane's pixels."""
    found = hashlib.sha256()
    for i in sorted({0, len(planes) // 2, len(planes) - 1}):
        for rows, columns in list(_windows(planes.plane_shape))[::_DIGESTED]:
            found.update(planes.raw(i, rows, columns).tobytes())
    return found.hexdigest()


def high_contrast_parts(
    planes: Planes, i: int, normalisations: tuple[Normalisation, ...]
) -> Iterator[NDArray[np.float32]]:
    """Parts of a large plane where contrast is high, so that cells are likely there.

    Yields
    ------
    (3, y, x) float32
        Normalised.
    """
    places = list(_windows(planes.plane_shape))
    contrast = [
        float(planes.normalise(planes.raw(i, *place), normalisations).std())
        for place in places
    ]
    order = np.argsort(contrast)[::-1]
    for rank in _RANKS:
        best = order[int(rank * len(order))]
        rows, columns = (
            _widened(part, length)
            for part, length in zip(places[best], planes.plane_shape, strict=True)
        )
        yield planes.normalise(planes.raw(i, rows, columns), normalisations)


def _windows(shape: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Squares spread evenly over a plane."""
    axes = []
    for length in shape:
        count = min(_PER_AXIS, max(1, length // _WINDOW))
        starts = (np.arange(count) + 0.5) * length / count - _WINDOW / 2
        axes.append([max(0, int(start)) for start in starts])
    for y in axes[0]:
        for x in axes[1]:
            yield slice(y, y + _WINDOW), slice(x, x + _WINDOW)


def _widened(part: slice, length: int) -> slice:
    middle = (part.start + part.stop) // 2
    start = max(0, min(middle - _PART // 2, length - _PART))
    return slice(start, start + _PART)
