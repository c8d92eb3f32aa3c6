"""Cells are filtered while one looks, without a window."""

import numpy as np
import pytest
from reviewer import Reviewer, label_ids, squares

ALL = [3, 4, 8, 9]


@pytest.fixture
def reviewer(qapp):
    reviewer = Reviewer()
    yield reviewer
    reviewer.controller.teardown()


def test_only_cells_that_can_be_edited_are_offered(reviewer):
    import dask.array as da

    reviewer.viewer.add_labels(da.zeros((9, 9), dtype=int), name="on disk")
    assert reviewer.panel.set_cells.call_args.args == ([], "")
    cells = reviewer.open()
    key = str(cells.unique_id)
    assert reviewer.panel.set_cells.call_args.args == ([(key, "cells")], key)


@pytest.mark.parametrize(
    ("ranges", "left"),
    [
        ({"score": (0.5, 1.0)}, [3, 8, 9]),
        ({"area": (0, 100)}, [3, 4, 8]),
        ({"border": (1, 90)}, [4, 8, 9]),
        ({"score": (0.5, 1), "border": (1, 90)}, [8, 9]),
        ({"area": (10_000, 10_001)}, []),
    ],
)
def test_cells_outside_a_range_are_hidden(reviewer, ranges, left):
    cells = reviewer.open()
    reviewer.enter()
    assert reviewer.helpers() == []
    reviewer.choose(**ranges)
    np.testing.assert_array_equal(reviewer.shown(), np.isin(cells.data, left) & True)
    assert reviewer.count() == f"{len(left)} of 4 cells"
    assert not cells.visible
    assert label_ids(cells) == ALL


def test_moving_on_changes_the_same_layer(reviewer):
    reviewer.open()
    reviewer.enter()
    reviewer.choose(area=(0, 100))
    (first,) = reviewer.helpers()
    reviewer.choose(area=(0, 40))
    assert reviewer.helpers() == [first]
    assert reviewer.count() == "1 of 4 cells"


@pytest.mark.parametrize("stack", [(), (2,)])
def test_of_large_planes_only_what_can_be_seen_is_drawn(reviewer, stack):
    """Seen from afar, a move of a slider draws a fraction of the pixels."""
    large = np.zeros((*stack, 1600, 1800), np.int32)
    large[...] = np.kron(squares(), np.ones((20, 20), np.int32))
    reviewer.open(large)
    reviewer.enter()
    reviewer.choose(area=(0, 100_000))
    (helper,) = reviewer.helpers()
    assert helper.multiscale
    for step, level in zip((1, 2), helper.data, strict=True):
        assert level.shape == large[..., ::step, ::step].shape
    for ranges, left in (
        ({"area": (0, 100_000)}, [3, 4, 8]),
        ({"score": (0, 0.5)}, [4]),
    ):
        reviewer.choose(**ranges)
        coarse = large[..., ::2, ::2]
        shown = np.asarray(helper.data[1]) > 0
        np.testing.assert_array_equal(shown, np.isin(coarse, left))


def test_colours_are_those_of_the_layer(reviewer):
    cells = reviewer.open(opacity=0.4)
    reviewer.enter()
    reviewer.choose(score=(0.5, 1))
    (helper,) = reviewer.helpers()
    for label_id, place in ((3, (2, 12)), (9, (50, 50))):
        number = int(np.asarray(helper.data)[place])
        np.testing.assert_allclose(
            helper.colormap.map(number), cells.colormap.map(label_id), atol=1e-6
        )
    assert helper.opacity == 0.4


@pytest.mark.parametrize("visible", [True, False])
def test_the_layer_is_as_before_when_the_tab_is_left(reviewer, visible):
    cells = reviewer.open(visible=visible)
    reviewer.enter()
    before = cells.data.copy()
    reviewer.choose(area=(0, 100))
    reviewer.controller.leave()
    assert reviewer.helpers() == []
    assert cells.visible == visible
    np.testing.assert_array_equal(cells.data, before)
    reviewer.enter()
    assert reviewer.helpers() != [], "the ranges are still chosen"


def test_ranges_that_hold_all_show_the_layer_itself(reviewer):
    cells = reviewer.open()
    reviewer.enter()
    reviewer.choose(area=(0, 100))
    reviewer.choose()
    assert reviewer.helpers() == []
    assert cells.visible


def test_apply_deletes_in_one_step_and_tells_how(reviewer):
    cells = reviewer.open(metadata={"napari_iaunet": {"model": "default"}})
    reviewer.enter()
    reviewer.choose(score=(0.5, 1.0), border=(1, 90))
    reviewer.apply()
    assert label_ids(cells) == [8, 9]
    assert cells.features["label"].tolist() == [8, 9]
    made = cells.metadata["napari_iaunet"]
    assert made["model"] == "default"
    assert made["filter"] == {"score": [0.5, 1.0], "border": [1, 90]}
    assert cells.visible
    assert reviewer.helpers() == []
    assert reviewer.count() == "2 of 2 cells"
    cells.undo()
    reviewer.settle()
    assert label_ids(cells) == ALL
    assert cells.features["label"].tolist() == ALL
    assert cells.metadata["napari_iaunet"] == {"model": "default"}
    assert reviewer.count() == "4 of 4 cells"
    cells.redo()
    assert label_ids(cells) == [8, 9]
    assert "filter" in cells.metadata["napari_iaunet"]


def test_nothing_is_deleted_of_cells_that_have_changed(reviewer):
    cells = reviewer.open()
    reviewer.enter()
    reviewer.choose(score=(0.5, 1.0))
    cells.data[20:28, 20:28] = 77
    reviewer.apply()
    assert label_ids(cells) == [3, 8, 9, 77]


def test_a_layer_that_is_not_to_be_edited_stays(reviewer):
    cells = reviewer.open()
    reviewer.enter()
    cells.editable = False
    reviewer.choose(score=(0.5, 1.0))
    reviewer.apply()
    assert label_ids(cells) == ALL


def test_what_is_painted_is_counted(reviewer):
    cells = reviewer.open()
    reviewer.enter()
    cells.data_setitem((np.array([70, 70]), np.array([70, 71])), 50)
    reviewer.settle()
    assert reviewer.count() == "5 of 5 cells"
    reviewer.choose(score=(0.5, 1.0))
    assert reviewer.count() == "4 of 5 cells", "what has no score is no doubt"


def test_a_filtered_view_that_is_closed_gives_the_layer_back(reviewer):
    cells = reviewer.open()
    reviewer.enter()
    reviewer.choose(area=(0, 100))
    reviewer.filter.reset.reset_mock()
    reviewer.viewer.layers.remove(reviewer.helpers()[0])
    assert cells.visible
    assert reviewer.filter.reset.called


def test_cells_that_are_closed_take_the_view_along(reviewer):
    cells = reviewer.open()
    reviewer.enter()
    reviewer.choose(area=(0, 100))
    reviewer.viewer.layers.remove(cells)
    assert len(reviewer.viewer.layers) == 0
    assert reviewer.filter.set_values.call_args.args == (None,)
    reviewer.viewer.add_labels(squares(), name="cells")
    reviewer.settle()
    assert reviewer.count() == "4 of 4 cells"


def test_stacks_and_layers_without_a_table(reviewer):
    stack = np.stack([squares(), np.zeros((80, 90), np.int32)])
    stack[1, 60:64, 60:64] = 20
    cells = reviewer.viewer.add_labels(stack, name="cells", scale=(2, 0.5, 0.5))
    reviewer.enter()
    reviewer.choose(area=(17, 1_000))
    assert reviewer.count() == "4 of 5 cells"
    assert not reviewer.shown()[1].any()
    reviewer.apply()
    assert label_ids(cells) == ALL
    cells.undo()
    assert (cells.data[1] == 20).sum() == 16
