"""The finest level band by band: what the network says of the whole image."""

import pytest
import torch

from napari_iaunet.inference.bands import in_bands
from napari_iaunet.model.network import IAUNet, IAUNetConfig


@pytest.mark.parametrize("identity", [True, False])
@pytest.mark.parametrize("height", [None, 16, 20, 40, 1000])
@torch.inference_mode()
def test_bands_say_what_the_whole_image_says(height, identity):
    torch.manual_seed(0)
    config = IAUNetConfig(widths=(8, 16, 24), blocks=1, identity=identity)
    network, image = IAUNet(config).eval(), torch.randn(1, 3, 92, 48)
    bands = list(in_bands(network, network.finest, image, height))
    rows = [row for here, _ in bands for row in range(here.start, here.stop)]
    assert rows == list(range(92))
    found = [torch.cat(parts, 2) for parts in zip(*(f for _, f in bands), strict=True)]
    for one, other in zip(found, network(image), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    masks = [m for _, (m,) in in_bands(network, network.finest_masks, image, height)]
    torch.testing.assert_close(torch.cat(masks, 2), network.masks(image))
