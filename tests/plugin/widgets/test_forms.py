"""Combo boxes that long names do not widen, rows and titles."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import ClassVar

import pytest
from narrow import assert_fits
from psygnal import SignalGroupDescriptor
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_iaunet.plugin.widgets.forms import Form, Picker, side_by_side, title


@pytest.fixture
def picker(qtbot):
    picker = Picker()
    qtbot.addWidget(picker)
    return picker


def test_things_are_picked_by_their_key(qtbot, picker):
    picker.offer([("a", "first"), ("b", "second")], "b")
    assert picker.currentText() == "second"
    picker.show()
    picker.setFocus()
    with qtbot.waitSignal(picker.activated):
        QTest.keyClick(picker, Qt.Key.Key_Up)
    assert picker.currentData() == "a"


def test_what_is_not_offered_is_not_picked(picker):
    picker.offer([("a", "first")], "gone")
    assert picker.currentIndex() == -1
    picker.offer([], "")
    assert picker.count() == 0


def test_names_do_not_widen_it(picker):
    picker.offer([("a", "short")], "a")
    width = picker.sizeHint().width()
    picker.offer([(str(i), "a name without an end " * 20) for i in range(10_000)], "5")
    assert picker.count() == 10_000
    assert picker.sizeHint().width() == width
    assert_fits(picker)


def test_some_characters_are_always_shown(qtbot, picker):
    more = Picker(least=40)
    qtbot.addWidget(more)
    assert more.minimumSizeHint().width() > picker.minimumSizeHint().width()


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
    kind: str = field(default="", metadata={"label": "Kind", "choices": ()})
    width: float = field(
        default=3.0,
        metadata={
            "label": "Width",
            "tooltip": "How wide.",
            "min": 1.0,
            "max": 9.0,
            "decimals": 1,
            "suffix": " px",
        },
    )
    guess: bool = field(
        default=True, metadata={"label": "Guess", "text": "guess", "beside": "width"}
    )
    hidden: int = 0


@pytest.fixture
def shown(qtbot):
    """A form in a widget of its own."""
    widget, options = QWidget(), Options()
    form = Form(options)
    widget.setLayout(form)
    qtbot.addWidget(widget)
    widget.show()
    return SimpleNamespace(form=form, options=options, widget=widget)


def test_a_form_shows_what_has_a_label(shown):
    form = shown.form
    assert form.rowCount() == 2
    width = form["width"]
    assert (width.minimum(), width.maximum(), width.decimals()) == (1, 9, 1)
    assert width.text() == "3.0 px"
    assert (width.toolTip(), width.accessibleName()) == ("How wide.", "Width")
    assert form["guess"].text() == "guess"
    with pytest.raises(KeyError):
        form["hidden"]
    assert_fits(shown.widget)


def test_the_form_changes_the_model_and_tells_that_the_user_did(qtbot, shown):
    with qtbot.waitSignal(shown.form.edited) as blocker:
        shown.form["width"].setValue(5.5)
    assert blocker.args == ["width"]
    assert shown.options.width == 5.5
    shown.form["guess"].click()
    assert not shown.options.guess


def test_the_model_changes_the_form_and_that_was_not_the_user(shown):
    edited = []
    shown.form.edited.connect(edited.append)
    shown.form.offer("kind", [("a", "first"), ("b", "second")])
    assert shown.form["kind"].currentIndex() == -1
    shown.options.kind, shown.options.width = "b", 7.0
    shown.options.guess = False
    assert shown.form["kind"].currentText() == "second"
    assert shown.form["width"].value() == 7
    assert not shown.form["guess"].isChecked()
    assert edited == []


def test_choices_stay_when_the_form_is_docked(shown):
    shown.form.offer("kind", [("a", "same"), ("b", "other")], ["tip a", "tip b"])
    shown.options.kind = "b"
    outer = QWidget()
    layout = QVBoxLayout(outer)
    layout.addWidget(shown.widget)
    combo = shown.form["kind"]
    assert [combo.itemText(i) for i in range(2)] == ["same", "other"]
    assert combo.currentText() == "other"
    assert combo.itemData(0, Qt.ItemDataRole.ToolTipRole) == "tip a"
    shown.widget.setParent(None)


def test_rows_can_be_hidden_and_all_be_disabled(shown):
    shown.form.show_row("width", False)
    assert not shown.form["guess"].isVisible()
    shown.form.enable(False)
    assert not shown.form["kind"].isEnabled()
