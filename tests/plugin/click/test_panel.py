"""The section "Click to segment" alone: what it offers, shows and emits."""

import sys

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iaunet.plugin.click.panel import (
    JOIN,
    KEEP,
    REMOVE,
    REST,
    SPLIT,
    THROUGH,
    ClickPanel,
)
from napari_iaunet.plugin.core.shortcuts import shortcuts

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot):
    panel = ClickPanel()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def offered(panel):
    return [panel.target.itemText(i) for i in range(panel.target.count())]


def test_the_button_says_whether_clicks_make_cells(qtbot, panel):
    assert panel.button.text() == "Click to segment: off"
    for on, text in ((True, "on"), (False, "off")):
        with qtbot.waitSignal(panel.toggled) as toggled:
            qtbot.mouseClick(panel.button, LEFT)
        assert toggled.args == [on]
        assert panel.button.text() == f"Click to segment: {text}"


def test_it_is_switched_without_a_word_by_the_program(qtbot, panel):
    with qtbot.assertNotEmitted(panel.toggled):
        panel.set_on(True)
        assert panel.button.isChecked()
        assert panel.button.text() == "Click to segment: on"
        panel.set_on(False)
    assert panel.button.text() == "Click to segment: off"


def test_what_is_not_ready_cannot_be_switched_on(qtbot, panel):
    panel.set_ready(False)
    with qtbot.assertNotEmitted(panel.toggled):
        qtbot.mouseClick(panel.button, LEFT)
    panel.set_ready(True)
    with qtbot.waitSignal(panel.toggled):
        qtbot.mouseClick(panel.button, LEFT)


def test_cells_go_into_a_new_layer_unless_another_is_picked(qtbot, panel):
    assert offered(panel) == ["New layer"]
    assert panel.target_key == ""
    panel.set_targets([("a", "cells"), ("b", "more")])
    assert offered(panel) == ["New layer", "cells", "more"]
    assert panel.target_key == ""
    panel.target.setFocus()
    with qtbot.waitSignal(panel.target_picked) as picked:
        QTest.keyClick(panel.target, Qt.Key.Key_Down)
    assert picked.args == ["a"] == [panel.target_key]
    with qtbot.waitSignal(panel.target_picked) as picked:
        QTest.keyClick(panel.target, Qt.Key.Key_Up)
    assert picked.args == [""]


def test_the_picked_layer_stays_while_it_is_offered(qtbot, panel):
    panel.set_targets([("a", "cells"), ("b", "more")])
    with qtbot.assertNotEmitted(panel.target_picked):
        assert panel.pick_target("b")
        panel.set_targets([("b", "more, renamed"), ("c", "third")])
        assert panel.target_key == "b"
        assert panel.target.currentText() == "more, renamed"
        assert not panel.pick_target("a")
        assert panel.target_key == "b"
        assert panel.offers("c")
        assert not panel.offers("a")
        panel.set_targets([("c", "third")])
    assert panel.target_key == ""


def test_progress(panel):
    assert not panel.bar.isVisible()
    panel.set_progress(3, 8)
    assert panel.bar.isVisible()
    assert (panel.bar.value(), panel.bar.maximum()) == (3, 8)
    for total in (0, 1):  # nobody knows how far it is
        panel.set_progress(0, total)
        assert panel.bar.maximum() == 0
    panel.hide_progress()
    assert not panel.bar.isVisible()


def test_the_bar_moves_nothing_when_it_comes(panel):
    height = panel.sizeHint().height()
    panel.set_progress(0, 0)
    assert panel.sizeHint().height() == height


def test_gestures_are_listed_until_they_are_folded_away(qtbot, panel):
    folds = []
    panel.unfolded.connect(folds.append)
    assert not panel.gestures.isVisible(), "clicks do nothing yet"
    panel.set_on(True)
    assert panel.gestures.isVisible()
    assert "Ctrl+click" in panel.gestures.toPlainText().replace("Cmd", "Ctrl")
    qtbot.mouseClick(panel.help, LEFT)
    assert not panel.gestures.isVisible()
    panel.set_on(False)
    panel.set_on(True)
    assert not panel.gestures.isVisible()
    qtbot.mouseClick(panel.help, LEFT)
    assert panel.gestures.isVisible()
    assert folds == [False, True]


def test_help_tells_every_key(qtbot, panel):
    qtbot.mouseClick(panel.help, LEFT)
    assert "<b>Click</b>" in panel.help.toolTip()
    ctrl = "Cmd" if sys.platform == "darwin" else "Ctrl"
    undo = f"{ctrl}+Z, {ctrl}+Shift+Z"
    lines = ("Shift+drag", f"{ctrl}+drag", f"{ctrl}+Shift+drag")
    for key in (
        *lines,
        "Shift+click",
        f"{ctrl}+click",
        KEEP,
        "Esc",
        REMOVE,
        JOIN,
        SPLIT,
        THROUGH,
        REST,
        undo,
    ):
        assert f"<b>{key}</b>" in panel.help.toolTip()


def test_long_names_and_sentences_fit_a_narrow_dock(panel):
    panel.set_targets([("a", "a layer whose name does not end " * 10)])
    panel.pick_target("a")
    panel.say("A sentence that tells at length what the user can do now. " * 5)
    panel.set_progress(1, 2)
    assert_fits(panel)


def test_ten_thousand_layers(qtbot, panel):
    panel.set_targets([(str(i), f"cells {i}") for i in range(10_000)])
    assert panel.pick_target("9999")
    assert panel.target.currentText() == "cells 9999"
    assert_fits(panel)


def test_everything_has_a_tooltip(panel):
    buttons = (panel.button, panel.help, panel.through, panel.rest)
    assert all(w.toolTip() for w in (*buttons, panel.target, panel.sure))


def test_a_key_that_was_changed_is_shown(panel):
    shortcuts().set_key("click_keep", "Alt+Y")
    try:
        assert "<b>Alt+Y</b>" in panel.help.toolTip()
        assert f"<b>{KEEP}</b>" not in panel.help.toolTip()
    finally:
        shortcuts().set_key("click_keep", KEEP)
