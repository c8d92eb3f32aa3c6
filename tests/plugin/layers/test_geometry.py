"""Where layers lie, and whether labels lie on an image; no display is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.plugin.layers.geometry import (
    placement,
    plane_of_image,
    plane_of_labels,
)

ALL = slice(None)


@pytest.fixture
def viewer():
    return ViewerModel()


def both(labels, image, channel_axis, point):
    """Plane of the labels on that of the image, and the other way round."""
    there = plane_of_labels(labels, image, channel_axis, point)
    return there, plane_of_image(labels, image, channel_axis, point)


def test_a_copy_of_a_layer_lies_where_it_does(viewer):
    layer = viewer.add_labels(
        np.zeros((8, 9), int),
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=30,
        shear=[0.2],
        affine=np.array([[1, 0.1, 5], [0, 1, 6], [0, 0, 1]]),
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    copy = viewer.add_labels(layer.data, **placement(layer))
    for corner in ((0, 0), (7, 0), (0, 8)):
        np.testing.assert_allclose(
            copy.data_to_world(corner), layer.data_to_world(corner)
        )
    assert (copy.units, copy.axis_labels) == (layer.units, layer.axis_labels)


@pytest.mark.parametrize(
    "place", [{}, {"scale": (2, 0.5), "rotate": 30, "translate": (3, 4)}]
)
def test_labels_lie_on_an_image_pixel_by_pixel(viewer, place):
    image = viewer.add_image(np.zeros((8, 9)), **place)
    labels = viewer.add_labels(np.zeros((8, 9), int), **place)
    assert both(labels, image, None, (1.0, 1.0)) == ((ALL, ALL), ())


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ((9, 8), {}),
        ((8, 9), {"translate": (0.6, 0)}),
        ((8, 9), {"scale": (2, 2)}),
        ((8, 9), {"rotate": 90}),
    ],
)
def test_other_labels_do_not(viewer, shape, place):
    image = viewer.add_image(np.zeros((8, 9)))
    labels = viewer.add_labels(np.zeros(shape, int), **place)
    assert both(labels, image, None, (1.0, 1.0)) == (None, None)


def test_less_than_half_a_pixel_does_not_matter(viewer):
    image = viewer.add_image(np.zeros((8, 9)))
    labels = viewer.add_labels(np.zeros((8, 9), int), translate=(0.4, -0.4))
    assert both(labels, image, None, (1.0, 1.0)) == ((ALL, ALL), ())


def test_each_plane_of_a_stack_has_its_own(viewer):
    image = viewer.add_image(np.zeros((5, 8, 9)), scale=(3, 1, 1))
    labels = viewer.add_labels(np.zeros((5, 8, 9), int), scale=(3, 1, 1))
    assert both(labels, image, None, (9.0, 1, 1)) == ((3, ALL, ALL), (0,))


def test_a_single_plane_of_labels_lies_on_one_of_the_image(viewer):
    image = viewer.add_image(np.zeros((5, 8, 9)), scale=(3, 1, 1))
    labels = viewer.add_labels(np.zeros((1, 8, 9), int), translate=(6, 0, 0))
    assert both(labels, image, None, (6.0, 1, 1)) == ((0, ALL, ALL), (2,))
    beside, plane = both(labels, image, None, (9.0, 1, 1))
    assert beside == (3, ALL, ALL), "as the caller has to see"
    assert plane == (2,)


def test_labels_of_two_axes_lie_on_the_plane_on_view(viewer):
    image = viewer.add_image(np.zeros((5, 8, 9)))
    labels = viewer.add_labels(np.zeros((8, 9), int))
    assert both(labels, image, None, (4.0, 1, 1)) == ((ALL, ALL), (4,))


@pytest.mark.parametrize(
    ("shape", "channel_axis", "labels_shape"),
    [((3, 8, 9), 0, (8, 9)), ((5, 3, 8, 9), 1, (5, 1, 8, 9))],
)
def test_channels_do_not_count(viewer, shape, channel_axis, labels_shape):
    image = viewer.add_image(np.zeros(shape))
    labels = viewer.add_labels(np.zeros(labels_shape, int))
    point = (0.0,) * len(shape)
    there, plane = both(labels, image, channel_axis, point)
    assert there == (*(0,) * (len(labels_shape) - 2), ALL, ALL)
    assert plane == (0,) * (len(shape) - 3)


def test_an_image_without_rows_has_no_cells(viewer):
    image = viewer.add_image(np.zeros((8, 9)))
    labels = viewer.add_labels(np.zeros((8, 9), int))
    assert both(labels, image, 0, (1.0, 1.0)) == (None, None)
