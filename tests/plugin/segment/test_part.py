"""A part of a plane is segmented, and the rest stays as it is."""

from unittest.mock import MagicMock

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from person import set_canvas_size
from scipy import ndimage
from threshold import ThresholdSegmenter

from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.core.settings import IN_VIEW
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.undo import EditLogs
from napari_iaunet.plugin.segment.controller import SegmentController
from napari_iaunet.plugin.segment.panel import SegmentPanel
from napari_iaunet.plugin.widgets.run_bar import RunBar

SHAPE = (700, 900)


class Bench:
    """A controller and an image of blocks, 20 px wide, every 50 px."""

    def __init__(self, monkeypatch, rgb=False, planes=0):
        self.viewer, self.jobs = ViewerModel(), FakeJobs()
        self.session = Session(self.viewer)
        self.blocks = ThresholdSegmenter()
        monkeypatch.setattr(self.session.segmenters, "get", lambda *_: self.blocks)
        self.settings = self.session.settings
        self.settings.offer_models([ModelInfo("default", BUNDLED, "")])
        self.panel = fake_panel(SegmentPanel, run=MagicMock(spec=RunBar))
        self.logs = EditLogs(self.viewer)
        self.controller = SegmentController(
            self.session, self.panel, self.jobs, self.logs
        )
        y, x = np.indices(SHAPE)
        self.bright = ((y % 50 < 20) & (x % 50 < 20)).astype(np.uint8) * 200
        pixels = np.repeat(self.bright[..., None], 3, -1) if rgb else self.bright
        if planes:
            pixels = np.stack([pixels] * planes)
        self.image = self.viewer.add_image(
            pixels, name="plate", rgb=rgb, scale=(0.5, 0.5), translate=(30, 40)
        )

    def look_at(self, top, left, bottom, right):
        """Let exactly these pixels of the image be on view."""
        camera = camera_of(self.viewer)
        height, width = (bottom - top) * 0.5, (right - left) * 0.5
        set_canvas_size(self.viewer, (400, round(400 * width / height)))
        camera.zoom = 400 / height
        camera.center = (30 + 0.25 * (top + bottom), 40 + 0.25 * (left + right))

    def press(self):
        self.panel.segment_requested.emit()
        if self.jobs.is_running:
            self.jobs.run()

    def said(self):
        return self.panel.run.set_busy.call_args.args[1]

    @property
    def cells(self):
        return self.viewer.layers["plate cells"]


@pytest.fixture
def bench(qapp, monkeypatch):
    bench = Bench(monkeypatch)
    yield bench
    bench.controller.teardown()
    bench.logs.close()


def blocks_in(bench, top, left, bottom, right):
    """Blocks of which half or more lies in a rectangle, (Y, X) bool."""
    labels, n = ndimage.label(bench.bright)
    inside = np.zeros(SHAPE, bool)
    inside[top:bottom, left:right] = True
    half = 2 * ndimage.sum(inside, labels, np.arange(n + 1)) >= 400
    half[0] = False
    return half[labels]


def test_what_is_on_view_becomes_a_layer_of_the_whole_plane(bench):
    bench.settings.where = IN_VIEW
    bench.look_at(205, 305, 397, 597)
    bench.press()
    expected = blocks_in(bench, 205, 305, 397, 597)
    assert expected.any()
    np.testing.assert_array_equal(bench.cells.data > 0, expected)
    assert bench.cells.data.shape == SHAPE
    np.testing.assert_allclose(bench.cells.translate, (30, 40))
    (seen,) = bench.blocks.calls
    assert seen.shape[0] < 400, "not more than the part with what is around it"
    n = bench.cells.data.max()
    assert bench.said().startswith(f"{n} cells there, ")
    table = bench.cells.features
    assert table["index"].tolist() == list(range(1, n + 1))
    row = table[table["index"] == bench.cells.data[260, 360]].iloc[0]
    assert row["y"] == pytest.approx(259.5)
    assert row["x"] == pytest.approx(359.5)


def test_the_next_part_goes_into_the_same_layer(bench):
    bench.settings.where = IN_VIEW
    bench.look_at(205, 305, 397, 597)
    bench.press()
    first = bench.cells.data.copy()
    bench.look_at(5, 305, 397, 597)
    bench.press()
    assert len(bench.viewer.layers) == 2
    np.testing.assert_array_equal(
        bench.cells.data > 0, blocks_in(bench, 5, 305, 397, 597)
    )
    assert f"in place of {first.max()}" in bench.said()
    ids = np.unique(bench.cells.data)[1:]
    assert bench.cells.features["index"].tolist() == ids.tolist()
    assert ids.min() > first.max(), "no label id is used twice"
    bench.cells.undo()
    np.testing.assert_array_equal(bench.cells.data, first)
    bench.logs.get(str(bench.cells.unique_id)).follow()
    assert bench.cells.features["index"].tolist() == list(range(1, first.max() + 1))


def test_what_is_drawn(bench):
    corners = np.array([[100, 100], [100, 420], [420, 100]]) * 0.5 + [30, 40]
    shapes = bench.viewer.add_shapes([corners], shape_type="polygon", name="tumour")
    assert bench.settings.drawn == ((str(shapes.unique_id), "tumour"),)
    bench.settings.where = str(shapes.unique_id)
    bench.press()
    cells = bench.cells.data > 0
    assert cells[110, 110]
    assert cells[110, 310]
    assert not cells[310, 310]
    assert not cells[460:].any()
    shapes.data = []
    bench.press()
    assert bench.said() == "The layer “tumour” has no rectangle, ellipse or polygon."
    bench.viewer.layers.remove("tumour")
    assert bench.settings.where == ""


def test_a_users_own_layer_is_taken_only_if_it_is_selected(bench):
    own = np.zeros(SHAPE, np.uint8)
    own[300:320, 290:310] = 5
    own[600:620, 600:620] = 255
    layer = bench.viewer.add_labels(
        own, name="mine", scale=(0.5, 0.5), translate=(30, 40)
    )
    bench.settings.where = IN_VIEW
    bench.look_at(205, 305, 397, 597)
    bench.press()
    assert bench.said().startswith("The layer “mine” is full")
    layer.data = np.where(own == 255, 7, own)
    bench.press()
    assert "plate cells" not in bench.viewer.layers
    assert layer.data[610, 610] == 7
    assert layer.data[310, 300] == 5, "less than half of it is on view"
    bench.viewer.layers.selection.active = bench.image
    bench.press()
    assert "plate cells" in bench.viewer.layers


def test_cells_that_were_changed_meanwhile_stay(bench):
    bench.settings.where = IN_VIEW
    bench.look_at(205, 305, 397, 597)
    bench.press()
    bench.panel.segment_requested.emit()
    bench.cells.data[260, 360] = 0
    before = bench.cells.data.copy()
    bench.jobs.run()
    assert "have changed meanwhile" in bench.said()
    np.testing.assert_array_equal(bench.cells.data, before)
    bench.panel.segment_requested.emit()
    bench.viewer.layers.remove(bench.cells)
    bench.jobs.run()
    assert "layer of cells was closed" in bench.said()


def test_nothing_of_the_image(bench):
    bench.settings.where = IN_VIEW
    bench.look_at(2000, 2000, 2100, 2100)
    bench.press()
    assert bench.said() == "Nothing of “plate” is on view. Move it into view."


def test_a_part_of_a_turned_image(bench):
    bench.image.rotate = 90
    bench.settings.where = IN_VIEW
    middle = bench.image.data_to_world((300, 450))
    camera = camera_of(bench.viewer)
    set_canvas_size(bench.viewer, (400, 200))
    camera.zoom, camera.center = 4, middle
    bench.press()
    # The canvas is 100 world units high, 200 pixels, and half as wide; turned by 90°.
    np.testing.assert_array_equal(
        bench.cells.data > 0, blocks_in(bench, 250, 350, 350, 550)
    )


@pytest.mark.parametrize("rgb", [False, True])
def test_planes_and_colours(qapp, monkeypatch, rgb):
    bench = Bench(monkeypatch, rgb=rgb, planes=4)
    bench.viewer.dims.set_point(0, 2)
    bench.settings.where = IN_VIEW
    assert not bench.settings.choice().whole_stack
    bench.look_at(205, 305, 397, 597)
    bench.press()
    cells = bench.viewer.layers["plate cells [2]"]
    expected = blocks_in(bench, 205, 305, 397, 597)
    np.testing.assert_array_equal(cells.data > 0, expected[None])
    assert set(cells.features["plane"]) == {2}
    bench.settings.where, bench.settings.whole_stack = "", True
    stack = np.zeros((4, *SHAPE), np.int32)
    stack[1, 300:320, 400:420] = 5
    mine = bench.viewer.add_labels(
        stack, scale=(0.5, 0.5), translate=(30, 40), metadata={"napari_iaunet": {}}
    )
    bench.viewer.dims.set_point(0, 1)
    bench.settings.where = IN_VIEW
    bench.press()
    np.testing.assert_array_equal(mine.data[1] > 0, expected)
    assert not mine.data[[0, 2, 3]].any()
    assert "in place of 1" in bench.said()
    bench.viewer.dims.ndisplay = 3
    bench.press()
    assert "2D view" in bench.said()
    bench.controller.teardown()
    bench.logs.close()
