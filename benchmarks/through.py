"""Following one cell through a stack: how far it is found, and whether it ends in time.

Films with known truth are those of the benchmark `tracking`, without divisions; of
frames of yeast the links were checked by eye.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness, tracking
from benchmarks.simulated import overlap

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from benchmarks.films import Film

OPTIONS = ("data", "model", "device", "threads", "write")
_SPEEDS = {"slow": 0.1, "medium": 0.3}
_HALF = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--films", type=int, default=3, help="films of each speed")
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--cells", type=int, default=5, help="cells of each film")
    parser.add_argument(
        "--split", choices=("test", "train"), default="test", help="images of the cells"
    )


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    rows = []
    for name, films in _films(args):
        outcomes = [_follow(segmenter, film, args.cells) for film in films]
        rows.append(_row(name, np.concatenate(outcomes)))
    head = ["", "cells", "planes", "found", "IoU", "other cells", "beyond the end"]
    text = (
        "A cell is followed from the plane in the middle, from its true mask. Found: "
        "planes with an IoU of .5 or more, of all on which the cell is; other cells: "
        "planes with less; beyond the end: planes on which it is no longer.\n\n"
        + harness.table(head, rows)
    )
    where = harness.where(segmenter.device, threads)
    harness.publish("through", text, machine=where, write=args.write)


def _films(args: argparse.Namespace) -> Iterator[tuple[str, list[Film]]]:
    for seed, (name, speed) in enumerate(_SPEEDS.items()):
        films = tracking.films(args, speed, seed, divisions=0.0)
        yield f"{name} ({speed} diameters a frame)", list(films)
    yeast = tracking.yeast_film(args)
    yield "yeast", [yeast._replace(images=yeast.images[: args.frames])]


def _follow(segmenter: Any, film: Film, most: int) -> Any:
    """Return a row for each of some cells: planes, found, sum of IoU, wrong, beyond."""
    start = len(film.images) // 2
    truth = film.labels[: len(film.images)]
    there = np.unique(truth[start])[1:]
    diameter = float(np.median(common.cell_diameters(truth[start])))
    rows = []
    for cell in np.random.default_rng(0).permutation(there)[:most]:
        known = [bool((plane == cell).any()) for plane in truth]
        first = (
            start - known[start::-1].index(False) + 1
            if False in known[start::-1]
            else 0
        )
        ends = (
            known[start:].index(False) + start if False in known[start:] else len(known)
        )
        found = segmenter.follow(
            film.images, truth[start] == cell, start, diameter=diameter
        )
        planes = [i for i in range(first, ends) if i != start]
        ious = [overlap(found[i], truth[i] == cell) for i in planes]
        wrong = sum(
            found[i].any() and v < _HALF for i, v in zip(planes, ious, strict=True)
        )
        beyond = sum(found[i].any() for i in range(len(truth)) if not first <= i < ends)
        right = sum(v >= _HALF for v in ious)
        rows.append((len(planes), right, sum(ious), wrong, beyond))
    return np.array(rows, float)


def _row(name: str, rows: Any) -> list[str]:
    planes, found, ious, wrong, beyond = rows.sum(axis=0)
    shares = [f"{value / planes:.3f}" for value in (found, ious)]
    return [
        name,
        str(len(rows)),
        f"{planes:.0f}",
        *shares,
        f"{wrong:.0f}",
        f"{beyond:.0f}",
    ]
