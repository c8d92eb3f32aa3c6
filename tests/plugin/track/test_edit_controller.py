"""Tracks are edited with clicks and keys, without a window."""

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from film import PARENTS, film
from napari.components import ViewerModel
from napari.layers import Tracks
from napari.utils.notifications import notification_manager
from pandas import DataFrame
from person import click_in

from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.undo import EditLogs
from napari_iaunet.plugin.track.edit_controller import EditController
from napari_iaunet.plugin.track.edit_panel import EditSection
from napari_iaunet.tracking.detections import find_detections

OURS = {"napari_iaunet": {"tracked": "time"}}


class Editor:
    """A controller, what it works on, and what its section is told."""

    def __init__(self):
        self.viewer, self.jobs = ViewerModel(), FakeJobs()
        self.session = Session(self.viewer)
        self.section = fake_panel(EditSection)
        self.logs = EditLogs(self.viewer)
        self.controller = EditController(
            self.session, self.section, self.jobs, self.logs
        )

    def open(self, labels=None, *, ours=True, tracks=True, **place):
        labels = film().labels.astype(np.int32) if labels is None else labels
        cells = find_detections(labels)
        names = np.unique(cells.track)
        frames = [cells.frame[cells.track == name] for name in names]
        table = DataFrame(
            {
                "index": names,
                "label": names,
                "first": [f.min() for f in frames],
                "last": [f.max() for f in frames],
                "planes": [len(f) for f in frames],
                "area": [20.5] * len(names),
                "mean_intensity": names * 10.0,
                "mother": [PARENTS.get(int(name), 0) for name in names],
            }
        )
        self.labels = self.viewer.add_labels(
            labels,
            name="cells",
            features=table if ours else None,
            metadata=OURS if ours else {},
            **place,
        )
        if tracks:
            self.viewer.add_tracks(
                np.c_[cells.track, cells.frame, cells.centre],
                graph={d: [m] for d, m in PARENTS.items()},
                features={"score": np.arange(len(cells.track)) + 1.0},
                **place,
            )
        return self.labels

    def begin(self, mode=""):
        self.section.toggled.emit(True)
        self.settle()
        if mode:
            self.press(mode)

    def settle(self):
        while self.jobs.is_running:
            self.jobs.run()

    def press(self, key):
        self.section.pressed.emit(key)

    def click(self, *places):
        """Click cells, each given by frame, row and column."""
        for place in places:
            world = self.labels.data_to_world(place)
            self.viewer.dims.set_point(0, world[0])
            click_in(self.viewer, world)

    def cell(self, track, frame):
        """A pixel of a cell."""
        return (frame, *np.argwhere(self.labels.data[frame] == track)[7])

    def click_cells(self, *cells):
        self.click(*[self.cell(*cell) for cell in cells])

    @property
    def tracks(self):
        (layer,) = [i for i in self.viewer.layers if isinstance(i, Tracks)]
        return layer

    def said(self):
        return self.section.set_mode.call_args.args

    def assert_consistent(self):
        """Labels, tracks and divisions say the same."""
        cells = find_detections(self.labels.data)
        known = np.c_[cells.track, cells.frame, cells.centre]
        known = known[np.lexsort((known[:, 1], known[:, 0]))]
        np.testing.assert_allclose(self.tracks.data, known, atol=1e-9)
        table = self.labels.features
        if "first" not in table:
            return
        assert table["index"].tolist() == np.unique(cells.track).tolist()
        for row in table.to_dict("records"):
            frames = cells.frame[cells.track == row["index"]]
            assert (row["first"], row["last"]) == (frames.min(), frames.max())
            assert row["planes"] == len(frames)
            mothers = self.tracks.graph.get(row["index"], [0])
            assert mothers == [row["mother"]]

    def state(self):
        table = self.labels.features.fillna(-1)
        return (
            self.labels.data.copy(),
            self.tracks.data.copy(),
            self.tracks.features["score"].tolist(),
            dict(self.tracks.graph),
            table.to_dict("records"),
        )


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b


@pytest.fixture
def editor(qapp):
    editor = Editor()
    yield editor
    editor.controller.teardown()


GESTURES = {
    "J": [(3, 3), (9, 4)],
    "S": [(7, 3)],
    "W": [(2, 3), (7, 3)],
    "D": [(7, 3), (7, 4), (9, 4)],
    "Shift+D": [(1, 1)],
}


@pytest.mark.parametrize("mode", GESTURES)
def test_every_edit_is_one_step_in_all_layers(editor, mode):
    editor.open()
    editor.begin(mode)
    assert editor.said()[0] == mode
    before = editor.state()
    editor.click_cells(*GESTURES[mode])
    editor.assert_consistent()
    after = editor.state()
    with pytest.raises(AssertionError):
        assert_same(before, after)
    editor.press("Ctrl+Z")
    assert_same(before, editor.state())
    editor.press("Ctrl+Shift+Z")
    assert_same(after, editor.state())
    editor.controller.leave()
    editor.logs.of(editor.labels).undo()
    assert_same(before, editor.state())  # also when nobody edits


def test_what_the_next_click_does_is_said(editor):
    editor.open()
    editor.begin()
    assert "Choose below" in editor.said()[1]
    editor.press("D")
    assert "click the mother" in editor.said()[1]
    editor.click_cells((7, 3))
    assert "Division of 7" in editor.said()[1]
    assert "first daughter" in editor.said()[1]
    editor.click_cells((7, 4), (9, 4))
    assert "divides into 10 and 9" in editor.said()[1]
    assert "click the mother" in editor.said()[1], "the mode stays"
    editor.click((4, 19, 1))
    assert "no cell and no track" in editor.said()[1]
    editor.press("Escape")
    assert editor.said() == ("", "Choose below what the next clicks do.")
    before = editor.labels.data.copy()
    editor.click_cells((7, 3), (10, 4), (9, 4))
    np.testing.assert_array_equal(editor.labels.data, before)
    editor.press("S")
    editor.press("S")
    assert editor.said()[0] == "", "its own button leaves a mode"


def test_what_makes_no_sense_is_refused(editor):
    editor.open()
    editor.begin("J")
    before = editor.state()
    editor.click_cells((7, 3), (2, 3))
    assert "both seen in frame 3" in editor.said()[1]
    shown = [record.message for record in notification_manager.records]
    assert any("both seen in frame 3" in message for message in shown)
    assert_same(before, editor.state())
    assert "click a cell of the track that ends" in editor.said()[1]


def test_steps_with_and_without_pixels_are_undone_in_their_order(editor):
    editor.open()
    editor.begin("S")
    states = [editor.state()]
    for mode, cells in [
        ("S", [(7, 3)]),
        ("Shift+D", [(1, 1)]),
        ("J", [(1, 1), (2, 2)]),
        ("D", [(1, 1), (3, 2), (1, 2)]),
        ("Shift+D", [(1, 0)]),
    ]:
        if editor.said()[0] != mode:
            editor.press(mode)
        editor.click_cells(*cells)
        editor.assert_consistent()
        states.append(editor.state())
    for state in states[-2::-1]:
        editor.press("Ctrl+Z")
        assert_same(state, editor.state())
    for state in states[1:]:
        editor.press("Ctrl+Shift+Z")
        assert_same(state, editor.state())


def test_strokes_of_the_user_are_undone_among_edits(editor):
    editor.open()
    editor.begin("Shift+D")
    before = editor.state()
    editor.click_cells((1, 0))
    divided = editor.state()
    editor.labels.mode, editor.labels.brush_size = "paint", 1
    editor.labels.paint((4, 1, 1), 50)
    editor.labels.mode = "pan_zoom"
    editor.press("Ctrl+Z")
    assert_same(divided, editor.state())
    editor.press("Ctrl+Z")
    assert_same(before, editor.state())
    editor.press("Ctrl+Shift+Z")
    assert_same(divided, editor.state())
    editor.press("Ctrl+Shift+Z")
    assert editor.labels.data[4, 1, 1] == 50


def test_what_napari_undoes_is_followed(editor):
    editor.open()
    editor.begin("S")
    before = editor.state()
    editor.click_cells((7, 3))
    cut = editor.state()
    editor.press("Shift+D")
    editor.click_cells((1, 0))
    divided = editor.state()
    editor.labels.undo()  # knows nothing of the division
    editor.viewer.layers[0].refresh()
    assert_same(before, editor.state())
    editor.labels.redo()
    assert_same(cut, editor.state())
    editor.press("Ctrl+Shift+Z")
    assert_same(divided, editor.state())


def test_an_undone_cut_does_not_come_back_after_a_division(editor):
    editor.open()
    editor.begin("S")
    editor.click_cells((7, 3))
    editor.press("Ctrl+Z")
    editor.press("Shift+D")
    editor.click_cells((1, 0))
    divided = editor.state()
    editor.press("Ctrl+Shift+Z")
    assert_same(divided, editor.state())


def test_cells_of_others_get_tracks(editor):
    editor.open(ours=False, tracks=False, scale=(1, 0.5, 0.5), translate=(0, 3, 4))
    editor.begin("S")
    np.testing.assert_allclose(editor.tracks.scale, (1, 0.5, 0.5))
    editor.assert_consistent()
    editor.click_cells((7, 3))
    editor.assert_consistent()
    assert "first" not in editor.labels.features


def test_divisions_come_from_the_table_where_there_are_no_tracks(editor):
    editor.open(tracks=False)
    editor.begin()
    assert editor.tracks.graph == {2: [1], 3: [1]}


def test_points_in_gaps_of_another_programs_tracks_go_along(editor):
    labels = editor.open(ours=False, tracks=False)
    cells = find_detections(labels.data)
    points = np.c_[cells.track, cells.frame, cells.centre]
    editor.viewer.add_tracks(np.vstack([points, [7, 2, 6, 44]]), name="others")
    editor.begin("S")
    assert editor.tracks.name == "others"
    editor.click_cells((7, 1))
    data = editor.tracks.data
    assert data[data[:, 0] == 10][:, 1].tolist() == [1, 2, 3, 4]
    assert data[data[:, 0] == 7][:, 1].tolist() == [0]


def test_tracks_that_belong_to_other_cells_stay_as_they_are(editor):
    editor.open(ours=False, tracks=False)
    other = editor.viewer.add_tracks(np.array([[7, 0, 90, 90], [7, 1, 90, 91.0]]))
    before = other.data.copy()
    editor.begin("S")
    editor.click_cells((7, 3))
    np.testing.assert_array_equal(other.data, before)
    assert len([i for i in editor.viewer.layers if isinstance(i, Tracks)]) == 2


def test_a_cell_that_was_drawn_is_known_after_a_moment(editor, qtbot):
    editor.open()
    editor.begin("S")
    editor.labels.data_setitem((np.full(9, 4), np.arange(9), np.full(9, 1)), 7)
    before = editor.labels.data.copy()
    editor.click_cells((7, 4))
    assert "looked through again" in editor.said()[1]
    np.testing.assert_array_equal(editor.labels.data, before)
    qtbot.waitUntil(lambda: editor.jobs.is_running)
    editor.settle()
    editor.click_cells((7, 4))
    assert not (editor.labels.data[4] == 7).any()
    cells = find_detections(editor.labels.data)
    known = sorted(zip(cells.track, cells.frame, strict=True))
    assert [tuple(point) for point in editor.tracks.data[:, :2]] == known


def test_the_colours_of_the_tracks_stay_what_they_tell(editor):
    editor.open()
    editor.tracks.color_by = "score"
    editor.begin("S")
    score = dict(
        zip(map(tuple, editor.tracks.data[:, 1:]), editor.tracks.features["score"],
            strict=True)
    )  # fmt: skip
    editor.click_cells((2, 3))
    assert editor.tracks.color_by == "score"
    for point, value in zip(
        map(tuple, editor.tracks.data[:, 1:]),
        editor.tracks.features["score"],
        strict=True,
    ):
        assert score[point] == value


def test_a_full_layer_is_refused(editor):
    labels = film().labels
    labels[labels == 9] = 255
    editor.open(labels.astype(np.uint8))
    editor.begin("S")
    editor.click_cells((7, 3))
    assert "is full" in editor.said()[1]


def test_layers_come_and_go(editor):
    cells = editor.open()
    editor.viewer.add_labels(np.zeros((9, 9), np.int32), name="plane")
    offered, picked = editor.section.set_cells.call_args.args
    assert offered == [(str(cells.unique_id), "cells")]
    assert picked == str(cells.unique_id)
    editor.begin("S")
    editor.viewer.layers.remove(editor.tracks)
    editor.click_cells((7, 3))
    assert (cells.data[3:] == 10).any()
    editor.viewer.layers.remove(cells)
    assert editor.section.set_on.call_args.args == (False,)
    assert editor.section.set_cells.call_args.args == ([], "")


def doubt(editor):
    return editor.section.set_doubt.call_args.args[0]


def marks(editor):
    """The layer that shows both cells of a link, if it is shown."""
    found = [layer for layer in editor.viewer.layers if layer.name == "doubtful link"]
    return [layer for layer in found if layer.visible]


def test_doubtful_links_are_shown_the_worst_first(editor):
    labels = film().labels.astype(np.int32)
    labels[4][labels[4] == 7] = 0
    labels[4, 10:12, 44:46] = 7  # small at once
    editor.open(labels)
    editor.begin()
    editor.press("N")
    first = doubt(editor)
    assert "Frame 3 → 4, track 7" in first
    assert "5.0 times smaller" in first
    assert "one of 4" in first
    assert editor.viewer.dims.current_step[0] == 4
    (shown,) = marks(editor)
    assert set(np.unique(shown.data)) == {0, 1, 2}
    np.testing.assert_allclose(camera_of(editor.viewer).center[-2:], [10.5, 44], atol=2)
    said = [first]
    for _ in range(3):
        editor.press("N")
        said.append(doubt(editor))
    assert sum("a division" in text for text in said) == 2
    assert any("missing for a frame" in text for text in said)
    editor.press("N")
    assert doubt(editor) == first, "round and round"
    editor.press("Shift+N")
    assert doubt(editor) == said[-1]
    editor.press("Escape")
    editor.controller.leave()
    assert not marks(editor)


def test_accepted_links_and_those_made_by_hand_are_not_shown_again(editor):
    editor.open()
    editor.begin()
    editor.press("N")
    seen = doubt(editor)
    editor.press("A")
    assert doubt(editor) != seen
    assert "one of 2" in doubt(editor)
    assert (editor.tracks.features["link_checked"] > 0).sum() == 1
    editor.controller.leave()
    editor.begin("S")
    editor.press("N")
    assert "one of 2" in doubt(editor)
    editor.press("S")
    editor.press("Shift+D")
    editor.click_cells((1, 0))
    assert not marks(editor)
    editor.press("D")
    editor.click_cells((1, 1), (2, 2), (3, 2))
    editor.press("N")
    assert "division" not in doubt(editor)
    while "doubtful, or all" not in doubt(editor):
        editor.press("A")
    editor.press("A")
    assert not marks(editor)
    editor.press("J")
    editor.click_cells((3, 3), (9, 4))
    editor.press("N")
    assert "accepted" in doubt(editor)


def test_what_tracking_knew_travels_with_the_cells(editor):
    editor.open(tracks=False)
    cells = find_detections(editor.labels.data)
    score = np.where(cells.frame > 0, cells.frame + cells.track / 10, 0.0)
    editor.viewer.add_tracks(  # not in napari's order
        np.c_[cells.track, cells.frame, cells.centre],
        graph={d: [m] for d, m in PARENTS.items()},
        features={"link_score": score, "link_margin": score, "score": score},
    )
    editor.begin("Shift+D")
    before = editor.state()[2], editor.tracks.features["link_score"].tolist()
    editor.click_cells((1, 0))
    assert editor.state()[2] == before[0]
    editor.press("W")
    editor.click_cells((2, 3), (7, 3))
    table = editor.tracks.features
    points = [tuple(point) for point in editor.tracks.data[:, :2]]
    score_of = dict(zip(points, table["link_score"], strict=True))
    assert score_of[2, 3] == score_of[7, 3] == 0, "nobody knows these links"
    assert score_of[2, 4] == pytest.approx(4.7), "this one has been moved"
    editor.press("Ctrl+Z")
    editor.press("Ctrl+Z")
    assert editor.state()[2] == before[0]
    assert editor.tracks.features["link_score"].tolist()[1:3] == before[1][1:3]


def test_a_line_of_a_track_stands_for_its_cells(editor):
    editor.open()
    camera_of(editor.viewer).zoom = 3
    editor.begin("J")
    editor.click((4, 8.6, 19.5))  # where track 3 was in frame 3
    assert "Join 3" in editor.said()[1]
    editor.click_cells((9, 4))
    assert "3 and 9 are joined" in editor.said()[1]
    editor.tracks.visible = False
    editor.click((4, 4, 43))
    assert "no cell and no track" in editor.said()[1]
