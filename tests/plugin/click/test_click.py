"""Clicks in a real viewer: real mouse, real keys, the bundled model."""

import functools
import gc
import sys
import threading
import time
import weakref

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from pandas import DataFrame
from person import CTRL, LEFT, SHIFT, Person
from qtpy.QtCore import QPoint, Qt
from scipy.ndimage import gaussian_filter

import napari_iaunet
from napari_iaunet.errors import ModelError
from napari_iaunet.plugin.click import encoder, target
from napari_iaunet.plugin.core import devices, segmenters

pytestmark = pytest.mark.viewer

A, B, C = (30, 30), (30, 80), (30, 130)
LEFT_OF_PAIR, RIGHT_OF_PAIR = (90, 60), (90, 81)
BACKGROUND = (60, 110)
ENCODED = {}
RADIUS = 11


def nuclei(places=(A, B, C, LEFT_OF_PAIR, RIGHT_OF_PAIR), shape=(128, 160)):
    """Discs as bright as nuclei; two of them touch."""
    y, x = np.indices(shape)
    image = np.zeros(shape)
    for place in places:
        image[np.hypot(y - place[0], x - place[1]) < RADIUS] = 1
    noise = np.random.default_rng(0).normal(0, 4, shape)
    return (gaussian_filter(image, 1.2) * 150 + 30 + noise).astype(np.uint8)


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
    monkeypatch.setattr(devices, "device", lambda: "cpu")
    monkeypatch.setattr(devices, "remember_device", lambda name: None)
    return gate


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy(show=True)


class User(Person):
    """Somebody who clicks cells."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1100, 600))
        self.panel = self.dock.click_panel
        settings = self.dock.segment_panel
        settings.estimate.setChecked(False)
        settings.diameter.setValue(2 * RADIUS)
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

    @property
    def said(self):
        return self.panel.status.text()

    @property
    def cells(self):
        """The layer that the cells go into."""
        return self.viewer.layers[self.panel.target.currentText()]

    @property
    def preview(self):
        """The pixels of the preview in the image's plane, None if it is hidden."""
        found = [i for i in self.viewer.layers if i.name == "click preview"]
        if not found or not found[0].visible:
            return None
        image = self.viewer.layers[0]
        data = found[0].data
        corner = image.world_to_data(found[0].data_to_world((0,) * found[0].ndim))
        y, x = (round(float(c)) for c in corner[-2:])
        plane = np.zeros(
            image.level_shapes[0][-2:] if image.multiscale else image.data.shape[-2:],
            bool,
        )
        plane[y : y + data.shape[-2], x : x + data.shape[-1]] = data.reshape(
            data.shape[-2:]
        )
        return plane


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


def disc(place):
    y, x = np.indices((128, 160))
    return np.hypot(y - place[0], x - place[1]) < RADIUS


def iou(a, b):
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def is_cell(mask, place):
    return iou(mask, disc(place)) > 0.7


def messages():
    return [record.message for record in notification_manager.records]


def squares(*cells, shape=(128, 160), dtype=np.int32):
    """Labels: (number, row, column, side) each."""
    labels = np.zeros(shape, dtype)
    for number, y, x, side in cells:
        labels[y : y + side, x : x + side] = number
    return labels


# -- one cell ------------------------------------------------------------------------


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


def test_a_click_for_each_cell(ready):
    for place in (A, B, C):
        ready.click(place)
    ready.key("k")
    labels = ready.cells.data
    assert labels.max() == 3
    for number, place in enumerate((A, B, C), 1):
        assert is_cell(labels == number, place)
    table = ready.cells.features
    assert table["index"].tolist() == table["label"].tolist() == [1, 2, 3]
    assert table["area"].tolist() == np.bincount(labels.ravel())[1:].tolist()
    image = ready.viewer.layers["image"].data
    means = [image[labels == i].mean() for i in (1, 2, 3)]
    np.testing.assert_allclose(table["mean_intensity"], means)


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


@pytest.mark.parametrize("active", ["image", "image cells"])
def test_the_table_follows_undo_and_redo(ready, active):
    ready.click(A)
    ready.click(B)
    ready.key("k")
    cells = ready.cells
    ready.viewer.layers.selection.active = ready.viewer.layers[active]
    ready.hover(A)
    ready.key("d")
    one = cells.features.to_dict("records")
    assert [row["label"] for row in one] == [2]
    ready.key("z", CTRL)
    two = cells.features.to_dict("records")
    areas = np.bincount(cells.data.ravel())[1:].tolist()
    assert [row["area"] for row in two] == areas
    ready.key("z", CTRL)
    assert cells.features["label"].tolist() == [1]
    ready.key("z", CTRL)
    assert cells.features.empty
    ready.key("z", CTRL | SHIFT)
    ready.key("z", CTRL | SHIFT)
    np.testing.assert_equal(cells.features.to_dict("records"), two)
    ready.key("z", CTRL | SHIFT)
    np.testing.assert_equal(cells.features.to_dict("records"), one)


def test_undo_is_for_the_layer_that_was_picked(ready):
    first = ready.viewer.add_labels(squares((3, 60, 10, 5)), name="first")
    ready.viewer.add_labels(squares((7, 60, 10, 5)), name="second")
    ready.viewer.layers.selection.active = first
    first.data_setitem((np.array([0]), np.array([0])), 9)
    assert ready.panel.target.currentText() == "first"
    ready.panel.target.setCurrentText("second")
    ready.panel.target.activated.emit(ready.panel.target.currentIndex())
    ready.click(A)
    ready.key("k")
    assert ready.viewer.layers["second"].data[A] == 8
    ready.key("z", CTRL)
    assert ready.viewer.layers["second"].data[A] == 0
    assert first.data[0, 0] == 9


def test_a_selected_image_stays_selected(ready):
    ready.viewer.add_labels(squares((3, 60, 10, 5)), name="mine")
    ready.viewer.layers.selection.active = ready.viewer.layers["image"]
    ready.panel.target.setCurrentText("New layer")
    ready.panel.target.activated.emit(0)
    ready.panel.target.setCurrentText("mine")
    ready.panel.target.activated.emit(ready.panel.target.currentIndex())
    assert ready.viewer.layers.selection.active == ready.viewer.layers["image"]


def test_a_draft_outlives_a_lack_of_memory(ready, monkeypatch):
    zeros = np.zeros

    def scarce(shape, *args, **kwargs):
        if tuple(np.atleast_1d(shape)) == (128, 160):
            raise MemoryError
        return zeros(shape, *args, **kwargs)

    ready.click(A)
    with monkeypatch.context() as context:
        context.setattr(target.np, "zeros", scarce)
        ready.key("k")
    assert "memory" in messages()[-1]
    assert is_cell(ready.preview, A)
    ready.key("k")
    assert is_cell(ready.cells.data == 1, A)


def test_drag_pans_and_makes_no_cell(ready):
    before = ready.viewer.scene.camera.center
    start = ready.where(A)
    ready.drag(start, start + QPoint(40, 25))
    assert ready.viewer.scene.camera.center != before
    assert ready.preview is None
    ready.click(A)
    assert is_cell(ready.preview, A)


def test_beside_the_image(ready):
    ready.click((-3, 50))
    assert "beside" in ready.said
    assert ready.preview is None
    ready.click((131, 50), SHIFT)
    ready.click(A, CTRL)
    assert "Click a cell first" in ready.said
    assert ready.preview is None


# -- the background job --------------------------------------------------------------


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


def test_escape_takes_back_clicks_that_wait(user, gate):
    gate.open.clear()
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    user.click(A)
    user.key(Qt.Key.Key_Escape)
    gate.open.set()
    user.wait()
    assert user.preview is None


def test_off_meanwhile(user, gate):
    gate.open.clear()
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    user.click(A)
    user.toggle()
    gate.open.set()
    user.qtbot.wait(100)
    assert len(user.viewer.layers) == 1
    assert user.said == ""
    assert not gate.encoded


def test_the_image_is_removed(ready):
    ready.viewer.add_image(nuclei((A,)), name="other")
    ready.dock.segment_panel.image.setCurrentIndex(1)
    ready.wait()
    ready.click(A)
    ready.viewer.layers.remove("image")
    assert "closed" in ready.said
    assert not ready.panel.button.isChecked()
    assert [i.name for i in ready.viewer.layers] == ["other"]
    ready.click(A)
    assert len(ready.viewer.layers) == 1


def test_the_image_is_removed_while_it_is_prepared(user, gate):
    gate.open.clear()
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    user.click(A)
    user.viewer.layers.clear()
    gate.open.set()
    user.wait()
    assert not user.panel.button.isChecked()
    assert not user.panel.button.isEnabled()


def test_the_image_is_replaced(ready, gate):
    ready.click(A)
    ready.viewer.layers["image"].data = nuclei((BACKGROUND,))
    assert ready.preview is None
    ready.click(BACKGROUND)
    ready.wait()
    assert is_cell(ready.preview, BACKGROUND)
    assert len(gate.encoded) == 2


def test_the_image_is_replaced_by_a_stack(ready, gate):
    ready.viewer.layers["image"].data = np.stack([nuclei()] * 3)
    ready.wait()
    ready.click(A)
    ready.key("k")
    assert ready.cells.data.shape == (3, 128, 160)


def test_another_image_and_another_diameter(ready, gate):
    ready.click(A)
    ready.viewer.add_image(nuclei((B,)), name="other")
    ready.wait()
    assert is_cell(ready.viewer.layers["image cells"].data == 1, A)
    assert len(gate.encoded) == 2
    ready.dock.segment_panel.diameter.setValue(25)
    ready.wait()
    assert len(gate.encoded) == 3
    ready.click(B)
    assert is_cell(ready.preview, B)


def test_a_model_that_cannot_be_loaded(user, monkeypatch):
    def make(model, device):
        raise ModelError("The model is broken.")

    monkeypatch.setattr(segmenters, "make_segmenter", make)
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    user.click(A)
    user.wait()
    assert not user.panel.button.isChecked()
    assert messages()[-1] == user.said == "The model is broken."
    assert len(user.viewer.mouse_drag_callbacks) == 1


def test_preparing_is_stopped_in_the_list_of_tasks(user, gate):
    gate.open.clear()
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    user.dock.click_controller.jobs.cancel()
    user.wait()
    assert user.said == "Stopped."
    assert not user.panel.button.isChecked()


# -- cells that are there already ----------------------------------------------------


def test_a_cell_that_is_there_is_made_anew(ready):
    start = squares((7, *A, 8), (3, 60, 10, 5))
    layer = ready.viewer.add_labels(start.copy(), name="mine")
    assert ready.panel.target.currentText() == "mine"
    ready.click((A[0] + 2, A[1] + 2))
    ready.key("k")
    assert is_cell(layer.data == 7, A)
    np.testing.assert_array_equal(layer.data == 3, start == 3)
    assert np.unique(layer.data).tolist() == [0, 3, 7]
    assert layer.features.empty
    ready.key("z", CTRL)
    np.testing.assert_array_equal(layer.data, start)
    ready.click(B)
    ready.key("k")
    assert layer.data[B] == 8


def test_a_cell_that_is_there_loses_a_part(ready):
    disc_and_more = disc(A)
    disc_and_more[25:35, 30:60] = True
    layer = ready.viewer.add_labels(disc_and_more.astype(np.int32) * 4, name="mine")
    ready.click((30, 52), CTRL)
    ready.key("k")
    assert layer.data[30, 52] == 0
    assert is_cell(layer.data == 4, A)


def test_never_into_another_cell(ready):
    start = squares((5, A[0] - 15, A[1], 30))
    layer = ready.viewer.add_labels(start.copy(), name="mine")
    ready.click((A[0], A[1] - 6))
    assert not (ready.preview & (start == 5)).any()
    ready.key("k")
    np.testing.assert_array_equal(layer.data == 5, start == 5)
    new = layer.data == 6
    assert iou(new, disc(A) & (start == 0)) > 0.6


def test_remove(ready):
    ready.click(A)
    ready.click(B)
    ready.key("k")
    ready.hover(A)
    ready.key("d")
    labels = ready.cells.data
    assert np.unique(labels).tolist() == [0, 2]
    assert ready.cells.features["label"].tolist() == [2]
    ready.key("z", CTRL)
    assert np.unique(labels).tolist() == [0, 1, 2]
    ready.hover(BACKGROUND)
    ready.key("d")
    assert "no cell" in ready.said
    ready.click(C)
    ready.key("d")
    assert ready.preview is None
    assert labels.max() == 2


def test_join(ready):
    ready.click(A)
    ready.click(B)
    ready.key("k")
    area = np.count_nonzero(ready.cells.data)
    ready.hover(A)
    ready.key("j")
    assert "over the cell" in ready.said
    ready.hover(B)
    ready.key("j")
    labels = ready.cells.data
    assert np.unique(labels).tolist() == [0, 1]
    assert labels[B] == 1
    assert ready.cells.features["area"].tolist() == [area]
    ready.key("z", CTRL)
    assert labels[B] == 2
    ready.hover(A)
    ready.key("j")
    ready.key(Qt.Key.Key_Escape)
    ready.hover(B)
    ready.key("j")
    assert labels[B] == 2


def test_split(ready):
    start = squares()
    start[disc(LEFT_OF_PAIR) | disc(RIGHT_OF_PAIR)] = 4
    start[A] = 9
    layer = ready.viewer.add_labels(start.copy(), name="mine")
    ready.key("s")
    assert "one part" in ready.said
    ready.click(BACKGROUND)
    assert "no cell" in ready.said
    ready.click(LEFT_OF_PAIR)
    assert "other part" in ready.said
    ready.click(A)
    assert "another cell" in ready.said
    ready.click(RIGHT_OF_PAIR)
    np.testing.assert_array_equal(layer.data > 0, start > 0)
    assert is_cell(layer.data == 4, LEFT_OF_PAIR)
    assert is_cell(layer.data == 10, RIGHT_OF_PAIR)
    ready.key("z", CTRL)
    np.testing.assert_array_equal(layer.data, start)
    ready.click(A)
    assert ready.preview is not None


def test_the_layer_of_the_cells_is_removed(ready):
    ready.viewer.add_labels(squares((7, *A, 8)), name="mine")
    ready.click(A)
    ready.viewer.layers.remove("mine")
    assert ready.panel.target.currentText() == "New layer"
    ready.key("k")
    assert ready.cells.name == "image cells"
    assert is_cell(ready.cells.data == 1, A)


def test_a_layer_that_is_full(ready):
    layer = ready.viewer.add_labels(
        squares((255, 60, 10, 5), dtype=np.uint8), name="mine"
    )
    ready.click(A)
    ready.key("k")
    assert "full" in messages()[-1]
    assert layer.data[A] == 0
    assert ready.preview is not None
    ready.panel.target.setCurrentIndex(0)
    ready.panel.target.activated.emit(0)
    ready.key("k")
    assert is_cell(ready.viewer.layers["image cells"].data == 1, A)


def test_only_layers_that_lie_on_the_image_are_offered(ready):
    viewer = ready.viewer
    viewer.add_labels(squares(), name="good")
    viewer.add_labels(squares(shape=(64, 64)), name="small")
    viewer.add_labels(squares(), name="moved", translate=(5, 0))
    viewer.add_labels(squares(), name="scaled", scale=(2, 2))
    viewer.add_labels([squares(), squares()[::2, ::2]], name="levels", multiscale=True)
    combo = ready.panel.target
    viewer.add_labels(da.from_array(squares()), name="on disk")
    locked = squares()
    locked.flags.writeable = False
    viewer.add_labels(locked, name="read only")
    offered = [combo.itemText(i) for i in range(combo.count())]
    assert offered == ["New layer", "good"]
    assert combo.currentText() == "good"
    for reason in ("disk", "read only", "resolutions"):
        assert reason in combo.toolTip()


def test_our_table_follows_and_the_users_does_not(ready):
    table = DataFrame({"index": [3], "colour": ["red"]})
    layer = ready.viewer.add_labels(
        squares((3, 60, 10, 5)), name="mine", features=table
    )
    ready.click(A)
    ready.key("k")
    assert layer.data[A] == 4
    assert layer.features["index"].tolist() == [3]


# -- where the image lies ------------------------------------------------------------


def test_the_plane_on_view(user, gate):
    stack = np.stack([nuclei((A,)), nuclei((B,)), nuclei((C,))])
    user.viewer.add_image(stack, name="film", scale=(5, 1, 1))
    user.viewer.dims.set_point(0, 10)
    user.toggle()
    user.click(C)
    user.viewer.dims.set_point(0, 0)
    user.click(A)  # at once, before the plane is prepared
    user.wait()
    assert is_cell(user.preview, A)
    user.key("k")
    cells = user.cells
    assert cells.data.shape == stack.shape
    assert is_cell(cells.data[0] == 2, A)
    assert is_cell(cells.data[2] == 1, C)
    assert not cells.data[1].any()
    assert cells.features["plane"].tolist() == [2, 0]
    user.viewer.dims.set_point(0, 10)
    user.wait()
    assert len(gate.encoded) == 2


def test_an_early_click_stays_in_its_plane(user, gate):
    gate.open.clear()
    stack = np.stack([nuclei((A,)), nuclei((B,))])
    user.viewer.add_image(stack, name="film")
    user.viewer.dims.set_point(0, 0)
    user.toggle(wait=False)
    user.click(A)
    user.viewer.dims.set_point(0, 1)
    gate.open.set()
    user.wait()
    user.key("k")
    assert is_cell(user.cells.data[0] == 1, A)
    assert not user.cells.data[1].any()


def test_a_layer_of_a_single_plane(user):
    stack = np.stack([nuclei((A,)), nuclei((B,))])
    user.viewer.add_image(stack, name="film")
    single = user.viewer.add_labels(squares()[None], name="one", translate=(1, 0, 0))
    user.viewer.dims.set_point(0, 1)
    user.toggle()
    assert user.panel.target.currentText() == "one"
    user.click(B)
    user.key("k")
    assert is_cell(single.data[0] == 1, B)
    user.viewer.dims.set_point(0, 0)
    user.wait()
    user.click(A)
    assert "no plane here" in messages()[-1]
    assert user.preview is None


@pytest.mark.parametrize(
    "place",
    [
        {"scale": (0.5, 0.5), "translate": (40, -30)},
        {"scale": (0.5, 0.8), "rotate": 30, "translate": (3, 4)},
        {"shear": [0.3], "affine": [[0, 2, 5], [1.5, 0, 1], [0, 0, 1]]},
    ],
)
def test_a_layer_that_is_moved_scaled_and_turned(user, place):
    user.viewer.add_image(nuclei(), name="image", **place)
    user.toggle()
    user.click(C)
    assert is_cell(user.preview, C)
    user.key("k")
    assert is_cell(user.cells.data == 1, C)
    image = user.viewer.layers["image"]
    np.testing.assert_allclose(user.cells.data_to_world(C), image.data_to_world(C))
    user.hover(C)
    user.key("d")
    assert not user.cells.data.any()


def test_multiscale(user):
    image = np.kron(nuclei(), np.ones((2, 2), np.uint8))
    user.viewer.add_image([image, image[::4, ::4]], multiscale=True, name="image")
    user.dock.segment_panel.diameter.setValue(4 * RADIUS)
    user.toggle()
    user.click((60, 60))
    user.key("k")
    assert user.cells.data.shape == image.shape
    assert iou(user.cells.data[::2, ::2] == 1, disc(A)) > 0.7


@pytest.fixture
def small_windows(monkeypatch):
    """What is large, so that a test need not wait."""
    monkeypatch.setattr(encoder, "_LARGE", 128 * 160 - 1)
    monkeypatch.setattr(encoder, "_SIDE", 96)
    monkeypatch.setattr(encoder, "_MARGIN", 20)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_large_plane_is_prepared_around_the_clicks(user, gate, small_windows, lazy):
    stack = np.stack([nuclei(), nuclei((BACKGROUND,))])
    image = da.from_array(stack, chunks=(1, 64, 64)) if lazy else stack
    user.viewer.add_image(image, name="image")
    user.viewer.dims.set_point(0, 0)
    user.toggle()
    assert [e.shape for e in gate.encoded] == [(96, 96)]
    for place in (A, C, LEFT_OF_PAIR):
        user.click(place)
        user.wait()
        assert is_cell(user.preview, place)
    user.key("k")
    assert {e.shape for e in gate.encoded} == {(96, 96)}
    labels = user.cells.data[0]
    for number, place in enumerate((A, C, LEFT_OF_PAIR), 1):
        assert is_cell(labels == number, place)
    means = [stack[0][labels == i].mean() for i in (1, 2, 3)]
    np.testing.assert_allclose(user.cells.features["mean_intensity"], means)
    count = len(gate.encoded)
    user.click(RIGHT_OF_PAIR)
    user.wait()
    assert is_cell(user.preview, RIGHT_OF_PAIR)
    assert len(gate.encoded) == count  # it is as near


def test_all_clicks_of_a_cell_are_in_one_window(user, gate, small_windows):
    user.viewer.add_image(nuclei(), name="image")
    user.toggle()
    user.click(A)
    user.wait()
    user.click(B, SHIFT)
    user.wait()
    assert user.preview[A]
    assert user.preview[B]
    user.click(C, SHIFT)
    user.wait()
    assert "too far" in messages()[-1]
    assert user.panel.button.isChecked()
    assert user.preview[B]
    assert not user.preview[C]


def test_a_click_on_a_large_plane_that_comes_too_early(user, gate, small_windows):
    gate.open.clear()
    user.viewer.add_image(nuclei(), name="image")
    user.toggle(wait=False)
    user.click(A)
    user.click(C)
    assert "your click" in user.said
    gate.open.set()
    user.qtbot.waitUntil(lambda: user.preview is not None and user.preview[C])
    user.key("k")
    assert is_cell(user.cells.data == 1, A)
    assert is_cell(user.cells.data == 2, C)


def test_colours(user, gate):
    user.viewer.add_image(np.stack([nuclei()] * 3, -1), name="image")
    user.toggle()
    user.click(A)
    user.key("k")
    assert gate.encoded[0].shape == (128, 160, 3)
    assert is_cell(user.cells.data == 1, A)


def test_channels(user, gate):
    pixels = np.stack([nuclei(), nuclei((C,))])
    user.viewer.add_image(pixels, name="image", axis_labels=("c", "y", "x"))
    user.toggle()
    user.click(A)
    user.key("k")
    assert user.cells.data.shape == (128, 160)
    assert is_cell(user.cells.data == 1, A)


def test_3d_view_takes_no_clicks(user):
    user.viewer.add_image(np.stack([nuclei()] * 3), name="image")
    user.viewer.dims.order = (1, 0, 2)
    user.toggle()
    assert "2D view" in user.said
    user.click(A)
    assert len(user.viewer.layers) == 1
    user.viewer.dims.order = (0, 1, 2)
    user.wait()
    assert user.said == "Click a cell."


# -- on and off ----------------------------------------------------------------------


def traces(viewer):
    return (
        list(viewer.mouse_drag_callbacks),
        dict(viewer.keymap),
        [dict(layer.keymap) for layer in viewer.layers],
        viewer.cursor.style,
    )


def test_off_leaves_no_trace(user):
    user.viewer.add_image(nuclei(), name="image")
    before = traces(user.viewer)
    user.toggle()
    assert user.viewer.cursor.style == "cross"
    assert user.panel.button.text().endswith("on")
    user.click(A)
    user.viewer.layers.selection.active = None
    user.viewer.layers.selection.active = user.viewer.layers["image"]
    assert user.viewer.cursor.style == "cross"
    user.toggle()
    assert user.panel.button.text().endswith("off")
    assert [i.name for i in user.viewer.layers] == ["image", "image cells"]
    user.viewer.layers.remove("image cells")
    assert traces(user.viewer) == before


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


def test_keys_of_others_are_left_alone(user):
    pressed = []
    user.viewer.bind_key("J", lambda viewer: pressed.append("J"))
    user.viewer.add_image(nuclei(), name="image")
    user.toggle()
    assert "J" in messages()[-1]
    user.key("j")
    user.toggle()
    user.key("j")
    assert pressed == ["J", "J"]


def test_our_keys_are_free_in_napari(ready):
    ours = {str(key) for key in ready.viewer.keymap}
    assert ours == {"K", "D", "J", "S", "Ctrl+Z", "Ctrl+Shift+Z"}
    labels = ready.viewer.add_labels(squares())
    image = ready.viewer.layers["image"]
    for owner in (ready.viewer, image, labels):
        for cls in owner.__class__.__mro__:
            known = {str(key) for key in getattr(cls, "class_keymap", {})}
            assert not known & {"K", "D", "J", "S"}


def test_the_dock_is_closed(ready):
    viewer = ready.viewer
    ready.click(A)
    viewer.window.remove_dock_widget(ready.dock)
    ready.qtbot.wait(50)
    assert [i.name for i in viewer.layers] == ["image"]
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


def test_a_prepared_plane_is_let_go(ready):
    """A large one takes hundreds of megabytes."""
    plane = ready.dock.click_controller._encoder.get(())
    reference = weakref.ref(plane.fields)
    ENCODED.clear()
    del plane
    ready.toggle()
    ready.qtbot.wait(50)
    gc.collect()
    assert reference() is None


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


def test_help_lists_every_key(user):
    ctrl = "Cmd" if sys.platform == "darwin" else "Ctrl"
    undo = f"{ctrl}+Z, {ctrl}+Shift+Z"
    keys = ("K", "Esc", "D", "J", "S", "Shift+click", f"{ctrl}+click", undo)
    for key in keys:
        assert f"<b>{key}</b>" in user.panel.help.toolTip()
