"""Cells of a region come between those that stay."""

import numpy as np
import pytest

from napari_iaunet.segmentation.region import cells_in_region


@pytest.fixture
def found():
    labels = np.zeros((40, 60), np.int32)
    labels[5:10, 5:10] = 1  # inside
    labels[5:10, 26:34] = 2  # half inside
    labels[5:10, 28 + 8 : 46] = 3  # outside
    labels[20:30, 10:20] = 4  # inside
    return labels


@pytest.fixture
def region():
    region = np.zeros((40, 60), bool)
    region[:, :30] = True
    return region


def test_cells_of_which_half_is_inside(found, region):
    kept = cells_in_region(found, region)
    assert kept.rows.tolist() == [0, 1, 3]
    np.testing.assert_array_equal(kept.labels > 0, (found > 0) & (found != 3))
    assert np.unique(kept.labels).tolist() == [0, 1, 2, 3]
    assert kept.labels[25, 15] == 3
    assert kept.replaced.size == 0


def test_former_cells_inside_give_way_and_others_keep_their_pixels(found, region):
    before = np.zeros((40, 60), np.uint16)
    before[22:34, 10:20] = 900  # inside: gives way
    before[6:9, 29:50] = 7  # mostly outside: stays
    before[0:3, 50:60] = 8  # outside
    kept = cells_in_region(found, region, before)
    assert kept.replaced.tolist() == [900]
    assert kept.rows.tolist() == [0, 1, 3]
    assert not kept.labels[before == 7].any()
    assert (kept.labels == 2).sum() == 40 - 15


def test_a_cell_between_others_has_enough_room_or_is_none(found, region):
    before = np.zeros((40, 60), np.int32)
    before[5:10, 25:60] = 7
    kept = cells_in_region(found, region, before)
    assert kept.rows.tolist() == [0, 3]
    before[5:10, 25:60] = 0
    before[7, 6:60] = 7  # cuts the first in two: the larger piece is not enough
    before[9, 6:60] = 7
    kept = cells_in_region(found, region, before)
    assert kept.rows.tolist() == [0, 3]
    pieces = kept.labels == 1
    assert pieces[5:7, 5:10].all()
    assert not pieces[8, 6:10].any() or pieces[5:10, 5].all()


def test_where_nothing_is_found_nothing_gives_way(found, region):
    before = np.where(region, 1, 0)
    kept = cells_in_region(np.where(found == 3, 1, 0).astype(np.int32), region, before)
    assert kept.rows.size == kept.replaced.size == 0
    assert not kept.labels.any()
