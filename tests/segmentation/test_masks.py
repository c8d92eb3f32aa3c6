"""Masks of cells made by hand are cut, split and clicked in the middle."""

import numpy as np

from napari_iaunet.segmentation.click import ClickedCell
from napari_iaunet.segmentation.masks import deepest, divide, spare


def block(y0, y1, x0, x1, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_other_cells_are_spared_and_crumbs_behind_them_left_out():
    cell = ClickedCell((0, 0), np.ones((4, 9), bool))
    labels = np.zeros((4, 9), int)
    labels[:, 5] = 3
    spared = spare(cell, labels, 0, [(1, 2)])
    np.testing.assert_array_equal(spared, block(0, 4, 0, 5, (4, 9)))
    both = spare(cell, labels, 0, [(1, 2), (1, 8)])
    np.testing.assert_array_equal(both, labels == 0)
    np.testing.assert_array_equal(spare(cell, labels, 3, [(1, 2)]), cell.mask)


def test_every_pixel_goes_to_one_of_two_parts():
    cell = block(2, 8, 2, 22)
    second = divide(cell, block(2, 8, 2, 6), block(2, 8, 14, 30))
    np.testing.assert_array_equal(second, block(2, 8, 10, 22))


def test_the_deepest_pixel_is_not_beside_the_click():
    mask = block(2, 12, 2, 28)
    y, x = deepest(mask, (7, 27))
    assert mask[y, x]
    assert 4 <= y <= 9
    assert x < 24
