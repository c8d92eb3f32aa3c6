"""What *Find the rest* adds to the automatic result, from one clicked cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import common, decoding, harness
from benchmarks.simulated import deepest, middle_of_largest, overlap

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from benchmarks.common import Labels, Sample
    from benchmarks.simulated import Mask

# Kinds of which the automatic way misses most.
_KINDS = ("axons-em", "bacteria-phase", "plant-walls", "tissue-codex")
# Images of a kind unless it is said, and cells that are clicked in each.
_IMAGES, _CELLS = 1, 3
# Only the middle of an image is looked at: of so many pixels aside, or diameters.
_SIDE, _DIAMETERS = 256, 8
_HALF = 0.5
# A user corrects a cell until it is so good, or has clicked so often.
_GOOD, _CLICKS = 0.75, 6


class _Counts(NamedTuple):
    """Cells that were found right, all that were found, and all that are true."""

    right: int
    found: int
    true: int

    def scores(self) -> list[float]:
        """AP at IoU .5, precision and recall."""
        right, found, true = self
        return [right / (found + true - right), right / max(found, 1), right / true]


def measure(segmenter: Any, args: argparse.Namespace) -> str:
    """AP, precision and recall of the automatic result and of find the rest."""
    kinds = args.kinds or _KINDS
    rows = []
    for kind, samples in decoding.samples(args.data, args.images or _IMAGES, kinds):
        tried = [_try(segmenter, _middle(sample)) for sample in samples]
        every = np.concatenate(tried)
        shown = [f"{mean:.3f}" for mean in every.mean(0)] if len(every) else ["-"] * 9
        rows.append([kind, str(len(every)), *shown])
    head = ["", "clicked cells", "AP, automatic", "precision", "recall"]
    head += ["AP, and the clicked cell", "precision", "recall"]
    head += ["AP, and the rest", "precision", "recall"]
    return (
        "### Find the rest\n\n"
        f"The middle of {args.images or _IMAGES} held-out images of a kind. One of the "
        f"cells that the automatic way misses is clicked, and corrected until its IoU "
        f"is {_GOOD}, {_CELLS} in turn of each image; then all other cells like it are "
        "added that are as sure as the program shows them first. Means over the "
        "clicked cells; AP at IoU .5. Where no cell is missed, none is clicked.\n\n"
        + harness.table(head, rows)
    )


def _middle(sample: Sample) -> Sample:
    """Cut out the middle of an image."""
    size = float(np.median(common.cell_diameters(sample.labels)))
    side = round(max(_SIDE, _DIAMETERS * size))
    low = [max(0, (n - side) // 2) for n in sample.labels.shape]
    part = tuple(slice(first, first + side) for first in low)
    axis = sample.channel_axis
    image = sample.image if axis is None else np.moveaxis(sample.image, axis, -1)
    cut = image[part]
    return sample._replace(
        image=cut if axis is None else np.moveaxis(cut, -1, axis),
        labels=sample.labels[part],
    )


def _try(segmenter: Any, sample: Sample) -> NDArray[np.float64]:
    """Return the nine figures of a row for each of some cells that are missed."""
    from napari_iaunet.segmentation.rest import LEAST_SURE

    image, axis, truth = sample.image, sample.channel_axis, sample.labels
    automatic = segmenter.segment(image, channel_axis=axis).labels
    segmenter.set_image(image, channel_axis=axis)
    missed = [n for n in np.unique(truth)[1:] if not _is_found(automatic, truth == n)]
    rows = []
    for number in np.random.default_rng(0).permutation(missed)[:_CELLS]:
        example = _clicked(segmenter, truth == number)
        known = np.where(example & (automatic == 0), automatic.max() + 1, automatic)
        options: dict[str, Any] = {"channel_axis": axis}
        rest = segmenter.find_rest(image, example, known, **options).kept(LEAST_SURE)
        both = np.where(rest > 0, rest + known.max(), known)
        rows.append(
            [v for labels in (automatic, known, both) for v in _scores(labels, truth)]
        )
    return np.array(rows).reshape(-1, 9)


def _clicked(segmenter: Any, cell: Mask) -> Mask:
    """Click a cell, and correct it until it is good enough."""
    points, labels = [deepest(cell, np.zeros_like(cell))], [1]
    while True:
        mask: Mask = segmenter.click(points, labels)
        if overlap(mask, cell) >= _GOOD or len(points) == _CLICKS:
            return mask
        y, x = middle_of_largest(cell & ~mask, mask & ~cell)
        points.append((y, x))
        labels.append(int(cell[y, x]))


def _is_found(labels: Labels, cell: Mask) -> bool:
    best = np.bincount(labels[cell]).argmax()
    return bool(best and overlap(labels == best, cell) > _HALF)


def _scores(labels: Labels, truth: Labels) -> list[float]:
    true = np.unique(truth)[1:]
    right = sum(_is_found(labels, truth == number) for number in true)
    found = len(np.unique(labels[labels > 0]))
    return _Counts(right, found, len(true)).scores()
