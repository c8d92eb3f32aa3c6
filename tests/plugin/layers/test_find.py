"""Layers are found by their key; neither Qt nor a display is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_iaunet.plugin.layers.find import (
    HELPER,
    find_layer,
    list_layers,
    pixels_of,
    selected_layer,
    selection_kept,
)

PIXELS = np.zeros((8, 9), np.uint8)


@pytest.fixture
def viewer():
    return ViewerModel()


def test_layers_of_a_kind_in_their_order(viewer):
    a = viewer.add_image(PIXELS, name="a")
    cells = viewer.add_labels(PIXELS)
    b = viewer.add_image(PIXELS, name="b")
    assert list_layers(viewer, Image) == [a, b]
    assert list_layers(viewer, Labels) == [cells]
    key = str(a.unique_id)
    assert find_layer(viewer, key, Image) == a
    assert find_layer(viewer, key, Labels) is None
    assert find_layer(viewer, "nonsense", Image) is None
    assert selected_layer(viewer, Image) == b
    assert selected_layer(viewer, Labels) is None
    viewer.layers.selection.active = cells
    assert selected_layer(viewer, Image) is None
    assert selected_layer(viewer, Labels) == cells


def test_the_helper_is_no_layer_of_cells(viewer):
    layer = viewer.add_labels(PIXELS, metadata={HELPER: True})
    assert list_layers(viewer, Labels) == []
    assert selected_layer(viewer, Labels) is None
    assert find_layer(viewer, str(layer.unique_id), Labels) is None


def test_pixels_are_those_of_the_finest_level(viewer):
    levels = [np.zeros((8, 8), int), np.zeros((4, 4), int)]
    assert pixels_of(viewer.add_labels(levels, multiscale=True)) is levels[0]
    assert pixels_of(viewer.add_labels(levels[1])) is levels[1]


def test_the_selection_is_kept_though_layers_are_added(viewer):
    a, b = viewer.add_image(PIXELS), viewer.add_labels(PIXELS)
    viewer.layers.selection = {a, b}
    active = viewer.layers.selection.active
    with selection_kept(viewer):
        viewer.add_labels(PIXELS)
    assert set(viewer.layers.selection) == {a, b}
    assert viewer.layers.selection.active == active
