"""``napari-iaunet segment``."""

from __future__ import annotations

import argparse
import logging
import os
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_iaunet.commands import workers
from napari_iaunet.commands.channels import add_channels
from napari_iaunet.commands.common import (
    ALL,
    add_model,
    add_reading,
    caught_warnings,
    clear_progress,
    columns,
    count,
    load,
    local,
    positive,
    printable,
    say,
    show_progress,
)
from napari_iaunet.commands.common_table import COMMON_TABLE, write_common_table
from napari_iaunet.commands.inputs import check_inputs_stay, find_images, find_targets
from napari_iaunet.commands.segment_image import Outcome, segment_image
from napari_iaunet.errors import IAUNetError, ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.io.name_pattern import NamePattern
    from napari_iaunet.large.lazy import Runner
    from napari_iaunet.segmentation.segmenter import Segmenter

log = logging.getLogger(__name__)


class Pair(NamedTuple):
    """An image and where its labels go.

    `series` is its number within the file or store, if that is given.
    """

    path: Path
    target: Path
    series: int | None


# A process takes some seconds to start: fewer files than this are done sooner without.
# And it takes so much memory for images of usual size.
_FILES_PER_PROCESS = 4
_BYTES_PER_PROCESS = 1.5e9

# Ends the line of an image.
_UNSURE = "; diameter about {:.0f} px, unsure: measure one cell and say --diameter PX"

HELP = "images to label images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="PNG, JPEG, TIFF or OME-Zarr image, folder of images, or pattern",
    )
    add(
        "--out",
        required=True,
        type=local,
        help="folder for <stem>_mask.tif (made if missing), or one .tif or .zarr; "
        "an OME-Zarr INPUT itself takes the labels in",
    )
    add_model(parser)
    add(
        "--diameter",
        type=positive,
        metavar="PX",
        help="diameter of the cells in pixels; estimated if left out",
    )
    add_reading(parser, every=True)
    add_channels(parser)
    add(
        "--name",
        default="cells",
        type=_name,
        help="name of labels inside of an OME-Zarr INPUT (cells)",
    )
    add(
        "--link",
        choices=("time", "depth"),
        help="one number for a cell in all planes of a stack; also writes "
        "<stem>_tracks.csv",
    )
    add(
        "--jobs",
        type=count,
        metavar="N",
        help="images at a time; as many as the computer can do if left out",
    )
    add(
        "--scheduler",
        type=_address,
        metavar="ADDRESS",
        help="Dask cluster to work on, like tcp://host:8786",
    )
    add(
        "--table",
        action="store_true",
        help="also write <stem>_cells.csv, and cells.csv for several images",
    )
    add(
        "--columns",
        type=columns,
        metavar="GROUP,...",
        help="columns of the table: position, size, shape, intensity, embedding; all "
        "but the last if left out",
    )
    add(
        "--classifier",
        type=local,
        metavar="FILE",
        help="classifier: the table has the class of each cell, too",
    )
    add(
        "--pattern",
        type=_pattern,
        metavar="PATTERN",
        help="columns of cells.csv that are taken from the names of files, like "
        "{condition}_{well}_{field}",
    )
    add("--overlay", action="store_true", help="also write <stem>_overlay.png")


def _name(text: str) -> str:
    if not text or text.startswith(".") or set(text) & set("/\\"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a name")
    return text


def _pattern(text: str) -> NamePattern:
    from napari_iaunet.io.name_pattern import NamePattern

    try:
        return NamePattern(text)
    except IAUNetError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def _address(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the address is empty")
    return text.strip()


def run(args: argparse.Namespace) -> int:
    """Segment images; returns 2 if any of them failed."""
    inputs, out = find_images(args.inputs), args.out
    asked = args.columns is not None or args.pattern or args.classifier
    args.table = bool(args.table or asked)
    if args.classifier:
        from napari_iaunet.identity.classifier import Classifier

        args.classifier = args.classifier.absolute()
        Classifier.load(args.classifier)  # before the time is spent
    if args.scheduler:
        # Workers may have been started in another folder.
        inputs, out = [path.absolute() for path in inputs], out.absolute()
    pairs = _pairs(inputs, out, args)
    if args.pattern:
        _check_pattern(args.pattern, inputs)
    common = _common_table(pairs, out, args)
    if common:
        from napari_iaunet.io.ours import check_table

        check_table(common)
    outcomes: dict[Path, Outcome] = {}
    for outcome in _outcomes(pairs, args):
        outcomes[outcome.target] = outcome
        for note in outcome.notes:
            log.warning(note)
        if outcome.failure is None:
            clear_progress()
            line = (
                f"{outcome.path}: {outcome.cells} cells in {outcome.seconds:.1f} s, "
                f"{outcome.target}"
            )
            if outcome.unsure:
                line += _UNSURE.format(outcome.unsure)
            say(printable(line))  # whatever its names hold
    found = [outcomes[pair.target] for pair in pairs]
    failures = [
        f"{outcome.failure} (image {pair.series})"
        if pair.series and args.series == ALL
        else outcome.failure
        for pair, outcome in zip(pairs, found, strict=True)
        if outcome.failure is not None
    ]
    for failure in failures:
        say(f"napari-iaunet: {failure}", error=True)
    if common:
        _write_common_table(pairs, found, common, args.pattern)
    return 2 if failures else 0


def _pairs(inputs: Sequence[Path], out: Path, args: argparse.Namespace) -> list[Pair]:
    """All images and their targets; those of a file have numbers if all are wanted."""
    numbered: list[tuple[Path, int | None]] = [(path, args.series) for path in inputs]
    if args.series == ALL:
        from napari_iaunet.io.read import count_images

        counts = [count_images(path) for path in inputs]
        numbered = [
            (path, number if count > 1 else None)
            for path, count in zip(inputs, counts, strict=True)
            for number in range(1, count + 1)
        ]
    paths, series = [path for path, _ in numbered], [number for _, number in numbered]
    targets = find_targets(paths, out, args.name, series)
    check_inputs_stay(paths, targets)
    return [Pair(*pair) for pair in zip(paths, targets, series, strict=True)]


def _args_of(pair: Pair, args: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments for one image."""
    return argparse.Namespace(**{**vars(args), "series": pair.series})


def _outcomes(pairs: list[Pair], args: argparse.Namespace) -> Iterator[Outcome]:
    """Do all images, in the order in which they get done."""
    large = [pair for pair in pairs if pair.path.is_dir()]
    small = [pair for pair in pairs if not pair.path.is_dir()]
    if args.scheduler:
        from napari_iaunet.large.cluster import ClusterRunner, connected

        with connected(args.scheduler) as client:
            yield from _one_by_one(large, args, ClusterRunner(client))
            yield from _on_cluster(client, small, args)
    elif (processes := _processes(args, len(small))) > 1:
        yield from _one_by_one(large, args)
        yield from _in_processes(processes, small, args)
    else:
        yield from _one_by_one(pairs, args)


def _processes(args: argparse.Namespace, files: int) -> int:
    """Count processes that pay: on a CPU each does a file with one thread."""
    if args.jobs:
        return min(int(args.jobs), files)
    if files < 2 * _FILES_PER_PROCESS:
        return 1
    # Only now: torch takes a second to load, and few files do not need this.
    import psutil

    from napari_iaunet.inference.devices import choose_device

    if choose_device(args.device).type != "cpu":
        return 1
    fit = int(psutil.virtual_memory().available / _BYTES_PER_PROCESS)
    return min(_cores(), fit, files // _FILES_PER_PROCESS)


def _cores() -> int:
    """Count the cores that this process may use: a cluster's job gets some of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _one_by_one(
    pairs: list[Pair], args: argparse.Namespace, runner: Runner | None = None
) -> Iterator[Outcome]:
    segmenter = cache(lambda: load(args))
    for i, pair in enumerate(pairs):
        counter = f"[{i + 1}/{len(pairs)}] " if len(pairs) > 1 else ""
        progress = show_progress(f"{counter}{pair.path.name}")
        own = _args_of(pair, args)
        yield segment_image(segmenter, pair.path, pair.target, own, progress, runner)


def _on_cluster(
    client: Any, pairs: list[Pair], args: argparse.Namespace
) -> Iterator[Outcome]:
    """Do files on the workers of a cluster."""
    from napari_iaunet.large.cluster import check_alive

    if not pairs:
        return
    lost: list[Pair] = []
    progress = show_progress(f"{len(pairs)} images")
    with client.get_executor(pure=False) as executor:
        yield from _together(executor, pairs, args, load(args), lost, progress)
    if lost:
        check_alive(client)
    for pair in lost:
        yield _died(pair, "the workers of the cluster")


def _in_processes(
    processes: int, pairs: list[Pair], args: argparse.Namespace
) -> Iterator[Outcome]:
    """Do files in other processes; one for which a process dies costs no other."""
    segmenter, progress = load(args), show_progress(f"{len(pairs)} images")
    lost: list[Pair] = []
    with workers.pool(processes) as pool:
        yield from _together(pool, pairs, args, segmenter, lost, progress)
    if len(lost) == len(pairs) and not _processes_live():
        yield from _one_by_one(pairs, args)
        return
    for pair in lost:
        again: list[Pair] = []
        with workers.pool(1) as pool:
            yield from _together(pool, [pair], args, segmenter, again)
        if again:
            yield _died(pair, "the process")


def _processes_live() -> bool:
    """Whether other processes can be had at all: not everywhere they can."""
    with workers.pool(1) as pool:
        try:
            return pool.submit(os.getpid).result() > 0
        except BrokenExecutor:
            return False


def _together(
    executor: Executor,
    pairs: list[Pair],
    args: argparse.Namespace,
    segmenter: Segmenter,
    lost: list[Pair],
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Do files elsewhere; those for which a process died are appended to `lost`."""
    futures: dict[Future[Outcome], Pair] = {}
    try:
        for pair in pairs:
            try:
                futures[executor.submit(_work, segmenter, pair, args)] = pair
            except BrokenExecutor:
                lost.append(pair)
        for done, future in enumerate(as_completed(futures), 1):
            try:
                outcome = future.result()
            except IAUNetError:
                raise
            except Exception:  # noqa: BLE001 - executors name dead processes differently
                lost.append(futures[future])
                continue
            if progress:
                progress(done, len(pairs))
            yield outcome
    finally:
        if not isinstance(executor, ProcessPoolExecutor):  # `workers.pool` does it
            for future in futures:
                future.cancel()


def _died(pair: Pair, where: str) -> Outcome:
    failure = (
        f"{pair.path} could not be segmented: {where} died of it, most likely for want "
        "of memory."
    )
    return Outcome(pair.path, pair.target, failure=failure)


def _work(segmenter: Segmenter, pair: Pair, args: argparse.Namespace) -> Outcome:
    # A pickled segmenter is the path of its model: each process loads it once.
    with caught_warnings() as notes, workers.at_work() as progress:
        own = _args_of(pair, args)
        outcome = segment_image(
            lambda: segmenter, pair.path, pair.target, own, progress
        )
    return replace(outcome, notes=tuple(notes))


def _common_table(
    pairs: Sequence[Pair], out: Path, args: argparse.Namespace
) -> Path | None:
    """Where the cells of all images go; None if nobody asked for that."""
    if not args.table or (len(pairs) < 2 and not args.pattern):
        return None
    single = len(pairs) == 1 and pairs[0].target == out
    return (out.parent if single else out) / COMMON_TABLE


def _check_pattern(pattern: NamePattern, inputs: Sequence[Path]) -> None:
    """Refuse a pattern that no name fits, and tell of those that do not."""
    others = [path for path in inputs if pattern.of(path) is None]
    if not others:
        return
    if len(others) == len(inputs):
        msg = f"No name of an image fits {pattern.text}: the first one is {inputs[0]}."
        raise ImageError(msg)
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    log.warning(
        "%s%s: the name does not fit %s, so these columns stay empty.",
        others[0],
        more,
        pattern.text,
    )


def _write_common_table(
    pairs: Sequence[Pair],
    outcomes: Sequence[Outcome],
    target: Path,
    pattern: NamePattern | None,
) -> None:
    """Write ``cells.csv``: the cells of all images.

    Where a file holds several images, its name ends in the number of one.
    """
    done = [
        (pair.path, pair.series, outcome.table)
        for pair, outcome in zip(pairs, outcomes, strict=True)
        if outcome.table is not None
    ]
    if done:
        write_common_table(target, done, pattern)
