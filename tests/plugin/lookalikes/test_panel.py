"""The Look-alikes tab alone: what it offers, allows and emits."""

import numpy as np
import pytest
from narrow import WIDTH
from pictures import thumbnails
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.plugin.lookalikes.panel import HELP, NOT_LIKE, LookalikePanel

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot):
    panel = LookalikePanel()
    qtbot.addWidget(panel)
    panel.resize(360, 1000)
    panel.show()
    return panel


def test_nothing_can_be_done_without_cells(panel):
    for widget in (
        *(panel.pick_button, panel.found.extract_button, panel.found.save_button),
        *(panel.found.name_button, panel.remove_button, panel.clear_button),
        *(
            panel.back_button,
            panel.forward_button,
            panel.found.slider,
            panel.found.histogram,
        ),
    ):
        assert not widget.isEnabled()
    assert not panel.bar.isVisible()
    assert not panel.cancel_button.isVisible()


def test_offers_layers(qtbot, panel):
    panel.set_pairs([("a", "cells"), ("b", "more")], "b", [("i", "image")], "i")
    assert panel.labels.currentText() == "more"
    assert panel.pick_button.isEnabled()
    with qtbot.waitSignal(panel.labels_picked) as picked:
        panel.labels.activated.emit(1)
    assert picked.args == ["b"]
    with qtbot.waitSignal(panel.pick_toggled) as toggled:
        qtbot.mouseClick(panel.pick_button, LEFT)
    assert toggled.args == [True]
    assert panel.pick_button.text() == "Pick cells: on"
    with qtbot.assertNotEmitted(panel.pick_toggled):
        panel.set_on(False)
    assert panel.pick_button.text() == "Pick cells: off"


def test_progress(qtbot, panel):
    panel.set_busy(True)
    assert panel.bar.isVisible()
    panel.set_progress(1, 4)
    assert (panel.bar.value(), panel.bar.maximum()) == (1, 4)
    with qtbot.waitSignal(panel.cancel_requested):
        qtbot.mouseClick(panel.cancel_button, LEFT)
    panel.set_busy(False)
    assert not panel.bar.isVisible()


def test_progress_of_which_nothing_is_known_moves_to_and_fro(panel):
    panel.set_busy(True)
    panel.set_progress(0, 4)
    assert panel.bar.maximum() == 0


def test_layers_are_picked_with_keys(qtbot, panel):
    pairs = [("a", "cells"), ("b", "more")]
    panel.set_pairs(pairs, "a", [("i", "image"), ("j", "other")], "j")
    panel.labels.setFocus()
    with qtbot.waitSignal(panel.labels_picked) as picked:
        QTest.keyClick(panel.labels, Qt.Key.Key_Down)
    assert picked.args == ["b"]
    panel.image.setFocus()
    with qtbot.waitSignal(panel.image_picked) as picked:
        QTest.keyClick(panel.image, Qt.Key.Key_Up)
    assert picked.args == ["i"]
    with qtbot.assertNotEmitted(panel.labels_picked):
        panel.set_pairs(pairs, "a", [], "")
    assert not panel.pick_button.isEnabled()


def test_other_images_are_searched_too(qtbot, panel):
    for on in (True, False):
        with qtbot.waitSignal(panel.all_images_toggled) as toggled:
            QTest.keyClick(panel.all_images, Qt.Key.Key_Space)
        assert toggled.args == [on]


def test_steps(qtbot, panel):
    steps = {
        panel.back_button: panel.back_requested,
        panel.forward_button: panel.forward_requested,
    }
    for button, signal in steps.items():
        with qtbot.assertNotEmitted(signal):
            qtbot.mouseClick(button, LEFT)
    panel.set_steps(True, True)
    for button, signal in steps.items():
        with qtbot.waitSignal(signal):
            qtbot.mouseClick(button, LEFT)
    panel.set_steps(True, False)
    assert [button.isEnabled() for button in steps] == [True, False]


def test_examples_are_gone_to_removed_and_cleared(qtbot, panel):
    panel.set_examples(thumbnails(3))
    assert panel.clear_button.isEnabled()
    assert not panel.remove_button.isEnabled()
    row = panel.examples
    place = row.visualItemRect(row.item(2)).center()
    with qtbot.waitSignal(panel.cell_pressed) as pressed:
        qtbot.mouseClick(row.viewport(), LEFT, pos=place)
    assert pressed.args == [2, "show"]
    with qtbot.waitSignal(panel.example_removed) as removed:
        qtbot.mouseClick(panel.remove_button, LEFT)
    assert removed.args == [2]
    with qtbot.waitSignal(panel.clear_requested):
        qtbot.mouseClick(panel.clear_button, LEFT)
    panel.set_examples([])
    assert not panel.clear_button.isEnabled()
    assert not panel.remove_button.isEnabled()


def test_its_parts_speak_through_it(qtbot, panel):
    slider = panel.weights.sliders["size"]
    with qtbot.waitSignal(panel.weights_changed) as changed:
        QTest.keyClick(slider, Qt.Key.Key_End)
    assert changed.args[0] == {**DEFAULT_WEIGHTS, "size": 1}
    panel.found.set_values(np.ones(2, np.float32))
    panel.found.set_gallery(thumbnails(2), [])
    row = panel.found.best
    place = row.visualItemRect(row.item(1)).center()
    with qtbot.waitSignal(panel.cell_pressed) as pressed:
        modifier = Qt.KeyboardModifier.ShiftModifier
        qtbot.mouseClick(row.viewport(), LEFT, modifier, pos=place)
    assert pressed.args == [1, "like"]


def test_it_says_what_happens(panel):
    panel.say("Comparing 12 cells…")
    assert panel.status.text() == "Comparing 12 cells…"


def test_help_tells_every_kind_of_click(qtbot, panel):
    qtbot.mouseClick(panel.help, LEFT)
    assert panel.help.toolTip() == HELP
    for keys in ("Click", "Shift+click", NOT_LIKE, "Alt+click"):
        assert keys in HELP


def test_much_and_long_names_fit_a_narrow_dock(panel):
    long = "an image with a name that does not end for quite a while"
    panel.set_pairs([("a", long)], "a", [("i", long)], "i")
    panel.say(f"{long}. " * 5)
    panel.set_examples(thumbnails(30))
    panel.set_busy(True)
    panel.found.set_values(np.ones(5, np.float32))
    panel.found.set_gallery(thumbnails(30), thumbnails(30))
    panel.resize(WIDTH, 900)
    assert panel.width() == WIDTH
    QApplication.processEvents()
    assert panel.widget().width() <= panel.viewport().width()


def test_everything_has_a_tooltip(panel):
    parts = [panel.labels, panel.image, panel.all_images, panel.pick_button]
    parts += [panel.help, panel.cancel_button, panel.back_button]
    parts += [panel.forward_button, panel.examples, panel.remove_button]
    assert all(part.toolTip() for part in (*parts, panel.clear_button))
