"""Speed: seconds per megapixel and peak memory, beside a classical method and StarDist.

Every timing runs in a process of its own that is kept to one core, then to two.
StarDist is installed into an environment of its own at the first run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness
from benchmarks.peers import otsu_watershed, time_stardist

if TYPE_CHECKING:
    import argparse

OPTIONS = ("data", "runs", "model", "write")
PARTS = {
    "classical": "Otsu + watershed",
    "given": "IAU-Net, diameter given",
    "estimated": "IAU-Net, diameter estimated",
    "float32": "IAU-Net in float32, given",
    "openvino": "IAU-Net by OpenVINO, given",
    "stardist": "StarDist",
}
_NOTES = (
    "Whole pipelines, from the array to labels. IAU-Net runs in PyTorch, in bfloat16 "
    "where the processor has it, unless the row says otherwise. The ratio is that of "
    "the medians to StarDist's (network and instances) on as many threads. Memory is "
    "the process's peak; in brackets what it took before the first image. StarDist: "
    "the network of `2D_versatile_fluo` with random weights on the whole image, then "
    "its non-maximum suppression and polygons on the fields of the true cells. IAU-Net "
    "enlarges images of cells below 20 px, StarDist does not: `--diameters 5 12` shows "
    "what that costs. Planes below half a megapixel are segmented two to four "
    "times: `--size 512 704` shows what that costs."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--rounds", type=int, default=3, help="processes of each method, in turn"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="timings in each process"
    )
    parser.add_argument(
        "--size", type=int, nargs=2, default=[1024, 1536], metavar=("HEIGHT", "WIDTH")
    )
    parser.add_argument(
        "--diameters",
        type=float,
        nargs=2,
        default=common.USUAL,
        metavar=("LEAST", "MOST"),
        help="median cell diameters, in pixels, of the images that are used",
    )


def run(args: argparse.Namespace) -> None:
    sample = common.mosaic(args.data, *args.size, diameters=args.diameters)
    diameter = float(np.median(common.cell_diameters(sample.labels)))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mosaic.npz"
        np.savez(path, image=sample.image, labels=sample.labels, diameter=diameter)
        for threads in args.cores:
            rows += _rows(path, threads, args)
    cells = len(np.unique(sample.labels)) - 1
    text = (
        f"Mosaic of test images, {args.size[0]} x {args.size[1]} pixels, {cells} "
        f"cells, median diameter {diameter:.0f} px. Seconds per megapixel: best and "
        f"median of {args.rounds} processes with {args.repeats} timings each after one "
        f"that warms up; the methods take turns.\n\n{_table(rows)}\n\n{_NOTES}"
    )
    harness.publish("speed", text, machine=harness.machine(), write=args.write)


# -- in a process of its own -------------------------------------------------


class _Timed:
    """An engine that adds up the time that it takes."""

    def __init__(self, engine: Any) -> None:
        self.name, self._engine, self.seconds = engine.name, engine, 0.0

    def __call__(self, image: Any) -> Any:
        return self._time(self._engine, image)

    def masks(self, image: Any) -> Any:
        return self._time(self._engine.masks, image)

    def _time(self, function: Any, image: Any) -> Any:
        begin = time.perf_counter()
        found = function(image)
        self.seconds += time.perf_counter() - begin
        return found


def time_method(
    path: str, threads: int, repeats: int, name: str, model: str
) -> dict[str, Any]:
    """Time one method, a key of `PARTS` but StarDist, on one image."""
    harness.pin(threads)
    with np.load(path) as arrays:
        image, diameter = arrays["image"], float(arrays["diameter"])
    if name == "classical":
        before = harness.peak_memory()
        labels = otsu_watershed(image)
        parts = {"whole": harness.seconds(lambda: otsu_watershed(image), repeats)}
    else:
        segmenter, timed = _timed_segmenter(model, name, threads)
        before = harness.peak_memory()
        size = None if name == "estimated" else diameter
        parts = {"network": [], "decoding and the rest": []}
        for repeat in range(repeats + 1):
            timed.seconds = 0.0
            begin = time.perf_counter()
            labels = segmenter.segment(image, diameter=size).labels
            whole = time.perf_counter() - begin
            if repeat:  # the first one warms up
                parts["network"].append(timed.seconds)
                parts["decoding and the rest"].append(whole - timed.seconds)
    return {
        "parts": parts,
        "cells": len(np.unique(labels)) - 1,
        "memory_before": before,
        "memory": harness.peak_memory(),
    }


def _timed_segmenter(model: str, name: str, threads: int) -> tuple[Any, _Timed]:
    import torch

    from napari_iaunet import Segmenter
    from napari_iaunet.inference.engines import TorchEngine

    torch.set_num_threads(threads)
    engine = "openvino" if name == "openvino" else "pytorch"
    segmenter = Segmenter(model, "cpu", engine=engine)
    backend = segmenter._backend
    if name == "float32":
        backend.engine = TorchEngine(backend.network, backend.device, torch.float32)
    backend.engine = timed = _Timed(backend.engine)
    return segmenter, timed


# -- all methods in turn -----------------------------------------------------


def _rows(path: Path, threads: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Reports of all methods on so many threads; seconds become those per MP."""
    methods = [name for name in PARTS if name in args.only]
    if "openvino" in methods and find_spec("openvino") is None:
        print("OpenVINO is not installed: left out", file=sys.stderr)
        methods.remove("openvino")
    # In turn, so that a minute in which the machine is slow strikes all of them.
    reports: dict[str, list[dict[str, Any]]] = {name: [] for name in methods}
    for _ in range(args.rounds):
        for name in methods:
            reports[name].append(_report(name, path, threads, args))
    megapixels = args.size[0] * args.size[1] / 1e6
    return [
        {**_summary(found, megapixels), "title": PARTS[name], "threads": threads}
        for name, found in reports.items()
    ]


def _report(
    name: str, path: Path, threads: int, args: argparse.Namespace
) -> dict[str, Any]:
    task, limits = (path, threads, args.repeats), harness.thread_environment(threads)
    if name == "stardist":
        with harness.Worker(_stardist_python(args.runs), limits) as worker:
            found = worker.call(time_stardist, *task)
    else:
        with harness.Worker(environment=limits) as worker:
            found = worker.call(time_method, *task, name, args.model)
    report: dict[str, Any] = found
    return report


def _stardist_python(runs: Path) -> Path:
    """Python of the environment that has StarDist; made if it is not there."""
    folder = runs.resolve() / "stardist" / "venv"
    binaries = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python, done = binaries / "python", folder / "installed"
    if not done.exists():
        print(f"installing StarDist into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "stardist", "tensorflow-cpu"], check=True)
        done.touch()
    return python


def _summary(reports: list[dict[str, Any]], megapixels: float) -> dict[str, Any]:
    """Join the reports of one method: best and median seconds per megapixel."""
    parts = {}
    for part in reports[0]["parts"]:
        taken = [seconds / megapixels for r in reports for seconds in r["parts"][part]]
        parts[part] = harness.summary(taken)
    whole = {key: sum(p[key] for p in parts.values()) for key in ("best", "median")}
    memory = {key: max(r[key] for r in reports) for key in ("memory", "memory_before")}
    return {**whole, **memory, "parts": parts, "cells": reports[0]["cells"]}


def _table(rows: list[dict[str, Any]]) -> str:
    peers = {r["threads"]: r["median"] for r in rows if r["title"] == PARTS["stardist"]}
    head = ["method", "threads", "s/MP best", "median", "ratio", "cells", "memory, MB"]
    lines = []
    for row in rows:
        threads = row["threads"]
        memory = f"{row['memory']:.0f} ({row['memory_before']:.0f})"
        ratio = f"{row['median'] / peers[threads]:.2f}" if peers else "-"
        lines.append(
            [row["title"], str(threads), *_times(row), ratio, str(row["cells"]), memory]
        )
        if len(row["parts"]) > 1:
            for part, times in row["parts"].items():
                title = f"{row['title']}: {part}"
                lines.append([title, str(threads), *_times(times), "", "", ""])
    return harness.table(head, lines)


def _times(times: dict[str, float]) -> list[str]:
    return [f"{times['best']:.2f}", f"{times['median']:.2f}"]
