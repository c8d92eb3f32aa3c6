"""Operations on maps give what PyTorch's own functions give."""

import pytest
import torch
import torch.nn.functional as F

from napari_iaunet.model.ops import double, halve, highest_near


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 2), (24, 17)])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_as_pooling_finds_it(shape: tuple[int, int], reach: int):
    values = torch.randn(2, 1, *shape)
    pooled = F.max_pool2d(values, 2 * reach + 1, 1, reach)
    torch.testing.assert_close(highest_near(values, reach), pooled)
    torch.testing.assert_close(highest_near(values[0, 0], reach), pooled[0, 0])


def test_whole_numbers_and_the_input_stay():
    numbers = torch.tensor([[0, 0, 5], [0, 2, 0]], dtype=torch.int32)
    found = highest_near(numbers, 1)
    assert found.tolist() == [[2, 5, 5], [2, 5, 5]]
    assert found.dtype == torch.int32
    assert numbers.tolist() == [[0, 0, 5], [0, 2, 0]]


@pytest.fixture(params=[(2, 3, 8, 6), (1, 16, 2, 2), (1, 4, 16, 32)])
def maps(request):
    values = torch.randn(request.param, generator=torch.Generator().manual_seed(0))
    return values.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("gradient", [True, False])
def test_halve(maps, gradient):
    with torch.set_grad_enabled(gradient):
        torch.testing.assert_close(halve(maps), F.max_pool2d(maps, 2))


@pytest.mark.parametrize("gradient", [True, False])
def test_double(maps, gradient):
    whole = F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
    with torch.set_grad_enabled(gradient):
        found = double(maps)
    torch.testing.assert_close(found, whole)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_double_is_smooth_in_lower_precision(maps):
    whole = F.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
    with torch.no_grad():
        found = double(maps.bfloat16())
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), whole, rtol=0.02, atol=0.02)
