"""Tiles: every pixel once, no seam, stopping."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from napari_iaunet.errors import Cancelled
from napari_iaunet.inference.tiles import pad_to_stride, plan_axis, run_tiled


@pytest.mark.parametrize("tile", [256, 400, 1024])
@pytest.mark.parametrize("length", [16, 256, 272, 400, 512, 1024, 1040, 1488, 2048])
def test_tiles_cover_the_axis_in_phase(length: int, tile: int):
    starts, size = plan_axis(length, tile, 16, 64)
    assert starts[0] == 0
    assert starts[-1] + size == length
    assert size <= tile
    assert all(start % 16 == 0 for start in starts)
    shared = size - np.diff(starts)
    assert (shared >= 112).all()


def test_tiles_waste_little():
    starts, size = plan_axis(1040, 1024, 16, 64)
    assert len(starts) * size < 1.2 * 1040


def test_blending_of_a_local_operation_is_exact():
    """An operation that sees less far than the halo cannot tell tiles from whole."""
    plane = np.random.default_rng(0).random((3, 500, 333)).astype(np.float32)

    def blur(image):
        blurred = F.avg_pool2d(image, 31, 1, 15, count_include_pad=False)[0]
        return [blurred, blurred[:2].permute(1, 2, 0).contiguous().permute(2, 0, 1)]

    whole = blur(torch.from_numpy(pad_to_stride(plane, 16))[None])
    tiled = run_tiled(plane, blur, tile=192, stride=16)
    for one, other in zip(tiled, whole, strict=True):
        torch.testing.assert_close(one, other[:, :500, :333])
        # Each lies in memory as the tiles did.
        assert (one.stride(0) == 1) == (other.stride(0) == 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (17, 3)])
def test_tiny_planes(shape):
    plane = np.ones((3, *shape), np.float32)
    (out,) = run_tiled(plane, lambda x: [x[0]], tile=256, stride=16)
    assert out.shape == (3, *shape)


def test_progress_counts_and_stops():
    calls = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        if done == 3:
            raise Cancelled

    plane = np.zeros((3, 600, 600), np.float32)
    with pytest.raises(Cancelled):
        run_tiled(plane, lambda x: [x[0]], tile=256, stride=16, progress=progress)
    assert [done for done, _ in calls] == [1, 2, 3]
    assert len({total for _, total in calls}) == 1
