"""The network's shapes and symmetries."""

from dataclasses import replace

import pytest
import torch

from napari_iaunet.model.network import IAUNet, IAUNetConfig

SMALL = IAUNetConfig(widths=(8, 12, 16, 24), embedding=6, hidden=8, projection=5)


@pytest.fixture(scope="module")
def network() -> IAUNet:
    torch.manual_seed(0)
    return IAUNet(SMALL).eval()


@pytest.mark.parametrize("size", [(8, 8), (16, 40)])
def test_fields_have_the_size_of_the_image(network: IAUNet, size):
    fields = network(torch.randn(2, 3, *size))
    channels = [1, 1, 2, 6]
    assert [tuple(f.shape) for f in fields] == [(2, c, *size) for c in channels]


def test_plain_network_has_no_embedding():
    network = IAUNet(IAUNetConfig(widths=(8, 12, 16), identity=False))
    assert network(torch.randn(1, 3, 8, 8)).embedding.shape == (1, 0, 8, 8)
    assert not any("embed" in name for name, _ in network.named_parameters())


@pytest.mark.parametrize("mirrored", [False, True])
def test_maps_for_descriptors_turn_with_the_image(network: IAUNet, mirrored):
    image = torch.randn(1, 3, 16, 40)
    turned = torch.rot90(image, 1, (2, 3))
    turned = turned.flip(2) if mirrored else turned
    maps = network.levels(image)
    assert [m.shape[1] for m in maps] == list(SMALL.widths)
    for usual, found in zip(maps, network.levels(turned), strict=True):
        expected = torch.rot90(usual, 1, (2, 3))
        expected = expected.flip(2) if mirrored else expected
        torch.testing.assert_close(found, expected)


def test_masks_alone_are_those_of_the_fields(network: IAUNet):
    image = torch.randn(1, 3, 32, 48)
    fields = network(image)
    masks = network.masks(image)
    torch.testing.assert_close(masks, torch.cat([fields.foreground, fields.centre], 1))


def test_same_cell_is_symmetric(network: IAUNet):
    difference, votes = torch.randn(50, 6), torch.randn(50, 2)
    there = network.same_cell_logit(difference, votes)
    back = network.same_cell_logit(-difference, -votes)
    torch.testing.assert_close(there, back)


def test_cell_vectors_do_not_depend_on_other_cells(network: IAUNet):
    maps = network.features(torch.randn(1, 3, 32, 32))
    cells = torch.zeros(1, 32, 32, dtype=torch.int64)
    cells[:, 2:14, 2:14] = 1
    alone = network.cell_vectors(maps, cells, 1)
    cells[:, 18:30, 18:30] = 2
    both = network.cell_vectors(maps, cells, 2)
    torch.testing.assert_close(alone[0], both[0])
    torch.testing.assert_close(both.norm(dim=1), torch.ones(2))


def test_config_survives_json():
    assert IAUNetConfig.from_dict(SMALL.to_dict()) == SMALL
    assert SMALL.stride == 8


@pytest.mark.parametrize(
    ("more", "fewer"),
    [(SMALL, replace(SMALL, blocks=1)), (replace(SMALL, context_blocks=2), SMALL)],
)
def test_further_blocks_begin_as_identities(more: IAUNetConfig, fewer: IAUNetConfig):
    deep, shallow = IAUNet(more).eval(), IAUNet(fewer).eval()
    weights = deep.state_dict()
    shallow.load_state_dict({name: weights[name] for name in shallow.state_dict()})
    assert len(weights) > len(shallow.state_dict())
    image = torch.randn(1, 3, 16, 24)
    for one, other in zip(deep(image), shallow(image), strict=True):
        torch.testing.assert_close(one, other)


def test_a_grown_network_says_the_same(network: IAUNet):
    grown = network.grown(1).eval()
    assert grown.config == replace(SMALL, context_blocks=1)
    assert len(grown.state_dict()) > len(network.state_dict())
    image = torch.randn(1, 3, 16, 24)
    for one, other in zip(grown(image), network(image), strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(RuntimeError):
        grown.grown(0)  # it would forget


def test_pooling_is_the_same_with_and_without_gradients(network: IAUNet):
    image = torch.randn(1, 3, 16, 24)
    with torch.no_grad():
        without = network(image)
    for one, other in zip(network(image), without, strict=True):
        torch.testing.assert_close(one, other)
