"""Layers are read and written right; neither Qt nor a display is needed."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.segmentation.image import as_planes


@pytest.fixture
def viewer():
    return ViewerModel()


def numbers(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def write(viewer, layer, image, shape):
    labels = np.zeros(shape, np.int32)
    labels[..., 2:4, 1:3] = 1
    features = pd.DataFrame({"index": [1], "label": [1], "area": [4]})
    return label_layers.write_labels(
        viewer, layer, image, labels, features, {"model": "m"}
    )


@pytest.mark.parametrize(
    ("axis_labels", "axis"),
    [(("c", "y", "x"), 0), (("z", "y", "Channel"), 2), (("z", "y", "x"), None)],
)
def test_channel_axis_by_its_name(viewer, axis_labels, axis):
    layer = viewer.add_image(numbers(3, 8, 9), axis_labels=axis_labels)
    info = image_layers.describe(layer)
    assert info.channel_axis == axis
    assert info.shape == (3, 8, 9)
    assert info.axis_labels == axis_labels


def test_rgb(viewer):
    pixels = numbers(8, 9, 3, dtype=np.uint8)
    layer = viewer.add_image(pixels, rgb=True)
    assert image_layers.describe(layer).shape == (8, 9)
    assert image_layers.describe(layer).rgb
    image = image_layers.read_image([layer])
    assert image.array is pixels
    assert image.channel_axis == 2


def test_rgba_is_read_without_alpha(viewer):
    layer = viewer.add_image(np.ones((8, 9, 4), np.float32), rgb=True)
    image = image_layers.read_image([layer])
    assert image.array.shape == (8, 9, 3)


def test_rgb_stack_and_plane(viewer):
    pixels = numbers(5, 8, 9, 3, dtype=np.uint8)
    layer = viewer.add_image(pixels, rgb=True)
    viewer.dims.set_point(0, 3)
    assert view_state.plane_in_view(viewer, layer, None) == (3,)
    image = image_layers.read_image([layer], plane=(3,))
    assert image.channel_axis == 2
    np.testing.assert_array_equal(image.array, pixels[3])


def test_multiscale_is_read_at_full_resolution(viewer):
    pixels = numbers(64, 48)
    layer = viewer.add_image([pixels, pixels[::2, ::2]], multiscale=True)
    image = image_layers.read_image([layer])
    assert image.array is pixels
    assert image_layers.describe(layer).shape == (64, 48)


def test_dask_stays_lazy(viewer):
    def fail(block):
        raise AssertionError("computed")

    lazy = da.zeros((50, 64, 48), chunks=(1, 64, 48)).map_blocks(fail, dtype=float)
    layer = viewer.add_image(lazy, contrast_limits=(0, 1), visible=False)
    image = image_layers.read_image([layer])
    assert image.array is lazy
    assert image_layers.read_image([layer], plane=(4,)).array.shape == (64, 48)


def test_zarr_stays_lazy(viewer, tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "a.zarr", shape=(4, 64, 48), dtype="u2")
    array[2] = 7
    layer = viewer.add_image(array, contrast_limits=(0, 9))
    image = image_layers.read_image([layer], plane=(2,))
    assert np.asarray(image.array).min() == 7
    assert as_planes(image_layers.read_image([layer]).array).shape == (4,)


def test_several_layers_become_channels(viewer):
    stack = numbers(2, 5, 64, 48)
    found = viewer.add_image(stack, channel_axis=0)
    image = image_layers.read_image(found)
    assert image.channel_axis == 0
    np.testing.assert_array_equal(image.array, stack)
    planes = as_planes(image.array, image.channel_axis)
    assert (planes.shape, planes.plane_shape, planes.n_channels) == ((5,), (64, 48), 2)
    plane = image_layers.read_image(found, plane=(3,))
    np.testing.assert_array_equal(plane.array, stack[:, 3])


def test_layers_of_different_size_are_refused(viewer):
    a = viewer.add_image(numbers(8, 9))
    b = viewer.add_image(numbers(9, 9))
    with pytest.raises(ImageError, match="one size"):
        image_layers.read_image([a, b])


@pytest.mark.parametrize("axis", [0, 1, 3])
@pytest.mark.parametrize("plane", [None, (4,)])
def test_some_channels_along_an_axis(viewer, axis, plane):
    stack = numbers(3, 5, 16, 18)
    moved = np.moveaxis(stack, 0, axis)
    layer = viewer.add_image(moved)
    image = image_layers.read_image(
        [layer], channel_axis=axis, channels=[0, 2], plane=plane
    )
    expected = stack[[0, 2]] if plane is None else stack[[0, 2], 4]
    actual = np.moveaxis(np.asarray(image.array), image.channel_axis, 0)
    np.testing.assert_array_equal(actual, expected)
    assert image.n_layer_channels == 3


def test_no_channel_is_refused(viewer):
    layer = viewer.add_image(numbers(3, 16, 18))
    with pytest.raises(ImageError, match="at least one channel"):
        image_layers.read_image([layer], channel_axis=0, channels=[])


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_a_narrow_gray_stack_is_not_taken_for_colours(viewer, width):
    layer = viewer.add_image(numbers(6, 40, width), rgb=False)
    image = image_layers.read_image([layer])
    planes = as_planes(image.array, image.channel_axis)
    assert planes.shape == (6,)
    assert planes.plane_shape == (40, width)


def test_plane_in_view_follows_scale_and_stays_inside(viewer):
    layer = viewer.add_image(numbers(7, 8, 9), scale=(2, 1, 1), translate=(10, 0, 0))
    viewer.dims.set_point(0, 10 + 2 * 5)
    assert view_state.plane_in_view(viewer, layer, None) == (5,)
    viewer.add_image(numbers(40, 8, 9))
    viewer.dims.set_point(0, 39)
    assert view_state.plane_in_view(viewer, layer, None) == (6,)


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
    result = write(viewer, layer, image_layers.read_image([layer]), (8, 9))
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
    image = image_layers.read_image([layer])
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
    image = image_layers.read_image([layer], channel_axis=0)
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
    image = image_layers.read_image([layer], channel_axis=axis)
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
    image = image_layers.read_image([layer], plane=(2, 3))
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
    image = image_layers.read_image([layer], plane=(3,))
    result = write(viewer, layer, image, (8, 9))
    np.testing.assert_allclose(corners(result)[0], layer.data_to_world((3, 0, 0)))
    np.testing.assert_allclose(corners(result)[1], layer.data_to_world((3, 7, 8)))
