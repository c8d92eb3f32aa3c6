"""Segment an image, or a part of it in memory, in a process of its own; prints JSON.

Usage: _large_worker.py lazy   IMAGE OUT DIAMETER THREADS MODEL
       _large_worker.py memory IMAGE OUT DIAMETER THREADS MODEL SIDE
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import timing


def main() -> None:
    import numpy as np

    from napari_iaunet import Segmenter
    from napari_iaunet.io.ome_zarr_labels import array_options, complete_labels
    from napari_iaunet.io.read import read_image
    from napari_iaunet.large.lazy import segment_lazy

    task, path, out, diameter, threads, model, *side = sys.argv[1:]
    if int(threads):
        import torch

        torch.set_num_threads(int(threads))
    segmenter = Segmenter(model, "cpu")
    begin = time.perf_counter()
    image = read_image(Path(path)).array
    if task == "lazy":
        shutil.rmtree(out, ignore_errors=True)
        found = segment_lazy(
            segmenter,
            image,
            out,
            diameter=float(diameter),
            complete=partial(complete_labels, name="cells"),
            array_options=array_options("YX", "0.4"),
        )
        cells = len(found.table["label"])
    else:
        part = np.asarray(image[: int(side[0]), : int(side[0])])
        labels = segmenter.segment(part, diameter=float(diameter)).labels
        cells = int(labels.max())
        np.save(out, labels)
    seconds = time.perf_counter() - begin
    report = {"seconds": seconds, "memory": timing.peak_memory(), "cells": cells}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
