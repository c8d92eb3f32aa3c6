"""Basins of the centre map: shallow ones join their neighbours."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction

from napari_iaunet.segmentation.basins import merge_basins


def _at(heights, *points):
    return np.ravel_multi_index(np.transpose(points), heights.shape)


def _bumps(shape, *bumps):
    """Round bumps (y, x, height), the highest one counts."""
    y, x = np.indices(shape)
    one = [h * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 32) for a, b, h in bumps]
    return np.max(one, axis=0).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("depth", [3.5, 20.5, 60.5])
def test_as_many_basins_as_maxima_that_rise_high_enough(seed, depth):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(90, 70)), 2)
    heights = np.rint(smooth * 500).astype(np.float32)
    inside = ndimage.gaussian_filter(rng.normal(size=(90, 70)), 3) > -0.1
    walled = np.where(inside, heights, heights.min() - 1000)
    maxima = np.flatnonzero(local_maxima(walled) & inside)
    # Of the maxima, those remain that stick out of the heights lowered by `depth`.
    lowered = reconstruction(walled - depth, walled, footprint=np.ones((3, 3)))
    parts, expected = label(
        local_maxima(lowered) & inside, connectivity=2, return_num=True
    )
    found = merge_basins(heights, inside, maxima, depth)
    assert len(np.unique(found)) == expected > 1
    kept = parts.ravel()[maxima] > 0
    pairs = {(a, b) for a, b in zip(parts.ravel()[maxima], found, strict=True) if a}
    assert kept.any()
    assert len(pairs) == expected


def test_a_bent_cell_is_one_and_a_gap_makes_two():
    heights = np.zeros((40, 40), np.float32)
    heights[5:35, 5:8] = heights[32:35, 5:35] = heights[5:35, 32:35] = 0.7
    heights[6, 6] = heights[6, 33] = 1
    inside = heights > 0
    ends = _at(heights, (6, 6), (6, 33))
    assert len(set(merge_basins(heights, inside, ends, 0.35))) == 1
    assert len(set(merge_basins(heights, inside, ends, 0.25))) == 2
    inside[32:35, 20] = False
    assert len(set(merge_basins(heights, inside, ends, 0.35))) == 2


def test_a_low_bump_between_two_cells_joins_one_of_them_only():
    heights = _bumps((21, 60), (10, 10, 1.0), (10, 24, 0.4), (10, 38, 0.9))
    inside = np.ones(heights.shape, bool)
    left, middle, right = merge_basins(
        heights, inside, _at(heights, (10, 10), (10, 24), (10, 38)), 0.35
    )
    assert left != right
    assert middle in (left, right)


def test_a_plateau_is_one_basin():
    heights = np.zeros((30, 30), np.float32)
    heights[4:26, 4:8] = heights[18:26, 4:26] = heights[4:26, 22:26] = 1
    inside = heights > 0
    assert len(set(merge_basins(heights, inside, np.flatnonzero(inside), 0.1))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1)])
def test_small_planes(shape):
    inside = np.ones(shape, bool)
    places = np.arange(inside.size)
    found = merge_basins(np.zeros(shape, np.float32), inside, places, 0.1)
    assert len(set(found)) == 1
    none = merge_basins(np.zeros(shape, np.float32), inside, places[:0], 0.1)
    assert none.shape == (0,)


def test_heights_that_are_no_numbers():
    heights = np.full((6, 6), np.nan, np.float32)
    heights[2, 2], heights[4, 4] = np.inf, -np.inf
    found = merge_basins(heights, np.ones((6, 6), bool), np.arange(36), 0.1)
    assert len(set(found)) == 1
