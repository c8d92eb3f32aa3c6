"""A segmenter that needs no model, also of images that are larger than memory."""

from types import SimpleNamespace

import numpy as np
from scipy import ndimage

from napari_iaunet.segmentation.diameter import Estimate
from napari_iaunet.segmentation.image import as_planes


def embeddings_of(count):
    return np.eye(count, 32, dtype=np.float32)


def bright_blobs():
    """A picture of four cells, (40, 50) uint8."""
    image = np.zeros((40, 50), np.uint8)
    for y, x in ((3, 4), (3, 20), (20, 8), (28, 36)):
        image[y : y + 6, x : x + 8] = 200
    return image


class ThresholdSegmenter:
    """Bright blobs are cells."""

    def __init__(self):
        self.calls = []

    fingerprint = "bright blobs"

    is_sure = True

    def estimate_of(self, planes):
        return Estimate(8.0, self.is_sure, None)

    def scale_of(self, diameter, shape):
        return 1.0

    def cells_of(self, plane, diameter=None, progress=None, *, whole=None):
        labels, n = ndimage.label(plane[0] > 0.5)
        scores = np.linspace(0.5, 1, n, dtype=np.float32)
        return SimpleNamespace(
            labels=labels.astype(np.int32), scores=scores, embeddings=embeddings_of(n)
        )

    def segment(self, image, *, channel_axis=None, diameter=None, progress=None):
        planes = as_planes(image, channel_axis)
        self.calls.append(
            SimpleNamespace(
                shape=image.shape, channels=planes.n_channels, diameter=diameter
            )
        )
        total, results = 0, []
        for i, plane in enumerate(planes):
            labels, n = ndimage.label(plane[0] > 0.5)
            results.append(np.where(labels > 0, labels + total, 0))
            total += n
            if progress is not None:
                progress(i + 1, len(planes))
        labels = np.stack(results).reshape(*planes.shape, *planes.plane_shape)
        return SimpleNamespace(
            labels=labels.astype(np.int32),
            scores=np.linspace(0.5, 1, total, dtype=np.float32),
            embeddings=embeddings_of(total),
            diameter=diameter or 8.0,
            diameter_is_sure=diameter is not None or self.is_sure,
        )
