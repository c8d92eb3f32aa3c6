"""The histogram of similarities and its line alone."""

import numpy as np
import pytest
from narrow import assert_fits
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_iaunet.plugin.lookalikes.histogram import SimilarityHistogram

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
ABOVE, BELOW, LINE = "#fde725", "#6c5a8e", "#ff9f1c"


@pytest.fixture
def histogram(qtbot):
    histogram = SimilarityHistogram()
    qtbot.addWidget(histogram)
    histogram.resize(320, histogram.height())
    values = np.random.default_rng(0).beta(8, 5, 20_000).astype(np.float32)
    histogram.set_values(np.sort(values))
    histogram.show()
    return histogram


def place(histogram, similarity):
    return QPoint(round(histogram.x_of(similarity)), 40)


def test_the_line_follows_the_mouse(qtbot, histogram):
    pressed = place(histogram, 0.3)
    with qtbot.waitSignal(histogram.threshold_dragged) as dragged:
        qtbot.mousePress(histogram, LEFT, pos=pressed)
    assert dragged.args[0] == pytest.approx(0.3, abs=0.01)
    qtbot.mouseRelease(histogram, LEFT, pos=pressed)
    with qtbot.assertNotEmitted(histogram.threshold_dragged):
        qtbot.mousePress(histogram, RIGHT, pos=pressed)
    with qtbot.waitSignal(histogram.threshold_dragged) as dragged:
        qtbot.mousePress(histogram, LEFT, pos=QPoint(0, 40))
    assert dragged.args[0] == 0
    assert histogram.threshold == 0


def test_the_line_is_dragged_but_not_beyond_the_ends(qtbot, histogram):
    seen = []
    histogram.threshold_dragged.connect(seen.append)
    qtbot.mousePress(histogram, LEFT, pos=place(histogram, 0.5))
    for similarity in (0.6, 0.7):
        drag(histogram, place(histogram, similarity))
    assert seen == pytest.approx([0.5, 0.6, 0.7], abs=0.01)
    for x, end in ((5_000, 1.0), (-5_000, 0.0)):
        drag(histogram, QPoint(x, 40))
        assert seen[-1] == histogram.threshold == end


def drag(histogram, position, held=LEFT):
    """Move the mouse, with the left button held or without."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(position),
        QPointF(histogram.mapToGlobal(position)),
        Qt.MouseButton.NoButton,
        held,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(histogram, event)


def test_a_mouse_without_a_button_moves_nothing(qtbot, histogram):
    with qtbot.assertNotEmitted(histogram.threshold_dragged):
        drag(histogram, place(histogram, 0.9), held=Qt.MouseButton.NoButton)
    assert histogram.threshold == 0.5


def test_the_program_moves_the_line_without_a_word(qtbot, histogram):
    with qtbot.assertNotEmitted(histogram.threshold_dragged):
        histogram.set_threshold(0.25)
    assert histogram.threshold == 0.25


@pytest.mark.parametrize("width", [160, 320])
def test_is_drawn(histogram, width):
    histogram.resize(width, histogram.height())
    histogram.set_threshold(0.6)
    image = histogram.grab().toImage()
    x = round(histogram.x_of(0.6))
    line = {image.pixelColor(x + d, 30).name() for d in (-1, 0, 1)}
    assert LINE in line
    colours = {image.pixelColor(i, 70).name() for i in range(image.width())}
    assert {ABOVE, BELOW} <= colours


def test_no_cells_are_drawn_too(histogram):
    histogram.set_values(np.zeros(0, np.float32))
    assert not histogram.grab().isNull()


def bar_at(histogram, similarity):
    """Height in pixels of the bar at a similarity."""
    image = histogram.grab().toImage()
    x = round(histogram.x_of(similarity))
    column = [image.pixelColor(x, y).name() for y in range(image.height())]
    return sum(colour in (ABOVE, BELOW) for colour in column)


def test_a_single_cell_can_be_seen_beside_ten_thousand(histogram):
    values = np.full(10_000, 0.80625, np.float32)  # the middle of a bar
    histogram.set_values(np.append(np.float32(0.20625), values))
    single, many = bar_at(histogram, 0.20625), bar_at(histogram, 0.80625)
    assert 1 < single < many
    assert bar_at(histogram, 0.50625) == 0


def test_it_fits_a_narrow_dock(histogram):
    assert_fits(histogram)
    left, right = histogram.margins()
    assert 0 < left < histogram.x_of(0) + 1
    assert histogram.width() - right == pytest.approx(histogram.x_of(1), abs=1)


def test_it_says_what_to_do(histogram):
    assert "Drag" in histogram.toolTip()
