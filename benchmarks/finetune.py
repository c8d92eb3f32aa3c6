"""Fine-tuning: AP after it on kinds that the start never saw, and on known ones.

Kinds of images are left out on purpose: a network is trained without one kind, then
fine-tuned on one, two and five images of it, and tested on others of that kind. Beside
it stand a network that is trained on the same images from random weights, and a random
forest on pixels with a watershed (needs scikit-learn). Then the bundled model is
fine-tuned on half of the held-out images of every kind, and tested on the other half.

Everything takes hours; what was measured is kept in ``runs/finetune`` and not measured
again.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import common, harness
from benchmarks.peers import PixelForest
from benchmarks.trainings import train_from_scratch, trained_minutes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.common import Pair, Sample
    from napari_iaunet import Segmenter

    Measure = Callable[[], dict[str, float]]

OPTIONS = ("data", "runs", "model", "threads", "images", "write")
LEFT_OUT = {
    "cells-phase-contrast": ("cells-phase-contrast", "yeast-phase-contrast"),
    "membranes-fluorescence": ("membranes-fluorescence",),
    "nuclei-histology": ("nuclei-histology",),
}
_COUNTS = (1, 2, 5)
_MOMENTS = (30, 60, 120)
_FULL_MINUTES = _MOMENTS[-1] / 60
_HEAD = ["kind, images", "before", *(f"{moment} s" for moment in _MOMENTS)]


class Draw(NamedTuple):
    """Images to train on and others to test on."""

    chosen: list[Pair]
    test: list[Pair]
    seed: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minutes", type=float, default=8, help="training without the left-out kind"
    )
    parser.add_argument("--seeds", type=int, default=3, help="draws of images")
    parser.add_argument(
        "--counts", type=int, nargs="+", choices=_COUNTS, default=_COUNTS, help="images"
    )
    parser.add_argument(
        "--from-scratch",
        type=int,
        default=3,
        metavar="SEEDS",
        help="draws that a network is trained on from random weights, too",
    )
    parser.add_argument(
        "--kinds", nargs="+", choices=LEFT_OUT, default=list(LEFT_OUT), help="left out"
    )
    parser.set_defaults(images=6)


def run(args: argparse.Namespace) -> None:
    threads = common.limit_threads(args.threads)
    parts = [PARTS[part](args) for part in args.only]
    where = harness.where("cpu", threads)
    harness.publish("finetune", "\n\n".join(parts), machine=where, write=args.write)


class Results:
    """What was measured, kept in a file.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[str, dict[str, float]] = {}
        if path.is_file():
            self._found = json.loads(path.read_text(encoding="utf-8"))

    def get(self, name: str, measure: Measure) -> dict[str, float]:
        """Return what has this name; measured now if it is not known."""
        if name not in self._found:
            self._found[name] = measure()
            print(name, self._found[name], file=sys.stderr, flush=True)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._found, indent=1), encoding="utf-8")
        return self._found[name]


# -- left-out kinds -------------------------------------------------------------------


def _left_out(args: argparse.Namespace) -> str:
    """AP on kinds that the start never saw."""
    results = Results(args.runs / "finetune" / f"left-out-{args.minutes:g}.json")
    rows = []
    for kind in args.kinds:
        start = _without(kind, LEFT_OUT[kind], args)
        training, _ = common.split(args.data)[kind]
        for count in args.counts:
            found: dict[str, list[float]] = {}
            for seed in range(args.seeds):
                draw = _draw(training, count, args.images, seed)
                name = f"{kind} {count} {seed}"
                # What is tested on does not depend on the number of images.
                before = results.get(f"{kind} {seed}", partial(_before, start, draw))
                ours = results.get(name, partial(_tuned, start, draw, args.runs))
                peers: dict[str, float] = {}
                if seed < args.from_scratch:
                    scratch = partial(_from_scratch, draw, args.runs)
                    peers |= results.get(f"{name} from scratch", scratch)
                peers |= results.get(f"{name} forest", partial(_forest, draw))
                for key, value in {**before, **ours, **peers}.items():
                    found.setdefault(key, []).append(value)
            rows.append([f"{kind}, {count}", *map(spread, found.values())])
    return (
        "### Kinds that the start had never seen\n\nThe start was trained for "
        f"{args.minutes:g} minutes without the kind (without phase contrast of any "
        "sort in the first case), one process for each core, then fine-tuned on so "
        "many images of it: AP at IoU 0.5 on others of the kind, with the model that "
        f"*Stop* would have kept then. Mean of {args.seeds} draws of the images and, "
        "in brackets, their standard deviation. Peers are trained on the same images: "
        f"a network from random weights for {_MOMENTS[-1]} seconds, on "
        f"{min(args.from_scratch, args.seeds)} of the draws, and a random forest on "
        "pixels with a watershed, for as long as it takes.\n\n"
        + harness.table([*_HEAD, "from scratch", "forest"], rows)
    )


def spread(values: list[float]) -> str:
    spread = f" ({np.std(values):.2f})" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{spread}"


def _draw(training: list[Pair], count: int, tested: int, seed: int) -> Draw:
    """Draw images to train on; test on others, the same for every count."""
    order = np.random.default_rng(seed).permutation(len(training))
    chosen = [training[i] for i in order[:count]]
    return Draw(chosen, [training[i] for i in order[max(_COUNTS) :][:tested]], seed)


def _without(kind: str, left: tuple[str, ...], args: argparse.Namespace) -> Path:
    """Train on all other kinds, if that is not done yet."""
    out: Path = args.runs / "finetune" / f"without-{kind}-{args.minutes:g}-minutes"
    if trained_minutes(out) < args.minutes:
        train_from_scratch(  # on all cores, whatever the fine-tuning is to take
            out=out,
            data=args.data,
            kinds=[kind for kind in common.split(args.data) if kind not in left],
            minutes=args.minutes,
            description=f"Trained without {', '.join(left)}.",
        )
    return out


def _before(start: str | Path, draw: Draw) -> dict[str, float]:
    return {"before": _ap(start, draw.test)}


def _tuned(start: str | Path, draw: Draw, runs: Path) -> dict[str, float]:
    """AP of the best model so far after so many seconds."""
    from napari_iaunet import train

    out, found, waiting = runs / "finetune" / "tuned", {}, list(_MOMENTS[:-1])
    # Time stands still while the reader of the events does something else.
    for event in train(
        draw.chosen,
        start=start,
        out=out,
        minutes=_FULL_MINUTES,
        seed=draw.seed,
        device="cpu",
    ):
        if waiting and event.seconds >= waiting[0]:
            found[f"{waiting.pop(0)}"] = _ap(out, draw.test)
    found[f"{_MOMENTS[-1]}"] = _ap(out, draw.test)
    return found


def _from_scratch(draw: Draw, runs: Path) -> dict[str, float]:
    from napari_iaunet import train

    out = runs / "finetune" / "scratch"
    for _ in train(
        draw.chosen,
        start=None,
        out=out,
        minutes=_FULL_MINUTES,
        validation=[],
        seed=draw.seed,
        device="cpu",
    ):
        pass
    return {"from scratch": _ap(out, draw.test)}


def _forest(draw: Draw) -> dict[str, float]:
    chosen, test = common.read(draw.chosen), common.read(draw.test)
    return {"forest": forest_ap(chosen, test, draw.seed)}


def forest_ap(chosen: Sequence[Sample], test: Sequence[Sample], seed: int) -> float:
    """AP of a pixel forest that is trained on some images, as `model_ap`."""
    forest = PixelForest(chosen, seed)
    found = common.evaluate(
        lambda sample: common.Found(forest.segment(sample.image)), test
    )
    return found.pooled(0.5)


def _ap(model: str | Path, test: list[Pair]) -> float:
    from napari_iaunet import Segmenter

    return model_ap(Segmenter(model, "cpu"), common.read(test))


def model_ap(segmenter: Segmenter, test: Sequence[Sample]) -> float:
    """Pooled AP at IoU 0.5, the diameter estimated."""
    return common.evaluate(common.by_model(segmenter), test).pooled(0.5)


# -- the bundled model ----------------------------------------------------------------


def _bundled(args: argparse.Namespace) -> str:
    """AP of the bundled model on kinds that it knows."""
    results = Results(args.runs / "finetune" / "bundled.json")
    rows = []
    for kind, held_out in common.held_out(args.data).items():
        half = len(held_out) // 2
        if not half:
            continue
        draw = Draw(held_out[:half][: max(_COUNTS)], held_out[half:], 0)
        before = results.get(f"{kind} before", partial(_before, args.model, draw))
        found = results.get(kind, partial(_tuned, args.model, draw, args.runs))
        figures = [f"{value:.3f}" for value in (*before.values(), *found.values())]
        rows.append([f"{kind}, {len(draw.chosen)}", *figures])
    return (
        "### The bundled model on kinds that it knows\n\nFine-tuned on the first half "
        f"of the held-out images, {max(_COUNTS)} at most, and tested on the other "
        "half: AP at IoU 0.5.\n\n" + harness.table(_HEAD, rows)
    )


PARTS = {"left-out": _left_out, "bundled": _bundled}
