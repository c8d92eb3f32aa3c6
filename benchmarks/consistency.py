"""Whether labels depend on how they are computed: number precision, size of tiles.

Precision: AP in float32, in bfloat16, and by OpenVINO, on the test images of
fluorescent nuclei and on the held-out images of every kind. Tiles: the labels of one
mosaic of test images, with small and with large tiles.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness

if TYPE_CHECKING:
    import argparse

OPTIONS = ("data", "model", "device", "threads", "images", "write")
_THRESHOLDS = (0.5, 0.75, 0.9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tiles", type=int, nargs=2, default=[256, 1024])
    parser.add_argument("--side", type=int, default=2048, help="of the tiled mosaic")


def run(args: argparse.Namespace) -> None:
    threads = common.limit_threads(args.threads)
    for part in args.only:
        text, device = PARTS[part](args)
        where = harness.where(device, threads)
        harness.publish(part, text, machine=where, write=args.write)


# -- precision ---------------------------------------------------------------


def _precision(args: argparse.Namespace) -> tuple[str, str]:
    """AP in float32, in bfloat16 and by OpenVINO, on the CPU."""
    images = {"test images": common.test_pairs(args.data)}
    images |= common.held_out(args.data)
    segmenters = _segmenters(args.model)
    found = np.array(
        [
            [_ap(segmenter, samples) for segmenter in segmenters.values()]
            for samples in (common.read(p[: args.images]) for p in images.values())
        ]
    )
    means = dict(zip(images, found, strict=True))
    means["mean of the kinds"] = found[1:].mean(axis=0)
    rows = [
        [name, *(" / ".join(f"{value:.3f}" for value in ap) for ap in row)]
        for name, row in means.items()
    ]
    text = (
        "Pooled AP at IoU 0.5 / 0.75 / 0.9, diameters estimated; the test images of "
        "fluorescent nuclei, then the held-out images of every kind.\n\n"
        + harness.table(["images", *segmenters], rows)
    )
    return text, "cpu"


def _segmenters(model: str) -> dict[str, Any]:
    import torch

    from napari_iaunet import Segmenter
    from napari_iaunet.inference.engines import TorchEngine

    found = {}
    for dtype in (torch.float32, torch.bfloat16):
        segmenter = Segmenter(model, "cpu", engine="pytorch")
        backend = segmenter._backend
        backend.engine = TorchEngine(backend.network, backend.device, dtype)
        found[str(dtype).removeprefix("torch.")] = segmenter
    if find_spec("openvino"):
        found["OpenVINO"] = Segmenter(model, "cpu", engine="openvino")
    else:
        print("OpenVINO is not installed: left out", file=sys.stderr)
    return found


def _ap(segmenter: Any, samples: list[common.Sample]) -> list[float]:
    score = common.evaluate(common.by_model(segmenter), samples)
    return [score.pooled(iou) for iou in _THRESHOLDS]


# -- tiles -------------------------------------------------------------------


def _tiles(args: argparse.Namespace) -> tuple[str, str]:
    """Labels by small and by large tiles."""
    from napari_iaunet import Segmenter, average_precision

    sample = common.mosaic(args.data, args.side, args.side)
    one, other = (Segmenter(args.model, args.device, tile=n) for n in args.tiles)
    rows = []
    for title, diameter in (
        ("as the network's", one.config.diameter),
        ("estimated", None),
        ("half of the network's", one.config.diameter / 2),
    ):
        found = [s.segment(sample.image, diameter=diameter) for s in (one, other)]
        labels = [f.labels for f in found]
        ap = average_precision(*labels, _THRESHOLDS).pooled
        same = float(((labels[0] > 0) == (labels[1] > 0)).mean())
        counts = [str(int(cells.max())) for cells in labels]
        sizes = [f"{f.diameter:.2f}" for f in found]
        rows.append(
            [title, *counts, *sizes, *(f"{v:.4f}" for v in ap), f"{100 * same:.3f} %"]
        )
    head = ["diameter", *(f"cells, tile {n}" for n in args.tiles)]
    head += [f"diameter, tile {n}" for n in args.tiles]
    head += [f"AP {t}" for t in _THRESHOLDS] + ["equal foreground"]
    text = (
        f"Mosaic of test images, {args.side} x {args.side} pixels, segmented with "
        f"tiles of {args.tiles[0]} and of {args.tiles[1]} pixels; AP of the one "
        f"against the other.\n\n{harness.table(head, rows)}"
    )
    return text, one.device


PARTS = {"precision": _precision, "tiles": _tiles}
