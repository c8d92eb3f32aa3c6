"""What makes cells of the same fields: the identity branch, or the centre map alone.

On held-out images of every kind, and on drawn cells that touch or cross without a
visible border, at the true median diameter of each, so that nothing but the decoding
differs: AP, cells that were merged or split, and of the cells that touch another one
the share that was found.

A true cell is merged if one found cell holds more than half of it and more than half of
another. It is split if two found cells or more lie in it for the most part, and cover a
tenth of it each. A cell that holds more than half of a true one is matched with it in
the Cell Tracking Challenge, too (Matula et al., PLoS ONE 2015); merged cells are its
vertices to be split.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from benchmarks import common, drawn, harness

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.common import Labels, Sample
    from napari_iaunet.inference.fields import DecodeSettings, FieldImage
    from napari_iaunet.segmentation.decode import Instances

    SameCell = Callable[..., Any]
    Decode = Callable[[FieldImage, SameCell, float, DecodeSettings], Instances]

OPTIONS = ("data", "model", "device", "threads", "images", "write")
_THRESHOLDS = (0.5, 0.75, 0.9)
# Drawn images of a kind, unless it is said.
_DRAWN = 8
# Two cells touch if so many pixels or fewer of background lie between them: where cells
# touch, people leave a pixel or two free.
_GAP = 2
# A cell is part of another one if more than this share of it lies there; what covers
# less than the second share of a cell is a crumb at its edge.
_PART, _CRUMB = 0.5, 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="only these")


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device, engine="pytorch")
    found = {
        kind: measure(segmenter, samples)
        for kind, samples in samples(args.data, args.images, args.kinds)
    }
    where = harness.where(segmenter.device, threads)
    harness.publish("decoding", _tables(found), machine=where, write=args.write)


def samples(
    data: Path, images: int | None, kinds: Sequence[str] | None
) -> Iterator[tuple[str, list[Sample]]]:
    """Images of every kind, or of some; they are read when their turn comes."""
    real = {f"{common.NUCLEI}/test": common.test_pairs(data)} | common.held_out(data)
    for kind, pairs in real.items():
        if not kinds or kind in kinds:
            yield kind, common.read(pairs[:images])
    for kind in drawn.KINDS:
        if not kinds or kind in kinds:
            yield kind, drawn.draw(kind, images or _DRAWN)


# -- decodings ---------------------------------------------------------------


def by_identity(
    fields: FieldImage, same_cell: SameCell, diameter: float, settings: DecodeSettings
) -> Instances:
    """Decode as the program does."""
    from napari_iaunet.segmentation.decode import decode

    return decode(fields, same_cell, diameter, settings)


def by_identity_of_queries(
    fields: FieldImage, same_cell: SameCell, diameter: float, settings: DecodeSettings
) -> Instances:
    """Let identity say which queries are one cell, a watershed which pixels join."""
    return _watershed(fields, same_cell, diameter, settings)


def by_centre_map(
    fields: FieldImage, same_cell: SameCell, diameter: float, settings: DecodeSettings
) -> Instances:
    """Decode without the identity branch; equal saddles make one cell of queries."""
    import torch

    def never(difference: Any, _: Any) -> Any:
        return torch.full(difference.shape[:1], -torch.inf)

    return _watershed(fields, never, diameter, settings)


def plainly(
    fields: FieldImage, same_cell: SameCell, diameter: float, settings: DecodeSettings
) -> Instances:
    """Decode as of a network that has no identity branch."""
    from napari_iaunet.segmentation.decode import decode_plain

    return decode_plain(fields, diameter, settings)


DECODINGS: dict[str, Decode] = {
    "identity": by_identity,
    "identity, then watershed": by_identity_of_queries,
    "watershed": by_centre_map,
    "plain": plainly,
}


def _watershed(
    fields: FieldImage, same_cell: SameCell, diameter: float, settings: DecodeSettings
) -> Instances:
    """Flood the foreground down the centre map from the queries that `decode` has."""
    from skimage.segmentation import watershed

    from napari_iaunet.segmentation.decode import _finish, _foreground
    from napari_iaunet.segmentation.queries import (
        find_peaks,
        merge_queries,
        smoothed,
        votes_of,
    )

    inside, smooth = _foreground(fields, diameter, settings), smoothed(fields.centre)
    index = find_peaks(smooth, inside, settings.peak)
    markers = np.zeros(inside.shape, np.int32)
    if len(index):
        queries = merge_queries(
            index,
            votes_of(fields.offset, diameter, index),
            fields.embedding,
            smooth,
            inside,
            same_cell,
            settings,
        )
        markers.ravel()[index] = queries.cell + 1
    flooded = watershed(-fields.centre.numpy(), markers, mask=inside)
    return _finish(flooded.astype(np.int32), fields, diameter, settings)


# -- measurements ------------------------------------------------------------


class Errors(NamedTuple):
    """What became of N true cells, counted in ascending order of label: (N,) bool.

    Attributes
    ----------
    merged : one found cell holds most of it and most of another one
    split : two found cells or more lie in it, for the most part
    touching : another true cell lies beside it
    found : (T, N), matched at each threshold of the intersection over union
    """

    merged: NDArray[np.bool_]
    split: NDArray[np.bool_]
    touching: NDArray[np.bool_]
    found: NDArray[np.bool_]


def errors_of(true: Labels, pred: Labels) -> Errors:
    """Find out what became of the true cells of an image."""
    from napari_iaunet.evaluation import match, overlaps

    pairs = overlaps(true, pred)
    t, p = pairs.true, pairs.pred
    area_t, area_p = (np.unique(a[a > 0], return_counts=True)[1] for a in (true, pred))
    shared = pairs.iou / (1 + pairs.iou) * (area_t[t] + area_p[p])
    held = shared > _PART * area_t[t]
    holds = np.bincount(p[held], minlength=pairs.n_pred)
    merged = np.zeros(pairs.n_true, bool)
    merged[t[held]] = holds[p[held]] > 1
    piece = (shared > _PART * area_p[p]) & (shared > _CRUMB * area_t[t])
    split = np.bincount(t[piece], minlength=pairs.n_true) > 1
    found = np.zeros((len(_THRESHOLDS), pairs.n_true), bool)
    for row, threshold in zip(found, _THRESHOLDS, strict=True):
        row[match(pairs, threshold)[0]] = True
    return Errors(merged, split, _touching(true), found)


def _touching(labels: Labels) -> NDArray[np.bool_]:
    """Whether each cell, in ascending order of label, has another one beside it."""
    numbers = np.unique(labels[labels > 0], return_inverse=True)[1] + 1
    cells = np.zeros(labels.shape, np.int32)
    cells[labels > 0] = numbers
    size = 2 * (_GAP + 1) + 1
    largest = ndimage.maximum_filter(cells, size)
    # Background is to be no smaller than any cell.
    high = np.where(cells > 0, cells, np.iinfo(np.int32).max)
    smallest = ndimage.minimum_filter(high, size)
    beside = (cells > 0) & ((largest != cells) | (smallest != cells))
    touching = np.zeros(int(cells.max(initial=0)) + 1, bool)
    touching[cells[beside]] = True
    return touching[1:]


@dataclass
class Outcome:
    """What a decoding made of some images; one item for each."""

    true: list[Labels] = field(default_factory=list)
    pred: list[Labels] = field(default_factory=list)
    seconds: float = 0.0
    megapixels: float = 0.0

    def errors(self) -> Errors:
        """Of all images together."""
        found = map(errors_of, self.true, self.pred)
        return Errors(
            *(np.concatenate(part, axis=-1) for part in zip(*found, strict=True))
        )


def measure(segmenter: Any, samples: Sequence[Sample]) -> dict[str, Outcome]:
    """Decode the fields of images in every way."""
    from napari_iaunet.segmentation.decode import to_image_size

    same_cell, settings = segmenter._backend.same_cell, segmenter.settings
    found = {title: Outcome() for title in DECODINGS}
    for sample in samples:
        sizes = common.cell_diameters(sample.labels)
        encoded = segmenter.encode(
            sample.image,
            channel_axis=sample.channel_axis,
            diameter=float(np.median(sizes)) if sizes.size else None,
        )
        fields, known = encoded.fields, segmenter.config.diameter
        for title, decode in DECODINGS.items():
            begin = time.perf_counter()
            cells = decode(fields, same_cell, known, settings)
            outcome = found[title]
            outcome.seconds += time.perf_counter() - begin
            outcome.megapixels += fields.foreground.numel() / 1e6
            outcome.true.append(sample.labels)
            outcome.pred.append(
                to_image_size(
                    cells.labels, fields.foreground, encoded.shape, settings.foreground
                )
            )
    return found


# -- tables ------------------------------------------------------------------


def _tables(found: dict[str, dict[str, Outcome]]) -> str:
    from napari_iaunet.evaluation import THRESHOLDS, average_precision

    rows, beside = [], []
    for kind, outcomes in found.items():
        for title, outcome in outcomes.items():
            ap = average_precision(outcome.true, outcome.pred)
            at = dict(zip(THRESHOLDS, ap.pooled, strict=True))
            errors = outcome.errors()
            scores = [*(at[t] for t in _THRESHOLDS), ap.mean]
            row = [f"{kind}, {title}", str(errors.merged.size)]
            row += [f"{value:.3f}" for value in scores]
            row += [_per_1000(errors.merged), _per_1000(errors.split)]
            rows.append([*row, f"{outcome.seconds / outcome.megapixels:.2f}"])
            touching = Errors(*(part[..., errors.touching] for part in errors))
            count = touching.merged.size
            if count:
                row = [f"{kind}, {title}", str(count)]
                row += [f"{share:.3f}" for share in touching.found.mean(axis=1)]
                row += [_per_1000(touching.merged), _per_1000(touching.split)]
                beside.append(row)
    per_1000 = ["merged per 1,000", "split per 1,000"]
    return (
        f"{__doc__.partition(chr(10))[2].strip()}\n\nidentity: the program's decoding. "
        "identity, then watershed: which maxima of the centre map are one cell is told "
        "by the identity branch, which pixels join them by a watershed down the centre "
        "map. watershed: the same without the identity branch. plain: a watershed from "
        "maxima of the centre map that are deep enough, as of a network without that "
        "branch. Seconds are those of the decoding, by megapixel of the network's "
        "scale.\n\n"
        + harness.table(
            ["kind, decoding", "cells", *_AP, "AP .5 to .95", *per_1000, "s/MP"], rows
        )
        + "\n\nOf the cells that touch another one, the share found at each least "
        "intersection over union:\n\n"
        + harness.table(
            ["kind, decoding", "cells", *map(str, _THRESHOLDS), *per_1000], beside
        )
    )


_AP = [f"AP {t}" for t in _THRESHOLDS]


def _per_1000(cells: NDArray[np.bool_]) -> str:
    return f"{1000 * cells.mean():.0f}" if cells.size else "-"
