"""Combo boxes that long names do not widen, rows and titles."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import pytest
from narrow import assert_fits
from psygnal import SignalGroupDescriptor
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel, QToolTip, QVBoxLayout, QWidget

from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.plugin.widgets.forms import (
    Form,
    fill,
    pick,
    picker,
    side_by_side,
    title,
)


@pytest.fixture
def combo(qtbot):
    combo = picker("Layer")
    qtbot.addWidget(combo)
    return combo


def test_things_are_picked_by_their_key(qtbot, combo):
    fill(combo, [("a", "first"), ("b", "second")], "b")
    assert combo.currentText() == "second"
    combo.show()
    combo.setFocus()
    with qtbot.waitSignal(combo.activated):
        QTest.keyClick(combo, Qt.Key.Key_Up)
    assert combo.currentData() == "a"


def test_what_is_not_offered_is_not_picked(combo):
    fill(combo, [("a", "first")], "gone")
    assert combo.currentIndex() == -1
    fill(combo, [], "")
    assert combo.count() == 0


def test_names_do_not_widen_it(combo):
    fill(combo, [("a", "short")], "a")
    width = combo.sizeHint().width()
    fill(combo, [(str(i), "a name without an end " * 20) for i in range(10_000)], "5")
    assert combo.count() == 10_000
    assert combo.sizeHint().width() == width
    assert_fits(combo)


def test_names_that_begin_alike_are_told_apart(qtbot, combo, monkeypatch):
    names = [f"experiment 3, well A01, field 12, {dye}" for dye in ("DAPI", "GFP")]
    fill(combo, list(enumerate(names)), 0)
    combo.resize(160, combo.sizeHint().height())
    combo.show()
    first = combo.grab().toImage()
    pick(combo, 1)
    assert combo.grab().toImage() != first
    # All of a name is in the list, and beside the mouse.
    fits = combo.fontMetrics().horizontalAdvance(names[0])
    combo.showPopup()
    assert combo.view().width() > fits
    combo.hidePopup()
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda _, text, *__: told.append(text))
    combo.setToolTip("Which image.")
    for width in (160, 800):
        combo.resize(width, combo.height())
        place = combo.rect().center()
        event = QHelpEvent(QEvent.Type.ToolTip, place, combo.mapToGlobal(place))
        QApplication.sendEvent(combo, event)
    assert told == [f"{names[1]}\nWhich image."]


def test_some_characters_are_always_shown(qtbot, combo):
    more = picker("Layer", least=40)
    qtbot.addWidget(more)
    assert more.minimumSizeHint().width() > combo.minimumSizeHint().width()


def test_a_row_gives_its_place_to_what_stretches(qtbot):
    widget, left, right = QWidget(), QLabel("left"), QLabel("right")
    widget.setLayout(side_by_side((left, 1), (right, 0)))
    qtbot.addWidget(widget)
    assert_fits(widget)
    assert left.width() > 2 * right.width()


def test_a_title_is_bold(qtbot):
    label = title("Found")
    qtbot.addWidget(label)
    assert label.text() == "<b>Found</b>"
    assert label.textFormat() == Qt.TextFormat.RichText


@dataclass(eq=False)
class Options:
    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    kind: str = shown("", "Kind", choices=())
    width: float = shown(
        3.0, "Width", "How wide.", min=1.0, max=9.0, decimals=1, suffix=" px"
    )
    guess: bool = shown(True, "Guess", text="guess", beside="width")
    hidden: int = 0


@pytest.fixture
def window(qtbot):
    """A form in a widget of its own."""
    widget, options = QWidget(), Options()
    form = Form(options)
    widget.setLayout(form)
    qtbot.addWidget(widget)
    widget.show()
    return SimpleNamespace(form=form, options=options, widget=widget)


def test_a_form_shows_what_has_a_label(window):
    form = window.form
    assert form.rowCount() == 2
    width = form["width"]
    assert (width.minimum(), width.maximum(), width.decimals()) == (1, 9, 1)
    assert width.text() == "3.0 px"
    assert (width.toolTip(), width.accessibleName()) == ("How wide.", "Width")
    assert form["guess"].text() == "guess"
    with pytest.raises(KeyError):
        form["hidden"]
    assert_fits(window.widget)


def test_the_form_changes_the_model_and_tells_that_the_user_did(qtbot, window):
    with qtbot.waitSignal(window.form.edited) as blocker:
        window.form["width"].setValue(5.5)
    assert blocker.args == ["width"]
    assert window.options.width == 5.5
    window.form["guess"].click()
    assert not window.options.guess


def test_the_model_changes_the_form_and_that_was_not_the_user(window):
    edited = []
    window.form.edited.connect(edited.append)
    window.form.offer("kind", [("a", "first"), ("b", "second")])
    assert window.form["kind"].currentIndex() == -1
    window.options.kind, window.options.width = "b", 7.0
    window.options.guess = False
    assert window.form["kind"].currentText() == "second"
    assert window.form["width"].value() == 7
    assert not window.form["guess"].isChecked()
    assert edited == []


def test_choices_stay_when_the_form_is_docked(window):
    window.form.offer("kind", [("a", "same"), ("b", "other")], ["tip a", "tip b"])
    window.options.kind = "b"
    outer = QWidget()
    layout = QVBoxLayout(outer)
    layout.addWidget(window.widget)
    combo = window.form["kind"]
    assert [combo.itemText(i) for i in range(2)] == ["same", "other"]
    assert combo.currentText() == "other"
    assert combo.itemData(0, Qt.ItemDataRole.ToolTipRole) == "tip a"
    window.widget.setParent(None)


def test_rows_can_be_hidden_and_all_be_disabled(window):
    window.form.show_row("width", False)
    assert not window.form["guess"].isVisible()
    window.form.enable(False)
    assert not window.form["kind"].isEnabled()
