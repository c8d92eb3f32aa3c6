"""Clicks: IoU of a cell that is clicked and corrected, and milliseconds of a click.

A flood fill, the tool that a user has without this project, is the peer on the test
images of nuclei; Otsu + watershed on the blood smears, a kind that trained nothing.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness, prompted, rest
from benchmarks.peers import otsu_watershed
from benchmarks.simulated import (
    ENOUGH,
    MOST_PROMPTS,
    Simulated,
    deepest,
    middle_of_largest,
    overlap,
    simulate,
)

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from benchmarks.common import Sample
    from benchmarks.simulated import Mask

OPTIONS = ("data", "model", "device", "threads", "images", "write")
# The parts that are published by themselves: they take longest.
_PROMPTS, _REST = "prompts", "rest"
_ALONE = _PROMPTS, _REST
_CORRECTIONS = 3
_TOLERANCES = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_LATENCY_SIZE = 1024
_LATENCY_CLICKS = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--kinds", nargs="+", metavar="KIND", help="of images, for prompts and rest"
    )


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    where = harness.where(segmenter.device, threads)
    clicks = [PARTS[part](segmenter, args) for part in args.only if part not in _ALONE]
    if clicks:
        harness.publish("click", "\n\n".join(clicks), machine=where, write=args.write)
    for part in _ALONE:
        if part in args.only:
            text = PARTS[part](segmenter, args)
            harness.publish(f"click-{part}", text, machine=where, write=args.write)


# -- quality -----------------------------------------------------------------


def _quality(segmenter: Any, args: argparse.Namespace) -> str:
    """IoU of clicks on test images of nuclei."""
    samples = common.read(common.test_pairs(args.data))[: args.images]
    ours = {title: Simulated() for title in _NEXT}
    floods = {tolerance: Simulated() for tolerance in _TOLERANCES}
    for sample in samples:
        segmenter.set_image(sample.image)
        for cell, seed in _seeds(sample):
            for title, place in _NEXT.items():
                simulate(segmenter.click, cell, place, ours[title], points=[seed])
            for tolerance, simulated in floods.items():
                _simulate_flood(sample.image, tolerance, cell, seed, simulated)
    best = max(floods, key=lambda tolerance: float(np.mean(floods[tolerance].after(1))))
    title = f"flood fill, tolerance {best}"
    flood = _row(floods[best], title)[:4] + ["-"] * 5
    head = ["", "IoU, 1 click", ">= .5", ">= .75"]
    head += [f"IoU, {1 + _CORRECTIONS} clicks", ">= .5", ">= .75"]
    head += [f"clicks to {ENOUGH}", f"not in {MOST_PROMPTS}"]
    return (
        f"### {len(samples)} test images of fluorescent nuclei, "
        f"{len(floods[best].found)} nuclei\n\n"
        "The first click is a random pixel of the nucleus. Further ones lie where "
        "what is missing, or too much, is deepest, which is the first of many pixels "
        "where errors are thin; or in the middle of the largest connected part that "
        "is missing or too much. The flood fill has "
        "the tolerance, in gray values of 255, that is best on these very images.\n\n"
        + harness.table(
            head, [*(_row(own, title) for title, own in ours.items()), flood]
        )
    )


def _row(simulated: Simulated, title: str) -> list[str]:
    row = [title]
    for count in (1, 1 + _CORRECTIONS):
        values = simulated.after(count)
        row += [f"{values.mean():.3f}"]
        row += [f"{(values >= least).mean():.3f}" for least in (0.5, 0.75)]
    return [*row, f"{simulated.prompts().mean():.2f}", f"{simulated.missed():.3f}"]


def _seeds(sample: Sample) -> list[tuple[Mask, tuple[int, int]]]:
    rng = np.random.default_rng(0)
    seeds = []
    for number in np.unique(sample.labels)[1:]:
        cell = sample.labels == number
        y, x = rng.choice(np.argwhere(cell))
        seeds.append((cell, (int(y), int(x))))
    return seeds


_NEXT = {
    "click, then where it is deepest": deepest,
    "click, then in the largest": middle_of_largest,
}


def _simulate_flood(
    image: NDArray[Any],
    tolerance: float,
    cell: Mask,
    seed: tuple[int, int],
    simulated: Simulated,
) -> None:
    from skimage.segmentation import flood

    gray = image.mean(axis=-1) if image.ndim == 3 else image
    found = overlap(flood(gray.astype(np.float32), seed, tolerance=tolerance), cell)
    simulated.found.append([found])


# -- latency -----------------------------------------------------------------


def _latency(segmenter: Any, args: argparse.Namespace) -> str:
    """Time of a click, and of what comes before."""
    sample = common.mosaic(args.data, _LATENCY_SIZE, _LATENCY_SIZE)
    segmenter.set_image(sample.image)
    begin = time.perf_counter()
    segmenter.set_image(sample.image)
    estimated = time.perf_counter() - begin
    diameter = segmenter.estimate_diameter(sample.image)
    begin = time.perf_counter()
    segmenter.set_image(sample.image, diameter=diameter)
    given = time.perf_counter() - begin
    places = np.argwhere(sample.labels > 0)
    chosen = np.random.default_rng(0).choice(places, _LATENCY_CLICKS)
    taken = []
    for place in chosen:
        begin = time.perf_counter()
        segmenter.click([tuple(place)])
        taken.append(1000 * (time.perf_counter() - begin))
    row = [f"{given:.2f}", f"{estimated:.2f}"]
    row += [f"{np.median(taken):.1f}", f"{max(taken):.1f}"]
    head = ["encoding, s", "with the diameter's estimate, s"]
    head += ["click, median ms", f"worst of {_LATENCY_CLICKS}, ms"]
    return f"### Time on {_LATENCY_SIZE} x {_LATENCY_SIZE} pixels\n\n" + harness.table(
        ["", *head], [["click", *row]]
    )


# -- blood -------------------------------------------------------------------


def _blood(segmenter: Any, args: argparse.Namespace) -> str:
    """Share of red blood cells that a click finds."""
    files = common.smear_files(args.data)[: args.images]
    clicked, classical, total = 0, 0, 0
    for file in files:
        image, points, _ = common.read_smear(file)
        segmenter.set_image(image)
        labels = otsu_watershed(_darkness(image))
        owners = labels[points[:, 0], points[:, 1]]
        for index, point in enumerate(points):
            others = np.delete(points, index, axis=0)
            mask = segmenter.click([tuple(point)])
            clicked += not mask[others[:, 0], others[:, 1]].any()
            own = owners[index]
            classical += own > 0 and (owners == own).sum() == 1
        total += len(points)
    rows = [["click", f"{clicked / total:.3f}"]]
    rows += [["Otsu + watershed", f"{classical / total:.3f}"]]
    return (
        f"### Red blood cells: {len(files)} images, {total} labelled points\n\n"
        "Share of the points whose mask holds this point and no other cell's.\n\n"
        + harness.table(["", "share"], rows)
    )


def _darkness(image: NDArray[Any]) -> NDArray[Any]:
    """Blood cells are darker than what is around them."""
    gray = image.mean(axis=-1)
    return gray.max() - gray


PARTS = {
    "quality": _quality,
    _PROMPTS: prompted.measure,
    _REST: rest.measure,
    "latency": _latency,
    "blood": _blood,
}
