"""The section that goes from cell to cell, alone and within its tab."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_iaunet.plugin.review.panel import ReviewPanel

# A dock of 250 pixels, less its scroll bar.
NARROW = 234
LEFT = Qt.MouseButton.LeftButton
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def panel(qtbot):
    panel = ReviewPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 1_000)
    panel.show()
    panel.set_cells([("a", "cells")], "a")
    panel.walk.set_ready(True)
    return panel


@pytest.fixture
def begun(qtbot, panel):
    qtbot.mouseClick(panel.walk.button, LEFT)
    panel.walk.set_cell("Cell 4: low score (0.30).", True)
    return panel


def test_it_begins_with_its_button(qtbot, panel):
    assert not any(button.isEnabled() for button in panel.walk.buttons.values())
    with qtbot.waitSignal(panel.walk.toggled) as toggled:
        qtbot.mouseClick(panel.walk.button, LEFT)
    assert toggled.args == [True]
    assert panel.walk.button.text() == "Review cells: on"


def test_buttons_do_what_keys_do(qtbot, begun):
    for key, button in begun.walk.buttons.items():
        with qtbot.waitSignal(begun.walk.pressed) as pressed:
            qtbot.mouseClick(button, LEFT)
        assert pressed.args == [key]


@pytest.mark.parametrize(
    ("key", "modifier", "name"),
    [
        (Qt.Key.Key_N, Qt.KeyboardModifier.NoModifier, "N"),
        (Qt.Key.Key_N, SHIFT, "Shift+N"),
        (Qt.Key.Key_A, Qt.KeyboardModifier.NoModifier, "A"),
    ],
)
def test_keys_work_while_a_button_has_the_focus(qtbot, begun, key, modifier, name):
    begun.walk.button.setFocus()
    with qtbot.waitSignal(begun.walk.pressed) as pressed:
        QTest.keyClick(begun.walk.button, key, modifier)
    assert pressed.args == [name]


def test_keys_do_nothing_while_it_is_off(qtbot, panel):
    with qtbot.assertNotEmitted(panel.walk.pressed):
        QTest.keyClick(panel.walk.button, Qt.Key.Key_A)


def test_progress_is_said(panel):
    panel.walk.set_progress(212, 1_640, 3)
    assert panel.walk.progress.text() == "212 of 1,640 looked at, 3 marked"
    assert (panel.walk.bar.value(), panel.walk.bar.maximum()) == (212, 1_640)


def test_which_cells_are_shown(qtbot, begun):
    assert begun.walk.which == "new"
    begun.walk.show_which.setFocus()
    with qtbot.waitSignal(begun.walk.show_picked) as picked:
        QTest.keyClick(begun.walk.show_which, Qt.Key.Key_Down)
    assert picked.args == ["all"]


def test_only_what_can_be_done_is_offered(begun):
    buttons = begun.walk.buttons
    begun.walk.set_cell("All cells have been looked at.", False)
    assert not buttons["D"].isEnabled()
    assert buttons["Shift+N"].isEnabled()
    begun.walk.set_cell("Cell 4.", True, marked=True)
    assert buttons["Q"].text() == "Unmark"


def test_cleaning_is_asked_for(qtbot, panel):
    panel.clean.set_ready(True)
    for name, button in panel.clean.buttons.items():
        with qtbot.waitSignal(panel.clean.requested) as asked:
            qtbot.mouseClick(button, LEFT)
        assert asked.args == [name]


def test_all_fits_a_narrow_dock_and_has_a_tooltip(begun):
    begun.walk.set_cell("Cell 123456, looked at, marked: lobes; " * 4, True)
    begun.clean.say("123,456 cells changed. " * 4)
    assert begun.widget().minimumSizeHint().width() <= NARROW
    for section in (begun.walk, begun.clean):
        assert all(button.toolTip() for button in section.buttons.values())
    assert begun.walk.show_which.toolTip()
