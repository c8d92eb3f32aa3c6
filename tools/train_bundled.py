"""Train the bundled model on every folder of images that has masks.

Started again, it goes on where it stopped. Under torchrun the processes share the
batch: on a CPU one process per core trains a third faster than one with as many
threads. At the end it measures the model on the held-out and on the test images and
writes the model's card.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from benchmarks import common, harness
from benchmarks.accuracy import held_out_scores
from benchmarks.calibration import judge
from benchmarks.registration import REGISTERED
from benchmarks.trainings import print_events, shared_recipe, trained_minutes
from tools.kinds import SAMPLING_WEIGHTS, SOURCES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.common import Score

DESCRIPTION = (
    "Nuclei and whole cells of many kinds: fluorescence, stained and multiplexed "
    "tissue, bright field, phase contrast, bacteria, yeast, membranes, plants, axons"
)
# Steps of warm-up: the moments of a grown network are far from those of a trained one.
_WARM_UP = 300
# Seconds between two checkpoints of a run of many hours.
_CHECKPOINT_EVERY = 240.0
# A kind with fewer found cells than this counts less in the calibration.
_FEW = 100
_SHOWN = (0.5, 0.75, 0.9)
# Options of the command that are fields of the recipe.
_RECIPE_OPTIONS = (
    "learning_rate",
    "frozen_statistics",
    "synthetic",
    "rehearsal",
    "teaching",
)


def main() -> None:
    args = _arguments()
    threads = common.limit_threads(args.threads)
    if args.average:
        _average(args)
    elif not args.card_only and (
        args.steps or trained_minutes(args.out) < args.minutes
    ):
        _train(args)
    if args.calibrate:
        calibrate(args.out, args.data, args.device)
    write_card(
        args.out, args, args.machine or f"{_hardware(args)}, torch threads: {threads}"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    harness.add_options(parser, "data", "runs", "model", "device", "threads")
    parser.add_argument("--out", type=Path, help="model folder (default: runs/bundled)")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--steps", type=int, help="length of the run, instead of --minutes"
    )
    parser.add_argument(
        "--context-blocks", type=int, help="to grow the model to start from by"
    )
    parser.add_argument("--synthetic", type=float, help="share of synthetic crops")
    parser.add_argument(
        "--rehearsal", type=float, help="share of crops of kinds that the start knows"
    )
    parser.add_argument(
        "--teaching", type=float, help="weight of what the start says of such crops"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", help="model to start from")
    parser.add_argument(
        "--teacher", help="model whose kinds are rehearsed, and whose answers taught"
    )
    parser.add_argument("--learning-rate", type=float, help="highest of the run")
    parser.add_argument(
        "--frozen-statistics",
        type=float,
        help="share of the run, at its end, with frozen batch-norm statistics",
    )
    parser.add_argument(
        "--average",
        nargs="+",
        metavar="MODEL",
        help="train nothing: take the mean of these models' weights",
    )
    parser.add_argument(
        "--card-only",
        action="store_true",
        help="measure the model that --out holds and write its card",
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="after training, or with --card-only without: make the model's scores "
        "probabilities, by the held-out images",
    )
    parser.add_argument(
        "--machine", help="what the model was trained on, if not on this machine"
    )
    args = parser.parse_args()
    args.out = args.out or args.runs / "bundled"
    return args


def _hardware(args: argparse.Namespace) -> str:
    from napari_iaunet.inference.devices import choose_device

    return harness.machine(str(choose_device(args.device)))


def _train(args: argparse.Namespace) -> None:
    from napari_iaunet.training.loop import train

    new, known = _pairs(args)
    options = {name: getattr(args, name) for name in _RECIPE_OPTIONS}
    chosen = {name: value for name, value in options.items() if value is not None}
    events = train(
        new,
        rehearsal=known,
        teacher=args.teacher,
        start=_start(args),
        out=args.out,
        minutes=None if args.steps else args.minutes,
        steps=args.steps,
        validation=[],
        resume=trained_minutes(args.out) > 0,
        seed=args.seed,
        device=args.device,
        recipe=shared_recipe(
            sampling_weights=SAMPLING_WEIGHTS,
            warm_up=_WARM_UP,
            checkpoint_every=_CHECKPOINT_EVERY,
            **chosen,
        ),
        card={"description": DESCRIPTION},
    )
    print_events(events, "bundled")


def _pairs(args: argparse.Namespace) -> tuple[list[Any], list[Any]]:
    """Training pairs of kinds that the teacher does not know, and of those it knows."""
    from napari_iaunet.model.checkpoint import load_model
    from napari_iaunet.model.registry import find_model

    told: list[dict[str, Any]] = []
    teacher = args.teacher or args.start
    if teacher:
        told = load_model(find_model(teacher))[1].get("data", [])
    known = {entry["name"] for entry in told}
    parts: tuple[list[Any], list[Any]] = [], []
    for kind, (pairs, _) in common.split(args.data).items():
        if kind in REGISTERED:
            copies = f"{args.out.name}-registered-{os.environ.get('RANK', '0')}"
            pairs = _as_read(pairs, args.out.with_name(copies) / kind)
        parts[kind in known].extend(pairs)
    # A model that knows them all is simply trained on.
    return parts if parts[0] else (parts[1], [])


def _as_read(pairs: Sequence[common.Pair], folder: Path) -> list[common.Pair]:
    """Write copies of pairs as they are measured: channels lie on the masks."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = []
    for (image, mask), sample in zip(pairs, common.read(pairs), strict=True):
        copy = folder / image.name, folder / mask.name
        tifffile.imwrite(copy[0], sample.image, imagej=True, metadata={"axes": "CYX"})
        tifffile.imwrite(copy[1], sample.labels)
        copies.append(copy)
    return copies


def _start(args: argparse.Namespace) -> str | Path | None:
    """Model to start from; grown, if that is asked for, in a folder beside `--out`."""
    from napari_iaunet.model.checkpoint import load_model, save_model
    from napari_iaunet.model.registry import find_model

    if args.context_blocks is None:
        return args.start
    grown = args.out.with_name(f"{args.out.name}-start")
    if not grown.is_dir() and not int(os.environ.get("RANK", "0")):
        network, card = load_model(find_model(args.start or "default"))
        save_model(grown, network.grown(args.context_blocks), card)
    return grown


def _average(args: argparse.Namespace) -> None:
    """Write the mean of models that began alike."""
    from napari_iaunet.model.checkpoint import load_model, save_model
    from napari_iaunet.model.registry import find_model
    from napari_iaunet.training.dataset import load_pairs
    from napari_iaunet.training.describe import fit
    from napari_iaunet.training.state import mean_of

    mean = mean_of([load_model(find_model(model))[0] for model in args.average])
    pairs = [pair for pairs, _ in common.split(args.data).values() for pair in pairs]
    centre, basis = fit(mean, load_pairs(pairs, mean.config.diameter))
    mean.descriptor_mean.copy_(centre)
    mean.descriptor_basis.copy_(basis)
    save_model(args.out, mean, {"description": DESCRIPTION})


# -- calibration -------------------------------------------------------------


def calibrate(folder: Path, data: Path, device: str) -> None:
    """Fit the calibration of a model's scores; kinds of enough cells count alike."""
    from napari_iaunet import Segmenter
    from napari_iaunet.model.checkpoint import load_model, save_model
    from napari_iaunet.segmentation.calibration import fit_calibration

    if int(os.environ.get("RANK", "0")):
        return
    network, card = load_model(folder)
    network.config = replace(network.config, calibration=(0.0, 1.0))
    save_model(folder, network, card)
    segmenter = Segmenter(folder, device, engine="pytorch")
    judged = [
        judge(segmenter, common.read(pairs)) for pairs in common.held_out(data).values()
    ]
    scores, right = (np.concatenate(part) for part in zip(*judged, strict=True))
    weights = np.concatenate(
        [np.full(one.scores.size, 1 / max(one.scores.size, _FEW)) for one in judged]
    )
    line = fit_calibration(scores, right, weights * scores.size / weights.sum())
    network.config = replace(network.config, calibration=line)
    save_model(folder, network, card)
    print(f"calibration: {line}, of {scores.size} cells", flush=True)


# -- card --------------------------------------------------------------------


def write_card(folder: Path, args: argparse.Namespace, machine: str) -> None:
    """Measure a model and write its card; what the card says of training stays."""
    from napari_iaunet.atomic import write_json
    from napari_iaunet.errors import ModelError
    from napari_iaunet.model.checkpoint import CARD, load_model

    if int(os.environ.get("RANK", "0")):
        return
    network, card = load_model(folder)
    training = card.get("training", {})
    written = {
        "description": DESCRIPTION,
        "licence": "BSD-3-Clause",
        "parameters": sum(p.numel() for p in network.parameters()),
        "data": _data(args.data),
        "split": (
            "Of every folder, and in it of every series of images, the last eighth by "
            "name is held out of training, or whole fields where there are few; the "
            "published test split of nuclei-fluorescence was neither trained on nor "
            "used for a choice."
        ),
        "training": training,
        "cost": f"{training.get('minutes', '?')} minutes on {machine}",
        "figures": _figures(folder, args),
    }
    write_json(folder / CARD, written, ModelError)
    print(json.dumps(written["figures"], indent=2))


def _data(data: Path) -> list[dict[str, Any]]:
    """Every set of images with its licence, and its notice where it asks for one."""
    described = []
    for domain, (training, held_out) in common.split(data).items():
        unknown = {"what": domain, "licence": "unknown", "source": ""}
        about = SOURCES.get(domain, unknown)
        entry: dict[str, Any] = {
            "name": domain,
            **{k: v for k, v in about.items() if v},
        }
        entry |= {"training images": len(training), "held-out images": len(held_out)}
        notice = data / "licences" / f"{domain}.txt"
        if notice.is_file():
            entry["notice"] = notice.read_text(encoding="utf-8").strip()
        described.append(entry)
    return described


def _figures(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    from napari_iaunet import Segmenter

    held_out = held_out_scores(folder, args.data, args.device)
    method = common.by_model(Segmenter(folder, args.device, engine="pytorch"))
    test = common.evaluate(method, common.read(common.test_pairs(args.data)))
    return {
        "measure": (
            "pooled AP = TP / (TP + FP + FN), diameter estimated; AP50-95: mean of the "
            "AP at IoU 0.5 to 0.95"
        ),
        "held-out images": {
            domain: _figure(score) for domain, score in held_out.items()
        },
        "test images": {common.NUCLEI: _figure(test)},
    }


def _figure(score: Score) -> dict[str, float]:
    figure: dict[str, float] = {
        "images": score.images,
        "cells": score.cells,
        "median diameter": round(score.true_diameter, 1),
    }
    for shown in _SHOWN:
        figure[f"AP{round(100 * shown)}"] = round(score.pooled(shown), 4)
    figure["AP50-95"] = round(score.mean, 4)
    return figure


if __name__ == "__main__":
    main()
