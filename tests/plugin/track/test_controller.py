"""The rules of the Track tab, without a window."""

from unittest.mock import MagicMock

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from napari.layers import Tracks

from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.track.controller import TrackController
from napari_iaunet.plugin.track.panel import TrackChoice, TrackPanel
from napari_iaunet.plugin.widgets.run_bar import RunBar

TIME, DEPTH = TrackChoice("time", True), TrackChoice("depth", False)
SQUARE = np.s_[8:24, 8:24]


class Bench:
    """A controller, what it works on, and what its panel is told."""

    def __init__(self, segmenter):
        self.viewer, self.jobs = ViewerModel(), FakeJobs()
        self.session = Session(self.viewer, segmenters=MagicMock())
        self.session.segmenters.get.return_value = segmenter
        self.session.settings.offer_models([ModelInfo("default", BUNDLED, "")])
        self.panel = fake_panel(TrackPanel, run=MagicMock(spec=RunBar))
        self.controller = TrackController(self.session, self.panel, self.jobs)

    def open(self, *shape):
        """Add an image with a square in each plane, and the squares' cells."""
        image, cells = np.zeros((*shape, 32, 32), np.float32), None
        image[(..., *SQUARE)] = 1
        cells = np.zeros(image.shape, np.int32)
        for number, plane in enumerate(np.ndindex(shape), 1):
            cells[plane][SQUARE] = number
        self.viewer.add_image(image, name="film")
        return self.viewer.add_labels(cells, name="film cells")

    def said(self):
        return self.panel.run.set_busy.call_args.args

    def offered(self):
        cells, picked, images, _ = self.panel.set_pairs.call_args.args
        return [name for _, name in cells], picked, [name for _, name in images]


@pytest.fixture
def bench(qapp, segmenter):
    bench = Bench(segmenter)
    yield bench
    bench.controller.teardown()


def test_only_stacks_of_cells_are_offered(bench):
    bench.open()
    assert bench.offered() == ([], "", [])
    bench.viewer.layers.clear()
    cells = bench.open(3)
    assert bench.offered() == (["film cells"], str(cells.unique_id), ["film"])


def test_tracked_cells_and_their_paths_become_layers(bench):
    bench.open(3)
    bench.panel.track_requested.emit(TIME)
    assert bench.jobs.description == "Tracking film cells"
    bench.jobs.run()
    model, device = bench.session.segmenters.get.call_args.args
    assert (model, device) == ("default", "auto")
    tracked, tracks = bench.viewer.layers[-2:]
    assert tracked.name == "film cells tracked"
    assert set(np.unique(tracked.data)) == {0, 1}
    assert tracked.metadata["napari_iaunet"]["tracked"] == "time"
    assert isinstance(tracks, Tracks)
    assert bench.said() == (False, "1 cell in 3 detections")
    assert bench.offered()[0] == ["film cells"], "what is tracked is not offered"


def test_through_depth_there_are_no_paths(bench):
    bench.open(3)
    bench.panel.track_requested.emit(DEPTH)
    bench.jobs.run()
    assert len(bench.viewer.layers) == 3
    assert "volume" in bench.viewer.layers[-1].features


def test_without_a_model_it_says_so(bench):
    bench.session.settings.offer_models([])
    bench.open(3)
    bench.panel.track_requested.emit(TIME)
    assert "No model is installed" in bench.said()[1]
    assert not bench.jobs.is_running


def test_two_axes_of_planes_are_too_many(bench):
    bench.open(2, 3)
    bench.panel.track_requested.emit(TIME)
    assert "one series or one volume" in bench.said()[1]


def test_closing_the_cells_stops_it(bench):
    cells = bench.open(3)
    bench.panel.track_requested.emit(TIME)
    bench.viewer.layers.remove(cells)
    assert bench.jobs.is_closed
    assert "cells were closed" in bench.said()[1]


def test_cancelled(bench):
    bench.open(3)
    bench.panel.track_requested.emit(TIME)
    bench.panel.cancel_requested.emit()
    assert bench.said() == (False, "Cancelled.")
    assert len(bench.viewer.layers) == 2
