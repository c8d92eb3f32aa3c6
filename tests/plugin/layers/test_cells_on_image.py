"""Which image cells lie on, and what is read of both; no display is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.settings import SegmentChoice
from napari_iaunet.plugin.layers import cells_on_image


@pytest.fixture
def viewer():
    return ViewerModel()


def numbers(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def read(viewer, labels, image):
    return cells_on_image.read(viewer, cells_on_image.pair(labels, image, None))


def test_the_image_that_cells_were_found_in_is_the_likeliest(viewer):
    first = viewer.add_image(numbers(8, 9), name="first")
    second = viewer.add_image(numbers(8, 9), name="second")
    viewer.add_image(numbers(9, 8), name="of another size")
    labels = viewer.add_labels(numbers(8, 9))
    assert cells_on_image.images_under(viewer, labels, None) == [second, first]
    labels.metadata["napari_iaunet"] = {"image": "first"}
    assert cells_on_image.images_under(viewer, labels, None) == [first, second]


def test_channels_are_those_of_the_segment_tab_for_its_image_only(viewer):
    image = viewer.add_image(numbers(3, 8, 9), axis_labels=("c", "y", "x"))
    labels = viewer.add_labels(numbers(8, 9))
    keys = str(labels.unique_id), str(image.unique_id)
    own = cells_on_image.pair(labels, image, None)
    assert (own.labels, own.image) == keys
    assert (own.channel_axis, own.channels) == (0, None)
    choice = SegmentChoice(keys[1], (), 0, (1,), False, "m", "cpu", None)
    assert cells_on_image.pair(labels, image, choice).channels == (1,)
    found = cells_on_image.read(viewer, cells_on_image.pair(labels, image, choice))
    np.testing.assert_array_equal(np.asarray(found.image.array)[0], image.data[1])


def test_what_the_channels_show_is_known_of_the_image_of_the_segment_tab(viewer):
    image = viewer.add_image(numbers(3, 8, 9), axis_labels=("c", "y", "x"))
    labels = viewer.add_labels(numbers(8, 9))
    key = str(image.unique_id)
    choice = SegmentChoice(key, (), 0, (2, 0), False, "m", "cpu", None, nuclei=2)
    pair = cells_on_image.pair(labels, image, choice)
    found = cells_on_image.read(viewer, pair).image.seen_as
    assert found == {"channel_axis": 0, "nuclei": 0, "cells": [1]}
    pair = cells_on_image.pair(labels, image, None)
    found = cells_on_image.read(viewer, pair).image.seen_as
    assert found == {"channel_axis": 0}


def test_cells_of_a_stack_are_read_with_all_of_it(viewer):
    image = viewer.add_image(numbers(5, 8, 9))
    found = read(viewer, viewer.add_labels(numbers(5, 8, 9)), image)
    assert found.labels.shape == found.image.array.shape == (5, 8, 9)


def test_cells_of_a_plane_are_read_with_the_plane_on_view(viewer):
    image = viewer.add_image(numbers(5, 8, 9))
    labels = viewer.add_labels(numbers(8, 9))
    viewer.dims.set_point(0, 3)
    found = read(viewer, labels, image)
    assert found.labels.shape == (8, 9)
    np.testing.assert_array_equal(np.asarray(found.image.array), image.data[3])
    pair = cells_on_image.pair(labels, image, None)
    fixed = cells_on_image.fixed(viewer, labels, image, pair)
    viewer.dims.set_point(0, 1)
    assert fixed.plane == (3,)
    found = cells_on_image.read(viewer, fixed)
    np.testing.assert_array_equal(np.asarray(found.image.array), image.data[3])


def test_what_the_user_paints_meanwhile_is_not_read(viewer):
    image = viewer.add_image(numbers(8, 9))
    labels = viewer.add_labels(numbers(8, 9))
    found = read(viewer, labels, image)
    labels.data[:] = 7
    assert found.labels[0, 0] == 0


def test_layers_that_are_gone_or_moved_say_so(viewer):
    image = viewer.add_image(numbers(8, 9), name="image")
    labels = viewer.add_labels(numbers(8, 9), name="cells")
    pair = cells_on_image.pair(labels, image, None)
    labels.translate = (5, 0)
    with pytest.raises(ImageError, match="“cells” no longer lies on the image “image”"):
        cells_on_image.read(viewer, pair)
    viewer.layers.remove(image)
    with pytest.raises(ImageError, match="closed"):
        cells_on_image.read(viewer, pair)


def test_a_label_is_that_of_the_pixel_below(viewer):
    labels = viewer.add_labels(numbers(8, 9), scale=(2, 2))
    assert cells_on_image.label_at(labels, (2.9, 4)) == 9 + 2
    assert cells_on_image.label_at(labels, (-2, 0)) is None
    assert cells_on_image.label_at(labels, (16, 0)) is None
