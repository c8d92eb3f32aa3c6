"""Start and cancel a job: what the bar allows, shows and emits."""

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QProgressBar

from napari_iaunet.plugin.widgets.run_bar import RunBar, show_progress

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def bar(qtbot):
    bar = RunBar("Start it", "What it does.")
    qtbot.addWidget(bar)
    bar.show()
    return bar


def test_nothing_can_be_started_before_all_is_ready(qtbot, bar):
    for ready in (None, False):
        if ready is not None:
            bar.set_ready(ready, "Open an image.")
        with qtbot.assertNotEmitted(bar.start_requested):
            qtbot.mouseClick(bar.start_button, LEFT)
    assert bar.status.text() == "Open an image."
    bar.set_ready(True)
    assert bar.status.text() == ""
    with qtbot.waitSignal(bar.start_requested):
        qtbot.mouseClick(bar.start_button, LEFT)


def test_what_runs_cannot_be_started_again_but_cancelled_once(qtbot, bar):
    bar.set_ready(True)
    with qtbot.assertNotEmitted(bar.cancel_requested):
        qtbot.mouseClick(bar.cancel_button, LEFT)
    bar.set_busy(True, "Working…")
    with qtbot.assertNotEmitted(bar.start_requested):
        qtbot.mouseClick(bar.start_button, LEFT)
    with qtbot.waitSignal(bar.cancel_requested):
        qtbot.mouseClick(bar.cancel_button, LEFT)
    with qtbot.assertNotEmitted(bar.cancel_requested):
        qtbot.mouseClick(bar.cancel_button, LEFT)
    bar.set_busy(False, "Cancelled.")
    assert bar.status.text() == "Cancelled."
    with qtbot.waitSignal(bar.start_requested):
        qtbot.mouseClick(bar.start_button, LEFT)


def test_progress_is_a_share_or_to_and_fro(bar):
    assert not bar.bar.isVisible()
    bar.set_busy(True, "Loading…")
    assert bar.bar.isVisible()
    assert bar.bar.maximum() == 0
    bar.set_progress(2, 5, "Working…")
    assert (bar.bar.value(), bar.bar.maximum()) == (2, 5)
    assert bar.status.text() == "Working…"
    for total in (0, 1):
        bar.set_progress(0, total, "Working…")
        assert bar.bar.maximum() == 0
    for done in (0, 5):
        bar.set_progress(done, 5, "Working…")
        assert bar.bar.maximum() == 0, "it never stands still at either end"
    bar.set_busy(False, "Done.")
    assert not bar.bar.isVisible()


def test_a_job_that_stops_says_so_until_it_has_ended(qtbot, bar):
    bar.set_busy(True, "Working…")
    qtbot.mouseClick(bar.cancel_button, LEFT)
    bar.set_progress(3, 5, "Working…")
    assert bar.status.text() == "Stopping…"
    bar.set_busy(True, "Another job…")
    bar.set_progress(3, 5, "Working…")
    assert bar.status.text() == "Working…"


def test_hints_wait_until_the_job_has_ended(bar):
    bar.set_ready(True)
    bar.set_busy(True, "Working…")
    bar.set_ready(False, "Open an image.")
    assert bar.status.text() == "Working…"
    bar.set_busy(False, "Done.")
    assert not bar.start_button.isEnabled()
    bar.set_ready(True)
    assert bar.start_button.isEnabled()


def test_the_outcome_stays_while_nothing_is_missing(bar):
    bar.set_ready(True)
    bar.set_busy(True, "Working…")
    bar.set_busy(False, "12 cells.")
    bar.set_ready(True)
    assert bar.status.text() == "12 cells."


def test_the_progress_moves_nothing_when_it_comes(bar):
    bar.set_ready(True)
    height = bar.sizeHint().height()
    bar.set_busy(True, "")
    assert bar.sizeHint().height() == height


def test_long_sentences_fit_a_narrow_dock(bar):
    bar.set_busy(True, "A long sentence about what went wrong. " * 10)
    assert_fits(bar)


def test_everything_has_a_tooltip(bar):
    assert bar.start_button.toolTip() == "What it does."
    assert bar.cancel_button.toolTip()


def test_progress_is_drawn_when_there_is_time(qtbot):
    """At once, Qt would draw the picture of the whole viewer as well, each time."""
    drawn = []

    class Bar(QProgressBar):
        def paintEvent(self, event):
            drawn.append(self.value())
            super().paintEvent(event)

    bar = Bar()
    qtbot.addWidget(bar)
    with qtbot.waitExposed(bar):
        bar.show()
    qtbot.waitUntil(lambda: bool(drawn))
    drawn.clear()
    for done in (200, 500, 900):
        show_progress(bar, done, 1000)
    assert drawn == []
    qtbot.waitUntil(lambda: drawn[-1:] == [900])
