"""Clicks: IoU of a cell that is clicked and corrected, and milliseconds of a click.

A flood fill, the tool that a user has without this project, is the peer on the test
images of nuclei; Otsu + watershed on the blood smears, a kind that trained nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness
from benchmarks.peers import otsu_watershed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from numpy.typing import NDArray

    from benchmarks.common import Sample

    Mask = NDArray[np.bool_]
    # Clicked points (y, x) and for each 1 (inside) or 0 (outside) -> the mask.
    Clicks = Callable[[list[tuple[int, int]], list[int]], Mask]

OPTIONS = ("data", "model", "device", "threads", "images", "write")
_ENOUGH = 0.85
_MOST_CLICKS = 20
_CORRECTIONS = 3
_TOLERANCES = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
_LATENCY_SIZE = 1024
_LATENCY_CLICKS = 200


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    parts = [PARTS[part](segmenter, args) for part in args.only]
    where = harness.where(segmenter.device, threads)
    harness.publish("click", "\n\n".join(parts), machine=where, write=args.write)


# -- quality -----------------------------------------------------------------


@dataclass
class _Simulated:
    """What simulated users got, one entry for each cell."""

    first: list[float] = field(default_factory=list)
    corrected: list[float] = field(default_factory=list)
    clicks: list[int] = field(default_factory=list)
    reached: list[bool] = field(default_factory=list)

    def row(self, title: str) -> list[str]:
        row = [title]
        for found in (self.first, self.corrected):
            values = np.array(found)
            row += [f"{values.mean():.3f}"]
            row += [f"{(values >= least).mean():.3f}" for least in (0.5, 0.75)]
        missed = 1 - np.mean(self.reached)
        return [*row, f"{np.mean(self.clicks):.2f}", f"{missed:.3f}"]


def _quality(segmenter: Any, args: argparse.Namespace) -> str:
    """IoU of clicks on test images of nuclei."""
    samples = common.read(common.test_pairs(args.data))[: args.images]
    ours = {title: _Simulated() for title in _NEXT}
    floods = {tolerance: _Simulated() for tolerance in _TOLERANCES}
    for sample in samples:
        segmenter.set_image(sample.image)
        for cell, seed in _seeds(sample):
            for title, place in _NEXT.items():
                _simulate(segmenter.click, cell, seed, place, ours[title])
            for tolerance, simulated in floods.items():
                _simulate_flood(sample.image, tolerance, cell, seed, simulated)
    best = max(floods, key=lambda tolerance: float(np.mean(floods[tolerance].first)))
    title = f"flood fill, tolerance {best}"
    flood = floods[best].row(title)[:4] + ["-"] * 5
    head = ["", "IoU, 1 click", ">= .5", ">= .75"]
    head += [f"IoU, {1 + _CORRECTIONS} clicks", ">= .5", ">= .75"]
    head += [f"clicks to {_ENOUGH}", f"not in {_MOST_CLICKS}"]
    return (
        f"### {len(samples)} test images of fluorescent nuclei, "
        f"{len(floods[best].first)} nuclei\n\n"
        "The first click is a random pixel of the nucleus. Further ones lie where "
        "what is missing, or too much, is deepest, which is the first of many pixels "
        "where errors are thin; or in the middle of the largest connected part that "
        "is missing or too much. The flood fill has "
        "the tolerance, in gray values of 255, that is best on these very images.\n\n"
        + harness.table(head, [*(own.row(title) for title, own in ours.items()), flood])
    )


def _seeds(sample: Sample) -> list[tuple[Mask, tuple[int, int]]]:
    rng = np.random.default_rng(0)
    seeds = []
    for number in np.unique(sample.labels)[1:]:
        cell = sample.labels == number
        y, x = rng.choice(np.argwhere(cell))
        seeds.append((cell, (int(y), int(x))))
    return seeds


def _overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))


def _simulate(
    click: Clicks,
    cell: Mask,
    seed: tuple[int, int],
    place: Callable[[Mask, Mask], tuple[int, int]],
    simulated: _Simulated,
) -> None:
    """Correct a mask by clicks until it is good enough or patience ends."""
    points, labels, found = [seed], [1], []
    while True:
        mask = click(points, labels)
        found.append(_overlap(mask, cell))
        if found[-1] >= _ENOUGH or len(points) == _MOST_CLICKS:
            break
        y, x = place(cell & ~mask, mask & ~cell)
        points.append((y, x))
        labels.append(int(cell[y, x]))
    simulated.first.append(found[0])
    simulated.corrected.append(found[: 1 + _CORRECTIONS][-1])
    simulated.reached.append(found[-1] >= _ENOUGH)
    simulated.clicks.append(len(found))


def _deepest(missing: Mask, excess: Mask) -> tuple[int, int]:
    """Pixel farthest from the border of what is missing, or too much; the first one."""
    depth = max(_depth(missing), _depth(excess), key=lambda depth: float(depth.max()))
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(y), int(x)


def _middle_of_largest(missing: Mask, excess: Mask) -> tuple[int, int]:
    """Deepest pixel of the largest connected error; the middle one of several."""
    largest = max(
        _largest_part(missing), _largest_part(excess), key=lambda part: int(part.sum())
    )
    depth = np.where(largest, _depth(largest), 0)
    deepest = np.argwhere(depth == depth.max())
    away = np.linalg.norm(deepest - np.argwhere(largest).mean(axis=0), axis=1)
    y, x = deepest[away.argmin()]
    return int(y), int(x)


def _largest_part(error: Mask) -> Mask:
    from skimage.measure import label

    parts = label(error, connectivity=1)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest: Mask = error & (parts == sizes.argmax())
    return largest


def _depth(error: Mask) -> NDArray[np.float64]:
    from scipy.ndimage import distance_transform_edt

    depth: NDArray[np.float64] = distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
    return depth


_NEXT = {
    "click, then where it is deepest": _deepest,
    "click, then in the largest": _middle_of_largest,
}


def _simulate_flood(
    image: NDArray[Any],
    tolerance: float,
    cell: Mask,
    seed: tuple[int, int],
    simulated: _Simulated,
) -> None:
    from skimage.segmentation import flood

    gray = image.mean(axis=-1) if image.ndim == 3 else image
    overlap = _overlap(flood(gray.astype(np.float32), seed, tolerance=tolerance), cell)
    simulated.first.append(overlap)
    simulated.corrected.append(overlap)
    simulated.clicks.append(_MOST_CLICKS)
    simulated.reached.append(overlap >= _ENOUGH)


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


PARTS = {"quality": _quality, "latency": _latency, "blood": _blood}
