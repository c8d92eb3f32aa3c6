"""The fused network: what the network says, in less time."""

import pytest
import torch

from napari_iaunet.inference import engines
from napari_iaunet.inference.backend import fuse_batch_norm
from napari_iaunet.inference.engines import TorchEngine
from napari_iaunet.inference.fused import fused_network
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.model.registry import find_model


@pytest.fixture(scope="module")
def network():
    return fuse_batch_norm(load_model(find_model("default"))[0].eval())


@pytest.fixture
def image(data_folder):
    from napari_iaunet.io.read import read_image
    from napari_iaunet.segmentation.image import as_planes

    path = next((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    plane = as_planes(read_image(path).array)[0]
    image = torch.from_numpy(plane)[None, :, :128, :192]
    return image.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def test_float32_says_the_same(network, image):
    fused = fused_network(network, torch.float32)
    assert fused is not None
    for one, other in zip(fused(image), network(image), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_bfloat16_differs_by_rounding(network, image):
    fused = fused_network(network, torch.bfloat16)
    if fused is None:
        pytest.skip("this processor cannot fuse convolutions in bfloat16")
    found = fused(image.bfloat16()).foreground.float().sigmoid()
    with torch.autocast("cpu", torch.bfloat16):
        usual = network(image).foreground.float().sigmoid()
    exact = network(image).foreground.sigmoid()
    assert 0.02 < (exact > 0.5).float().mean() < 0.98
    assert (found - exact).abs().mean() < 1.5 * (usual - exact).abs().mean()


def test_the_network_itself_stays(network):
    before = [name for name, _ in network.named_modules()]
    fused_network(network, torch.bfloat16)
    assert [name for name, _ in network.named_modules()] == before
    assert {value.dtype for value in network.parameters()} == {torch.float32}


@torch.inference_mode()
def test_without_identity_branch(image):
    torch.manual_seed(0)
    config = IAUNetConfig(widths=(8, 16, 24), identity=False)
    plain = fuse_batch_norm(IAUNet(config).eval())
    fused = fused_network(plain, torch.float32)
    assert fused is not None
    torch.testing.assert_close(fused(image), plain(image), rtol=1e-3, atol=1e-3)


def test_a_pytorch_without_the_operation_computes_the_usual_way(
    network, image, monkeypatch
):
    fused = TorchEngine(network, torch.device("cpu"))(image)
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert fused_network(network, torch.float32) is None
    usual = TorchEngine(network, torch.device("cpu"))(image)
    assert (usual.masks - fused.masks).abs().mean() < 0.02


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(16, 16), (16, 32), (48, 16), (32, 32)])
def test_the_smallest_images(network, image, dtype, size):
    engine = TorchEngine(network, torch.device("cpu"), dtype)
    small = image[:, :, : size[0], : size[1]]
    with torch.inference_mode():
        likely = network(small).foreground[0, 0].sigmoid()
    found = engine(small)
    assert found.masks.shape == (4, *size)
    assert (found.masks[0] - likely).abs().mean() < 0.02


def test_the_engine_says_what_the_network_says(network, image, monkeypatch):
    for lacking in (False, True):
        if lacking:
            monkeypatch.setattr(engines, "fused_network", lambda *_: None)
        engine = TorchEngine(network, torch.device("cpu"), torch.float32)
        found = engine(image)
        torch.testing.assert_close(engine.masks(image), found.masks[:2])
        with torch.inference_mode():
            fields = network(image)
        likely = torch.cat([fields.foreground, fields.centre], 1)[0].sigmoid()
        torch.testing.assert_close(found.masks[:2], likely, rtol=1e-3, atol=1e-3)
        for one, other in (
            (found.masks[2:], fields.offset[0]),
            (found.embedding, fields.embedding[0]),
        ):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=2e-3)
        assert found.masks.is_contiguous()
        assert found.embedding.stride(0) == 1
