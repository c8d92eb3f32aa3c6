"""What has one value is blank, whatever its type and its channels."""

import dask.array as da
import numpy as np
import pytest

from napari_iaunet.segmentation.blank import BLANK, NO_NUMBERS, why_blank
from napari_iaunet.segmentation.image import as_planes


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("shape", [(20, 30), (1500, 20), (20, 30, 3), (4, 20, 30)])
def test_blank(value, shape):
    image = np.full(shape, value, np.int16)
    assert why_blank(as_planes(image)) == BLANK
    assert why_blank(as_planes(da.from_array(image, chunks=10))) == BLANK
    for place in ((0, 0), (-1, -1)):
        changed = image.copy()
        changed[place] -= 1
        assert not why_blank(as_planes(changed))


def test_a_colour_and_planes_of_their_own_value_are_blank():
    coloured = np.broadcast_to(np.array([255, 240, 250], np.uint8), (20, 30, 3))
    assert why_blank(as_planes(coloured)) == BLANK
    planes = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 20, 30))
    assert why_blank(as_planes(planes)) == BLANK


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_has_no_values_is_said_to_have_none(value):
    image = np.full((4, 20, 30), value)
    assert why_blank(as_planes(image)) == NO_NUMBERS
    image[1] = 7
    assert why_blank(as_planes(image)) == BLANK
    image[1, 3, 4] = 1
    assert not why_blank(as_planes(image))
