"""Every level is the full resolution at every second place of the one before."""

import numpy as np
import pytest

from napari_iaunet.io.label_pyramid import LabelPyramid
from napari_iaunet.segmentation.chunks import ChunkGrid


def fill(pyramid: LabelPyramid, stack: np.ndarray, side: int) -> None:
    planes = stack.reshape(-1, *stack.shape[-2:])
    grid = ChunkGrid(len(planes), stack.shape[-2:], side, 0)
    for index in range(len(grid)):
        chunk = grid[index]
        plane = np.unravel_index(chunk.plane, stack.shape[:-2])
        part = planes[chunk.plane][chunk.rows, chunk.columns]
        place = tuple(map(int, plane))
        pyramid.write(place, chunk.rows, chunk.columns, part)


@pytest.mark.parametrize("side", [64, 50, 37])
@pytest.mark.parametrize("shape", [(150, 201), (3, 90, 61), (2, 2, 61, 90)])
def test_levels(tmp_path, side, shape):
    stack = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    pyramid = LabelPyramid(tmp_path, shape, side, smallest=40)
    fill(pyramid, stack, side)
    for i, level in enumerate(pyramid.levels):
        expected = stack[..., :: 2**i, :: 2**i]
        np.testing.assert_array_equal(level[...], expected)
    assert max(pyramid.levels[-1].shape[-2:]) <= 40
    assert max(pyramid.levels[-2].shape[-2:]) > 40


@pytest.mark.parametrize("added", [(0,), (1,), (0, 2), (3,)])
def test_added_axes(tmp_path, added):
    stack = np.arange(2 * 50 * 60, dtype=np.int32).reshape(2, 50, 60)
    pyramid = LabelPyramid(tmp_path, stack.shape, 32, added, smallest=40)
    fill(pyramid, stack, 32)
    wanted = np.expand_dims(stack, added)
    np.testing.assert_array_equal(pyramid.levels[0][...], wanted)
    smaller = np.expand_dims(stack[:, ::2, ::2], added)
    np.testing.assert_array_equal(pyramid.levels[1][...], smaller)


def test_what_is_there_stays(tmp_path):
    first = LabelPyramid(tmp_path, (60, 60), 32)
    first.write((), slice(0, 32), slice(0, 32), np.ones((32, 32), np.int32))
    second = LabelPyramid(tmp_path, (60, 60), 32)
    assert second.levels[0][:32, :32].all()
    assert not second.levels[0][32:].any()
