"""Time one method on one image in a process of its own; prints JSON.

Usage: _speed_worker.py METHOD IMAGE.npz THREADS REPEATS MODEL
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import timing

if TYPE_CHECKING:
    from collections.abc import Callable


def _method(name: str, image: Any, diameter: float, model: str, threads: int) -> Any:
    """Prepare a method and return it as a function without arguments."""
    if name == "classical":
        import common

        return lambda: common.otsu_watershed(image)
    import torch

    from napari_iaunet import Segmenter

    torch.set_num_threads(threads)
    segmenter = Segmenter(model, "cpu")
    size = diameter if name == "given" else None
    return lambda: segmenter.segment(image, diameter=size).labels


def main() -> None:
    name, path, threads, repeats, model = sys.argv[1:]
    timing.pin(int(threads))
    import numpy as np

    with np.load(path) as arrays:
        image, diameter = arrays["image"], float(arrays["diameter"])
    function: Callable[[], Any] = _method(name, image, diameter, model, int(threads))
    before = timing.peak_memory()
    seconds = timing.seconds(function, int(repeats))
    report = {
        "parts": {"whole": seconds},
        "cells": len(np.unique(function())) - 1,
        "memory_before": before,
        "memory": timing.peak_memory(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
