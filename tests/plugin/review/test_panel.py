"""The Review tab alone: what it offers, allows, shows and emits."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_iaunet.plugin.review.panel import ReviewPanel

# A dock of 250 pixels, less its scroll bar.
NARROW = 234
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot):
    panel = ReviewPanel()
    qtbot.addWidget(panel)
    panel.resize(300, 700)
    panel.show()
    return panel


@pytest.fixture
def ready(panel):
    panel.set_cells([("a", "cells"), ("b", "others")], "a")
    panel.say("")
    areas = np.array([10, 20, 30, 40, 2_000.0])
    values = {"score": np.linspace(0.3, 0.9, 5), "area": areas, "border": areas * 0}
    panel.filter.set_values(values)
    return panel


def test_without_cells_it_says_what_to_do(panel):
    panel.set_cells([], "")
    assert "Press Segment first" in panel.status.text()
    assert not any(row.isEnabled() for row in panel.filter.rows.values())
    assert not panel.filter.apply_button.isEnabled()


def test_ends_that_are_typed(qtbot, ready):
    low = ready.filter.rows["score"].low
    assert ready.filter.ranges == {}
    assert (low.value(), low.minimum(), low.maximum()) == (0.3, 0.3, 0.9)
    with qtbot.waitSignal(ready.filter.ranges_changed) as changed:
        low.setValue(0.5)
    ((least, most),) = changed.args[0].values()
    assert 0.49 < least < 0.5
    assert most == pytest.approx(0.9, abs=1e-4)
    assert ready.filter.apply_button.isEnabled()
    with qtbot.waitSignal(ready.filter.ranges_changed) as changed:
        qtbot.mouseClick(ready.filter.reset_button, LEFT)
    assert changed.args[0] == {}
    assert not ready.filter.apply_button.isEnabled()


def test_lines_are_dragged(qtbot, ready):
    row = ready.filter.rows["area"]
    bars = row.histogram
    middle, height = bars.width() // 2, bars.height() // 2
    QTest.mousePress(bars, LEFT, pos=QPoint(round(bars.x_of(0.9)), height))
    with qtbot.waitSignal(ready.filter.ranges_changed):
        QTest.mouseMove(bars, QPoint(middle, height))
    assert row.high.value() < 600, "roots leave room for small cells"
    QTest.mouseRelease(bars, LEFT, pos=QPoint(middle, height))
    assert row.low.value() == 10


def test_ends_do_not_cross(ready):
    row = ready.filter.rows["area"]
    row.high.setValue(30)
    row.low.setValue(40)
    assert row.high.value() == 40
    row.high.setValue(20)
    assert row.low.value() == 20


def test_chosen_ranges_outlive_other_values(ready):
    ready.filter.rows["area"].low.setValue(15)
    areas = np.array([12, 500.0])
    values = {"score": areas * np.nan, "area": areas, "border": areas}
    ready.filter.set_values(values)
    assert not ready.filter.rows["score"].isEnabled()
    assert set(ready.filter.ranges) == {"area"}
    assert ready.filter.rows["area"].low.value() == 15
    assert ready.filter.rows["area"].high.value() == 500


def test_cells_are_picked(qtbot, ready):
    with qtbot.waitSignal(ready.cells_picked) as picked:
        ready.cells.setFocus()
        QTest.keyClick(ready.cells, Qt.Key.Key_Down)
    assert picked.args == ["b"]


def test_long_names_and_large_numbers_fit_a_narrow_dock(ready):
    ready.set_cells([("a", "a layer whose name does not end " * 5)], "a")
    large = np.array([1, 123_456_789.0])
    ready.filter.set_values({"score": large, "area": large, "border": large})
    ready.filter.set_count("1,234,567 of 12,345,678 cells")
    ready.say("A long sentence about what is being done now. " * 5)
    assert ready.widget().minimumSizeHint().width() <= NARROW


def test_everything_has_a_tooltip(panel):
    filtered = panel.filter
    for row in filtered.rows.values():
        assert row.low.toolTip()
        assert row.histogram.toolTip()
    for widget in (panel.cells, filtered.apply_button, filtered.reset_button):
        assert widget.toolTip()
