"""Holes are filled and outlines smoothed."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.draw import disk

from napari_iaunet.segmentation.cleaning import fill_holes, smooth_outlines


@pytest.fixture
def cells():
    index = np.zeros((60, 80), np.int32)
    index[disk((20, 20), 12)] = 1
    index[30:50, 40:60] = 2
    return index


def test_holes_are_filled_and_nothing_else(cells):
    holed = cells.copy()
    holed[18:21, 20] = 0
    holed[40:44, 45:50] = 0
    holed[41:43, 46:48] = 3  # another cell within
    filled = fill_holes(holed)
    expected = cells.copy()
    expected[41:43, 46:48] = 3
    np.testing.assert_array_equal(filled, expected)
    assert (holed[18:21, 20] == 0).all(), "what was given stays"


def test_a_bay_is_no_hole(cells):
    cells[30:35, 48] = 0
    np.testing.assert_array_equal(fill_holes(cells), cells)


def test_frays_go_and_the_size_stays(cells):
    frayed = cells.copy()
    frayed[20, 30:37] = 1  # a thread
    frayed[8:11, 20] = 0  # a cut
    smooth = smooth_outlines(frayed)
    assert (smooth[20, 34:] == 0).all()
    for label_id in (1, 2):
        before, after = (np.sum(i == label_id) for i in (cells, smooth))
        assert after == pytest.approx(before, rel=0.04)
        assert ndimage.label(smooth == label_id)[1] == 1


def test_neighbours_keep_what_they_have():
    index = np.zeros((40, 40), np.int32)
    index[10:30, 5:20], index[10:30, 20:35] = 1, 2
    smooth = smooth_outlines(index)
    assert not (smooth[:, :20] == 2).any()
    assert not (smooth[:, 20:] == 1).any()
    assert (smooth[12:28, 19:21] > 0).all(), "no gap between them"


def test_the_border_of_the_image_is_no_edge():
    index = np.zeros((40, 40), np.int32)
    index[0:15, 10:30] = 1
    assert (smooth_outlines(index)[0, 12:28] == 1).all()


@pytest.mark.parametrize("change", [fill_holes, smooth_outlines])
def test_a_stack_of_tiny_cells_is_left_alone_and_can_be_stopped(change, cells):
    stack = np.zeros((2, 8, 8), np.int32)
    stack[0, 2, 2], stack[1, 4:6, 4] = 1, 2
    assert set(np.unique(change(stack))) == {0, 1, 2}

    def stop(done, total):
        raise KeyError

    with pytest.raises(KeyError):
        change(cells, stop)
    assert change(np.zeros((4, 4), np.int32)).sum() == 0
