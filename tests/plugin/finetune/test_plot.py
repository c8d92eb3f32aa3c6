"""The curves of a training: what they keep and how they are drawn."""

import math

import numpy as np
import pytest
from narrow import WIDTH, assert_fits
from qtpy.QtGui import QColor

from napari_iaunet.plugin.finetune.plot import TrainingPlot

TRAINING, HELD_OUT, PRECISION = "#8d9db6", "#ff9f1c", "#5ec962"


@pytest.fixture
def plot(qtbot):
    plot = TrainingPlot()
    qtbot.addWidget(plot)
    plot.resize(320, plot.height())
    return plot


def colours(plot):
    """Which of the colours of the curves are drawn."""
    image = plot.grab().toImage()
    seen = {
        QColor(image.pixel(x, y)).name()
        for x in range(image.width())
        for y in range(image.height())
    }
    return seen & {TRAINING, HELD_OUT, PRECISION}


def test_a_loss_that_is_not_finite_leaves_the_curve_as_it_is(plot):
    plot.add_step(1, math.nan)
    plot.add_validation(1, 0.5, 0.4, math.inf)
    plot.add_step(2, 3.0)
    plot.add_step(3, math.inf)
    plot.add_step(4, 3.0)
    assert plot.training == [(2, 3.0), (4, 3.0)]
    assert plot.held_out == []
    assert plot.precision == [(1, 0.5)]
    plot.grab()  # draws it


def test_without_a_training_only_the_axes_are_drawn(plot):
    assert colours(plot) == set()
    assert not plot.grab().isNull()


def test_every_curve_has_its_colour(plot):
    for second in range(20):
        plot.add_step(second, 3 - second / 10)
    assert colours(plot) == {TRAINING}
    plot.add_validation(5, 0.5, 0.4, 2.5)
    plot.add_validation(15, 0.6, 0.4, 1.5)
    assert plot.start == 0.4
    assert plot.held_out == [(5, 2.5), (15, 1.5)]
    assert colours(plot) == {TRAINING, HELD_OUT, PRECISION}
    plot.clear()
    assert plot.training == plot.held_out == plot.precision == []
    assert plot.start is None
    assert colours(plot) == set()


def test_curves_are_told_apart_without_their_colours(plot):
    """The line of the held-out loss has gaps and marks, that of the training none."""
    for second in range(100):
        plot.add_step(second, 0.5)
    plot.add_validation(5, 0.5, 0.4, 1.5)
    plot.add_validation(95, 0.5, 0.4, 1.5)
    plot.resize(700, plot.height())
    image = plot.grab().toImage()
    line = plot.fontMetrics().height()
    above_axis = range(line + 5, image.height() // 2 - 2 * line)

    def height(colour, x):
        """How many pixels of a column are of a colour, antialiased as lines are."""
        wanted = QColor(colour).getRgb()
        seen = [image.pixelColor(x, y).getRgb() for y in above_axis]
        return sum(max(map(abs, np.subtract(wanted, own))) < 60 for own in seen)

    inside = range(image.width() // 4, image.width() * 3 // 4)
    heights = {c: [height(c, x) for x in inside] for c in (TRAINING, HELD_OUT)}
    assert min(heights[TRAINING]) == max(heights[TRAINING]) > 0
    assert min(heights[HELD_OUT]) == 0
    everywhere = [height(HELD_OUT, x) for x in range(image.width())]
    assert max(everywhere) > 2 * max(heights[TRAINING])


def test_few_held_out_cells_make_a_wide_band(plot):
    plot.resize(700, plot.height())

    def changed(off):
        """How many pixels the band colours, compared with none."""
        pictures = []
        for difference in (None, (0.1 - off, 0.1 + off)):
            plot.clear()
            for second in (5, 95):
                plot.add_validation(second, 0.5, 0.4, None, difference)
            image = plot.grab().toImage()
            places = np.ndindex(image.height(), image.width())
            pictures.append(np.array([image.pixel(x, y) for y, x in places]))
        return int((pictures[0] != pictures[1]).sum())

    narrow, wide = changed(0.1), changed(0.3)
    assert 0 < 2 * narrow < wide
    assert changed(5.0) < 5 * wide, "it ends where the axis does"


def test_the_band_lies_above_the_start_by_what_was_gained(plot):
    plot.add_validation(5, 0.4, 0.4, None)
    plot.add_validation(15, 0.6, 0.4, None, (0.125, 0.25))
    assert plot.bands == [(0.4, 0.4), (0.525, 0.65)]


def test_a_validation_without_a_loss_is_a_precision_only(plot):
    plot.add_validation(5, 0.5, 0.4, None)
    assert plot.precision == [(5, 0.5)]
    assert plot.held_out == []


def test_the_loss_is_smooth_but_follows(plot):
    noise = np.random.default_rng(0).uniform(0.5, 1.5, 200)
    for second, loss in enumerate(noise):
        plot.add_step(second, float(loss))
    shown = np.array([loss for _, loss in plot.training])
    assert shown[0] == noise[0]
    assert shown[50:].std() < noise.std() / 2
    for second in range(200, 300):
        plot.add_step(second, 0.2)
    assert plot.training[-1][1] == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_any_loss_and_any_time_are_drawn(plot, scale):
    for second in range(30):
        plot.add_step(second * scale, 3 * scale)
    plot.add_validation(20 * scale, 1.0, 0.0, 3 * scale)
    assert {TRAINING, PRECISION} <= colours(plot)


def test_ten_thousand_steps_in_a_narrow_dock(plot):
    for second in range(10_000):
        plot.add_step(second, 1.0)
    assert len(plot.training) == 10_000
    assert_fits(plot)
    assert plot.width() == WIDTH
    assert TRAINING in colours(plot)


def test_it_says_what_it_shows(plot):
    assert "the lower the better" in plot.toolTip()
