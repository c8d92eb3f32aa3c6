"""Where cells lie, how large they are, how dented."""

import numpy as np
import pytest
from skimage.draw import disk
from skimage.measure import regionprops

from napari_iaunet.segmentation.survey import label_ids_of, solidities, survey


@pytest.fixture
def labels():
    labels = np.zeros((60, 80), np.int32)
    labels[disk((20, 20), 10)] = 7
    labels[30:50, 40:60] = 9000
    labels[38:42, 48:60] = 0  # a dent
    labels[0:4, 70:80] = 3
    labels[55, 5] = 2
    return labels


def test_cells_are_found_as_regionprops_finds_them(labels):
    cells = survey(labels)
    regions = regionprops(labels)
    assert cells.label_ids.tolist() == [r.label for r in regions] == [2, 3, 7, 9000]
    assert cells.area.tolist() == [r.area for r in regions]
    assert cells.box.tolist() == [list(r.bbox) for r in regions]
    assert cells.border.tolist() == [4, 0, 11, 10]
    np.testing.assert_array_equal(cells.index > 0, labels > 0)
    np.testing.assert_array_equal(cells.mask(3), regions[3].image)


def test_solidity_is_that_of_regionprops(labels):
    expected = [r.solidity for r in regionprops(labels)]
    np.testing.assert_allclose(solidities(survey(labels)), expected, atol=0.06)


def test_a_cell_of_several_planes_is_one(labels):
    stack = np.stack([labels, np.zeros_like(labels), labels])
    stack[2, 19:21, 28:79] = 7
    cells = survey(stack)
    assert len(cells) == 4
    assert cells.plane.tolist() == [0, 0, 2, 0]
    assert cells.area[1] == 2 * (labels == 3).sum()
    assert cells.border[2] == 1
    assert cells.mask(2).sum() == (stack[2] == 7).sum()


@pytest.mark.parametrize("dtype", ["uint8", ">i4", "int64", "uint16"])
def test_any_type_of_labels(dtype):
    labels = np.zeros((5, 6), dtype)
    assert len(survey(labels)) == 0
    labels[1:3, 1:3], labels[4, 4] = 5, 120
    assert label_ids_of(labels).tolist() == [5, 120]
    assert survey(labels).area.tolist() == [4, 1]
    if dtype == "int64":
        labels[0, 0], labels[0, 1] = -3, 1 << 40
        assert label_ids_of(labels).tolist() == [5, 120, 1 << 40]
        assert survey(labels).area.tolist() == [4, 1, 1]


def test_it_can_be_stopped(labels):
    def stop(done, total):
        raise KeyError

    with pytest.raises(KeyError):
        survey(labels, stop)
    with pytest.raises(KeyError):
        solidities(survey(labels), stop)
