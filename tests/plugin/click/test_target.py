"""The layer that clicks write into; neither a window nor a display is needed."""

import dask.array as da
import numpy as np
import pytest
from clicker import A, B, is_cell, messages, nuclei, squares
from pandas import DataFrame


@pytest.mark.parametrize("active", ["image", "image cells"])
def test_the_table_follows_undo_and_redo(ready, active):
    ready.click(A)
    ready.click(B)
    ready.key("K")
    cells = ready.cells
    ready.viewer.layers.selection.active = ready.viewer.layers[active]
    ready.hover(A)
    ready.key("D")
    one = cells.features.to_dict("records")
    assert [row["label"] for row in one] == [2]
    ready.key("Control-Z")
    two = cells.features.to_dict("records")
    areas = np.bincount(cells.data.ravel())[1:].tolist()
    assert [row["area"] for row in two] == areas
    ready.key("Control-Z")
    assert cells.features["label"].tolist() == [1]
    ready.key("Control-Z")
    assert cells.features.empty
    ready.key("Control-Shift-Z")
    ready.key("Control-Shift-Z")
    np.testing.assert_equal(cells.features.to_dict("records"), two)
    ready.key("Control-Shift-Z")
    np.testing.assert_equal(cells.features.to_dict("records"), one)


def test_undo_is_for_the_layer_that_was_picked(ready):
    first = ready.viewer.add_labels(squares((3, 60, 10, 5)), name="first")
    ready.viewer.add_labels(squares((7, 60, 10, 5)), name="second")
    ready.viewer.layers.selection.active = first
    first.data_setitem((np.array([0]), np.array([0])), 9)
    assert ready.panel.target.currentText() == "first"
    ready.pick_target("second")
    ready.click(A)
    ready.key("K")
    assert ready.viewer.layers["second"].data[A] == 8
    ready.key("Control-Z")
    assert ready.viewer.layers["second"].data[A] == 0
    assert first.data[0, 0] == 9


def test_a_selected_image_stays_selected(ready):
    ready.viewer.add_labels(squares((3, 60, 10, 5)), name="mine")
    ready.viewer.layers.selection.active = ready.viewer.layers["image"]
    ready.pick_target("New layer")
    ready.pick_target("mine")
    assert ready.viewer.layers.selection.active == ready.viewer.layers["image"]


def test_the_layer_of_the_cells_is_removed(ready):
    ready.viewer.add_labels(squares((7, *A, 8)), name="mine")
    ready.click(A)
    ready.viewer.layers.remove("mine")
    assert ready.panel.target.currentText() == "New layer"
    ready.key("K")
    assert ready.cells.name == "image cells"
    assert is_cell(ready.cells.data == 1, A)


def test_a_layer_that_is_full(ready):
    layer = ready.viewer.add_labels(
        squares((255, 60, 10, 5), dtype=np.uint8), name="mine"
    )
    ready.click(A)
    ready.key("K")
    assert "full" in messages()[-1]
    assert layer.data[A] == 0
    assert ready.preview is not None
    ready.pick_target("New layer")
    ready.key("K")
    assert is_cell(ready.viewer.layers["image cells"].data == 1, A)


def test_only_layers_that_lie_on_the_image_are_offered(ready):
    viewer = ready.viewer
    viewer.add_labels(squares(), name="good")
    viewer.add_labels(squares(shape=(64, 64)), name="small")
    viewer.add_labels(squares(), name="moved", translate=(5, 0))
    viewer.add_labels(squares(), name="scaled", scale=(2, 2))
    combo = ready.panel.target
    viewer.add_labels(da.from_array(squares()), name="computed")
    locked = squares()
    locked.flags.writeable = False
    viewer.add_labels(locked, name="read only")
    offered = [combo.itemText(i) for i in range(combo.count())]
    assert offered == ["New layer", "good"]
    assert combo.currentText() == "good"
    for reason in ("disk", "read only", "computed"):
        assert reason in combo.toolTip()


def test_our_table_follows_and_the_users_does_not(ready):
    table = DataFrame({"index": [3], "colour": ["red"]})
    layer = ready.viewer.add_labels(
        squares((3, 60, 10, 5)), name="mine", features=table
    )
    ready.click(A)
    ready.key("K")
    assert layer.data[A] == 4
    assert layer.features["index"].tolist() == [3]


def test_a_layer_of_a_single_plane(clicker):
    stack = np.stack([nuclei((A,)), nuclei((B,))])
    clicker.viewer.add_image(stack, name="film")
    single = clicker.viewer.add_labels(squares()[None], name="one", translate=(1, 0, 0))
    clicker.viewer.dims.set_point(0, 1)
    clicker.toggle()
    assert clicker.panel.target.currentText() == "one"
    clicker.click(B)
    clicker.key("K")
    assert is_cell(single.data[0] == 1, B)
    clicker.viewer.dims.set_point(0, 0)
    clicker.wait()
    clicker.click(A)
    assert "no plane here" in messages()[-1]
    assert clicker.preview is None
