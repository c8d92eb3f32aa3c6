"""The state of a training, and means of weights."""

import pytest
import torch

from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.training.state import mean_of


@pytest.fixture
def networks():
    torch.manual_seed(0)
    config = IAUNetConfig(widths=(8, 12, 16), descriptor=24)
    return [IAUNet(config) for _ in range(2)]


def test_every_weight_is_the_mean(networks):
    one, other = (dict(network.state_dict()) for network in networks)
    for name, value in mean_of(networks).state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (one[name] + other[name]) / 2)


def test_what_the_descriptor_keeps_is_that_of_the_first(networks):
    for i, network in enumerate(networks):
        network.descriptor_basis.fill_(i + 1)
    assert (mean_of(networks).descriptor_basis == 1).all()


def test_the_networks_stay_as_they_are(networks):
    before = {name: v.clone() for name, v in networks[0].state_dict().items()}
    mean_of(networks)
    after = networks[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
