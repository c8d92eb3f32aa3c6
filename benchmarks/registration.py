"""Lay the channels of images onto their masks.

The multiplexed tissue was taken channel after channel, and the stage moved between:
its membranes lie 2 pixels, its cytoplasm 8 pixels off its nuclei, and its nuclei 1 or 2
off the masks, in cells of 17 pixels. A network that sees crops turned and mirrored
cannot learn such a shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.common import Labels

# Kinds of which the channels are laid onto the masks; the first channel shows nuclei.
REGISTERED = ("tissue-codex",)
# Pixels: the largest shift that is looked for. The largest that was found is 9.
_FARTHEST = 12
# Sigmas in pixels between which details are compared: cells of 17 pixels.
_FINE, _COARSE = 1.0, 12.0

Shift = tuple[int, int]


def register(channels: NDArray[Any], labels: Labels) -> tuple[NDArray[Any], Labels]:
    """Move every channel of (C, Y, X) onto its labels (Y, X), and cut off the rim."""
    shifts = shifts_of(channels, labels)
    moved = [
        np.roll(channel, shift, (0, 1))
        for channel, shift in zip(channels, shifts, strict=True)
    ]
    rim = max((abs(pixels) for shift in shifts for pixels in shift), default=0)
    inner = np.s_[rim : labels.shape[0] - rim, rim : labels.shape[1] - rim]
    return np.stack(moved)[(slice(None), *inner)], labels[inner]


def shifts_of(channels: NDArray[Any], labels: Labels) -> list[Shift]:
    """Pixels (rows, columns) by which each channel is to move.

    Nuclei are found on the masks; other channels, which show less of where a cell
    is, on the nuclei.
    """
    border = ndi.grey_dilation(labels, 3) != ndi.grey_erosion(labels, 3)
    inside = ((labels > 0) & ~border).astype(np.float64)
    nuclei, *others = [
        _details(np.log1p((c - np.percentile(c, 0.1)).clip(min=0)))
        for c in channels.astype(np.float64)
    ]
    first = _best_shift(nuclei, _details(inside))
    found = [first]
    for other in others:
        onto = _best_shift(other, nuclei)
        found.append((first[0] + onto[0], first[1] + onto[1]))
    return found


def _details(image: NDArray[np.float64]) -> NDArray[np.float64]:
    details = ndi.gaussian_filter(image, _FINE) - ndi.gaussian_filter(image, _COARSE)
    return np.asarray(details - details.mean())


def _best_shift(moved: NDArray[np.float64], still: NDArray[np.float64]) -> Shift:
    """Where the correlation of two images is highest."""
    product = np.fft.rfft2(still) * np.fft.rfft2(moved).conj()
    near = np.roll(np.fft.irfft2(product, s=still.shape), (_FARTHEST,) * 2, (0, 1))
    near = near[: 2 * _FARTHEST + 1, : 2 * _FARTHEST + 1]
    y, x = np.unravel_index(near.argmax(), near.shape)
    return int(y) - _FARTHEST, int(x) - _FARTHEST
