"""Seconds per megapixel and peak memory, beside a classical method and StarDist.

Every timing runs in a process of its own that is kept to one core, then to two.
StarDist is installed into an environment of its own at the first run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import common
import numpy as np
import report
import timing

if TYPE_CHECKING:
    import argparse

_HERE = Path(__file__).resolve().parent
_TITLES = {
    "classical": "Otsu + watershed",
    "given": "IAU-Net, diameter given",
    "estimated": "IAU-Net, diameter estimated",
    "float32": "IAU-Net in float32, given",
    "openvino": "IAU-Net by OpenVINO, given",
}
_STARDIST = "StarDist"


def main() -> None:
    args = _arguments()
    python = None if args.skip_stardist else _stardist_python(args.runs)
    sample = common.mosaic(args.data, *args.size, diameters=args.diameters)
    diameter = float(np.median(common.cell_diameters(sample.labels)))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mosaic.npz"
        np.savez(path, image=sample.image, labels=sample.labels, diameter=diameter)
        for threads in args.cores:
            rows += _rows(path, threads, python, args)
    cells = len(np.unique(sample.labels)) - 1
    text = (
        f"Mosaic of test images, {args.size[0]} x {args.size[1]} pixels, {cells} "
        f"cells, median diameter {diameter:.0f} px. Seconds per megapixel: best and "
        f"median of {args.rounds} processes with {args.repeats} timings each after one "
        f"that warms up; the methods take turns.\n\n{_table(rows)}\n\n{_NOTES}"
    )
    report.publish("speed", text, machine=report.machine(), write=args.write)


_NOTES = (
    "Whole pipelines, from the array to labels. IAU-Net runs in PyTorch, in bfloat16 "
    "where the processor has it, unless the row says otherwise. The ratio is that of "
    "the medians to StarDist's (network and instances) on as many threads. Memory is "
    "the process's peak; in brackets what it took before the first image. StarDist: "
    "the network of `2D_versatile_fluo` with random weights on the whole image, then "
    "its non-maximum suppression and polygons on the fields of the true cells. IAU-Net "
    "enlarges images of cells below 20 px, StarDist does not: `--diameters 5 12` shows "
    "what that costs. Planes below half a megapixel are looked at two to four "
    "times: `--size 512 704` shows what that costs."
)


def _arguments() -> argparse.Namespace:
    parser = common.parser(__doc__)
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
    parser.add_argument("--skip-stardist", action="store_true")
    return parser.parse_args()


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


# -- timings -----------------------------------------------------------------


def _worker(words: list[Any], threads: int) -> dict[str, Any]:
    """Run a worker and return its report."""
    done = subprocess.run(
        [str(word) for word in words],
        env=timing.thread_environment(threads),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    timed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return timed


def _rows(
    path: Path, threads: int, python: Path | None, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """Reports of all methods on so many threads; seconds become those per MP."""
    commands: dict[str, list[Any]] = {}
    for name, title in _TITLES.items():
        if name == "openvino" and find_spec("openvino") is None:
            print("OpenVINO is not installed: left out", file=sys.stderr)
            continue
        words = [sys.executable, _HERE / "_speed_worker.py", name, path, threads]
        commands[title] = [*words, args.repeats, args.model]
    if python:
        words = [python, _HERE / "_stardist_worker.py", path, threads, args.repeats]
        commands[_STARDIST] = words
    # In turn, so that a minute in which the machine is slow strikes all of them.
    reports: dict[str, list[dict[str, Any]]] = {title: [] for title in commands}
    for _ in range(args.rounds):
        for title, command in commands.items():
            reports[title].append(_worker(command, threads))
    megapixels = args.size[0] * args.size[1] / 1e6
    return [
        {**_summary(found, megapixels), "title": title, "threads": threads}
        for title, found in reports.items()
    ]


def _summary(reports: list[dict[str, Any]], megapixels: float) -> dict[str, Any]:
    """Join the reports of one method: best and median seconds per megapixel."""
    parts = {}
    for part in reports[0]["parts"]:
        taken = [seconds / megapixels for r in reports for seconds in r["parts"][part]]
        parts[part] = timing.summary(taken)
    whole = {key: sum(p[key] for p in parts.values()) for key in ("best", "median")}
    memory = {key: max(r[key] for r in reports) for key in ("memory", "memory_before")}
    return {**whole, **memory, "parts": parts, "cells": reports[0]["cells"]}


def _table(rows: list[dict[str, Any]]) -> str:
    peers = {r["threads"]: r["median"] for r in rows if r["title"] == _STARDIST}
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
    return report.table(head, lines)


def _times(times: dict[str, float]) -> list[str]:
    return [f"{times['best']:.2f}", f"{times['median']:.2f}"]


if __name__ == "__main__":
    main()
