"""The curves of a training."""

import math

from napari_iaunet.plugin.finetune.plot import TrainingPlot


def test_a_loss_that_is_not_finite_leaves_the_curve_as_it_is(qtbot):
    plot = TrainingPlot()
    qtbot.addWidget(plot)
    plot.add_step(1, math.nan)
    plot.add_validation(1, 0.5, 0.4, math.inf)
    plot.add_step(2, 3.0)
    plot.add_step(3, math.inf)
    plot.add_step(4, 3.0)
    assert plot.training == [(2, 3.0), (4, 3.0)]
    assert plot.held_out == []
    assert plot.precision == [(1, 0.5)]
    plot.grab()  # draws it
