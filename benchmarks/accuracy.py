"""Accuracy on test images of nuclei and on held-out images of every other kind.

For the test images of fluorescent nuclei: a classical method, three networks that
are trained here for the same time on the same images, and the bundled model. For
the bundled model also the held-out images of every kind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
import report
from common import Sample, Score

if TYPE_CHECKING:
    import argparse

_SHOWN = 0.5  # F1 and panoptic quality are those at this threshold.
_STEPS_PER_LINE = 100


@dataclass(frozen=True)
class Ablation:
    """A network to train: its folder's name, and what differs from the whole."""

    name: str
    identity: bool = True
    triplets: bool = True


TITLES = {
    "a": "(a) Otsu + watershed",
    "b": "(b) plain U-Net",
    "c": "(c) IAU-Net without triplets",
    "d": "(d) IAU-Net",
    "e": "(e) the bundled model",
    "f": "(f) the same by OpenVINO",
}
ABLATIONS = {
    "b": Ablation("plain", identity=False),
    "c": Ablation("no-triplets", triplets=False),
    "d": Ablation("whole"),
}


def main() -> None:
    args = _arguments()
    threads = common.limit_threads(args.threads)
    scores, device = _test_scores(args)
    parts = [_about(args, scores), score_tables("method", scores)]
    if "e" in args.only:
        parts += ["### Held-out images of every kind, bundled model"]
        kinds = held_out_scores(args.model, args.data, args.device)
        given = held_out_scores(args.model, args.data, args.device, given=True)
        parts += [score_tables("kind", kinds, diameters=True)]
        parts += ["The same where the median diameter of each image is given."]
        parts += [score_tables("kind", given, diameters=True)]
    where = report.where(device, threads)
    report.publish("accuracy", "\n\n".join(parts), machine=where, write=args.write)


def _arguments() -> argparse.Namespace:
    parser = common.parser(__doc__)
    parser.add_argument(
        "--minutes", type=float, default=30, help="training time of (b), (c) and (d)"
    )
    parser.add_argument(
        "--only", default="abcde", help="rows, such as ae; f needs OpenVINO"
    )
    parser.add_argument(
        "--skip-training",
        action="store_true",
        help="leave out rows whose training has not been finished",
    )
    args = parser.parse_args()
    if not args.only or set(args.only) - set(TITLES):
        parser.error("--only takes letters from a to f")
    return args


def _about(args: argparse.Namespace, scores: dict[str, Score]) -> str:
    score = next(iter(scores.values()))
    trained = (
        f"(b) to (d) were trained for {args.minutes:g} minutes each, one after the "
        f"other in one process for each core, on the images of `{common.NUCLEI}/train` "
        "that are not held out, with the same recipe. "
    )
    shown = any(TITLES[row] in scores for row in ABLATIONS)
    return (
        f"### {score.images} test images of fluorescent nuclei, {score.cells} cells\n\n"
        f"{trained if shown else ''}Diameters are estimated. Seconds include that."
    )


# -- tables ------------------------------------------------------------------


def score_tables(
    first: str, scores: dict[str, Score], *, diameters: bool = False
) -> str:
    """Two tables: of all cells together, and the mean over images."""
    thresholds = [f"{t:.2f}" for t in next(iter(scores.values())).ap.thresholds]
    extra = ["images", "cells", "true diameter", "used"] if diameters else []
    last = [f"F1 {_SHOWN}", f"PQ {_SHOWN}", "s/MP"]
    pooled, mean = [], []
    for title, score in scores.items():
        at = score.place(_SHOWN)
        row = [title]
        if diameters:
            row += [str(score.images), str(score.cells)]
            row += [f"{score.true_diameter:.0f}", f"{score.used_diameter:.0f}"]
        row += map(_three, score.ap.pooled)
        row += map(_three, [score.ap.f1[at], score.ap.panoptic_quality[at]])
        pooled.append([*row, f"{score.seconds_per_megapixel:.2f}"])
        mean.append([title, *map(_three, score.ap.per_image.mean(axis=0))])
    return "\n\n".join(
        [
            "Pooled AP, TP / (TP + FP + FN), by the least intersection over union:",
            report.table([first, *extra, *thresholds, *last], pooled),
            "Mean of the AP of each image:",
            report.table([first, *thresholds], mean),
        ]
    )


def _three(value: float) -> str:
    return f"{value:.3f}"


# -- rows --------------------------------------------------------------------


def _test_scores(args: argparse.Namespace) -> tuple[dict[str, Score], str]:
    from napari_iaunet import Segmenter

    samples = common.read(common.test_pairs(args.data))
    scores, device = {}, "cpu"
    for row in sorted(set(args.only)):
        if row == "a":
            scores[TITLES[row]] = common.evaluate(_classical, samples)
            continue
        model = _ablation(row, args) if row in ABLATIONS else args.model
        if model is None:
            print(f"{TITLES[row]} is not trained: left out", file=sys.stderr)
            continue
        engine = "openvino" if row == "f" else "pytorch"
        where = "cpu" if row == "f" else args.device
        segmenter = Segmenter(model, where, engine=engine)
        device = segmenter.device
        scores[TITLES[row]] = common.evaluate(common.by_model(segmenter), samples)
    if not scores:
        sys.exit("None of the rows is trained.")
    return scores, device


def _classical(sample: Sample) -> common.Found:
    return common.Found(common.otsu_watershed(sample.image))


def held_out_scores(
    model: str | Path, data: Path, device: str, *, given: bool = False
) -> dict[str, Score]:
    """Score a model on the held-out images of every kind."""
    from napari_iaunet import Segmenter

    # Which engine is faster differs from machine to machine, and rounding with it.
    segmenter = Segmenter(model, device, engine="pytorch")
    method = common.by_model(segmenter, given=given)
    return {
        kind: common.evaluate(method, common.read(held_out))
        for kind, (_, held_out) in common.split(data).items()
        if held_out
    }


def _ablation(row: str, args: argparse.Namespace) -> Path | None:
    """Folder of a trained network; trained, or trained further, if need be."""
    name = f"{ABLATIONS[row].name}-{args.minutes:g}-minutes"
    out = Path(args.runs) / "ablation" / name
    if trained_minutes(out) < args.minutes:
        if args.skip_training:
            return None
        _train(ABLATIONS[row], out, args)
    return out


def trained_minutes(folder: Path) -> float:
    """Minutes that the training in a folder has lasted, 0 if there is none."""
    try:
        text = (folder / "training.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0.0
    return float(json.loads(text)["seconds"]) / 60


def _train(ablation: Ablation, out: Path, args: argparse.Namespace) -> None:
    """Train in one process for each core, or in one on a graphics card."""
    from napari_iaunet.inference.devices import choose_device

    cores = args.threads or os.cpu_count() or 1
    processes = cores if choose_device(args.device).type == "cpu" else 1
    worker = Path(__file__).with_name("_ablation_worker.py")
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node"]
    task = [ablation.name, str(args.data), str(out), str(args.minutes), args.device]
    task += [str(int(ablation.identity)), str(int(ablation.triplets))]
    subprocess.run(
        [sys.executable, "-m", *launch, str(processes), str(worker), *task],
        env={**os.environ, "OMP_NUM_THREADS": "1" if processes > 1 else str(cores)},
        check=True,
    )


def follow(events: Any, title: str) -> None:
    """Run a training and print a line from time to time."""
    for event in events:
        if event.kind != "step" or event.step % _STEPS_PER_LINE == 0:
            losses = " ".join(f"{k} {v:.3f}" for k, v in event.losses.items())
            print(title, event.kind, event.step, losses, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
