"""``napari-iaunet segment``."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.common import load, show_progress
from napari_iaunet.commands.inputs import find_images, find_targets
from napari_iaunet.commands.segment_image import Outcome, segment_image

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    from napari_iaunet.segmentation.lazy import Runner
    from napari_iaunet.segmentation.segmenter import Segmenter

    Pair = tuple[Path, Path]

# A process takes some seconds to start and this much memory for images of usual size.
_FILES_PER_PROCESS = 4
_BYTES_PER_PROCESS = 1.5e9


def run(args: argparse.Namespace) -> int:
    """Segment images; returns 2 if any of them failed."""
    inputs = find_images(args.inputs)
    pairs = list(zip(inputs, find_targets(inputs, args.out, args.name), strict=True))
    outcomes: dict[Path, Outcome] = {}
    for outcome in _outcomes(pairs, args):
        outcomes[outcome.path] = outcome
        if outcome.failure is None:
            _tell(outcome)
    found = [outcomes[path] for path in inputs]
    if args.table and len(found) > 1:
        _write_common_table(found, args.out)
    failures = [outcome.failure for outcome in found if outcome.failure is not None]
    for failure in failures:
        print(f"napari-iaunet: {failure}", file=sys.stderr)
    return 2 if failures else 0


def _tell(outcome: Outcome) -> None:
    print(
        f"{outcome.path}: {outcome.cells} cells in {outcome.seconds:.1f} s, "
        f"{outcome.target}"
    )


def _outcomes(pairs: list[Pair], args: argparse.Namespace) -> Iterator[Outcome]:
    """Do all images, in the order in which they get done."""
    with ExitStack() as stack:
        executor: Executor | None = None
        runner: Runner | None = None
        if args.scheduler:
            from napari_iaunet.segmentation.cluster import ClusterRunner, connected

            client = stack.enter_context(connected(args.scheduler))
            executor, runner = client.get_executor(pure=False), ClusterRunner(client)
        large = [pair for pair in pairs if pair[0].is_dir()]
        small = [pair for pair in pairs if not pair[0].is_dir()]
        if executor is None and (processes := _processes(args, len(small))) > 1:
            executor = stack.enter_context(
                ProcessPoolExecutor(
                    processes,
                    mp_context=get_context("spawn"),
                    initializer=_use_one_thread,
                )
            )
        if executor is None:
            large, small = pairs, []
        yield from _one_by_one(large, args, runner)
        if executor is not None:
            yield from _together(executor, small, args)


def _processes(args: argparse.Namespace, files: int) -> int:
    """Count processes that pay: on a CPU each does a file with one thread."""
    if args.jobs:
        return min(int(args.jobs), files)
    if files < 2 * _FILES_PER_PROCESS:
        return 1
    # Only now: torch takes a second to load, and few files do not need this.
    import psutil

    from napari_iaunet.segmentation.devices import choose_device

    if choose_device(args.device).type != "cpu":
        return 1
    fit = int(psutil.virtual_memory().available / _BYTES_PER_PROCESS)
    return min(os.cpu_count() or 1, fit, files // _FILES_PER_PROCESS)


def _one_by_one(
    pairs: list[Pair], args: argparse.Namespace, runner: Runner | None = None
) -> Iterator[Outcome]:
    loaded: list[Segmenter] = []

    def segmenter() -> Segmenter:
        if not loaded:
            loaded.append(load(args))
        return loaded[0]

    for i, (path, target) in enumerate(pairs):
        counter = f"[{i + 1}/{len(pairs)}] " if len(pairs) > 1 else ""
        progress = show_progress(f"{counter}{path.name}")
        yield segment_image(segmenter, path, target, args, progress, runner)


def _together(
    executor: Executor, pairs: list[Pair], args: argparse.Namespace
) -> Iterator[Outcome]:
    """Do files in other processes; if these die, the rest is done here."""
    if not pairs:
        return
    progress, segmenter = show_progress(f"{len(pairs)} images"), load(args)
    futures = {executor.submit(_work, segmenter, *pair, args): pair for pair in pairs}
    missing = dict(futures)
    try:
        for future in as_completed(futures):
            outcome = future.result()
            del missing[future]
            if progress:
                progress(len(pairs) - len(missing), len(pairs))
            yield outcome
    except BrokenProcessPool:
        yield from _one_by_one(list(missing.values()), args)
    finally:
        for future in missing:
            future.cancel()


def _work(
    segmenter: Segmenter, path: Path, target: Path, args: argparse.Namespace
) -> Outcome:
    # Pickled by the model's place, the segmenter is loaded once in each process.
    return segment_image(lambda: segmenter, path, target, args)


def _use_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _write_common_table(outcomes: list[Outcome], folder: Path) -> None:
    """Write ``cells.csv``: the cells of all images."""
    import numpy as np

    from napari_iaunet.files import write_table

    tables = [(o.path, o.table) for o in outcomes if o.table is not None]
    if not tables:
        return
    names = list(dict.fromkeys(name for _, table in tables for name in table))
    columns: dict[str, Any] = {
        "file": np.concatenate(
            [np.full(len(table["label"]), path.name) for path, table in tables]
        )
    }
    for name in names:
        columns[name] = np.concatenate(
            [
                table.get(name, np.zeros(len(table["label"]), np.int64))
                for _, table in tables
            ]
        )
    write_table(folder / "cells.csv", columns)
