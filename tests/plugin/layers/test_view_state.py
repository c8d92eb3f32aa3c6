"""What of a layer the viewer shows; no display is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.view_state import ViewState


@pytest.fixture
def viewer():
    return ViewerModel()


def numbers(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def test_plane_in_view_follows_scale_and_stays_inside(viewer):
    layer = viewer.add_image(numbers(7, 8, 9), scale=(2, 1, 1), translate=(10, 0, 0))
    viewer.dims.set_point(0, 10 + 2 * 5)
    assert view_state.plane_in_view(viewer, layer, None) == (5,)
    viewer.add_image(numbers(40, 8, 9))
    viewer.dims.set_point(0, 39)
    assert view_state.plane_in_view(viewer, layer, None) == (6,)


def test_the_view_of_a_stack_is_its_plane(viewer):
    layer = viewer.add_image(numbers(4, 5, 8, 9), scale=(2, 1, 1, 1))
    viewer.dims.set_point((0, 1), (6, 2))
    view = view_state.view_of(viewer, layer, None)
    assert view.plane == (3, 2)
    assert view.point[:2] == (6, 2)
    assert view_state.view_of(viewer, layer, 0).plane == (2,)


def test_rows_and_columns_that_are_seen_otherwise_have_no_view(viewer):
    layer = viewer.add_image(numbers(5, 8, 9))
    viewer.dims.order = (1, 0, 2)
    assert view_state.view_of(viewer, layer, None) is None
    viewer.dims.order = (0, 2, 1)
    assert view_state.view_of(viewer, layer, None) is not None, "only turned"
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    assert view_state.view_of(viewer, layer, None) is None


def test_an_image_below_a_film_is_seen_in_each_of_its_planes(viewer):
    layer = viewer.add_image(numbers(8, 9))
    viewer.add_image(numbers(5, 8, 9))
    viewer.dims.set_point(0, 3)
    view = view_state.view_of(viewer, layer, None)
    assert isinstance(view, ViewState)
    assert view.plane == ()
    assert view.point[0] == 3


def test_the_middle_of_the_canvas_is_a_place_of_the_layer(viewer):
    layer = viewer.add_image(numbers(3, 5, 80, 90), scale=(1, 1, 0.5, 0.5))
    viewer.dims.set_point(1, 4)
    camera_of(viewer).center = (0, 10, 20)
    assert view_state.place_in_view(viewer, layer, 0) == (4, 20, 40)


def test_a_plane_is_told_from_others_until_it_is_shown_again(viewer):
    layer = viewer.add_image(numbers(5, 8, 9))
    viewer.dims.set_point(0, 2)
    seen = view_state.plane_shown(viewer, layer)
    viewer.dims.set_point(0, 3)
    assert view_state.plane_shown(viewer, layer) != seen
    viewer.dims.set_point(0, 2)
    assert view_state.plane_shown(viewer, layer) == seen
    viewer.dims.order = (1, 0, 2)
    assert view_state.plane_shown(viewer, layer) != seen
