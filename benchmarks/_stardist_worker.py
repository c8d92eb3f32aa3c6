"""Time StarDist's own code on one image; runs where StarDist is installed.

Usage: _stardist_worker.py IMAGE.npz THREADS REPEATS

The network has the shape of the published "2D_versatile_fluo" but random weights,
which does not change its time. Its answer would be noise, so what comes after the
network works on the fields of the true cells instead: as many candidates as a
perfect network gives.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import timing

_RAYS, _GRID = 32, (2, 2)
_PROBABILITY, _OVERLAP = 0.479071, 0.3  # thresholds of "2D_versatile_fluo"


def _network(threads: int) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from stardist.models import Config2D, StarDist2D

    config = Config2D(n_rays=_RAYS, grid=_GRID, n_channel_in=1)
    return StarDist2D(config, name=None, basedir=None)


def _true_fields(labels: Any) -> tuple[Any, Any]:
    """Probabilities and distances of the true cells, as a network gives them."""
    import numpy as np
    from stardist import edt_prob
    from stardist.geometry import star_dist

    steps = tuple(slice(0, None, step) for step in _GRID)
    distances = star_dist(labels, _RAYS, grid=_GRID)
    return np.ascontiguousarray(edt_prob(labels)[steps]), np.maximum(distances, 1e-3)


def _instances(probability: Any, distances: Any, shape: tuple[int, int]) -> Any:
    from stardist import non_maximum_suppression, polygons_to_label

    points, kept, rays = non_maximum_suppression(
        distances,
        probability,
        grid=_GRID,
        prob_thresh=_PROBABILITY,
        nms_thresh=_OVERLAP,
    )
    return polygons_to_label(rays, points, prob=kept, shape=shape)


def main() -> None:
    path, threads, repeats = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # Whatever the libraries print belongs elsewhere than the report.
    report_to, sys.stdout = sys.stdout, sys.stderr
    timing.pin(threads)
    import numpy as np

    with np.load(path) as arrays:
        image, labels = arrays["image"], arrays["labels"]
    model = _network(threads)
    from csbdeep.utils import normalize

    probability, distances = _true_fields(labels)
    before = timing.peak_memory()

    def network() -> Any:
        return model.predict(normalize(image, 1, 99.8), show_tile_progress=False)

    def instances() -> Any:
        return _instances(probability, distances, labels.shape)

    parts = {
        "network": timing.seconds(network, repeats),
        "instances": timing.seconds(instances, repeats),
    }
    report = {
        "parts": parts,
        "cells": len(np.unique(instances())) - 1,
        "memory_before": before,
        "memory": timing.peak_memory(),
    }
    print(json.dumps(report), file=report_to)


if __name__ == "__main__":
    main()
