"""Clicks in a real viewer: real mouse, real keys, the bundled model."""

import functools
import gc
import threading
import time
import weakref

import numpy as np
import pytest
from clicker import (
    LEFT_OF_PAIR,
    RADIUS,
    RIGHT_OF_PAIR,
    A,
    B,
    C,
    Witness,
    disc,
    is_cell,
    nuclei,
    squares,
)
from napari.utils.notifications import notification_manager
from person import CTRL, LEFT, RELEASE, SHIFT, Person
from qtpy.QtCore import QPoint, Qt

import napari_iaunet
from napari_iaunet.plugin.core import segmenters
from napari_iaunet.plugin.layers.camera import camera_of

pytestmark = pytest.mark.viewer

ENCODED = {}


@functools.cache
def bundled(model, device):
    return napari_iaunet.Segmenter(model, device)


class Gate:
    """A segmenter whose encoding waits until it is let through."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.encoded = []

    def __call__(self, model, device):
        self.segmenter = bundled(model, device)
        return self

    def __getattr__(self, name):
        return getattr(bundled("default", "cpu"), name)

    def encode(self, image, *, progress, **options):
        while not self.open.is_set():
            progress(0, 1)
            time.sleep(0.005)
        self.encoded.append(np.array(image))
        key = (image.shape, image.tobytes(), str(options))
        if key not in ENCODED:  # most tests look at the same image
            segmenter = bundled("default", "cpu")
            ENCODED[key] = segmenter.encode(image, progress=progress, **options)
        return ENCODED[key]


@pytest.fixture
def gate(monkeypatch):
    gate = Gate()
    monkeypatch.setattr(segmenters, "make_segmenter", gate)
    return gate


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy(show=True)


class User(Person, Witness):
    """Somebody who clicks cells."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1100, 600))
        self.panel = self.dock.click_panel
        settings = self.dock.segment_panel
        settings.form["estimate"].setChecked(False)
        settings.form["diameter"].setValue(2 * RADIUS)
        self.drawn()

    def toggle(self, wait=True):
        self.press(self.panel.button)
        if wait:
            self.wait()

    def wait(self):
        timer = self.dock.click_controller._timer
        self.qtbot.waitUntil(
            lambda: not (self.dock.click_controller.jobs.is_running or timer.isActive())
        )
        self.qtbot.wait(20)


@pytest.fixture
def user(qtbot, viewer, gate):
    return User(qtbot, viewer)


@pytest.fixture
def ready(user):
    """Clicks are on, and the image is prepared."""
    user.viewer.add_image(nuclei(), name="image")
    user.toggle()
    assert user.said == "Click a cell."
    return user


def test_a_click_is_a_draft_until_it_is_kept(ready):
    ready.click(A)
    assert is_cell(ready.preview, A)
    assert ready.panel.target.currentText() == "New layer"
    assert [i.name for i in ready.viewer.layers] == ["image", "click preview"]
    assert ready.viewer.layers.selection.active == ready.viewer.layers["image"]
    assert ready.panel.target.count() == 1
    ready.key("k")
    assert ready.preview is None
    cells = ready.viewer.layers["image cells"]
    assert ready.panel.target.currentText() == "image cells"
    assert np.unique(cells.data).tolist() == [0, 1]
    assert is_cell(cells.data == 1, A)
    assert cells.metadata["napari_iaunet"]["clicked"]


def test_shift_adds_and_control_takes_away(ready):
    ready.click(LEFT_OF_PAIR)
    assert not ready.preview[RIGHT_OF_PAIR]
    ready.click(RIGHT_OF_PAIR, SHIFT)
    both = ready.preview
    assert both[LEFT_OF_PAIR]
    assert both[RIGHT_OF_PAIR]
    assert np.count_nonzero(both) > 1.5 * np.count_nonzero(disc(A))
    ready.click((93, 84), CTRL)
    assert not ready.preview[93, 84]
    assert ready.preview[LEFT_OF_PAIR]
    ready.key("k")
    assert ready.cells.data[LEFT_OF_PAIR] == 1


def test_a_box_is_dragged_and_strokes_correct_it(ready):
    layers, camera = ready.viewer.layers, camera_of(ready.viewer)
    before = tuple(camera.center), camera.zoom
    (y, x), side = LEFT_OF_PAIR, RADIUS + 1
    corners = [ready.where((y + s, x + s)) for s in (-side, side)]
    ready.drag(*corners, CTRL | SHIFT, release=False)
    shown = layers["click preview"]
    assert set(np.unique(shown.data)) == {0, 2}
    assert layers.selection.active == layers["image"]
    ready.send(RELEASE, corners[1], CTRL | SHIFT, LEFT)
    assert is_cell(ready.preview, LEFT_OF_PAIR)
    ready.drag(ready.where((y, x)), ready.where(RIGHT_OF_PAIR), SHIFT)
    assert ready.preview[RIGHT_OF_PAIR]
    ready.drag(ready.where((y - 15, x)), ready.where((y - 5, x)), CTRL)
    assert not ready.preview[y - 8, x]
    assert (tuple(camera.center), camera.zoom) == before
    ready.drag(*corners, CTRL | SHIFT, release=False)
    ready.key(Qt.Key.Key_Escape)
    assert ready.preview[RIGHT_OF_PAIR]
    ready.send(RELEASE, corners[1], CTRL | SHIFT, LEFT)
    assert ready.preview[RIGHT_OF_PAIR]
    ready.toggle()
    assert [i.name for i in layers] == ["image", "image cells"]


def test_escape_drops_the_draft_and_is_given_back(ready):
    image = ready.viewer.layers["image"]
    ready.click(A)
    assert "Escape" in map(str, image.keymap)
    ready.key(Qt.Key.Key_Escape)
    assert ready.preview is None
    assert len(ready.viewer.layers) == 2
    assert not image.keymap
    assert "Escape" not in map(str, ready.viewer.keymap)
    ready.key("k")
    assert len(ready.viewer.layers) == 2
    ready.click(B)
    assert is_cell(ready.preview, B)


def test_a_cell_is_followed_through_a_stack(user):
    stack = np.stack([nuclei((A, B))] * 3)
    user.viewer.add_image(stack, name="stack")
    user.viewer.dims.set_point(0, 1)
    user.toggle()
    user.click(A)
    user.key("t")
    through = user.dock.click_controller._further.through
    user.qtbot.waitUntil(lambda: not through.is_running)
    labels = user.cells.data
    assert all(is_cell(plane == 1, A) for plane in labels)
    assert user.said == "Found on 3 planes, 0 to 2."
    user.key("z", CTRL)
    assert not labels.any()
    user.key("z", CTRL | SHIFT)
    user.hover(A)
    user.click(B)
    user.press(user.panel.through)
    user.qtbot.waitUntil(lambda: not through.is_running)
    assert [np.unique(plane).tolist() for plane in labels] == [[0, 1, 2]] * 3


def test_the_rest_is_found_on_view_and_kept_in_one_step(ready):
    ready.click(A)
    ready.key("r")
    rest = ready.dock.click_controller._further.rest
    ready.qtbot.waitUntil(lambda: rest.is_shown)
    assert ready.said.startswith("4 cells like it")
    ready.key("k")
    labels = ready.cells.data
    assert labels.max() == 5
    assert all(is_cell(labels == labels[place], place) for place in (B, C))
    ready.key("z", CTRL)
    assert labels.max() == 1


def test_each_cell_is_one_step_of_undo_and_redo(ready):
    for place in (A, B, C):
        ready.click(place)
    ready.key("k")
    labels = ready.cells.data
    for n in (2, 1, 0):
        ready.key("z", CTRL)
        assert labels.max() == n
    for n in (1, 2, 3):
        ready.key("z", CTRL | SHIFT)
        assert labels.max() == n
    ready.viewer.layers.selection.active = ready.viewer.layers["image"]
    ready.key("z", CTRL)
    assert labels.max() == 2
    ready.key("z", CTRL | SHIFT)
    assert labels.max() == 3


@pytest.mark.parametrize("selected", ["image", "mine"])
def test_each_click_is_one_step_of_undo_and_redo(ready, selected):
    """Also with a layer selected whose cells napari would undo."""
    layer = ready.viewer.add_labels(squares(), name="mine")
    ready.viewer.layers.selection.active = ready.viewer.layers[selected]
    states = []

    def state():
        preview = ready.preview
        return layer.data.copy(), np.zeros(0) if preview is None else preview.copy()

    def check(number):
        for now, then in zip(state(), states[number], strict=True):
            np.testing.assert_array_equal(now, then)

    states.append(state())
    ready.click(A)
    ready.key("k")
    states.append(state())
    ready.click(LEFT_OF_PAIR)
    states.append(state())
    ready.click(RIGHT_OF_PAIR, SHIFT)
    states.append(state())
    ready.click((93, 84), CTRL)
    states.append(state())
    for number in (3, 2, 1, 0, 0):
        ready.key("z", CTRL)
        check(number)
    for number in (1, 2, 3, 4, 4):
        ready.key("z", CTRL | SHIFT)
        check(number)
    ready.key("z", CTRL)
    ready.key(Qt.Key.Key_Escape)
    check(1)
    ready.key("z", CTRL | SHIFT)
    check(1)
    assert not layer.keymap
    ready.key("z", CTRL)
    check(0)


def test_the_next_cell_is_taken_back_before_the_last_one(ready):
    ready.click(A)
    ready.click(B)
    labels = ready.cells.data
    ready.key("z", CTRL)
    assert ready.preview is None
    assert is_cell(labels == 1, A)
    ready.key("z", CTRL)
    assert not labels.any()
    ready.click(C)
    ready.key("z", CTRL | SHIFT)
    assert is_cell(ready.preview, C)
    assert not labels.any(), "what was undone is not done again after another click"


@pytest.mark.parametrize("key", ["j", "s"])
def test_what_is_begun_is_a_step_too(ready, key):
    layer = ready.viewer.add_labels(squares(), name="mine")
    ready.click(A)
    ready.key("k")
    before = layer.data.copy()
    ready.hover(A)
    ready.key(key)
    said = ready.said
    ready.key("z", CTRL)
    assert ready.said == "Click a cell."
    np.testing.assert_array_equal(layer.data, before)
    ready.key("z", CTRL | SHIFT)
    assert ready.said == said
    ready.key("z", CTRL)
    ready.key("z", CTRL)
    assert not (layer.data == before).all()


def test_strokes_of_a_brush_are_undone_while_it_paints(ready):
    layer = ready.viewer.add_labels(squares(), name="mine")
    ready.click(A)
    layer.mode = "paint"
    layer.paint((100, 20), 7)
    ready.key("z", CTRL)
    assert not layer.data.any()
    assert is_cell(ready.preview, A)
    layer.mode = "pan_zoom"
    ready.key("z", CTRL)
    assert ready.preview is None


def test_drag_pans_and_makes_no_cell(ready):
    before = camera_of(ready.viewer).center
    start = ready.where(A)
    ready.drag(start, start + QPoint(40, 25))
    assert camera_of(ready.viewer).center != before
    assert ready.preview is None
    ready.click(A)
    assert is_cell(ready.preview, A)


def test_a_click_that_comes_too_early_is_answered(user, gate):
    gate.open.clear()
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    assert "Preparing" in user.said
    assert not user.panel.bar.isHidden()
    user.click(A)
    user.click(B)
    user.key("k")
    assert "your click" in user.said
    gate.open.set()
    user.wait()
    assert user.panel.bar.isHidden()
    assert user.cells.data.max() == 2
    assert is_cell(user.cells.data == 2, B)
    assert user.preview is None


def test_a_brush_is_not_disturbed(ready):
    layer = ready.viewer.add_labels(squares(), name="mine")
    layer.mode = "paint"
    assert "Move camera" in ready.said
    ready.click(A)
    assert ready.preview is None
    assert layer.data[A] == 1
    layer.mode = "pan_zoom"
    assert ready.viewer.cursor.style == "cross"
    ready.click(B)
    assert is_cell(ready.preview, B)


def test_our_keys_are_free_in_napari(ready):
    letters = set("KDJSTR")
    ours = {str(key) for key in ready.viewer.keymap}
    assert ours == {*letters, "Ctrl+Z", "Ctrl+Shift+Z"}
    labels = ready.viewer.add_labels(squares())
    image = ready.viewer.layers["image"]
    for owner in (ready.viewer, image, labels):
        for cls in owner.__class__.__mro__:
            known = {str(key) for key in getattr(cls, "class_keymap", {})}
            assert not known & letters


@pytest.mark.parametrize("names", [(), ("image",), ("click preview",)])
def test_layers_are_thrown_away_with_a_draft_open(ready, names):
    """With the trash of the layer list, whatever of ours is among them."""
    ready.click(A)
    layers = ready.viewer.layers
    layers.selection = {layers[name] for name in names} if names else set(layers)
    buttons = ready.viewer.__wrapped__.window._qt_viewer.layerButtons
    ready.qtbot.mouseClick(buttons.deleteButton, LEFT)
    ready.qtbot.wait(200)
    assert not [r for r in notification_manager.records if "closed" not in r.message]
    assert ready.preview is None
    if names == ("click preview",):
        assert ready.said == "Click a cell."
        ready.click(B)
        assert is_cell(ready.preview, B)
    else:
        assert list(layers) == []
        assert "closed" in ready.said


def test_leaving_the_tab_switches_off(ready):
    ready.click(A)
    ready.dock.tabs.setCurrentWidget(ready.dock.track_panel)
    assert ready.viewer.cursor.style == "standard"
    assert [i.name for i in ready.viewer.layers] == ["image", "image cells"]
    ready.dock.tabs.setCurrentWidget(ready.dock.segment_panel)
    assert not ready.panel.button.isChecked()
    assert is_cell(ready.cells.data == 1, A)


def test_the_dock_is_closed(ready):
    viewer = ready.viewer
    ready.click(A)
    viewer.window.remove_dock_widget(ready.dock)
    ready.qtbot.wait(50)
    # What was clicked is kept, as when another tab comes in front.
    assert [i.name for i in viewer.layers] == ["image", "image cells"]
    assert not viewer.keymap
    assert not viewer.layers["image"].keymap
    assert len(viewer.mouse_drag_callbacks) == 1
    assert viewer.cursor.style == "standard"


def test_a_closed_dock_is_forgotten(ready):
    viewer, qtbot = ready.viewer, ready.qtbot
    ready.click(A)
    ready.key("k")
    dock = ready.dock
    references = [
        weakref.ref(part)
        for part in (
            dock,
            dock.click_panel,
            dock.click_controller,
            dock.click_controller.jobs,
        )
    ]
    viewer.window.remove_dock_widget(dock)
    ready.dock = ready.panel = None
    del dock
    qtbot.wait(50)
    gc.collect()
    assert not [r() for r in references if r() is not None]


def test_segment_and_clicks_share_the_model(ready):
    qtbot, dock = ready.qtbot, ready.dock
    qtbot.mouseClick(dock.segment_panel.run.start_button, LEFT)
    qtbot.waitUntil(lambda: not dock.segment_controller.jobs.is_running)
    cells = ready.viewer.layers["image cells"]
    assert ready.panel.target.currentText() == "image cells"
    number = cells.data[A]
    assert number > 0
    ready.click(A)
    ready.key("k")
    assert cells.data[A] == number
    assert len(cells.features) == cells.data.max()
