"""The rules of the Segment tab, without a window."""

from unittest.mock import MagicMock

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager

from napari_iaunet.errors import DeviceError
from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.core import preferences
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.layers.undo import EditLogs
from napari_iaunet.plugin.segment.controller import SegmentController
from napari_iaunet.plugin.segment.panel import SegmentPanel
from napari_iaunet.plugin.widgets.run_bar import RunBar


class Bench:
    """A controller, what it works on, and what its panel is told."""

    def __init__(self):
        self.viewer, self.jobs = ViewerModel(), FakeJobs()
        self.session = Session(self.viewer)
        self.settings = self.session.settings
        self.settings.offer_models([ModelInfo("default", BUNDLED, "")])
        self.panel = fake_panel(SegmentPanel, run=MagicMock(spec=RunBar))
        self.controller = SegmentController(
            self.session, self.panel, self.jobs, EditLogs(self.viewer)
        )

    def press(self):
        self.panel.segment_requested.emit()

    def said(self):
        return self.panel.run.set_busy.call_args.args

    def image(self, shape=(20, 30), **options):
        return self.viewer.add_image(np.zeros(shape, np.float32), **options)


@pytest.fixture
def bench(qapp, fake):
    bench = Bench()
    yield bench
    bench.controller.teardown()


def test_cells_become_a_layer_on_the_image(bench, fake):
    bench.image(name="plate", scale=(0.5, 0.5), translate=(3, 4))
    bench.press()
    assert bench.said() == (True, "Loading the model…")
    assert bench.jobs.description == "Segmenting plate"
    bench.jobs.run()
    cells = bench.viewer.layers["plate cells"]
    np.testing.assert_allclose(cells.scale, 0.5)
    np.testing.assert_allclose(cells.translate, (3, 4))
    assert bench.said()[1].startswith("2 cells")
    assert bench.settings.diameter == 21, "the estimate is shown"


def test_a_diameter_that_may_be_wrong_is_called_unsure(bench, fake):
    bench.image()
    bench.press()
    bench.jobs.run()
    assert bench.said()[1].endswith("diameter 21 px")
    fake.is_sure = False
    bench.press()
    bench.jobs.run()
    told = bench.said()[1]
    assert told.endswith("diameter about 21 px, unsure: measure one cell")
    about = bench.viewer.layers[-1].metadata["napari_iaunet"]
    assert about["diameter_is_sure"] is False
    bench.settings.estimate = False
    bench.press()
    bench.jobs.run()
    assert "unsure" not in bench.said()[1]


def test_planes_first_is_the_image_from_then_on(bench):
    bench.image((60, 80, 9), name="last")
    bench.panel.planes_first_requested.emit()
    assert [layer.name for layer in bench.viewer.layers] == [
        "last",
        "last planes first",
    ]
    assert bench.settings.info.shape == (9, 60, 80)


def test_what_is_left_out_of_the_image_is_told(bench):
    pixels = np.zeros((20, 30, 4), np.uint8)
    pixels[..., 3] = np.arange(30)
    bench.viewer.add_image(pixels, rgb=True, name="four")
    bench.press()
    told = notification_manager.records[-1].message
    assert "transparency (alpha) of “four” is left out" in told


@pytest.mark.parametrize(
    ("side", "diameter", "says"),
    [
        (4500, 5, "about 2 minutes on a processor, as it becomes 2.1 times larger."),
        (4500, 28, None),
        (1000, 2, None),
    ],
)
def test_it_is_said_beforehand_that_an_image_takes_long(bench, side, diameter, says):
    bench.image((side, side))
    bench.settings.estimate, bench.settings.diameter = False, diameter
    bench.press()
    expected = "Loading the model…"
    if says:
        expected += f" This image takes long: {says}"
    assert bench.said() == (True, expected)
    told = bench.panel.run.set_progress
    for steps in ((0, 0), (0, 8), (1, 8)):  # a moment later, and then
        bench.jobs.progressed.emit(*steps)
    loading, begun, working = (call.args[2] for call in told.call_args_list)
    assert loading == expected
    assert begun == expected.replace("Loading the model…", "Segmenting…")
    assert working == "Segmenting…"


def test_settings_decide_what_is_done(bench, fake):
    bench.image((4, 20, 30), name="stack")
    bench.viewer.dims.set_point(0, 2)
    bench.settings.whole_stack = False
    bench.settings.estimate, bench.settings.diameter = False, 12.5
    bench.settings.model, bench.settings.device = "mine", "cpu"
    bench.press()
    bench.jobs.run()
    image, _, diameter = fake.arguments[-1]
    assert (image.shape, diameter) == ((20, 30), 12.5)
    assert fake.loaded[-1][:2] == ("mine", "cpu")
    about = bench.viewer.layers[-1].metadata["napari_iaunet"]
    assert (about["model"], about["plane"], about["diameter"]) == ("mine", [2], 12.5)
    assert bench.settings.diameter == 12.5


def test_the_channel_of_nuclei_is_seen_first(bench, fake):
    bench.viewer.add_image(np.full((20, 30), 2, np.uint8), name="DAPI")
    actin = bench.viewer.add_image(np.full((20, 30), 1, np.uint8), name="actin")
    bench.settings.pick_image(str(actin.unique_id))
    bench.settings.together_with = (str(bench.viewer.layers["DAPI"].unique_id),)
    bench.press()
    bench.jobs.run()
    np.testing.assert_array_equal(np.asarray(fake.arguments[-1][0])[:, 0, 0], [2, 1])
    assert fake.roles[-1] == {"nuclei": 0, "cells": [1]}
    about = bench.viewer.layers[-1].metadata["napari_iaunet"]
    assert about["nuclei_first"]
    assert about["channel_names"] == ["DAPI", "actin"]
    bench.settings.nuclei = None
    bench.press()
    bench.jobs.run()
    np.testing.assert_array_equal(np.asarray(fake.arguments[-1][0])[:, 0, 0], [1, 2])
    assert fake.roles[-1] == {}


def test_layers_and_selection_are_offered(bench):
    first = bench.image(name="first")
    bench.image(name="second")
    assert [info.name for info in bench.settings.images] == ["second", "first"]
    bench.viewer.layers.selection.active = first
    assert bench.settings.info.name == "first"
    with bench.session.own_changes():
        bench.viewer.layers.selection.active = bench.viewer.layers["second"]
    assert bench.settings.info.name == "first", "that was not the user"
    first.name = "renamed"
    assert bench.settings.info.name == "renamed"


def test_without_an_image_nothing_is_done(bench):
    bench.press()
    assert not bench.jobs.is_running


def test_closing_the_image_stops_it(bench):
    bench.image()
    bench.press()
    bench.viewer.layers.clear()
    assert bench.jobs.is_closed
    assert "image was closed" in bench.said()[1]


def test_a_replaced_image_gets_no_cells(bench):
    layer = bench.image()
    bench.press()
    layer.data = np.ones((20, 30), np.float32)
    bench.jobs.run()
    assert len(bench.viewer.layers) == 1
    assert "image was replaced" in bench.said()[1]


def test_what_went_wrong_is_said(bench, fake):
    bench.image()
    fake.error = DeviceError("There is no such device.")
    bench.press()
    bench.jobs.run()
    assert bench.said() == (False, "There is no such device.")
    bench.press()
    bench.panel.cancel_requested.emit()
    assert bench.said() == (False, "Cancelled.")


def test_what_the_user_sets_is_kept(bench, monkeypatch):
    kept = {}
    monkeypatch.setattr(preferences, "keep", kept.__setitem__)
    bench.settings.device = "cpu"
    assert not kept, "only what the user sets"
    bench.panel.edited.emit("device")
    assert kept == {"device": "cpu"}


def test_after_teardown_it_answers_no_more(bench):
    bench.controller.teardown()
    bench.image()
    assert bench.settings.images == ()
    bench.press()
    assert not bench.jobs.is_running
