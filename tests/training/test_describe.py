"""The descriptor is fitted to the cells of the training images."""

import numpy as np
import pytest
import torch

from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.training.dataset import Annotation, prepare
from napari_iaunet.training.describe import fit


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return IAUNet(IAUNetConfig(widths=(8, 12, 16), descriptor=24)).eval()


def discs(places, shape=(120, 120)):
    labels = np.zeros(shape, np.int32)
    y, x = np.indices(shape)
    for number, (top, left) in enumerate(places, 1):
        labels[np.hypot(y - top, x - left) < 12] = number
    image = np.random.default_rng(0).normal(20, 3, shape)
    return prepare(Annotation(image + 40 * labels, labels, name="discs"), 28.0)


def test_two_fits_are_the_same(network):
    images = [discs([(30, 30), (60, 60), (90, 40)])]
    mean, basis = fit(network, images)
    assert mean.shape == (4 * 36,)
    assert basis.shape == (4 * 36, 24)
    assert basis[:, :3].any(dim=0).all(), "three cells span three directions at most"
    again = fit(network, images)
    torch.testing.assert_close((mean, basis), again)


def test_cells_far_from_the_middle_of_a_large_image_are_used(network):
    far = discs([(20, 20), (20, 880)], (900, 900))
    mean, basis = fit(network, [far])
    assert torch.isfinite(mean).all()
    assert torch.isfinite(basis).all()
    assert basis.any()


def test_a_fit_to_fewer_images_looks_at_no_others(network):
    first = discs([(30, 30), (60, 60), (90, 40)])
    others = [discs([(40, 60), (80, 80)]), discs([(60, 30), (30, 90)])]
    torch.testing.assert_close(
        fit(network, [first, *others], most=1), fit(network, [first])
    )
