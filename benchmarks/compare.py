"""This code against a former commit: speed, clicks and labels, in the same minutes.

Both run in processes of their own, which take turns, so that a slow minute of the
machine strikes both. Only the public interface of the package is used. Each takes its
own bundled model, unless ``--model`` names a folder for both.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from benchmarks.common import Labels, Pair

    Workers = tuple[harness.Worker, harness.Worker]  # the former code, this code

PARTS = {
    "speed": "segmenting a mosaic",
    "click": "preparing a mosaic, and clicks on it",
    "accuracy": "labels of test images and of held-out images",
}
OPTIONS = ("data", "model", "images")
_CLICKS = 100
_THRESHOLDS = (0.5, 0.75, 0.9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("revision", help="commit to compare with, as git names it")
    parser.add_argument("--rounds", type=int, default=10, help="timings of each")
    parser.add_argument("--side", type=int, default=1024, help="of the mosaic")
    parser.add_argument("--cores", type=int, default=1, help="threads of each")


def run(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = _check_out(args.revision, folder), harness.ROOT / "src"
        with _worker(sources[0], args) as former, _worker(sources[1], args) as this:
            workers, texts = (former, this), []
            timed = {"speed": time_segmenting, "click": time_clicks}
            chosen = [timed[part] for part in args.only if part in timed]
            if chosen:
                texts.append(_timings(workers, chosen, folder, args))
            if "accuracy" in args.only:
                texts.append(_labels(workers, folder, args))
    where = f"{harness.machine()}, threads: {args.cores}"
    harness.publish("compare", "\n\n".join(texts), machine=where, write=False)


def _check_out(revision: str, folder: Path) -> Path:
    """Put a commit's package into a folder; an archive leaves no trace in git."""
    git = ["git", "-C", str(harness.ROOT), "archive", revision, "src"]
    archive = subprocess.run(git, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder / "src"


def _worker(source: Path, args: argparse.Namespace) -> harness.Worker:
    """Start a process that has the package from a folder."""
    limits = harness.thread_environment(args.cores)
    worker = harness.Worker(environment={**limits, "PYTHONPATH": str(source)})
    worker.call(prepare, source, args.cores)
    return worker


# -- in a process of its own -------------------------------------------------


def prepare(source: str, threads: int) -> None:
    """Limit the threads; end if the package is not the one from a folder."""
    import torch

    import napari_iaunet

    if not Path(napari_iaunet.__file__).is_relative_to(source):
        sys.exit(f"{napari_iaunet.__file__} is not from {source}.")
    torch.set_num_threads(threads)


@cache
def _segmenter(model: str) -> Any:
    from napari_iaunet import Segmenter

    return Segmenter(model, "cpu", engine="pytorch")


def _timed(function: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of the wall clock and those of all processors."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu


def time_segmenting(model: str, path: str) -> dict[str, tuple[float, float]]:
    """Time the segmentation of a mosaic, whose cells' diameter is told or not."""
    segmenter, mosaic = _segmenter(model), np.load(path)
    image, diameter = mosaic["image"], float(mosaic["diameter"])
    return {
        "segmenting, diameter given": _timed(
            lambda: segmenter.segment(image, diameter=diameter)
        ),
        "segmenting, diameter estimated": _timed(lambda: segmenter.segment(image)),
    }


def time_clicks(model: str, path: str) -> dict[str, tuple[float, float]]:
    """Time what comes before the first click on a mosaic, and clicks."""
    segmenter, mosaic = _segmenter(model), np.load(path)
    image, diameter = mosaic["image"], float(mosaic["diameter"])
    inside = np.argwhere(mosaic["labels"] > 0)
    places = np.random.default_rng(0).choice(inside, _CLICKS)
    return {
        "preparing an image for clicks": _timed(
            lambda: segmenter.set_image(image, diameter=diameter)
        ),
        f"{_CLICKS} clicks": _timed(
            lambda: [segmenter.click([tuple(place)]) for place in places]
        ),
    }


def label(model: str, path: str, out: str, channel_axis: int | None) -> float:
    """Write the labels of an image; return the diameter that was estimated."""
    found = _segmenter(model).segment(np.load(path), channel_axis=channel_axis)
    np.save(out, found.labels)
    return float(found.diameter)


# -- in turn -----------------------------------------------------------------


def _timings(
    workers: Workers,
    functions: Sequence[Callable[..., Any]],
    folder: Path,
    args: argparse.Namespace,
) -> str:
    sample, path = common.mosaic(args.data, args.side, args.side), folder / "mosaic.npz"
    diameter = float(np.median(common.cell_diameters(sample.labels)))
    np.savez(path, image=sample.image, labels=sample.labels, diameter=diameter)
    rows = []
    for function in functions:
        found: dict[str, list[tuple[Any, Any]]] = {}
        for turn in range(args.rounds + 1):
            order = (0, 1) if turn % 2 else (1, 0)
            took = {i: workers[i].call(function, args.model, path) for i in order}
            for name in took[0] if turn else ():  # the first one warms up
                found.setdefault(name, []).append((took[0][name], took[1][name]))
        rows += [_row(name, np.array(pairs)) for name, pairs in found.items()]
    head = ["", "former, s", "this, s", "this over former", "by processor time"]
    return (
        f"Mosaic of {args.side} x {args.side} pixels, {args.rounds} timings of each "
        "code in turn: medians, and the median ratio of two in a row with the middle "
        f"half of the ratios.\n\n{harness.table(head, rows)}"
    )


def _row(name: str, pairs: np.ndarray[Any, Any]) -> list[str]:
    """Describe timings: (rounds, former or this code, wall or processor)."""
    seconds = np.median(pairs[:, :, 0], axis=0)
    ratios = pairs[:, 1] / pairs[:, 0]
    low, middle, high = np.percentile(ratios, (25, 50, 75), axis=0)
    told = [f"{middle[i]:.3f} ({low[i]:.3f} to {high[i]:.3f})" for i in (0, 1)]
    return [name, *(f"{value:.3f}" for value in seconds), *told]


def _labels(workers: Workers, folder: Path, args: argparse.Namespace) -> str:
    images = {"test images": common.test_pairs(args.data)}
    images |= common.held_out(args.data)
    rows = [
        _compared(workers, name, pairs[: args.images], folder, args.model)
        for name, pairs in images.items()
    ]
    head = ["images, diameters estimated", "", "same diameter", "same labels"]
    head += ["this against former", "former against truth", "this against truth"]
    return (
        "Labels of both codes; AP at IoU 0.5 / 0.75 / 0.9.\n\n"
        f"{harness.table(head, rows)}"
    )


def _compared(
    workers: Workers, name: str, pairs: Sequence[Pair], folder: Path, model: str
) -> list[str]:
    from napari_iaunet import average_precision

    truth: list[Labels] = []
    former: list[Labels] = []
    this: list[Labels] = []
    diameters = 0
    path, out = folder / "image.npy", folder / "labels.npy"
    for sample in common.read(pairs):
        np.save(path, sample.image)
        truth.append(sample.labels)
        used = []
        for worker, labels in zip(workers, (former, this), strict=True):
            axis = sample.channel_axis
            used.append(worker.call(label, model, path, out, axis))
            labels.append(np.load(out))
        diameters += used[0] == used[1]
    same = sum(map(np.array_equal, former, this))
    scores = [
        average_precision(one, other, _THRESHOLDS).pooled
        for one, other in ((former, this), (truth, former), (truth, this))
    ]
    told = [" / ".join(f"{value:.3f}" for value in ap) for ap in scores]
    return [name, str(len(truth)), str(diameters), str(same), *told]
