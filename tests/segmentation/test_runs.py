"""What is measured from runs equals what scikit-image measures of each cell."""

import numpy as np
import pytest
from skimage.measure import label, perimeter, regionprops
from skimage.segmentation import relabel_sequential

from napari_iaunet.segmentation.runs import (
    convex_areas,
    find_runs,
    outline_lengths,
    row_ends,
)


def shapes(seed: int) -> np.ndarray:
    """Cells of all kinds: noise, bars, rings, single pixels, scattered ones."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.random((150, 170)), rng.uniform(0.5, 5))
    labels = label(noise > np.median(noise), connectivity=1 + seed % 2)
    labels[20:30, 40:100] = labels.max() + 1
    labels[24:26, 45:90] = 0
    labels[::37, ::41] = labels.max() + 1  # far apart, with rows between
    return relabel_sequential(labels)[0]


def areas(labels):
    runs = find_runs(labels)
    own = runs.values > 0
    cell = runs.values[own].astype(np.int64) - 1
    first = runs.x[own]
    ends = row_ends(cell, runs.y[own], first, first + runs.lengths[own] - 1)
    return convex_areas(*ends, int(labels.max()))


@pytest.mark.parametrize("seed", range(8))
def test_convex_areas_are_those_of_regionprops(seed):
    labels = shapes(seed)
    expected = [region.area_convex for region in regionprops(labels)]
    assert areas(labels).tolist() == expected


def test_one_cell_of_very_many_rows_takes_no_longer_than_many():
    labels = np.zeros((9000, 60), np.int32)
    labels[:, 30:] = 1
    labels[np.arange(9000), np.random.default_rng(0).integers(5, 29, 9000)] = 1
    assert areas(labels)[0] >= np.count_nonzero(labels)


@pytest.mark.parametrize("seed", range(4))
def test_outlines_are_as_long_as_perimeters(seed):
    labels = shapes(seed)
    place, length = outline_lengths(np.pad(labels, 2), (1.0, 1.0))
    found = np.bincount(labels.ravel()[place], length, labels.max() + 1)[1:]
    expected = [region.perimeter for region in regionprops(labels)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_outlines_of_oblong_pixels():
    labels = np.zeros((30, 40), np.uint8)
    labels[5:15, 10:30] = 1
    _, length = outline_lengths(np.pad(labels, 2), (2.0, 0.5))
    # Along the middles of the outermost pixels, as for square ones.
    assert length.sum() == pytest.approx(2 * (9 * 2.0 + 19 * 0.5))
    _, square = outline_lengths(np.pad(labels, 2), (0.3, 0.3))
    assert square.sum() == pytest.approx(0.3 * perimeter(labels, 4))
