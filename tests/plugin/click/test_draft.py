"""What becomes of a clicked cell, without a viewer."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click.draft import Draft, deepest, divide, holds, spare
from napari_iaunet.plugin.click.edits import CellEdits, find_plane
from napari_iaunet.plugin.click.undo import EditLog
from napari_iaunet.plugin.layers.views import View
from napari_iaunet.segmentation.click import ClickedCell

VIEW = View((), (0.0, 0.0))


def block(y0, y1, x0, x1, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def draft(cell, point, number=0):
    return Draft.start(VIEW, number, [point], [1], lambda points, labels: cell)


def test_a_point_is_in_a_cell_if_its_pixel_is():
    cell = ClickedCell((5, 7), np.array([[True, False]]))
    assert holds(cell, (5.4, 6.6))
    assert not holds(cell, (5, 8))
    assert not holds(cell, (4.4, 7))
    assert not holds(cell, (0, 0))


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


@pytest.fixture
def plane():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((20, 30)))
    layer = viewer.add_labels(np.zeros((20, 30), np.uint8))
    log = EditLog(layer, viewer)
    return find_plane(log, image, None, VIEW)


def pixels(corner, shape):
    return np.zeros((1, *shape))


def test_a_kept_cell_replaces_itself_wherever_it_was(plane):
    plane.layer.data[2:4, 2:4] = 6
    edits = CellEdits(plane, pixels, None)
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    assert edits.keep(draft(cell, (5, 5), number=6)) == 6
    np.testing.assert_array_equal(plane.layer.data == 6, block(3, 8, 3, 8))
    plane.layer.undo()
    np.testing.assert_array_equal(plane.layer.data == 6, block(2, 4, 2, 4))


def test_nothing_is_kept_where_all_is_taken(plane):
    plane.layer.data[:] = 2
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    assert CellEdits(plane, pixels, None).keep(draft(cell, (5, 5))) == 0
    assert (plane.layer.data == 2).all()


def test_a_full_layer_says_so(plane):
    plane.layer.data[0, 0] = 255
    with pytest.raises(ImageError, match="full"):
        plane.log.next_number()


def test_a_layer_that_cannot_be_edited_says_so(plane):
    plane.layer.editable = False
    with pytest.raises(ImageError, match="cannot be edited"):
        plane.write((0, 0), np.ones((2, 2), np.uint8))


def test_a_cell_that_is_gone_cannot_be_split(plane):
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    with pytest.raises(ImageError, match="gone"):
        CellEdits(plane, pixels, None).split(4, cell, cell)
