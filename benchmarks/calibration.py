"""Whether a cell's score is the probability that it is right, and cells where none is.

On held-out images of every kind and on the test images of nuclei, diameters estimated:
of cells with a score, so many should be annotated ones, at an IoU of 0.5. And on images
that show no cell: noise, uneven light, and images so blurred that no cell can be told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from benchmarks import common, harness

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.common import Sample

OPTIONS = ("data", "model", "device", "threads", "images", "write")
PARTS = {
    "scores": "reliability of the scores, by kind",
    "empty": "cells found in images without any",
}
# Least scores of the rows of the table of reliability.
_EDGES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
_SIDE = 512
# Standard deviation of a blur, in diameters of the cells: several run into one.
_BLUR = 3.0


class Judged(NamedTuple):
    """Found cells of some images: scores (N,) in [0, 1], and whether each is right."""

    scores: NDArray[np.float32]
    right: NDArray[np.bool_]


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device, engine="pytorch")
    parts = []
    if "scores" in args.only:
        kinds = {f"{common.NUCLEI}/test": common.test_pairs(args.data)}
        kinds |= common.held_out(args.data)
        judged = {
            kind: judge(segmenter, common.read(pairs[: args.images]))
            for kind, pairs in kinds.items()
        }
        parts.append(_reliability(judged))
    if "empty" in args.only:
        parts.append(_false_cells(segmenter, args.data))
    where = harness.where(segmenter.device, threads)
    harness.publish("calibration", "\n\n".join(parts), machine=where, write=args.write)


def judge(segmenter: Any, samples: Sequence[Sample]) -> Judged:
    """Segment images and find out which of the found cells are right."""
    from napari_iaunet.evaluation import match, overlaps

    scores, right = [np.zeros(0, np.float32)], [np.zeros(0, bool)]
    for sample in samples:
        found = segmenter.segment(sample.image, channel_axis=sample.channel_axis)
        here = np.zeros(found.scores.size, bool)
        here[match(overlaps(sample.labels, found.labels), 0.5)[1]] = True
        scores.append(found.scores)
        right.append(here)
    return Judged(np.concatenate(scores), np.concatenate(right))


def _reliability(judged: dict[str, Judged]) -> str:
    rows = [_row(kind, *cells) for kind, cells in judged.items() if cells.right.size]
    everything = Judged(
        *(np.concatenate(part) for part in zip(*judged.values(), strict=True))
    )
    bins = []
    for low, high in zip(_EDGES, (*_EDGES[1:], 1.01), strict=True):
        here = (everything.scores >= low) & (everything.scores < high)
        if here.any():
            bins.append(
                _row(f"{low:g} to {min(high, 1):g}", *(p[here] for p in everything))
            )
    head = ["cells", "mean score", "right", "mean gap"]
    about = __doc__.partition(chr(10))[2].strip()
    return (
        f"{about} The mean gap is that between score and share of right cells, over "
        "ten groups of equal size, ordered by their score (expected calibration "
        f"error).\n\n{harness.table(['kind', *head], rows)}\n\n"
        f"All of them, by their score:\n\n{harness.table(['score', *head], bins)}"
    )


def _row(name: str, scores: NDArray[Any], right: NDArray[Any]) -> list[str]:
    order = np.argsort(scores, kind="stable")
    groups = [g for g in np.array_split(order, 10) if g.size]
    gap = sum(g.size * abs(scores[g].mean() - right[g].mean()) for g in groups)
    figures = (scores.mean(), right.mean(), gap / scores.size)
    return [name, str(scores.size), *(f"{value:.3f}" for value in figures)]


# -- images without cells ----------------------------------------------------


def empty_images(data: Path) -> Iterator[tuple[str, NDArray[np.uint16]]]:
    """Ten images each of noise, of uneven light, and blurred beyond recognition."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    samples = common.read(common.test_pairs(data)[:10])
    for i in range(10):
        level = 10.0 ** rng.uniform(1, 4)
        yield "noise", _noisy(rng, np.full((_SIDE, _SIDE), level))
        light = 1 + rng.uniform(0.2, 1) * np.exp(
            -((rows - rng.random()) ** 2 + (columns - rng.random()) ** 2) / 0.3
        )
        yield "uneven light", _noisy(rng, level * light)
        image = samples[i].image.astype(float)
        image = image.mean(axis=-1) if image.ndim == 3 else image
        width = float(np.median(common.cell_diameters(samples[i].labels)))
        blurred = ndimage.gaussian_filter(image, _BLUR * width, mode="nearest")
        yield "blurred", _noisy(rng, 100 + 10 * blurred)


def _noisy(rng: np.random.Generator, light: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Photons as a camera counts them, with its own noise."""
    counted = rng.poisson(light) + rng.normal(100, 3, light.shape)
    return np.clip(counted, 0, 65535).astype(np.uint16)


def _false_cells(segmenter: Any, data: Path) -> str:
    found: dict[str, list[NDArray[np.float32]]] = {}
    for kind, image in empty_images(data):
        found.setdefault(kind, []).append(segmenter.segment(image).scores)
    rows = []
    for kind, scores in found.items():
        counts = np.array([one.size for one in scores])
        every = np.concatenate(scores)
        highest = f"{every.max():.2f}" if every.size else "-"
        row = [kind, len(counts), counts.sum(), int((counts > 0).sum()), highest]
        rows.append([str(value) for value in row])
    head = [
        "images without cells",
        "images",
        "cells found",
        "images with any",
        "highest score",
    ]
    return harness.table(head, rows)
