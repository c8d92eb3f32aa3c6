"""The highest value around each pixel."""

import pytest
import torch
import torch.nn.functional as F

from napari_iaunet.model.ops import highest_near


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
