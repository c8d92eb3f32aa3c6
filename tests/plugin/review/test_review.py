"""Cells are gone through one by one, without a window."""

import numpy as np
import pytest
from reviewer import Reviewer, label_ids

from napari_iaunet.plugin.layers.camera import camera_of

# By their scores: all other things are equal, or too few to be odd.
ORDER = [4, 9, 8, 3]


@pytest.fixture
def reviewer(qapp):
    reviewer = Reviewer()
    yield reviewer
    reviewer.controller.teardown()


@pytest.fixture
def begun(reviewer):
    reviewer.cells = reviewer.open(metadata={"napari_iaunet": {}})
    reviewer.begin()
    return reviewer


def at(reviewer):
    return int(reviewer.cell().split()[1].strip(",:"))


def test_the_most_doubtful_cell_comes_first(begun):
    seen = []
    for _ in ORDER:
        seen.append(at(begun))
        begun.press("N")
    assert seen == ORDER
    begun.press("Shift+N")
    assert at(begun) == ORDER[-1]


def test_reasons_are_said(begun):
    assert begun.cell() == "Cell 4: low score (0.30)."


def test_the_cell_is_in_the_middle_and_outlined(begun):
    (outline,) = begun.helpers()
    assert camera_of(begun.viewer).center[-2:] == (24, 24)
    ring = np.zeros_like(begun.cells.data)
    y, x = np.array(outline.translate, int)
    height, width = outline.data.shape
    ring[y : y + height, x : x + width] = outline.data
    assert (ring[19, 20:28] == 1).all()
    assert not ring[20:28, 20:28].any()
    begun.press("N")
    assert begun.helpers() == [outline], "one layer serves all cells"


def test_a_zoom_that_the_user_chose_stays(begun):
    camera = camera_of(begun.viewer)
    assert camera.zoom > 1
    camera.zoom = 2
    begun.press("N")
    assert camera.zoom == 2
    camera.zoom = 500
    begun.press("N")
    assert camera.zoom < 500, "but not beyond the cell"


def test_accepted_cells_are_counted_and_kept_in_the_table(begun):
    assert begun.progress() == (0, 4, 0)
    begun.press("A", "A")
    assert begun.progress() == (2, 4, 0)
    table = begun.cells.features.set_index("label")["looked_at"]
    assert table.to_dict() == {3: False, 4: True, 8: False, 9: True}
    begun.press("A", "A")
    assert begun.cell() == "All cells have been looked at."


def test_one_can_stop_and_go_on(begun):
    begun.press("A", "A")
    table = begun.cells.features
    begun.controller.leave()
    again = Reviewer()
    again.open(features=table)
    again.begin()
    assert again.progress() == (2, 4, 0)
    assert at(again) == ORDER[2]
    again.controller.teardown()


def test_marked_cells_can_be_gone_through(begun):
    begun.press("N", "Q", "N")
    assert begun.progress() == (1, 4, 1)
    begun.walk.which = "marked"
    begun.walk.show_picked.emit("marked")
    assert begun.cell().startswith("Cell 9, looked at, marked: ")
    begun.press("Q")
    assert begun.progress() == (1, 4, 0)
    assert not begun.cells.features["marked"].any()


def test_delete_and_undo(begun):
    begun.press("D")
    assert label_ids(begun.cells) == [3, 8, 9]
    assert begun.cells.features["label"].tolist() == [3, 8, 9]
    assert at(begun) == 9
    begun.press("D")
    begun.settle()
    assert label_ids(begun.cells) == [3, 8]
    assert at(begun) == 8
    begun.press("undo")
    begun.settle()
    assert label_ids(begun.cells) == [3, 8, 9]
    assert at(begun) == 9
    begun.cells.undo()
    begun.settle()
    assert label_ids(begun.cells) == [3, 4, 8, 9]
    assert begun.cells.features["score"].tolist() == [0.9, 0.3, 0.8, 0.7]


def test_keys_and_outline_are_gone_afterwards(begun):
    assert "A" in {str(key) for key in begun.viewer.keymap}
    begun.controller.leave()
    assert not begun.viewer.keymap
    assert begun.helpers() == []
    begun.press("A")
    assert begun.progress()[0] == 0


def test_keys_do_what_the_buttons_do(begun):
    keys = {str(key): action for key, action in begun.viewer.keymap.items()}
    keys["A"](begun.viewer)
    assert begun.progress() == (1, 4, 0)
    keys["Shift+N"](begun.viewer)
    assert at(begun) == 4


def test_layers_without_a_table_get_one(reviewer):
    cells = reviewer.open(features=None)
    reviewer.begin()
    reviewer.press("A")
    assert cells.features["index"].tolist() == [3, 4, 8, 9]
    assert cells.features["looked_at"].sum() == 1
    assert reviewer.progress() == (1, 4, 0)


def test_a_cell_painted_meanwhile_is_gone_through_too(begun):
    begun.press("A")
    begun.cells.data_setitem((np.array([70, 70]), np.array([70, 71])), 50)
    begun.settle()
    assert begun.progress() == (1, 5, 0)
    for _ in range(4):
        begun.press("A")
    assert begun.progress() == (5, 5, 0)
    assert begun.cells.features["label"].tolist() == [3, 4, 8, 9, 50]


def test_a_stack_is_gone_through_plane_by_plane(reviewer):
    stack = np.zeros((3, 40, 40), np.int32)
    stack[0, 5:9, 5:9], stack[2, 20:30, 20:30] = 1, 2
    reviewer.open(
        stack, features={"index": [1, 2], "score": [0.9, 0.2]}, scale=(3, 1, 1)
    )
    reviewer.begin()
    assert reviewer.viewer.dims.point[0] == 6
    reviewer.press("N")
    assert reviewer.viewer.dims.point[0] == 0


def test_shapes_are_measured_once(begun, monkeypatch):
    from napari_iaunet.segmentation import survey

    seen = []
    monkeypatch.setattr(survey, "solidity_of", lambda mask: seen.append(mask) or 1.0)
    begun.cells.data_setitem((np.array([20]), np.array([20])), 0)
    begun.settle()
    assert len(seen) == 1
