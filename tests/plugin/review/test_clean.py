"""Cells are cleaned up, without a window."""

import numpy as np
import pytest
from reviewer import Reviewer, label_ids, squares

ALL = [3, 4, 8, 9]


@pytest.fixture
def reviewer(qapp):
    reviewer = Reviewer()
    yield reviewer
    reviewer.controller.teardown()


@pytest.mark.parametrize("ours", [True, False])
def test_cells_are_renumbered_and_their_table_with_them(reviewer, ours):
    cells = reviewer.open(metadata={"napari_iaunet": {}} if ours else {})
    before, table = cells.data.copy(), cells.features.copy()
    reviewer.enter()
    assert reviewer.clean_up("renumber") == "4 cells changed."
    assert label_ids(cells) == [1, 2, 3, 4]
    assert cells.features["index"].tolist() == [1, 2, 3, 4]
    assert cells.features["label"].tolist() == [1, 2, 3, 4]
    assert cells.features["score"].tolist() == table["score"].tolist()
    assert reviewer.clean_up("renumber") == "Nothing to change."
    cells.undo()
    np.testing.assert_array_equal(cells.data, before)
    assert cells.features["index"].tolist() == ALL
    assert cells.features["score"].tolist() == table["score"].tolist()
    cells.redo()
    assert cells.features["index"].tolist() == [1, 2, 3, 4]


def test_only_what_has_a_gap_below_moves(reviewer):
    labels = squares()
    labels[70, 70:75] = 1
    cells = reviewer.open(labels, features=None)
    reviewer.enter()
    assert reviewer.clean_up("renumber") == "4 cells changed."
    assert label_ids(cells) == [1, 2, 3, 4, 5]
    assert (cells.data == 1).sum() == 5


def test_a_table_that_would_not_fit_is_no_price(reviewer):
    cells = reviewer.open(features={"class": ["none", "a", "b"]})
    reviewer.enter()
    assert reviewer.clean_up("renumber") == ""
    assert "would not fit" in reviewer.said()
    assert label_ids(cells) == ALL


def test_cells_at_the_border_go(reviewer):
    cells = reviewer.open(metadata={"napari_iaunet": {}})
    reviewer.enter()
    assert reviewer.clean_up("border") == "1 cell changed."
    assert label_ids(cells) == [4, 8, 9]
    assert cells.features["label"].tolist() == [4, 8, 9]
    cells.undo()
    assert label_ids(cells) == ALL


def test_holes_are_filled_and_areas_follow(reviewer):
    labels = squares()
    labels[45:48, 45:48] = 0
    cells = reviewer.open(
        labels,
        features={"index": ALL, "label": ALL, "area": [36, 64, 64, 391]},
        metadata={"napari_iaunet": {}},
    )
    reviewer.enter()
    assert reviewer.clean_up("fill") == "1 cell changed."
    np.testing.assert_array_equal(cells.data, squares())
    assert cells.features["area"].tolist() == [36, 64, 64, 400]
    assert reviewer.clean_up("fill") == "Nothing to change."
    cells.undo()
    np.testing.assert_array_equal(cells.data, labels)
    assert cells.features["area"].tolist() == [36, 64, 64, 391]


def test_outlines_are_smoothed(reviewer):
    labels = squares()
    labels[50, 60:70] = 9
    cells = reviewer.open(labels)
    reviewer.enter()
    assert "changed" in reviewer.clean_up("smooth")
    assert not cells.data[50, 64:].any()
    assert label_ids(cells) == ALL
    cells.undo()
    np.testing.assert_array_equal(cells.data, labels)


def test_what_was_painted_meanwhile_is_not_lost(reviewer):
    labels = squares()
    labels[45:48, 45:48] = 0
    cells = reviewer.open(labels)
    reviewer.enter()
    reviewer.clean.requested.emit("fill")
    cells.data_setitem((np.array([46]), np.array([46])), 77)
    reviewer.clean_jobs.run()
    assert "changed meanwhile" in reviewer.said()
    assert cells.data[46, 46] == 77
    assert cells.data[45, 45] == 0


def test_leaving_the_tab_stops_it(reviewer):
    reviewer.open()
    reviewer.enter()
    reviewer.clean.requested.emit("smooth")
    reviewer.controller.leave()
    assert not reviewer.clean_jobs.is_running
