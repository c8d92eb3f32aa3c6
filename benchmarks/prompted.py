"""What a click, a box or a lasso gives as the first prompt, on images of many kinds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from benchmarks import common, decoding, harness
from benchmarks.simulated import (
    ENOUGH,
    MOST_PROMPTS,
    Simulated,
    middle_of_largest,
    overlap,
    simulate,
)

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from benchmarks.common import Labels, Sample
    from benchmarks.simulated import Mask

# Cells of an image, and images of a kind unless it is said: a crowded image is not to
# decide for its kind.
_CELLS, _IMAGES = 30, 8
# A mask leaks if it holds more than this share of another cell.
_LEAK = 0.1
# By so many pixels the outline of a lasso is wider than the cell.
_WIDER = 2
_OTHER = "watershed"


class _Outcome:
    """What one first prompt gave, with ours and with the watershed."""

    def __init__(self) -> None:
        self.ours, self.other = Simulated(), Simulated()
        self.leaks: list[tuple[bool, bool]] = []


def measure(segmenter: Any, args: argparse.Namespace) -> str:
    """IoU after a click, a box or a lasso, on images of every kind."""
    kinds = args.kinds or [f"{common.NUCLEI}/test", *common.held_out(args.data)]
    rows = []
    for kind, samples in decoding.samples(args.data, args.images or _IMAGES, kinds):
        found: dict[str, _Outcome] = defaultdict(_Outcome)
        for sample in samples:
            _try_cells(segmenter, sample, found)
        rows += [_row(f"{kind}, {first}", found[first]) for first in found]
    head = ["", "cells", "IoU", ">= .5", ">= .75", "leaks", f"prompts to {ENOUGH}"]
    head += [f"not in {MOST_PROMPTS}", f"IoU, {_OTHER}", f"leaks, {_OTHER}"]
    return (
        "### The first prompt\n\n"
        f"At most {_CELLS} cells of an image, chosen at random. The click is a random "
        "pixel of the cell, the box its bounding box, the lasso its outline "
        f"{_WIDER} px wider. Then follow clicks in the middle of the largest error, "
        "which count as prompts. A mask leaks if it holds more than a tenth of another "
        "cell. The watershed cuts the same fields, down the centre map and without "
        "identity; of it the cell under the click, or that which box or lasso hold "
        "most of, clipped to them.\n\n" + harness.table(head, rows)
    )


def _row(title: str, outcome: _Outcome) -> list[str]:
    ours, first = outcome.ours, outcome.ours.after(1)
    leaks = np.mean(outcome.leaks, axis=0)
    return [
        title,
        str(len(first)),
        f"{first.mean():.3f}",
        *(f"{(first >= least).mean():.3f}" for least in (0.5, 0.75)),
        f"{leaks[0]:.3f}",
        f"{ours.prompts().mean():.2f}",
        f"{ours.missed():.3f}",
        f"{outcome.other.after(1).mean():.3f}",
        f"{leaks[1]:.3f}",
    ]


def _try_cells(segmenter: Any, sample: Sample, found: dict[str, _Outcome]) -> None:
    """Show some cells of an image in every way."""
    segmenter.set_image(sample.image, channel_axis=sample.channel_axis)
    cut = _watershed(segmenter, sample)
    rng = np.random.default_rng(0)
    numbers = np.unique(sample.labels)[1:]
    for number in rng.permutation(numbers)[:_CELLS]:
        cell = sample.labels == number
        seed = tuple(int(i) for i in rng.choice(np.argwhere(cell)))
        shown: dict[str, dict[str, Any]] = {
            "click": {"points": [seed]},
            "box": {"box": _box(cell)},
            "lasso": {"lasso": _lasso(cell)},
        }
        held = {"click": cell, "box": _in_box(cell), "lasso": _around(cell)}
        for first, prompt in shown.items():
            outcome = found[first]
            mask = simulate(
                segmenter.click, cell, middle_of_largest, outcome.ours, **prompt
            )
            if first == "click":
                other = (cut == cut[seed]) & (cut[seed] > 0)
            else:
                other = _most_of(cut, held[first])
            outcome.other.found.append([overlap(other, cell)])
            others = np.where(cell, 0, sample.labels)
            outcome.leaks.append((_leaks(mask, others), _leaks(other, others)))


def _watershed(segmenter: Any, sample: Sample) -> Labels:
    """Cut the fields that clicks use by a watershed."""
    from napari_iaunet.segmentation.decode import to_image_size

    image, settings = segmenter._clicked, segmenter.settings
    cells = decoding.by_centre_map(
        image.fields, segmenter._backend.same_cell, segmenter.config.diameter, settings
    )
    return to_image_size(
        cells.labels, image.fields.foreground, image.shape, settings.foreground
    )


def _leaks(mask: Mask, others: Labels) -> bool:
    """Whether a mask holds more than a crumb of a cell that is not meant."""
    held = np.bincount(others[mask], minlength=int(others.max()) + 1)[1:]
    area = np.bincount(others.ravel())[1:]
    return bool((held > _LEAK * np.maximum(area, 1)).any())


def _most_of(cut: Labels, held: Mask) -> Mask:
    """Return the cell that a region holds most of, clipped to it."""
    sizes = np.bincount(cut[held])
    sizes[0] = 0
    mask: Mask = held & (cut == sizes.argmax()) & (cut > 0)
    return mask


def _ends(cell: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.argwhere(cell)
    return places.min(axis=0), places.max(axis=0)


def _box(cell: Mask) -> tuple[float, ...]:
    """Return the edges of a cell's box."""
    low, high = _ends(cell)
    return (*(low - 0.5), *(high + 0.5))


def _in_box(cell: Mask) -> Mask:
    (y0, x0), (y1, x1) = _ends(cell)
    held = np.zeros_like(cell)
    held[y0 : y1 + 1, x0 : x1 + 1] = True
    return held


def _around(cell: Mask) -> Mask:
    """Return a cell and what lies beside it, without holes."""
    wide = ndimage.distance_transform_edt(~cell) <= _WIDER
    held: Mask = ndimage.binary_fill_holes(wide)
    return held


def _lasso(cell: Mask) -> NDArray[np.float64]:
    """Return the longest outline around a cell, (P, 2) places."""
    from skimage.measure import find_contours

    lines = find_contours(np.pad(_around(cell), 1).astype(float), 0.5)
    return np.asarray(max(lines, key=len)) - 1
