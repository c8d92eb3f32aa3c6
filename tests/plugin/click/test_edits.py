"""Changes of the cells of a plane; neither a window nor a display is needed."""

import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click.draft import Draft
from napari_iaunet.plugin.click.edits import LabelsPlane
from napari_iaunet.plugin.layers.features import LOOKED_AT, flagged
from napari_iaunet.plugin.layers.find import OURS
from napari_iaunet.plugin.layers.undo import EditLog
from napari_iaunet.plugin.layers.view_state import ViewState
from napari_iaunet.segmentation.click import ClickedCell
from napari_iaunet.segmentation.prompts import Prompts

VIEW = ViewState((), (0.0, 0.0))


def block(y0, y1, x0, x1, shape=(20, 30)):
    mask = np.zeros(shape, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def draft(cell, point, label_id=0):
    prompts = Prompts([point], [1])
    return Draft.start(VIEW, label_id, point, prompts, lambda prompts: cell)


def pixels(corner, shape):
    return np.zeros((1, *shape))


@pytest.fixture
def plane():
    viewer = ViewerModel()
    layer = viewer.add_labels(np.zeros((20, 30), np.uint8))
    log = EditLog(layer, viewer)
    return LabelsPlane(log, (slice(None), slice(None)), pixels, None)


def test_a_kept_cell_replaces_itself_wherever_it_was(plane):
    plane.layer.data[2:4, 2:4] = 6
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    assert plane.keep(draft(cell, (5, 5), label_id=6)) == 6
    np.testing.assert_array_equal(plane.layer.data == 6, block(3, 8, 3, 8))
    plane.layer.undo()
    np.testing.assert_array_equal(plane.layer.data == 6, block(2, 4, 2, 4))


def test_a_corrected_cell_was_looked_at(plane):
    layer = plane.layer
    layer.metadata = {OURS: {}}
    layer.data[2:4, 2:4], layer.data[12:16, 12:16] = 6, 7
    layer.features = {"index": [6, 7], "label": [6, 7], "area": [4, 16]}
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    plane.keep(draft(cell, (5, 5), label_id=6))
    assert flagged(layer, LOOKED_AT, np.array([6, 7])) == {6}
    assert layer.features[LOOKED_AT].tolist() == [True, False]
    plane.log.undo()
    assert flagged(layer, LOOKED_AT, np.array([6, 7])) == set()
    plane.log.redo()
    assert flagged(layer, LOOKED_AT, np.array([6, 7])) == {6}


def test_nothing_is_kept_where_all_is_taken(plane):
    plane.layer.data[:] = 2
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    assert plane.keep(draft(cell, (5, 5))) == 0
    assert (plane.layer.data == 2).all()


def test_a_full_layer_says_so(plane):
    plane.layer.data[0, 0] = 255
    with pytest.raises(ImageError, match="full"):
        plane.log.next_label_id()


def test_a_layer_that_cannot_be_edited_says_so(plane):
    plane.layer.editable = False
    with pytest.raises(ImageError, match="cannot be edited"):
        plane.write((0, 0), np.ones((2, 2), np.uint8))


def test_a_cell_that_is_gone_cannot_be_split(plane):
    cell = ClickedCell((3, 3), np.ones((5, 5), bool))
    with pytest.raises(ImageError, match="gone"):
        plane.split(4, [(5, 5)], cell, cell)


class Log:
    """Takes what is written, and does what napari does with it."""

    def __init__(self, shape):
        data = np.zeros(shape, np.int32)
        self.layer = SimpleNamespace(
            data=data, editable=True, name="cells", metadata={}
        )
        self.rows, self.pixels, self.coarse = {}, data, []

    def next_label_id(self):
        return 1

    def write(self, where, values):
        self.layer.data[where] = values

    def describe(self, rows):
        self.rows = rows


def test_a_new_cell_compares_pixels_of_its_own_box_only():
    log = Log((4000, 4000))
    plane = LabelsPlane(log, (slice(None), slice(None)), pixels, None)
    cell = ClickedCell((300, 300), np.ones((5, 5), bool))
    plane.keep(draft(cell, (302, 302)))  # imports what measures
    tracemalloc.start()
    try:
        cell = ClickedCell((700, 300), np.ones((5, 5), bool))
        assert plane.keep(draft(cell, (702, 302))) == 1
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert log.rows[1]["area"] == 25
    assert peak < log.layer.data.size / 100, "a comparison takes a byte for each pixel"
