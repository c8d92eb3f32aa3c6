"""Layers are read and written right; neither Qt nor a display is needed."""

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.segmentation.image import as_planes


@pytest.fixture
def viewer():
    return ViewerModel()


def numbers(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


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


@pytest.mark.parametrize("kind", ["gray", "colours", "film", "zarr", "multiscale"])
def test_planes_that_come_last_are_put_first(viewer, tmp_path, kind):
    shape = {"colours": (60, 80, 9, 3), "film": (2, 60, 80, 9)}.get(kind, (60, 80, 9))
    pixels = numbers(*shape, dtype=np.uint8 if kind == "colours" else np.uint16)
    expected = np.moveaxis(pixels, 3 if kind == "film" else 2, -3 - (kind == "colours"))
    given = pixels
    if kind == "zarr":
        given = zarr.create_array(str(tmp_path / "a.zarr"), data=pixels)
    elif kind == "multiscale":
        given = [pixels, pixels[::2, ::2]]
    place = (1.0, 0.5, 0.25, 3.0)[-3 - (kind == "film") :]
    layer = viewer.add_image(
        given, scale=place, name="a", rgb=kind == "colours", units=["um"] * len(place)
    )
    found = image_layers.open_planes_first(viewer, layer)
    image = image_layers.read_image([found])
    np.testing.assert_array_equal(np.asarray(image.array), expected)
    assert tuple(found.scale[-3:]) == (3.0, 0.5, 0.25)
    assert image.pixel_size == (0.5, 0.25)
    assert found.name == "a planes first"
    assert [shown.visible for shown in (layer, found)] == [False, True]
    assert viewer.dims.point[-3] == pytest.approx(12)


@pytest.mark.parametrize("stack", [(), (3,)])
def test_transparency_that_may_be_a_channel_is_told(viewer, stack):
    pixels = np.zeros((*stack, 8, 9, 4), np.uint8)
    pixels[..., 3] = 255
    assert not image_layers.read_image([viewer.add_image(pixels, rgb=True)]).note
    pixels[..., 3] = numbers(8, 9)
    layer = viewer.add_image(pixels, rgb=True, name="cells")
    assert "alpha) of “cells” is left out" in image_layers.read_image([layer]).note


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


def names(layers):
    return [layer.name for layer in layers]


def test_channels_come_by_their_names_in_whatever_order_the_layers_are(viewer):
    for name in ("spots 10", "DAPI", "spots 9"):
        viewer.add_image(numbers(8, 9), name=name)
    expected = ["DAPI", "spots 9", "spots 10"]
    dapi, *others = (str(viewer.layers[name].unique_id) for name in expected)
    assert names(image_layers.chosen_layers(viewer, dapi, others)) == expected
    viewer.layers.move(0, 3)
    viewer.layers.move(0, 2)
    assert names(image_layers.chosen_layers(viewer, dapi, others)) == expected


@pytest.mark.parametrize("placed", [{}, {"scale": (2, 0.5, 0.5), "rotate": [10, 0, 0]}])
def test_shifted_channels_are_laid_on_each_other(viewer, placed):
    stack = numbers(4, 20, 30)
    first = viewer.add_image(stack, **placed)
    moved = viewer.add_image(stack + 1, **placed)
    moved.translate = first.data_to_world((1, -2, 3))  # its first pixel lies there
    image = np.asarray(image_layers.read_image([first, moved]).array)
    np.testing.assert_array_equal(image[0], stack)
    np.testing.assert_array_equal(image[1, 1:, :-2, 3:], stack[:-1, 2:, :-3] + 1)
    assert np.isnan(image[1, 0]).all()
    assert np.isnan(image[1, :, -2:]).all()
    assert np.isnan(image[1, :, :, :3]).all()
    other = np.asarray(image_layers.read_image([first, moved], on=moved).array)
    np.testing.assert_array_equal(other[1], stack + 1)
    plane = image_layers.read_image([first, moved], plane=(2,))
    np.testing.assert_array_equal(plane.array, image[:, 2])


def test_less_than_half_a_pixel_is_no_shift(viewer):
    a = viewer.add_image(numbers(20, 30))
    b = viewer.add_image(numbers(20, 30), translate=(0.4, -0.4))
    assert image_layers.read_image([a, b]).array.dtype == a.data.dtype


@pytest.mark.parametrize(
    ("placed", "words"),
    [
        ({"scale": (2, 2)}, "do not lie on those"),
        ({"scale": (1.02, 1)}, "do not lie on those"),
        ({"rotate": 5}, "do not lie on those"),
        ({"scale": (-1, 1)}, "do not lie on those"),
        ({"translate": (300, 0)}, "lies beside"),
    ],
)
def test_channels_that_do_not_lie_on_each_other_are_refused(viewer, placed, words):
    a = viewer.add_image(numbers(100, 30), name="a")
    b = viewer.add_image(numbers(100, 30), name="b", **placed)
    with pytest.raises(ImageError, match=f"“b”.*{words}"):
        image_layers.read_image([a, b])


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
