"""Time one method on one image in a process of its own; prints JSON.

METHOD is classical, given, estimated, float32 or openvino.

Usage: _speed_worker.py METHOD IMAGE.npz THREADS REPEATS MODEL
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import timing


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


def _classical(image: Any, repeats: int) -> dict[str, Any]:
    import common

    def function() -> Any:
        return common.otsu_watershed(image)

    before = timing.peak_memory()
    whole = timing.seconds(function, repeats)
    return {"parts": {"whole": whole}, "memory_before": before, "labels": function()}


def _network(
    name: str, image: Any, diameter: float, model: str, threads: int, repeats: int
) -> dict[str, Any]:
    """Time a segmenter, and its network apart from the rest."""
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
    size = None if name == "estimated" else diameter
    before = timing.peak_memory()
    parts: dict[str, list[float]] = {"network": [], "decoding and the rest": []}
    for run in range(repeats + 1):
        timed.seconds = 0.0
        begin = time.perf_counter()
        labels = segmenter.segment(image, diameter=size).labels
        whole = time.perf_counter() - begin
        if run:  # the first one warms up
            parts["network"].append(timed.seconds)
            parts["decoding and the rest"].append(whole - timed.seconds)
    return {"parts": parts, "memory_before": before, "labels": labels}


def main() -> None:
    name, path, threads, repeats, model = sys.argv[1:]
    timing.pin(int(threads))
    import numpy as np

    with np.load(path) as arrays:
        image, diameter = arrays["image"], float(arrays["diameter"])
    if name == "classical":
        report = _classical(image, int(repeats))
    else:
        report = _network(name, image, diameter, model, int(threads), int(repeats))
    report["cells"] = len(np.unique(report.pop("labels"))) - 1
    report["memory"] = timing.peak_memory()
    print(json.dumps(report))


if __name__ == "__main__":
    main()
