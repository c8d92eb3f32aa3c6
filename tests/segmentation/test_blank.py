"""What has one value is blank, whatever its type and its channels."""

import dask.array as da
import numpy as np
import pytest

from napari_iaunet.segmentation.blank import is_blank
from napari_iaunet.segmentation.image import as_planes


@pytest.mark.parametrize("value", [0, 7, 255])
@pytest.mark.parametrize("shape", [(20, 30), (1500, 20), (20, 30, 3), (4, 20, 30)])
def test_blank(value, shape):
    image = np.full(shape, value, np.int16)
    assert is_blank(as_planes(image))
    assert is_blank(as_planes(da.from_array(image, chunks=10)))
    for place in ((0, 0), (-1, -1)):
        changed = image.copy()
        changed[place] -= 1
        assert not is_blank(as_planes(changed))


def test_a_colour_and_planes_of_their_own_value_are_blank():
    coloured = np.broadcast_to(np.array([255, 240, 250], np.uint8), (20, 30, 3))
    assert is_blank(as_planes(coloured))
    planes = np.broadcast_to(np.arange(4.0)[:, None, None], (4, 20, 30))
    assert is_blank(as_planes(planes))


def test_what_has_no_values():
    image = np.full((20, 30), np.nan)
    assert is_blank(as_planes(image))
    image[3, 4] = 1
    assert not is_blank(as_planes(image))
