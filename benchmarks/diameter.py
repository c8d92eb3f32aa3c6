"""The estimate of the cells' diameter, from the smallest to the largest.

Held-out images of every kind are rescaled until their cells have a median diameter of
4 to 300 pixels, and segmented with the diameter estimated and with the true one. Of
each image a part with many cells is taken, ten cells wide where that is possible.

Error is the factor by which an estimate differs from the true median, at best 1. Extra
pixels are those that the network looks at to find the diameter, by those that it looks
at for the cells where the diameter found is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from benchmarks import common, harness
from benchmarks.common import Sample

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from benchmarks.common import Labels

OPTIONS = ("data", "model", "device", "threads", "images", "write")
_SIZES = (4.0, 5.0, 7.0, 10.0, 20.0, 50.0, 100.0, 200.0, 300.0)
# Width of a part in cells, and its bounds in pixels: enough cells for a median and no
# more work than needed.
_CELLS_WIDE, _SIDES = 10, (320, 1600)
# Cells that rescaling left fewer pixels of cannot be recognised.
_FEWEST_PIXELS = 4
_IOU = 0.5
# An estimate is right within this factor: one scale serves both.
_RIGHT = 1.4


class Row(NamedTuple):
    """What became of one image at one size.

    Attributes
    ----------
    ratio : float
        Estimate by truth.
    is_sure : bool
    true, estimated, given : (Y, X) int
        True cells, and those that were found with either diameter.
    pixels, needed : int
        Seen by the network in all, and if the diameter that was found is given.
    """

    ratio: float
    is_sure: bool
    true: Labels
    estimated: Labels
    given: Labels
    pixels: int
    needed: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kinds", nargs="+", metavar="KIND", help="only these")
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=float,
        default=_SIZES,
        metavar="PX",
        help="median diameters (default: 4 to 300)",
    )


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device, engine="pytorch")
    found: dict[tuple[str, float], list[Row]] = {}
    for kind, pairs in common.held_out(args.data).items():
        if args.kinds and kind not in args.kinds:
            continue
        for sample in common.read(pairs[: args.images or 1]):
            for size, scaled in at_sizes(sample, args.sizes):
                found.setdefault((kind, size), []).append(measure(segmenter, scaled))
    where = harness.where(segmenter.device, threads)
    harness.publish("diameter", _tables(found), machine=where, write=args.write)


# -- images ------------------------------------------------------------------


def at_sizes(sample: Sample, sizes: Sequence[float]) -> Iterator[tuple[float, Sample]]:
    """Rescale a part of an image until its cells have these median diameters."""
    own = common.cell_diameters(sample.labels)
    if own.size:
        for size in sizes:
            scaled = _rescaled(sample, size / float(np.median(own)), size)
            if scaled.labels.any():
                yield size, scaled


def _rescaled(sample: Sample, factor: float, size: float) -> Sample:
    from skimage.transform import resize

    side = round(np.clip(_CELLS_WIDE * size, *_SIDES) / factor)
    box = _fullest(sample.labels, side)
    picture, labels = sample.picture()[box], sample.labels[box]
    shape = tuple(max(1, round(n * factor)) for n in labels.shape)
    image = resize(
        picture.astype(np.float32), shape, order=1, anti_aliasing=factor < 1
    ).astype(np.float32)
    y, x = (
        np.minimum(((np.arange(n) + 0.5) / factor).astype(int), m - 1)
        for n, m in zip(shape, labels.shape, strict=True)
    )
    near = labels[np.ix_(y, x)]
    kept = np.bincount(near.ravel()) >= _FEWEST_PIXELS
    channels = None if picture.ndim == 2 else 2
    return Sample(image, np.where(kept[near], near, 0), channels)


def _fullest(labels: Labels, side: int) -> tuple[slice, slice]:
    """Rows and columns of the square of a side that holds most foreground."""
    if side >= max(labels.shape):
        return np.s_[:, :]
    density = uniform_filter((labels > 0).astype(np.float32), side, mode="constant")
    places = np.unravel_index(density.argmax(), labels.shape)
    starts = [
        max(0, min(int(place) - side // 2, length - side))
        for place, length in zip(places, labels.shape, strict=True)
    ]
    return np.s_[starts[0] : starts[0] + side, starts[1] : starts[1] + side]


# -- measurements ------------------------------------------------------------


def measure(segmenter: Any, sample: Sample) -> Row:
    """Segment an image with the diameter estimated, with that given, and the true."""
    true = float(np.median(common.cell_diameters(sample.labels)))

    def segment(diameter: float | None) -> tuple[Any, int]:
        seen.clear()
        found = segmenter.segment(
            sample.image, channel_axis=sample.channel_axis, diameter=diameter
        )
        return found, sum(seen)

    with _counted(segmenter) as seen:
        estimated, pixels = segment(None)
        _, needed = segment(estimated.diameter)
        given, _ = segment(true)
    return Row(
        estimated.diameter / true,
        estimated.diameter_is_sure,
        sample.labels,
        estimated.labels,
        given.labels,
        pixels,
        needed,
    )


class _counted:
    """Notes how many pixels the network of a segmenter looks at, call by call."""

    def __init__(self, segmenter: Any) -> None:
        self._backend, self._seen = segmenter._backend, list[int]()

    def __enter__(self) -> list[int]:
        run = self._backend._run_tiled

        def counting(plane: NDArray[np.float32], *rest: Any) -> Any:
            self._seen.append(plane[0].size)
            return run(plane, *rest)

        self._backend._run_tiled = counting
        return self._seen

    def __exit__(self, *_: object) -> None:
        del self._backend._run_tiled


# -- tables ------------------------------------------------------------------


def _tables(found: dict[tuple[str, float], list[Row]]) -> str:
    rows = [
        [f"{kind}, {size:g} px", *_cells(rows)] for (kind, size), rows in found.items()
    ]
    sizes = sorted({size for _, size in found})
    by_size = [
        [
            f"{size:g} px",
            *_cells([r for (_, s), own in found.items() for r in own if s == size]),
        ]
        for size in sizes
    ]
    head = ["right", "error", "sure", "sure and wrong", "AP50", "AP50, given"]
    head += ["extra pixels"]
    return (
        f"{__doc__.partition(chr(10))[2].strip()}\n\nRight: within a factor of "
        f"{_RIGHT}. Error: median of its images. AP50: mean over images.\n\n"
        + harness.table(["all kinds", *head], by_size)
        + "\n\n"
        + harness.table(["kind", *head], rows)
    )


def _cells(rows: Sequence[Row]) -> list[str]:
    from napari_iaunet.evaluation import average_precision

    true = [row.true for row in rows]
    scores = [
        average_precision(true, [getattr(row, name) for row in rows], (_IOU,))
        for name in ("estimated", "given")
    ]
    errors = np.array([max(row.ratio, 1 / row.ratio) for row in rows])
    right = errors <= _RIGHT
    sure = np.array([row.is_sure for row in rows])
    extra = [(row.pixels - row.needed) / row.needed for row in rows]
    median = float(np.median(errors))
    way = "-" if np.median([row.ratio for row in rows]) < 1 else "+"
    return [
        f"{right.sum()} of {len(rows)}",
        f"{median:.2f}{way if median > 1.01 else ''}",
        str(sure.sum()),
        str((sure & ~right).sum()),
        *(f"{score.per_image[:, 0].mean():.3f}" for score in scores),
        f"{np.median(extra):.2f}",
    ]
