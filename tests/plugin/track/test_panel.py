"""The Track tab alone: what it offers, allows, shows and emits."""

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iaunet.plugin.track.panel import TrackChoice, TrackPanel

LEFT = Qt.MouseButton.LeftButton
CELLS = [("a", "film cells"), ("b", "other cells")]
IMAGES = [("i", "film"), ("j", "other film")]


@pytest.fixture
def panel(qtbot):
    panel = TrackPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


@pytest.fixture
def ready(panel):
    panel.set_pairs(CELLS, "a", IMAGES, "i")
    return panel


def press(qtbot, panel):
    with qtbot.waitSignal(panel.track_requested) as requested:
        qtbot.mouseClick(panel.run.start_button, LEFT)
    return requested.args[0]


def pick_next(panel, name, key=Qt.Key.Key_Down):
    """Pick the next thing that a field offers with the keyboard."""
    panel.form[name].setFocus()
    QTest.keyClick(panel.form[name], key)


def test_without_cells_it_says_what_to_do(qtbot, panel):
    assert "press Segment first" in panel.run.status.text()
    with qtbot.assertNotEmitted(panel.track_requested):
        qtbot.mouseClick(panel.run.start_button, LEFT)
    panel.set_pairs(CELLS, "a", [], "")
    assert not panel.run.start_button.isEnabled()


def test_cells_and_image_are_picked(qtbot, ready):
    assert ready.run.status.text() == ""
    assert ready.form["cells"].currentText() == "film cells"
    assert ready.form["image"].currentText() == "film"
    with qtbot.waitSignal(ready.cells_picked) as picked:
        pick_next(ready, "cells")
    assert picked.args == ["b"]
    with qtbot.waitSignal(ready.image_picked) as picked:
        pick_next(ready, "image")
    assert picked.args == ["j"]


def test_what_the_program_offers_and_picks_is_no_wish_of_the_user(qtbot, ready):
    with (
        qtbot.assertNotEmitted(ready.cells_picked),
        qtbot.assertNotEmitted(ready.image_picked),
    ):
        ready.set_pairs([("b", "renamed"), ("c", "more")], "c", IMAGES[::-1], "j")
    assert ready.form["cells"].currentText() == "more"
    assert ready.form["image"].currentText() == "other film"


def test_through_time_there_are_paths_if_wanted(qtbot, ready):
    assert press(qtbot, ready) == TrackChoice("time", tracks=True)
    tracks = ready.form["tracks"]
    QTest.keyClick(tracks, Qt.Key.Key_Space)
    assert press(qtbot, ready) == TrackChoice("time", tracks=False)


def test_through_depth_there_are_none(qtbot, ready):
    assert ready.form["tracks"].isVisible()
    pick_next(ready, "mode")
    assert not ready.form["tracks"].isVisible()
    assert press(qtbot, ready) == TrackChoice("depth", tracks=False)
    pick_next(ready, "mode", Qt.Key.Key_Up)
    assert ready.form["tracks"].isVisible()
    assert press(qtbot, ready) == TrackChoice("time", tracks=True)


def test_it_is_cancelled(qtbot, ready):
    ready.run.set_busy(True, "Tracking…")
    with qtbot.waitSignal(ready.cancel_requested):
        qtbot.mouseClick(ready.run.cancel_button, LEFT)


def test_many_layers_with_long_names_fit_a_narrow_dock(panel):
    many = [
        (str(i), f"{i} a layer whose name does not end " * 5) for i in range(10_000)
    ]
    panel.set_pairs(many, "9999", many, "5")
    assert panel.form["cells"].currentIndex() == 9_999
    panel.run.set_busy(True, "A long sentence about what is being done now. " * 5)
    assert_fits(panel)


def test_everything_has_a_tooltip(panel):
    names = ("cells", "image", "mode", "tracks")
    assert all(panel.form[name].toolTip() for name in names)
    assert panel.run.start_button.toolTip()
