"""What the program is compared with: methods that people use today.

Each loads what it needs when it is called: StarDist runs in an environment of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import harness
from benchmarks.common import cell_diameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from benchmarks.common import Labels, Sample

# -- Otsu + watershed --------------------------------------------------------


def otsu_watershed(image: NDArray[Any]) -> Labels:
    """Otsu's threshold, then a watershed of the distance to the background.

    The two smoothings and the least distance of peaks are the best of a grid on
    training images.
    """
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label
    from skimage.segmentation import watershed

    gray = image.mean(axis=-1) if image.ndim == 3 else image
    smooth = gaussian(gray.astype(np.float32), 1)
    inside = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = gaussian(ndimage.distance_transform_edt(inside), 2)
    peaks = peak_local_max(
        depth, min_distance=5, labels=label(inside), exclude_border=False
    )
    markers = np.zeros(inside.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-depth, markers, mask=inside)
    labels[np.bincount(labels.ravel())[labels] < 20] = 0
    return labels


# -- a random forest on pixels -----------------------------------------------

_BACKGROUND, _INSIDE, _RIM = range(3)
_RIM_WIDTH = 2
_PIXELS = 40_000
_SMALLEST = 0.1  # of the area of a typical cell


class PixelForest:
    """Random forest on pixels, and a watershed; needs scikit-learn.

    Local intensity, edges and texture at several scales are the features; the classes
    are background, the inside of cells and their rims; a watershed then divides the
    insides.

    Parameters
    ----------
    samples : sequence of Sample
        To train on.
    seed : int
    """

    def __init__(self, samples: Sequence[Sample], seed: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        rng = np.random.default_rng(seed)
        rows, classes = [], []
        for image, labels, _ in samples:
            kind = _classes(labels).ravel()
            features = _features(image).reshape(kind.size, -1)
            # As many of each class, or the background drowns the rims.
            for name in range(3):
                found = np.flatnonzero(kind == name)
                count = min(found.size, _PIXELS // (3 * len(samples)))
                chosen = rng.choice(found, count, replace=False)
                rows.append(features[chosen])
                classes.append(kind[chosen])
        self._forest = RandomForestClassifier(
            n_estimators=100, min_samples_leaf=5, n_jobs=-1, random_state=seed
        ).fit(np.concatenate(rows), np.concatenate(classes))
        sizes = np.concatenate([cell_diameters(s.labels) for s in samples])
        self._diameter = float(np.median(sizes))

    def segment(self, image: NDArray[Any]) -> Labels:
        """(Y, X) or (Y, X, 3) -> labels."""
        from skimage.filters import gaussian
        from skimage.measure import label
        from skimage.segmentation import watershed

        features = _features(image)
        shape = features.shape[:2]
        chance = self._forest.predict_proba(features.reshape(shape[0] * shape[1], -1))
        chance = chance.reshape(*shape, -1)
        inside = gaussian(chance[..., _INSIDE], 1)
        cells = chance[..., _BACKGROUND] < 0.5
        markers = label(inside > 0.5)
        labels: Labels = watershed(-inside, markers, mask=cells)
        least = _SMALLEST * np.pi / 4 * self._diameter**2
        labels[np.bincount(labels.ravel())[labels] < least] = 0
        return labels


def _classes(labels: Labels) -> NDArray[np.int64]:
    from skimage.morphology import dilation, disk
    from skimage.segmentation import find_boundaries

    rim = dilation(find_boundaries(labels, mode="inner"), disk(_RIM_WIDTH - 1))
    inside = labels > 0
    return np.where(inside & ~rim, _INSIDE, np.where(inside, _RIM, _BACKGROUND))


def _features(image: NDArray[Any]) -> NDArray[np.float32]:
    from skimage.feature import multiscale_basic_features

    low, high = np.percentile(image, (1, 99.8))
    scaled = (image.astype(np.float32) - low) / max(float(high - low), 1e-6)
    found: NDArray[np.float32] = multiscale_basic_features(
        scaled,
        channel_axis=-1 if image.ndim == 3 else None,
        sigma_min=1,
        sigma_max=16,
    )
    return found


# -- StarDist ----------------------------------------------------------------

_RAYS, _GRID = 32, (2, 2)
_PROBABILITY, _OVERLAP = 0.479071, 0.3  # thresholds of "2D_versatile_fluo"


def time_stardist(path: str, threads: int, repeats: int) -> dict[str, Any]:
    """Time StarDist's own code on one image; runs where StarDist is installed.

    The network has the shape of the published "2D_versatile_fluo" but random weights,
    which does not change its time. Its answer would be noise, so what comes after the
    network works on the fields of the true cells instead: as many candidates as a
    perfect network gives.
    """
    harness.pin(threads)
    with np.load(path) as arrays:
        image, labels = arrays["image"], arrays["labels"]
    model = _stardist_network(threads)
    from csbdeep.utils import normalize

    probability, distances = _true_fields(labels)
    before = harness.peak_memory()

    def network() -> Any:
        return model.predict(normalize(image, 1, 99.8), show_tile_progress=False)

    def instances() -> Any:
        return _instances(probability, distances, labels.shape)

    parts = {
        "network": harness.seconds(network, repeats),
        "instances": harness.seconds(instances, repeats),
    }
    return {
        "parts": parts,
        "cells": len(np.unique(instances())) - 1,
        "memory_before": before,
        "memory": harness.peak_memory(),
    }


def _stardist_network(threads: int) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    from stardist.models import Config2D, StarDist2D

    config = Config2D(n_rays=_RAYS, grid=_GRID, n_channel_in=1)
    return StarDist2D(config, name=None, basedir=None)


def _true_fields(labels: Any) -> tuple[Any, Any]:
    """Probabilities and distances of the true cells, as a network gives them."""
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
