"""The size of pixels comes from where a layer lies in the world."""

import numpy as np
import pytest
from calibrated import MAKERS, PIXEL_SIZE
from napari.layers import Image

from napari_iaunet.io.ome_zarr_store import StoredImage
from napari_iaunet.io.read import read_image as read_file
from napari_iaunet.plugin.layers.geometry import pixel_size_of
from napari_iaunet.plugin.layers.images import read_image
from napari_iaunet.plugin.layers.stored import layers_of


def turned(degrees: float) -> np.ndarray:
    a = np.deg2rad(degrees)
    return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])


def layer(shape=(8, 9), **options) -> Image:
    return Image(np.zeros(shape), **options)


UM, NM = ("micrometer", "micrometer"), ("nanometer", "nanometer")


def test_turned_layers_of_oblong_pixels():
    options = {"scale": (0.5, 0.2), "rotate": 30, "translate": (1e4, -7)}
    assert pixel_size_of(layer(units=UM, **options)) == pytest.approx((0.5, 0.2))
    assert pixel_size_of(layer(units=NM, **options)) == pytest.approx((5e-4, 2e-4))
    affine = np.eye(3)
    affine[:2, :2] = turned(40) * 2
    grown = layer(units=UM, affine=affine, **options)
    assert pixel_size_of(grown) == pytest.approx((1, 0.4))


def test_no_units_no_size():
    assert pixel_size_of(layer(scale=(0.5, 0.2))) is None


def test_sheared_layers_have_no_size():
    assert pixel_size_of(layer(units=UM, shear=[0.5])) is None
    # Turned after another scale along rows and columns of the world.
    stretched = np.diag([2.0, 1, 1])
    assert pixel_size_of(layer(units=UM, rotate=30, affine=stretched)) is None


def test_stacks_and_channels_of_any_units():
    units = ("second", "pixel", "micrometer", "micrometer")
    film = layer((3, 2, 8, 9), scale=(60, 1, 0.5, 0.2), units=units)
    assert pixel_size_of(film, 1) == pytest.approx((0.5, 0.2))


def test_images_have_it_and_layers_name_their_channels():
    first = layer(name="DAPI", scale=(0.5, 0.2), units=UM)
    second = layer(name="actin", scale=(0.5, 0.2), units=UM)
    both = read_image([second, first], on=first)
    assert both.channel_names == ("actin", "DAPI")
    assert both.pixel_size == pytest.approx((0.5, 0.2))
    assert read_image([first]).channel_names is None


@pytest.mark.parametrize("make", MAKERS)
def test_files_of_all_calibrations_are_layers_of_the_same_size(make, tmp_path):
    """An image of the Batch tab, or a store that is opened, measured in the dock."""
    file = read_file(make(tmp_path))
    assert file.pixel_size == pytest.approx(PIXEL_SIZE)
    stored = StoredImage("", [file.array], file.axes, file.places, False, {})
    ((array, options, _),) = layers_of([stored])
    channel = np.asarray(array).take(0, options.pop("channel_axis"))
    opened = Image(channel, scale=options["scale"], units=options["units"])
    assert pixel_size_of(opened) == pytest.approx(PIXEL_SIZE)
    assert read_image([opened]).pixel_size == pytest.approx(PIXEL_SIZE)
