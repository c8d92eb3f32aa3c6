"""Combo boxes that long names do not widen, rows and titles."""

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel, QWidget

from napari_iaunet.plugin.widgets.forms import Picker, side_by_side, title


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
