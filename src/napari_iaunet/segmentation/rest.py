"""Other cells like one that was shown, where the automatic way finds none.

The cell tells the diameter. At that scale lower peaks of the centre map than the
automatic way takes are clicked one after the other, the highest first; what is found
between the cells that are there already, and is about as large, may be a cell like it.
How sure that is, the network's own maps say: the look-alike descriptor beside them told
right from wrong no better, and takes eight times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.masks import spare
from napari_iaunet.segmentation.queries import find_peaks, smoothed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.segmentation.click import ClickedCell, EncodedImage

    Answer = Callable[[EncodedImage, Sequence[Sequence[float]]], ClickedCell]

# Cells that are this sure are shown first. Chosen on parts of held-out images of kinds
# of which the automatic way misses most (`python -m benchmarks click --only rest`):
# with less, the AP of axons falls below the automatic one; with .6, that of bacteria
# gains less than half.
LEAST_SURE = 0.5
# What is less sure than this is not looked at: hardly any is right.
_LEAST = 0.2
# So many peaks are clicked at most: a click takes some 10 ms.
_MOST = 3000
# A cell of which the others leave less than this share is none.
_LEAST_FREE = 0.7
# Cells of an area beyond these multiples of the example's are none like it.
_AREAS = (1 / 3, 3.0)


class RestCells(NamedTuple):
    """Cells that were found beside others.

    Attributes
    ----------
    labels : (Y, X) int32
        0 background, 1..N, the surest first.
    sure : (N,) float32
        How sure each is, in [0, 1]; item i belongs to label i + 1.
    """

    labels: NDArray[np.int32]
    sure: NDArray[np.float32]

    def kept(self, least: float) -> NDArray[np.int32]:
        """Return the labels of cells that are at least so sure."""
        count = np.count_nonzero(self.sure >= least)
        return np.where(self.labels > count, 0, self.labels).astype(np.int32)


def find_rest(
    image: EncodedImage,
    example: NDArray[np.bool_],
    taken: NDArray[np.bool_],
    answer: Answer,
    progress: Progress | None,
) -> RestCells:
    """Click where cells may be that nobody has found.

    Parameters
    ----------
    image : EncodedImage
        At the scale of the example.
    example, taken : (Y, X) bool
        The cell that was shown; pixels of all cells that are there.
    answer : callable
        What a click finds.
    progress : callable, optional
        Called with the places done, and their number.
    """
    labels = np.zeros(image.shape, np.int32)
    sure: list[float] = []
    area, taken = int(example.sum()), taken | example
    places, sureness = _places(image)
    for done, (place, value) in enumerate(zip(places, sureness, strict=True)):
        if progress:
            progress(done, len(places))
        pixel = tuple(np.rint(place).astype(int))
        if taken[pixel] or labels[pixel]:
            continue
        try:
            cell = answer(image, [place.tolist()])
        except ImageError:  # nothing of it is left
            continue
        if _fits(cell, labels, taken, area):
            sure.append(float(value))
            _paint(labels, cell, taken, len(sure))
    return RestCells(labels, np.array(sure, np.float32))


def _places(image: EncodedImage) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return pixels (P, 2) where cells may be, the surest first, and how sure."""
    foreground = image.fields.foreground
    smooth = smoothed(image.fields.centre)
    sure = (smooth * foreground).numpy()
    peaks = find_peaks(smooth, sure > _LEAST, _LEAST)
    order = np.argsort(-sure.ravel()[peaks], kind="stable")[:_MOST]
    places = np.stack(np.divmod(peaks[order], foreground.shape[1]), 1)
    pixels = (places + 0.5) / image.factor - 0.5
    inside = np.clip(pixels, 0, np.subtract(image.shape, 1))
    return inside, sure.ravel()[peaks[order]]


def _fits(
    cell: ClickedCell,
    labels: NDArray[np.int32],
    taken: NDArray[np.bool_],
    area: int,
) -> bool:
    """Whether a cell is about as large as another, and lies free."""
    own, box = int(cell.mask.sum()), _box(cell)
    free = cell.mask & (labels[box] == 0) & ~taken[box]
    large = _AREAS[0] * area <= own <= _AREAS[1] * area
    return bool(large and free.sum() >= _LEAST_FREE * own)


def _paint(
    labels: NDArray[np.int32],
    cell: ClickedCell,
    taken: NDArray[np.bool_],
    label: int,
) -> None:
    box = _box(cell)
    others = np.where(taken[box], -1, labels[box])
    labels[box][spare(cell, others, 0, ())] = label


def _box(cell: ClickedCell) -> tuple[slice, slice]:
    (y, x), (height, width) = cell.corner, cell.mask.shape
    return slice(y, y + height), slice(x, x + width)
