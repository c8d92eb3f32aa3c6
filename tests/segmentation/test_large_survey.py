"""Cells of a label image that is read part by part are those of the whole."""

import numpy as np
import pytest
from drawn import discs

from napari_iaunet.segmentation import large_survey
from napari_iaunet.segmentation.large_survey import survey_large, untouched
from napari_iaunet.segmentation.survey import solidities, survey


class Counted:
    """Labels that count what is read of them."""

    def __init__(self, labels):
        self.labels, self.reads = labels, []
        self.shape, self.ndim, self.dtype = labels.shape, labels.ndim, labels.dtype

    def __getitem__(self, key):
        found = self.labels[key]
        self.reads.append(found.size)
        return found


@pytest.fixture
def stack(monkeypatch):
    monkeypatch.setattr(large_survey, "_SIDE", 50)
    plane = discs(8, 33)[0].astype(np.int32) * 7
    plane[100:140, 20:180] = 5000  # over several tiles
    other = np.zeros_like(plane)
    other[90:150, 10:200] = 5000
    other[3:9, 3:9] = 9
    return np.stack([plane, other, np.zeros_like(plane) - 1])


@pytest.mark.parametrize("planes", [0, slice(None)])
@pytest.mark.parametrize("chunk", [1, 32])
def test_cells_are_those_of_the_whole(stack, planes, chunk):
    labels = stack[planes]
    whole = survey(labels)
    found, solidity = survey_large(labels, chunk, shapes=True)
    assert found.shape == whole.shape
    for name in ("label_ids", "area", "border", "plane", "box"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    np.testing.assert_allclose(solidity, solidities(whole))
    for row in range(len(whole)):
        np.testing.assert_array_equal(found.mask(row), whole.mask(row))
    rows = np.array([0, len(whole) - 1, 3])
    held = np.zeros(labels.shape, bool)
    held[found.pixels_of(rows)] = True
    np.testing.assert_array_equal(held, np.isin(labels, whole.label_ids[rows]))


def test_only_what_changed_is_read_again(stack):
    labels = Counted(stack)
    former, _ = survey_large(labels, 1)
    stack[1, 3:9, 3:9] = 0
    stack[1, 60:70, 200:230] = 11
    boxes = [
        (slice(1, 2), slice(3, 9), slice(3, 9)),
        (slice(1, 2), slice(60, 70), slice(200, 230)),
    ]
    labels.reads.clear()
    again, _ = survey_large(labels, 1, known=untouched(former, boxes))
    assert len(labels.reads) == 2
    whole = survey(stack)
    for name in ("label_ids", "area", "border", "plane", "box"):
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_an_image_without_cells():
    found, solidity = survey_large(np.zeros((30, 40), np.int32), shapes=True)
    assert len(found) == len(solidity) == 0
    assert found.box.shape == (0, 4)
