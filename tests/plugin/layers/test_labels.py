"""Cells are written where their image lies; no display is needed."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.layers.images import read_image
from napari_iaunet.plugin.layers.labels import (
    CLASSES_OF,
    FOUND_IN,
    is_extracted,
    is_of_classes,
    write_labels,
)


@pytest.fixture
def viewer():
    return ViewerModel()


def numbers(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write(viewer, layer, image, shape):
    labels = np.zeros(shape, np.int32)
    labels[..., 2:4, 1:3] = 1
    features = pd.DataFrame({"index": [1], "label": [1], "area": [4]})
    return write_labels(viewer, layer, image, labels, features, {"model": "m"})


def test_labels_take_the_place_of_their_image(viewer):
    layer = viewer.add_image(
        numbers(8, 9),
        name="cells.tif",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=30,
        shear=[0.2],
        affine=np.array([[1, 0.1, 5], [0, 1, 6], [0, 0, 1]]),
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    result = write(viewer, layer, read_image([layer]), (8, 9))
    for name in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_allclose(getattr(result, name), getattr(layer, name))
    np.testing.assert_allclose(result.affine.affine_matrix, layer.affine.affine_matrix)
    assert result.units == layer.units
    assert result.axis_labels == layer.axis_labels
    assert result.data.dtype == np.int32
    assert result.features["index"].tolist() == [1]
    assert result.metadata["napari_iaunet"] == {"model": "m"}
    assert result.name == "cells.tif cells"
    assert viewer.layers[-1] == result


def test_a_second_result_is_a_second_layer(viewer):
    layer = viewer.add_image(numbers(8, 9), name="a")
    image = read_image([layer])
    first = write(viewer, layer, image, (8, 9))
    before = first.data.copy()
    second = write(viewer, layer, image, (8, 9))
    assert first.name != second.name
    assert second.data is not first.data
    np.testing.assert_array_equal(first.data, before)


def value_at(viewer, layer, point):
    """Label at a world position that is brought on view first."""
    viewer.dims.point = point
    return layer.get_value(point, world=True)


def corners(layer):
    """World position of the first and the last pixel."""
    last = np.array(layer.data.shape) - 1
    return [layer.data_to_world(np.zeros(layer.ndim)), layer.data_to_world(last)]


def test_leading_channels_are_dropped(viewer):
    layer = viewer.add_image(
        numbers(3, 5, 8, 9),
        scale=(1, 2, 0.5, 0.5),
        translate=(0, 7, 8, 9),
        units=("pixel", "um", "um", "um"),
        axis_labels=("c", "z", "y", "x"),
        affine=np.diag([1, 1, 2, 2, 1]),
    )
    image = read_image([layer], channel_axis=0)
    result = write(viewer, layer, image, (5, 8, 9))
    assert result.ndim == 3
    np.testing.assert_allclose(result.scale, layer.scale[1:])
    np.testing.assert_allclose(result.translate, layer.translate[1:])
    assert result.axis_labels == ("z", "y", "x")
    assert result.units == layer.units[1:]
    np.testing.assert_allclose(
        corners(result)[1], np.asarray(layer.data_to_world((0, 4, 7, 8)))[1:]
    )


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_cells_show_on_every_channel_of_an_inner_axis(viewer, axis):
    shape = [5, 16, 18]
    shape.insert(axis, 3)
    scale = [2.0, 0.5, 0.5]
    scale.insert(axis, 4.0)
    layer = viewer.add_image(numbers(*shape), scale=scale)
    sliders = viewer.dims.range
    image = read_image([layer], channel_axis=axis)
    result = write(viewer, layer, image, (5, 16, 18))
    assert result.ndim == 4
    for channel in range(3):
        inside = [1, 2, 1]
        inside.insert(axis, channel)
        assert value_at(viewer, result, layer.data_to_world(inside)) == 1
        inside = [1, 7, 7]
        inside.insert(axis, channel)
        assert value_at(viewer, result, layer.data_to_world(inside)) == 0
    assert viewer.dims.range == sliders


def test_a_plane_lies_where_it_was_in_the_stack(viewer):
    layer = viewer.add_image(
        numbers(4, 5, 8, 9),
        name="s",
        scale=(1, 3, 0.5, 0.5),
        translate=(0, 10, 1, 2),
        rotate=None,
        units=("s", "um", "um", "um"),
    )
    image = read_image([layer], plane=(2, 3))
    result = write(viewer, layer, image, (8, 9))
    assert result.data.shape == (1, 1, 8, 9)
    assert result.name == "s cells [2, 3]"
    np.testing.assert_allclose(result.scale, layer.scale)
    assert result.units == layer.units
    np.testing.assert_allclose(corners(result)[0], layer.data_to_world((2, 3, 0, 0)))
    for plane, value in [((2, 3), 1), ((2, 2), None), ((1, 3), None)]:
        point = layer.data_to_world((*plane, 2, 1))
        assert value_at(viewer, result, point) == value


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_a_plane_of_a_turned_stack(viewer):
    layer = viewer.add_image(
        numbers(5, 8, 9), scale=(3, 0.5, 0.5), rotate=(10, 20, 30), shear=(0, 0.1, 0)
    )
    image = read_image([layer], plane=(3,))
    result = write(viewer, layer, image, (8, 9))
    np.testing.assert_allclose(corners(result)[0], layer.data_to_world((3, 0, 0)))
    np.testing.assert_allclose(corners(result)[1], layer.data_to_world((3, 7, 8)))


def test_our_own_layers_say_what_they_were_made_of(viewer):
    data = numbers(8, 9)
    users = viewer.add_labels(data)
    found = viewer.add_labels(data, metadata={"napari_iaunet": {FOUND_IN: "a"}})
    classes = viewer.add_labels(data, metadata={"napari_iaunet": {CLASSES_OF: "a"}})
    assert [is_extracted(i) for i in (users, found, classes)] == [False, True, False]
    assert [is_of_classes(i) for i in (users, found, classes)] == [False, False, True]
