"""Lay the channels of training images onto their masks.

The multiplexed tissue was taken channel after channel, and the stage moved between:
its membranes lie 2 pixels, its cytoplasm 8 pixels off its nuclei, and its nuclei 1 or 2
off the masks, in cells of 17 pixels. A network that sees crops turned and mirrored
cannot learn such a shift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from scipy import ndimage as ndi

from benchmarks import common

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Kinds of which the channels are laid onto the masks; the first channel shows nuclei.
REGISTERED = ("tissue-codex",)
# Pixels: the largest shift that is looked for. The largest that was found is 9.
_FARTHEST = 12
# Sigmas in pixels between which details are compared: cells of 17 pixels.
_FINE, _COARSE = 1.0, 12.0

Shift = tuple[int, int]


def registered(pairs: Sequence[common.Pair], folder: Path) -> list[common.Pair]:
    """Write copies of pairs whose channels lie on the masks.

    Parameters
    ----------
    pairs : sequence of (image, mask)
        Files; images of (C, Y, X).
    folder : Path
        Of the copies, which are smaller by what the shifts leave empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for (image, mask), sample in zip(pairs, common.read(pairs), strict=True):
        channels, labels = register(sample.image, sample.labels)
        copy = folder / image.name, folder / mask.name
        tifffile.imwrite(copy[0], channels, imagej=True, metadata={"axes": "CYX"})
        tifffile.imwrite(copy[1], labels)
        copies.append(copy)
    return copies


def register(
    channels: NDArray[Any], labels: common.Labels
) -> tuple[NDArray[Any], common.Labels]:
    """Move every channel of (C, Y, X) onto its labels (Y, X), and cut off the rim."""
    shifts = shifts_of(channels, labels)
    moved = [
        np.roll(channel, shift, (0, 1))
        for channel, shift in zip(channels, shifts, strict=True)
    ]
    rim = max((abs(pixels) for shift in shifts for pixels in shift), default=0)
    inner = np.s_[rim : labels.shape[0] - rim, rim : labels.shape[1] - rim]
    return np.stack(moved)[(slice(None), *inner)], labels[inner]


def shifts_of(channels: NDArray[Any], labels: common.Labels) -> list[Shift]:
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
