"""The cell that is shown before it is kept, without a window or a display."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_iaunet.plugin.click.preview import ClickPreview
from napari_iaunet.plugin.core.own_changes import OwnChanges
from napari_iaunet.plugin.layers.find import list_layers
from napari_iaunet.plugin.layers.images import read_image

MASK = np.array([[True, False], [True, True]])


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def preview(viewer):
    return ClickPreview(viewer, OwnChanges())


def corner_of(layer):
    return tuple(layer.data_to_world((0,) * layer.ndim))


def test_it_covers_only_the_box_of_the_cell_where_the_image_has_it(viewer, preview):
    image = viewer.add_image(np.zeros((20, 30)), scale=(0.5, 2), translate=(3, 4))
    preview.show(image, read_image([image]), (6, 7), MASK)
    shown = viewer.layers[-1]
    np.testing.assert_array_equal(shown.data, MASK)
    assert corner_of(shown) == image.data_to_world((6, 7))
    assert shown.visible


def test_it_is_no_layer_of_the_user(viewer, preview):
    image = viewer.add_image(np.zeros((20, 30)))
    preview.show(image, read_image([image]), (6, 7), MASK)
    assert viewer.layers.selection.active == image
    assert list_layers(viewer, Labels) == []


def test_the_next_cell_is_shown_by_the_same_layer_on_top(viewer, preview):
    image = viewer.add_image(np.zeros((5, 20, 30)))
    preview.show(image, read_image([image], plane=(1,)), (6, 7), MASK)
    first = viewer.layers[-1]
    viewer.add_labels(np.zeros((20, 30), int))
    preview.show(image, read_image([image], plane=(3,)), (2, 3), MASK[:1])
    assert viewer.layers[-1] == first
    assert len(viewer.layers) == 3
    assert corner_of(first) == (3, 2, 3)


def test_a_line_is_drawn_beside_the_cell(viewer, preview):
    image = viewer.add_image(np.zeros((20, 30)))
    plane = read_image([image])
    preview.draw(image, plane, [(3, 4), (3, 6)], outside=False)
    np.testing.assert_array_equal(viewer.layers[-1].data, [[2, 2, 2]])
    preview.show(image, plane, (6, 7), MASK)
    preview.draw(image, plane, [(5, 8), (5, 10)], outside=True)
    assert corner_of(viewer.layers[-1]) == (5, 7)
    np.testing.assert_array_equal(
        viewer.layers[-1].data, [[0, 3, 3, 3], [1, 0, 0, 0], [1, 1, 0, 0]]
    )
    preview.hide()
    preview.draw(image, plane, [(0, 0), (0, 299)], outside=False)
    assert viewer.layers[-1].data.shape == (2, 301), "wide enough to be seen from afar"


def test_an_image_that_lies_otherwise_needs_another_layer(viewer, preview):
    image = viewer.add_image(np.zeros((20, 30)))
    preview.show(image, read_image([image]), (6, 7), MASK)
    image.scale = (2, 2)
    preview.show(image, read_image([image]), (6, 7), MASK)
    assert len(viewer.layers) == 2
    assert corner_of(viewer.layers[-1]) == (12, 14)


def test_it_is_hidden_and_removed(viewer, preview):
    image = viewer.add_image(np.zeros((20, 30)))
    preview.hide()
    preview.show(image, read_image([image]), (6, 7), MASK)
    preview.hide()
    assert not viewer.layers[-1].visible
    preview.show(image, read_image([image]), (6, 7), MASK)
    assert viewer.layers[-1].visible
    preview.remove()
    assert list(viewer.layers) == [image]
    preview.remove()


def test_a_user_may_remove_it_too(viewer, preview):
    image = viewer.add_image(np.zeros((20, 30)))
    preview.show(image, read_image([image]), (6, 7), MASK)
    assert not preview.is_closed
    viewer.layers.pop()
    assert preview.is_closed
    preview.hide()
    preview.show(image, read_image([image]), (6, 7), MASK)
    assert len(viewer.layers) == 2
