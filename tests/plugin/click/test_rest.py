"""Cells like one that was clicked; neither a window nor a display is needed."""

import numpy as np
import pytest
from clicker import (
    BACKGROUND,
    LEFT_OF_PAIR,
    RIGHT_OF_PAIR,
    A,
    B,
    C,
    is_cell,
    nuclei,
    squares,
)
from person import set_canvas_size
from stained import beside_brighter

from napari_iaunet.plugin.layers.camera import camera_of

OTHERS = (B, C, LEFT_OF_PAIR, RIGHT_OF_PAIR)


def shown(user):
    """The pixels of what was found in the image's plane, None if nothing is shown."""
    found = [layer for layer in user.viewer.layers if layer.name == "found cells"]
    if not found:
        return None
    (layer,) = found
    plane = np.zeros(user.viewer.layers[0].data.shape[-2:], bool)
    y, x = (round(float(t)) for t in layer.translate[-2:])
    data = layer.data.reshape(layer.data.shape[-2:])
    plane[y : y + data.shape[0], x : x + data.shape[1]] = data > 0
    return plane


@pytest.fixture
def user(ready):
    """All of the image is on view."""
    set_canvas_size(ready.viewer, (600, 700))
    ready.viewer.reset_view()
    return ready


def find(user):
    user.key("R")
    assert user.rest_jobs.is_running
    assert user.said.startswith("Looking")
    user.rest_jobs.finish()


def test_the_rest_is_shown_and_kept_in_one_step(user):
    user.click(A)
    find(user)
    assert user.preview is None
    assert all(shown(user)[place] for place in OTHERS)
    assert not shown(user)[A]
    assert not shown(user)[BACKGROUND]
    assert user.said.startswith("4 cells")
    labels = user.cells.data
    assert np.unique(labels).tolist() == [0, 1]
    user.key("K")
    assert shown(user) is None
    assert user.said == "4 cells were added."
    assert np.unique(labels).tolist() == [0, 1, 2, 3, 4, 5]
    assert all(is_cell(labels == labels[place], place) for place in OTHERS)
    table = user.cells.features
    assert table["index"].tolist() == [1, 2, 3, 4, 5]
    assert table["area"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    user.key("Control-Z")
    assert np.unique(labels).tolist() == [0, 1]
    user.key("Control-Z")
    assert not labels.any()


def test_escape_drops_what_was_found(user):
    user.click(A)
    find(user)
    user.key("Escape")
    assert shown(user) is None
    user.key("K")
    assert np.unique(user.cells.data).tolist() == [0, 1]


def test_escape_stops_the_search(user):
    user.click(A)
    user.key("R")
    user.key("Escape")
    assert not user.rest_jobs.is_running
    assert user.said == "Click a cell."


def test_only_free_places_are_searched_from_a_cell_of_the_layer(user):
    start = squares((7, A[0] - 8, A[1] - 8, 17), (3, B[0] - 15, B[1] - 15, 31))
    layer = user.viewer.add_labels(start.copy(), name="mine")
    user.hover(A)
    find(user)
    assert not shown(user)[start > 0].any()
    user.key("K")
    np.testing.assert_array_equal(layer.data[start > 0], start[start > 0])
    assert np.unique(layer.data).tolist() == [0, 3, 7, 8, 9, 10]


def test_only_what_is_on_view_is_searched(user):
    camera_of(user.viewer).zoom = 8
    camera_of(user.viewer).center = (0, *LEFT_OF_PAIR)
    user.click(LEFT_OF_PAIR)
    find(user)
    assert shown(user)[RIGHT_OF_PAIR]
    assert not any(shown(user)[place] for place in (A, B, C))


def test_the_slider_leaves_the_surest(user):
    user.click(A)
    find(user)
    assert user.panel.sure.isVisibleTo(user.panel)
    user.panel.sure.setValue(100)
    assert user.said.startswith("0 cells")
    user.panel.sure.setValue(50)
    assert user.said.startswith("4 cells")
    user.key("Escape")
    assert not user.panel.sure.isVisibleTo(user.panel)


def test_the_next_cell_can_be_clicked_first(user):
    user.click(A)
    find(user)
    user.click(B)
    user.key("K")
    assert shown(user)[C]
    user.key("K")
    assert user.cells.data.max() == 5
    assert is_cell(user.cells.data == 2, B)


def test_a_layer_without_so_many_numbers(user):
    start = np.zeros((128, 160), np.uint8)
    start[0, 0] = 252
    layer = user.viewer.add_labels(start.copy(), name="mine")
    user.click(A)
    find(user)
    before = layer.data.copy()
    user.key("K")
    np.testing.assert_array_equal(layer.data, before)
    assert "full" in user.said


def test_the_channels_that_show_nuclei_and_cells_are_seen_as_for_clicks(clicker):
    clicker.viewer.add_image(beside_brighter(nuclei()), axis_labels=("c", "y", "x"))
    set_canvas_size(clicker.viewer, (600, 700))
    clicker.viewer.reset_view()
    clicker.settings.nuclei = 2
    clicker.toggle()
    clicker.click(A)
    find(clicker)
    assert all(shown(clicker)[place] for place in OTHERS)


def test_closing_what_is_shown_drops_it(user):
    user.click(A)
    find(user)
    user.viewer.layers.remove("found cells")
    assert not user.panel.sure.isVisibleTo(user.panel)
    user.key("K")
    assert user.cells.data.max() == 1


def test_it_goes_with_the_image_and_the_tool(user):
    user.click(A)
    find(user)
    user.toggle()
    assert shown(user) is None
    assert [layer.name for layer in user.viewer.layers] == ["image", "image cells"]


def test_the_button_searches_and_stops(user):
    button = user.panel.rest
    button.click()
    assert user.said == "Click a cell first."
    user.click(A)
    button.click()
    assert user.rest_jobs.is_running
    assert button.text() == "Stop searching"
    button.click()
    assert not user.rest_jobs.is_running
    assert button.text() == "Find the rest"


def test_nothing_else_is_there(clicker):
    clicker.viewer.add_image(nuclei((A,)), name="image")
    set_canvas_size(clicker.viewer, (600, 700))
    clicker.viewer.reset_view()
    clicker.toggle()
    clicker.click(A)
    find(clicker)
    assert shown(clicker) is None
    assert "No other cell" in clicker.said
