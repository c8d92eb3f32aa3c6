"""Labels on the disk in a real viewer: real mouse, real keys, the bundled model."""

import functools

import dask.array as da
import numpy as np
import pytest
import zarr
from clicker import LEFT_OF_PAIR, RADIUS, RIGHT_OF_PAIR, A, Witness, is_cell, nuclei
from clicker import squares as squares_at
from napari.utils.notifications import notification_manager
from person import CTRL, SHIFT, Person
from qtpy.QtCore import QPoint

import napari_iaunet
from napari_iaunet.plugin.core import segmenters
from napari_iaunet.plugin.layers import disk
from napari_iaunet.plugin.layers.camera import camera_of

pytestmark = pytest.mark.viewer

MINE = squares_at((3, 22, 72, 16), (6, 82, 52, 14), (8, 82, 74, 14))
INSIDE = (30, 80)  # of cell 3


@functools.cache
def bundled(model, device):
    return napari_iaunet.Segmenter(model, device)


class User(Person, Witness):
    """Somebody who corrects cells on the disk."""

    def __init__(self, qtbot, viewer, path):
        super().__init__(qtbot, viewer, (1100, 600))
        self.path, self.panel = path, self.dock.click_panel
        form = self.dock.segment_panel.form
        form["estimate"].setChecked(False)
        form["diameter"].setValue(2 * RADIUS)
        viewer.add_image(nuclei(), name="image")
        self.drawn()

    def open(self, pixels, multiscale):
        self.layer = self.viewer.add_labels(pixels, name="mine", multiscale=multiscale)
        self.press(self.panel.button)
        controller = self.dock.click_controller
        self.qtbot.waitUntil(
            lambda: not (controller.jobs.is_running or controller._timer.isActive())
        )
        self.qtbot.wait(20)
        assert self.panel.target.currentText() == "mine"
        assert self.said == "Click a cell."

    def written(self):
        """The full resolution on the disk, which all others agree with."""
        stored = disk.stored_of(self.layer)
        if stored is not None:
            stored.flush()
        group = zarr.open_group(str(self.path), mode="r")
        full = group["0"][:]
        for level in (1, 2):
            np.testing.assert_array_equal(
                group[str(level)][:], full[:: 2**level, :: 2**level]
            )
        return full

    def seen(self, pixel):
        """The colour of a pixel on the screen."""
        self.qtbot.wait(30)
        self.hover(pixel)
        place = self.where(pixel) * self.native.devicePixelRatio()
        picture = self.viewer.screenshot(canvas_only=True, flash=False)
        return picture[place.y(), place.x(), :3].tolist()


@pytest.fixture
def user(qtbot, make_napari_viewer_proxy, monkeypatch, tmp_path):
    monkeypatch.setattr(segmenters, "make_segmenter", bundled)
    group = zarr.open_group(str(tmp_path / "mine.zarr"), mode="w")
    for level in range(3):
        labels = MINE[:: 2**level, :: 2**level]
        group.create_array(str(level), data=labels, chunks=(40, 50))
    levels = [{"path": str(level)} for level in range(3)]
    group.attrs["multiscales"] = [{"version": "0.4", "datasets": levels}]
    viewer = make_napari_viewer_proxy(show=True)
    return User(qtbot, viewer, tmp_path / "mine.zarr")


def test_mouse_and_keys_change_a_pyramid_of_dask(user):
    levels = [da.from_zarr(str(user.path / str(level))) for level in range(3)]
    user.open(levels, multiscale=True)
    (told,) = (r.message for r in notification_manager.records)
    assert told.startswith("Changes of “mine” are written into mine.zarr at once.")
    states = [user.written()]
    user.click(A)
    user.key("k")
    states.append(user.written())
    assert is_cell(states[-1] == 9, A)
    user.hover(INSIDE)
    user.key("d")
    states.append(user.written())
    assert not (states[-1] == 3).any()
    user.hover(LEFT_OF_PAIR)
    user.key("j")
    user.hover(RIGHT_OF_PAIR)
    user.key("j")
    states.append(user.written())
    assert not (states[-1] == 8).any()
    user.key("s")
    user.click(LEFT_OF_PAIR)
    user.click(RIGHT_OF_PAIR)
    states.append(user.written())
    assert states[-1][LEFT_OF_PAIR] != states[-1][RIGHT_OF_PAIR]
    for state in reversed(states[:-1]):
        user.key("z", CTRL)
        np.testing.assert_array_equal(user.written(), state)
    for state in states[1:]:
        user.key("z", CTRL | SHIFT)
        np.testing.assert_array_equal(user.written(), state)


def test_what_changed_is_seen_from_afar(user):
    group = zarr.open_group(str(user.path), mode="r+")
    user.open([group[str(level)] for level in range(3)], multiscale=True)
    user.viewer.layers["image"].visible = False
    for zoom, level in ((0.2, 2), (0.45, 1), (3, 0)):
        camera_of(user.viewer).zoom = zoom
        camera_of(user.viewer).center = (0, *INSIDE)
        user.qtbot.wait(50)
        assert user.layer.data_level == level
        before = user.seen(INSIDE)
        assert max(before) > 0
        user.key("d")
        assert max(user.seen(INSIDE)) == 0
        user.key("z", CTRL)
        assert user.seen(INSIDE) == before
    np.testing.assert_array_equal(user.written(), MINE)


def test_a_brush_and_clicks_take_turns(user):
    """In one resolution napari's own tools change the file as well."""
    group = zarr.open_group(str(user.path), mode="r+")
    user.open(group["0"], multiscale=False)
    user.click(A)
    user.key("k")
    kept = user.written()
    user.layer.mode, user.layer.brush_size = "paint", 6
    user.layer.selected_label = 40
    start = user.where((60, 60))
    user.drag(start, start + QPoint(30, 0))
    painted = user.written()
    assert (painted == 40).sum() > 30
    user.layer.mode = "pan_zoom"
    user.hover(INSIDE)
    user.key("d")
    assert not (user.written() == 3).any()
    for state in (painted, kept, MINE):
        user.key("z", CTRL)
        np.testing.assert_array_equal(user.written(), state)
    user.key("z", CTRL | SHIFT)
    np.testing.assert_array_equal(user.written(), kept)
    np.testing.assert_array_equal(np.asarray(user.layer.data), kept)


def test_cells_on_the_disk_are_reviewed_by_keys(user):
    group = zarr.open_group(str(user.path), mode="r+")
    levels = [group[str(level)] for level in range(3)]
    layer = user.layer = user.viewer.add_labels(levels, name="mine", multiscale=True)
    dock, walk = user.dock, user.dock.review_panel.walk
    dock.tabs.setCurrentWidget(dock.review_panel)
    user.qtbot.waitUntil(walk.button.isEnabled)
    user.press(walk.button)
    user.qtbot.waitUntil(lambda: walk.buttons["D"].isEnabled())
    user.qtbot.wait(500)
    user.native.setFocus()
    user.key("d")
    (gone,) = {3, 6, 8} - set(np.unique(user.written()).tolist())
    user.qtbot.wait(500)
    user.viewer.layers.selection.active = layer
    user.key("z", CTRL)
    np.testing.assert_array_equal(user.written(), MINE)
    user.key("z", CTRL | SHIFT)
    assert not (user.written() == gone).any()
    user.press(walk.buttons["undo"])
    np.testing.assert_array_equal(user.written(), MINE)
    survey = dock.review_controller._cells
    user.qtbot.waitUntil(lambda: not survey._timer.isActive())
    user.qtbot.wait(500)
    assert not dock.review_controller.jobs.is_running, "it comes to rest"
