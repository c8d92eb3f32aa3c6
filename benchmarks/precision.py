"""What lower precision costs: AP in float32, in bfloat16, and by OpenVINO.

On the test images of fluorescent nuclei and on the held-out images of every kind.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import common
import numpy as np
import report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common import Sample

_THRESHOLDS = (0.5, 0.75, 0.9)


def main() -> None:
    parser = common.parser(__doc__)
    args = parser.parse_args()
    threads = common.limit_threads(args.threads)
    images = {"test images": common.test_pairs(args.data)}
    kinds = common.split(args.data).items()
    images |= {kind: held_out for kind, (_, held_out) in kinds if held_out}
    methods = _methods(args.model)
    rows, found = [], {title: [] for title in methods}
    for name, pairs in images.items():
        row, samples = [name], common.read(pairs)
        for title, segmenter in methods.items():
            at = _ap(segmenter, samples)
            found[title].append(at)
            row.append(" / ".join(f"{value:.3f}" for value in at))
        rows.append(row)
    means = [np.mean(values[1:], axis=0) for values in found.values()]
    told = [" / ".join(f"{value:.3f}" for value in mean) for mean in means]
    rows.append(["mean of the kinds", *told])
    text = (
        "Pooled AP at IoU 0.5 / 0.75 / 0.9, diameters estimated; the test images of "
        "fluorescent nuclei, then the held-out images of every kind.\n\n"
        + report.table(["images", *methods], rows)
    )
    where = report.where("cpu", threads)
    report.publish("precision", text, machine=where, write=args.write)


def _methods(model: str) -> dict[str, Any]:
    import torch

    from napari_iaunet import Segmenter
    from napari_iaunet.inference.engines import TorchEngine

    methods = {}
    for dtype in (torch.float32, torch.bfloat16):
        segmenter = Segmenter(model, "cpu", engine="pytorch")
        backend = segmenter._backend
        backend.engine = TorchEngine(backend.network, backend.device, dtype)
        methods[str(dtype).removeprefix("torch.")] = segmenter
    if find_spec("openvino"):
        methods["OpenVINO"] = Segmenter(model, "cpu", engine="openvino")
    else:
        print("OpenVINO is not installed: left out", file=sys.stderr)
    return methods


def _ap(segmenter: Any, samples: Sequence[Sample]) -> list[float]:
    score = common.evaluate(common.by_model(segmenter), samples)
    return [score.pooled(iou) for iou in _THRESHOLDS]


if __name__ == "__main__":
    main()
