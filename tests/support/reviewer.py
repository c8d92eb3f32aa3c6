"""A Review tab without a window, and cells to review."""

import numpy as np
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel

from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.layers.undo import EditLogs
from napari_iaunet.plugin.review.clean_panel import CleanSection
from napari_iaunet.plugin.review.controller import ReviewController
from napari_iaunet.plugin.review.filter_panel import FilterSection
from napari_iaunet.plugin.review.panel import ReviewPanel
from napari_iaunet.plugin.review.walk_panel import WalkSection

# Label id, row, column and width of squares; the first touches the border.
SQUARES = {3: (0, 10, 6), 4: (20, 20, 8), 8: (20, 40, 8), 9: (40, 40, 20)}
SCORES = {3: 0.9, 4: 0.3, 8: 0.8, 9: 0.7}


def squares(shape=(80, 90)):
    labels = np.zeros(shape, np.int32)
    for label_id, (y, x, width) in SQUARES.items():
        labels[y : y + width, x : x + width] = label_id
    return labels


class Reviewer:
    """A controller, what it works on, and what its panel is told."""

    def __init__(self):
        self.viewer, self.jobs = ViewerModel(), FakeJobs()
        self.session = Session(self.viewer)
        self.filter = fake_panel(FilterSection)
        self.filter.ranges = {}
        self.filter.reset.side_effect = lambda: setattr(self.filter, "ranges", {})
        self.walk = fake_panel(WalkSection)
        self.walk.which = "new"
        self.clean, self.clean_jobs = fake_panel(CleanSection), FakeJobs()
        parts = {"filter": self.filter, "walk": self.walk, "clean": self.clean}
        self.panel = fake_panel(ReviewPanel, **parts)
        self.logs = EditLogs(self.viewer)
        self.controller = ReviewController(
            self.session, self.panel, self.jobs, self.clean_jobs, self.logs
        )

    def open(self, labels=None, **options):
        """Add cells with scores."""
        features = {"index": list(SCORES), "label": list(SCORES)}
        features["score"] = list(SCORES.values())
        options = {"features": features, **options}
        return self.viewer.add_labels(
            squares() if labels is None else labels, name="cells", **options
        )

    def enter(self):
        self.controller.enter()
        self.settle()

    def settle(self):
        """Let the cells be surveyed, as after a moment's rest."""
        if not self.jobs.is_running:
            self.controller._cells.survey()
        while self.jobs.is_running:
            self.jobs.run()

    def choose(self, **ranges):
        """Move the sliders."""
        self.filter.ranges = ranges
        self.filter.ranges_changed.emit(ranges)

    def apply(self):
        self.filter.apply_requested.emit()
        self.settle()

    def begin(self):
        """Go through the cells."""
        self.enter()
        self.walk.toggled.emit(True)
        self.settle()

    def press(self, *keys):
        for key in keys:
            self.walk.pressed.emit(key)

    def cell(self):
        """What is said of the cell that is looked at."""
        return self.walk.set_cell.call_args.args[0]

    def progress(self):
        return self.walk.set_progress.call_args.args

    def clean_up(self, what):
        """Press a button of the section, and let the job be done."""
        self.clean.requested.emit(what)
        if self.clean_jobs.is_running:
            self.clean_jobs.run()
        self.settle()
        return self.clean.say.call_args.args[0]

    def count(self):
        return self.filter.set_count.call_args.args[0]

    def said(self):
        return self.panel.say.call_args.args[0]

    def helpers(self):
        return [layer for layer in self.viewer.layers if layer.name != "cells"]

    def shown(self):
        """Which cells of the layer are shown, pixel by pixel."""
        (helper,) = self.helpers()
        return np.asarray(helper.data) > 0


def label_ids(layer):
    return [int(i) for i in np.unique(layer.data) if i]
