"""Planes that are rescaled part by part: the same pixels."""

import numpy as np
import pytest

from napari_iaunet.inference.resizing import ResizedLabels, ResizedPlane
from napari_iaunet.inference.tiles import rescale


@pytest.mark.parametrize("scale", [0.02, 0.1, 0.37, 0.99, 1.0, 1.01, 1.7, 2.236, 5.0])
# Of a single column PyTorch averages all rows, so such sizes are not compared.
@pytest.mark.parametrize("shape", [(97, 150), (1, 40), (33, 20)])
def test_parts_are_those_of_the_whole(scale, shape):
    plane = np.random.default_rng(0).random((3, *shape), np.float32)
    whole, parts = rescale(plane, scale), ResizedPlane(plane, scale)
    assert parts.shape == whole.shape
    height, width = whole.shape[1:]
    for rows in (
        slice(0, height),
        slice(0, height // 2 + 1),
        slice(height // 3, height),
    ):
        for columns in (slice(0, width), slice(width // 4, width // 2 + 1)):
            part = parts.part(rows, columns)
            assert part.dtype == np.float32
            np.testing.assert_allclose(part, whole[:, rows, columns], atol=5e-5)


def test_parts_of_labels_are_those_of_the_nearest_pixels():
    labels = np.random.default_rng(0).integers(0, 9, (40, 50)).astype(np.int32)
    whole = ResizedLabels(labels, (90, 31)).part(slice(0, 90), slice(0, 31))
    assert whole.shape == (90, 31)
    assert whole[1, 0] == labels[0, 0]
    assert whole[-1, -1] == labels[-1, -1]
    part = ResizedLabels(labels, (90, 31)).part(slice(20, 95), slice(10, 40))
    np.testing.assert_array_equal(part, whole[20:, 10:])
