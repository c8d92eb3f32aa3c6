"""Masks of cells made by hand are cut, split and clicked in the middle."""

import numpy as np
from skimage.measure import label

from napari_iaunet.segmentation.click import ClickedCell
from napari_iaunet.segmentation.masks import deepest, divide, one_piece_each, spare


def block(y0, y1, x0, x1, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def drawn(*rows: str) -> np.ndarray:
    return np.array([[int(c) for c in row.replace(".", "0")] for row in rows], np.int32)


def test_of_each_cell_the_largest_piece_stays():
    labels = drawn("11.1..", "11....", ".....2", "2.2222", "..2...", "1.....")
    whole = drawn("11....", "11....", ".....2", "..2222", "..2...", "......")
    np.testing.assert_array_equal(one_piece_each(labels), whole)


def test_pieces_that_touch_by_a_corner_only_are_two():
    labels = drawn("111..", "111..", "...1.", ".....")
    np.testing.assert_array_equal(one_piece_each(labels)[2], 0)


def test_a_stray_piece_goes_to_the_cell_that_it_touches_most():
    labels = drawn("11133", "13133", "22222")
    whole = drawn("11133", "11133", "22222")
    np.testing.assert_array_equal(one_piece_each(labels), whole)


def test_stray_pieces_that_touch_only_each_other_are_dropped():
    labels = drawn("11..22", "11..22", "......", "..12..")
    np.testing.assert_array_equal(one_piece_each(labels)[3], 0)


def test_cells_in_one_piece_are_not_touched():
    labels = drawn("11.2", "1122", "3.22")
    assert one_piece_each(labels) is labels
    empty = np.zeros((3, 4), np.int32)
    assert one_piece_each(empty) is empty


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


def test_both_parts_of_a_curved_cell_are_in_one_piece():
    cell = drawn("1111111", "1.....1", "1.....1", "1.....1", "1.....1", "1.....1") > 0
    first, second = np.zeros_like(cell), np.zeros_like(cell)
    # The end on the right is nearer to the part that begins at the left, as birds fly.
    first[4:, 0], second[0, 0:2] = True, True
    part = divide(cell, first, second)
    for piece in (part, cell & ~part):
        assert label(piece, connectivity=1).max() == 1


def test_the_deepest_pixel_is_not_beside_the_click():
    mask = block(2, 12, 2, 28)
    y, x = deepest(mask, (7, 27))
    assert mask[y, x]
    assert 4 <= y <= 9
    assert x < 24
