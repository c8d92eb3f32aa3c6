"""The Look-alikes tab alone: what it offers, allows and emits."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt

from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.plugin.lookalikes.gallery import Thumbnail, ThumbnailRow
from napari_iaunet.plugin.lookalikes.histogram import SimilarityHistogram
from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
from napari_iaunet.plugin.lookalikes.weight_sliders import WeightSliders

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
KEYS = Qt.KeyboardModifier


@pytest.fixture
def panel(qtbot):
    panel = LookalikePanel()
    qtbot.addWidget(panel)
    panel.resize(360, 1000)
    panel.show()
    return panel


def thumbnails(count, shape=(20, 20)):
    pixels = np.full(shape, 90, np.uint8)
    return [Thumbnail(i, pixels, f"cell {i}", "red" if i else "") for i in range(count)]


# -- panel ---------------------------------------------------------------------------


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


def test_counts_while_the_slider_moves(qtbot, panel):
    panel.found.set_values(np.linspace(0, 1, 2001, dtype=np.float32))
    with qtbot.assertNotEmitted(panel.found.threshold_changed):
        panel.found.set_threshold(0.5)
    assert panel.found.count.text() == "1,001 of 2,001 cells from 0.500"
    with qtbot.waitSignal(panel.found.threshold_changed) as moved:
        panel.found.slider.setValue(900)
    assert moved.args == [0.9]
    assert panel.found.count.text().startswith("201 of 2,001")
    assert panel.found.histogram.threshold == 0.9
    with qtbot.waitSignal(panel.found.threshold_changed):
        panel.found.histogram.threshold_dragged.emit(0.25)
    assert panel.found.slider.value() == 250
    panel.found.set_values(np.ones(1, np.float32))
    assert panel.found.count.text().startswith("1 of 1 cell ")
    panel.found.set_values(None)
    assert panel.found.count.text() == ""


def test_names(qtbot, panel):
    panel.found.set_values(np.ones(1, np.float32))
    panel.found.name.setCurrentText(" round ")
    with qtbot.waitSignal(panel.found.name_requested) as named:
        qtbot.mouseClick(panel.found.name_button, LEFT)
    assert named.args == ["round"]
    panel.found.name.setCurrentText("typing")
    panel.found.set_classes(["a", "b"])
    assert panel.found.name.currentText() == "typing"
    assert panel.found.name.count() == 2
    with qtbot.waitSignal(panel.found.name_requested):
        qtbot.keyClick(panel.found.name.lineEdit(), Qt.Key.Key_Return)


def test_progress(qtbot, panel):
    panel.set_busy(True)
    assert panel.bar.isVisible()
    panel.set_progress(1, 4)
    assert (panel.bar.value(), panel.bar.maximum()) == (1, 4)
    with qtbot.waitSignal(panel.cancel_requested):
        qtbot.mouseClick(panel.cancel_button, LEFT)
    panel.set_busy(False)
    assert not panel.bar.isVisible()


def test_fits_a_narrow_dock(panel):
    long = "an image with a name that does not end for quite a while"
    panel.set_pairs([("a", long)], "a", [("i", long)], "i")
    panel.found.set_values(np.ones(5, np.float32))
    panel.found.set_gallery(thumbnails(30), thumbnails(30))
    assert panel.widget().minimumSizeHint().width() <= 340


def test_weights(qtbot):
    sliders = WeightSliders(DEFAULT_WEIGHTS)
    qtbot.addWidget(sliders)
    assert sliders.weights == DEFAULT_WEIGHTS
    with qtbot.waitSignal(sliders.changed) as changed:
        sliders.sliders["size"].setValue(75)
    assert changed.args[0] == {**DEFAULT_WEIGHTS, "size": 0.75}
    with qtbot.waitSignal(sliders.changed) as changed:
        qtbot.mouseClick(sliders.reset_button, LEFT)
    assert changed.args[0] == DEFAULT_WEIGHTS


# -- histogram -----------------------------------------------------------------------


@pytest.fixture
def histogram(qtbot):
    histogram = SimilarityHistogram()
    qtbot.addWidget(histogram)
    histogram.resize(320, histogram.height())
    values = np.random.default_rng(0).beta(8, 5, 20_000).astype(np.float32)
    histogram.set_values(np.sort(values))
    histogram.show()
    return histogram


def test_the_line_follows_the_mouse(qtbot, histogram):
    place = QPoint(round(histogram.x_of(0.3)), 40)
    with qtbot.waitSignal(histogram.threshold_dragged) as dragged:
        qtbot.mousePress(histogram, LEFT, pos=place)
    assert dragged.args[0] == pytest.approx(0.3, abs=0.01)
    qtbot.mouseRelease(histogram, LEFT, pos=place)
    with qtbot.assertNotEmitted(histogram.threshold_dragged):
        qtbot.mousePress(histogram, RIGHT, pos=place)
    with qtbot.waitSignal(histogram.threshold_dragged) as dragged:
        qtbot.mousePress(histogram, LEFT, pos=QPoint(0, 40))
    assert dragged.args[0] == 0
    assert histogram.threshold == 0


@pytest.mark.parametrize("width", [160, 320])
def test_is_drawn(histogram, width):
    histogram.resize(width, histogram.height())
    histogram.set_threshold(0.6)
    image = histogram.grab().toImage()
    x = round(histogram.x_of(0.6))
    line = {image.pixelColor(x + d, 30).name() for d in (-1, 0, 1)}
    assert "#ff9f1c" in line
    colours = {image.pixelColor(i, 70).name() for i in range(image.width())}
    assert {"#fde725", "#6c5a8e"} <= colours


def test_no_cells_are_drawn_too(qtbot, histogram):
    histogram.set_values(np.zeros(0, np.float32))
    assert not histogram.grab().isNull()


# -- pictures ------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(20, 20), (13, 13, 3)])
def test_a_picture_is_pressed(qtbot, shape):
    row = ThumbnailRow("tip")
    qtbot.addWidget(row)
    row.resize(300, row.height())
    row.show()
    row.set_thumbnails(thumbnails(3, shape))
    assert row.selected() is None
    place = row.visualItemRect(row.item(1)).center()
    for keys, kind in (
        (KEYS.NoModifier, "show"),
        (KEYS.ShiftModifier, "like"),
        (KEYS.ControlModifier, "unlike"),
        (KEYS.AltModifier, "unlike"),
    ):
        with qtbot.waitSignal(row.pressed) as pressed:
            qtbot.mouseClick(row.viewport(), LEFT, keys, pos=place)
        assert pressed.args == [1, kind]
    row.setCurrentRow(2)
    assert row.selected().text == "cell 2"
    with qtbot.assertNotEmitted(row.pressed):
        qtbot.mouseClick(row.viewport(), RIGHT, pos=place)
        qtbot.mouseClick(row.viewport(), LEFT, pos=QPoint(290, 20))
    row.set_thumbnails([])
    assert row.count() == 0
    assert row.selected() is None
