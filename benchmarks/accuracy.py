"""Accuracy: AP on test images of nuclei and on held-out images of every other kind.

For the test images of fluorescent nuclei: a classical method, three networks that
are trained here for the same time on the same images, and the bundled model. For
the bundled model also the held-out images of every kind.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import common, harness
from benchmarks.peers import otsu_watershed
from benchmarks.trainings import train_from_scratch, trained_minutes

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from benchmarks.common import Sample, Score

USUAL_PARTS = ("a", "b", "c", "d", "e")
OPTIONS = ("data", "runs", "model", "device", "threads", "images", "write")
_SHOWN = 0.5  # F1 and panoptic quality are those at this threshold.


PARTS = {
    "a": "Otsu + watershed",
    "b": "plain U-Net",
    "c": "IAU-Net without triplets",
    "d": "IAU-Net",
    "e": "the bundled model",
    "f": "the same by OpenVINO",
}
# Name of the folder, and what differs from the whole network.
ABLATIONS: dict[str, tuple[str, dict[str, bool]]] = {
    "b": ("plain", {"identity": False}),
    "c": ("no-triplets", {"triplets": False}),
    "d": ("whole", {}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minutes", type=float, default=30, help="training time of b, c and d"
    )
    parser.add_argument(
        "--skip-training",
        action="store_true",
        help="leave out rows whose training has not been finished",
    )


def run(args: argparse.Namespace) -> None:
    threads = common.limit_threads(args.threads)
    scores, device = _test_scores(args)
    parts = [_about(args, scores), score_tables("method", scores)]
    if "e" in args.only:
        parts += ["### Held-out images of every kind, bundled model"]
        given = "The same where the median diameter of each image is given."
        for text, is_given in (("", False), (given, True)):
            kinds = held_out_scores(
                args.model, args.data, args.device, given=is_given, images=args.images
            )
            parts += [text, score_tables("kind", kinds, diameters=True)]
    where = harness.where(device, threads)
    text = "\n\n".join(part for part in parts if part)
    harness.publish("accuracy", text, machine=where, write=args.write)


def _about(args: argparse.Namespace, scores: dict[str, Score]) -> str:
    score = next(iter(scores.values()))
    trained = (
        f"(b) to (d) were trained for {args.minutes:g} minutes each, one after the "
        f"other in one process for each core, on the images of `{common.NUCLEI}/train` "
        "that are not held out, with the same recipe. "
    )
    shown = any(_title(row) in scores for row in ABLATIONS)
    return (
        f"### {score.images} test images of fluorescent nuclei, {score.cells} cells\n\n"
        f"{trained if shown else ''}Diameters are estimated. Seconds include "
        "that. Mean: of the AP at IoU 0.5 to 0.95."
    )


# -- tables ------------------------------------------------------------------


def _title(row: str) -> str:
    return f"({row}) {PARTS[row]}"


def score_tables(
    first: str, scores: dict[str, Score], *, diameters: bool = False
) -> str:
    """Two tables: of all cells together, and the mean over images."""
    thresholds = [f"{t:.2f}" for t in next(iter(scores.values())).ap.thresholds]
    thresholds += ["mean"]
    extra = ["images", "cells", "true diameter", "used"] if diameters else []
    last = [f"F1 {_SHOWN}", f"PQ {_SHOWN}", "s/MP"]
    pooled, mean = [], []
    for title, score in scores.items():
        at = score.place(_SHOWN)
        row = [title]
        if diameters:
            row += [str(score.images), str(score.cells)]
            row += [f"{score.true_diameter:.0f}", f"{score.used_diameter:.0f}"]
        row += map(_three, [*score.ap.pooled, score.mean])
        row += map(_three, [score.ap.f1[at], score.ap.panoptic_quality[at]])
        pooled.append([*row, f"{score.seconds_per_megapixel:.2f}"])
        of_images = [*score.ap.per_image.mean(axis=0), score.ap.mean_per_image]
        mean.append([title, *map(_three, of_images)])
    return "\n\n".join(
        [
            "Pooled AP, TP / (TP + FP + FN), by the least intersection over union:",
            harness.table([first, *extra, *thresholds, *last], pooled),
            "Mean of the AP of each image:",
            harness.table([first, *thresholds], mean),
        ]
    )


def _three(value: float) -> str:
    return f"{value:.3f}"


# -- rows --------------------------------------------------------------------


def _test_scores(args: argparse.Namespace) -> tuple[dict[str, Score], str]:
    from napari_iaunet import Segmenter

    samples = common.read(common.test_pairs(args.data)[: args.images])
    scores, device = {}, "cpu"
    for row in sorted(set(args.only)):
        if row == "a":
            scores[_title(row)] = common.evaluate(_classical, samples)
            continue
        model = _ablation(row, args) if row in ABLATIONS else args.model
        if model is None:
            print(f"{_title(row)} is not trained: left out", file=sys.stderr)
            continue
        engine = "openvino" if row == "f" else "pytorch"
        where = "cpu" if row == "f" else args.device
        segmenter = Segmenter(model, where, engine=engine)
        device = segmenter.device
        scores[_title(row)] = common.evaluate(common.by_model(segmenter), samples)
    if not scores:
        sys.exit("None of the rows is trained.")
    return scores, device


def _classical(sample: Sample) -> common.Found:
    return common.Found(otsu_watershed(sample.image))


def held_out_scores(
    model: str | Path,
    data: Path,
    device: str,
    *,
    given: bool = False,
    images: int | None = None,
) -> dict[str, Score]:
    """Score a model on the held-out images of every kind."""
    from napari_iaunet import Segmenter

    # Which engine is faster differs from machine to machine, and rounding with it.
    segmenter = Segmenter(model, device, engine="pytorch")
    method = common.by_model(segmenter, given=given)
    return {
        kind: common.evaluate(method, common.read(pairs[:images]))
        for kind, pairs in common.held_out(data).items()
    }


def _ablation(row: str, args: argparse.Namespace) -> Path | None:
    """Folder of a trained network; trained, or trained further, if need be."""
    name, differing = ABLATIONS[row]
    out: Path = args.runs / "ablation" / f"{name}-{args.minutes:g}-minutes"
    if trained_minutes(out) < args.minutes:
        if args.skip_training:
            return None
        train_from_scratch(
            args.threads,
            out=out,
            data=args.data,
            kinds=[common.NUCLEI],
            minutes=args.minutes,
            description=f"Ablation of the benchmarks: {name}.",
            device=args.device,
            **differing,
        )
    return out
