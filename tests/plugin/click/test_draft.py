"""What becomes of a clicked cell, without a viewer."""

import numpy as np

from napari_iaunet.plugin.click.draft import Click, Draft, deepest, divide, spare
from napari_iaunet.plugin.layers.view_state import ViewState
from napari_iaunet.segmentation.click import ClickedCell

VIEW = ViewState((), (0.0, 0.0))


def block(y0, y1, x0, x1, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def draft(cell, point, label_id=0):
    return Draft.start(VIEW, label_id, [point], [1], lambda points, labels: cell)


def test_a_point_is_in_a_cell_if_its_pixel_is():
    cell = draft(ClickedCell((5, 7), np.array([[True, False]])), (5, 7))
    assert cell.holds((5.4, 6.6))
    assert not cell.holds((5, 8))
    assert not cell.holds((4.4, 7))
    assert not cell.holds((0, 0))


def test_a_click_in_the_cell_goes_on_with_it_and_one_beside_it_does_not():
    cell = draft(ClickedCell((5, 7), np.ones((3, 3), bool)), (6, 8))
    for kind, pixel, goes_on in (
        ("cell", (6, 9), True),
        ("cell", (20, 20), False),
        ("add", (20, 20), True),
        ("take", (20, 20), True),
    ):
        assert cell.continues_with(Click(VIEW, pixel, kind)) == goes_on
    elsewhere = ViewState((1,), (1.0, 0.0, 0.0))
    assert not cell.continues_with(Click(elsewhere, (6, 9), "add"))


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
