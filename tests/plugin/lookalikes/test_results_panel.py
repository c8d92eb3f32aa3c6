"""The part "Found" of the Look-alikes tab alone: threshold, buttons, classes."""

import numpy as np
import pytest
from narrow import assert_fits
from pictures import thumbnails
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_iaunet.plugin.lookalikes.results_panel import FoundSection

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def found(qtbot):
    found = FoundSection("Click: go to the cell.")
    qtbot.addWidget(found)
    found.resize(320, 600)
    found.show()
    return found


@pytest.fixture
def full(found):
    found.set_values(np.linspace(0, 1, 2001, dtype=np.float32))
    return found


def requests(found):
    return {
        found.extract_button: found.extract_requested,
        found.save_button: found.save_requested,
        found.name_button: found.name_requested,
    }


def test_nothing_can_be_done_before_cells_are_compared(qtbot, found):
    assert found.count.text() == ""
    assert not found.slider.isEnabled()
    assert not found.histogram.isEnabled()
    for button, signal in requests(found).items():
        with qtbot.assertNotEmitted(signal):
            qtbot.mouseClick(button, LEFT)


def test_every_button_tells_what_is_wanted(qtbot, full):
    for button, signal in requests(full).items():
        with qtbot.waitSignal(signal):
            qtbot.mouseClick(button, LEFT)


def test_counts_while_the_slider_moves(qtbot, full):
    with qtbot.assertNotEmitted(full.threshold_changed):
        full.set_threshold(0.5)
    assert full.count.text() == "1,001 of 2,001 cells with similarity 0.500 or more"
    with qtbot.waitSignal(full.threshold_changed) as moved:
        full.slider.setValue(900)
    assert moved.args == [0.9]
    assert full.count.text().startswith("201 of 2,001")
    assert full.histogram.threshold == 0.9
    with qtbot.waitSignal(full.threshold_changed):
        full.histogram.threshold_dragged.emit(0.25)
    assert full.slider.value() == 250
    full.set_values(np.ones(1, np.float32))
    assert full.count.text().startswith("1 of 1 cell ")
    full.set_values(None)
    assert full.count.text() == ""


def test_keys_move_the_threshold_to_the_ends(qtbot, full):
    for key, end, found in (
        (Qt.Key.Key_End, 1.0, "1"),
        (Qt.Key.Key_Home, 0.0, "2,001"),
    ):
        with qtbot.waitSignal(full.threshold_changed) as moved:
            QTest.keyClick(full.slider, key)
        assert moved.args == [end] == [full.threshold]
        assert full.count.text().startswith(f"{found} of 2,001 cells")


def test_the_line_of_the_histogram_takes_the_slider_along(qtbot, full):
    place = QPoint(round(full.histogram.x_of(0.75)), 40)
    with qtbot.waitSignal(full.threshold_changed) as moved:
        qtbot.mouseClick(full.histogram, LEFT, pos=place)
    assert moved.args[0] == pytest.approx(0.75, abs=0.01)
    assert full.slider.value() == round(1000 * full.threshold)


def test_no_cells_at_all(found):
    found.set_values(np.zeros(0, np.float32))
    assert found.count.text().startswith("0 of 0 cells")
    assert not found.grab().isNull()


def test_ten_thousand_alike(found):
    found.set_values(np.full(10_000, 0.5, np.float32))
    found.set_threshold(0.5)
    assert found.count.text() == "10,000 of 10,000 cells with similarity 0.500 or more"
    found.set_threshold(0.501)
    assert found.count.text() == "0 of 10,000 cells with similarity 0.501 or more"


def test_pictures_are_pressed_and_go_with_the_values(qtbot, full):
    full.set_gallery(thumbnails(2), thumbnails(3))
    for row, number in ((full.best, 2), (full.uncertain, 3)):
        assert row.count() == number
        place = row.visualItemRect(row.item(1)).center()
        with qtbot.waitSignal(full.cell_pressed) as pressed:
            qtbot.mouseClick(row.viewport(), LEFT, pos=place)
        assert pressed.args == [1, "show"]
    full.set_values(None)
    assert full.best.count() == full.uncertain.count() == 0


def test_classes_are_named(qtbot, full):
    full.name.setFocus()
    QTest.keyClicks(full.name, " round ")
    with qtbot.waitSignal(full.name_requested) as named:
        qtbot.mouseClick(full.name_button, LEFT)
    assert named.args == ["round"]
    full.name.setCurrentText("typing")
    full.set_classes(["a", "b"])
    assert full.name.currentText() == "typing"
    assert full.name.count() == 2
    with qtbot.waitSignal(full.name_requested) as named:
        QTest.keyClick(full.name.lineEdit(), Qt.Key.Key_Return)
    assert named.args == ["typing"]


def test_an_empty_class_takes_the_class_away(qtbot, full):
    full.set_classes(["a"])
    full.name.lineEdit().clear()
    with qtbot.waitSignal(full.name_requested) as named:
        qtbot.mouseClick(full.name_button, LEFT)
    assert named.args == [""]


def test_return_names_nothing_where_nothing_is_found(qtbot, full):
    full.set_values(None)
    with qtbot.assertNotEmitted(full.name_requested):
        full.name.lineEdit().returnPressed.emit()


def test_much_and_long_names_fit_a_narrow_dock(full):
    full.set_gallery(thumbnails(100), thumbnails(100))
    full.set_classes([f"{i} a class whose name does not end " * 5 for i in range(100)])
    full.set_values(np.zeros(10_000_000, np.float32))
    assert_fits(full)


def test_everything_has_a_tooltip(found):
    parts = (*requests(found), found.slider, found.name, found.histogram)
    assert all(part.toolTip() for part in (*parts, found.best, found.uncertain))
