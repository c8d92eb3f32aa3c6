"""The dock, pressed with the mouse, and its Segment tab."""

import gc
import subprocess
import sys
import threading
import weakref

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from napari.utils.progress import progress as activity_bar
from person import LEFT, open_dock
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from skimage import data
from skimage.io import imread

from napari_iaunet.errors import ModelError
from napari_iaunet.plugin.core import segmenters


@pytest.fixture
def dock(qtbot, viewer, fake):
    return open_dock(qtbot, viewer)


def press(qtbot, dock):
    qtbot.mouseClick(dock.segment_panel.run.start_button, LEFT)


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.segment_controller.jobs.is_running)
    qtbot.wait(20)


def segment(qtbot, dock, viewer):
    """Press Segment and return the new layer."""
    before = len(viewer.layers)
    press(qtbot, dock)
    finish(qtbot, dock)
    assert len(viewer.layers) == before + 1
    return viewer.layers[-1]


def status(dock):
    return dock.segment_panel.run.status.text()


def messages():
    return [record.message for record in notification_manager.records]


def test_opens_without_torch():
    code = (
        "import sys; from napari_iaunet.plugin import dock; assert dock.IAUNetDock;"
        "import napari_iaunet; napari_iaunet.list_models();"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.viewer
def test_an_image_becomes_cells(qtbot, dock, viewer, fake):
    assert not dock.segment_panel.run.start_button.isEnabled()
    image = viewer.add_image(
        data.coins(),
        name="coins",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=10,
        units=("um", "um"),
    )
    cells = segment(qtbot, dock, viewer)
    assert cells.name == "coins cells"
    assert cells.data.shape == image.data.shape
    for name in ("scale", "translate", "rotate", "shear"):
        np.testing.assert_allclose(getattr(cells, name), getattr(image, name))
    assert cells.units == image.units
    features = cells.features
    assert features["index"].tolist() == [1, 2]
    assert features["area"].tolist() == [20, 15]
    expected = [image.data[cells.data == i].mean() for i in (1, 2)]
    np.testing.assert_allclose(features["mean_intensity"], expected)
    np.testing.assert_allclose(features["score"], [0.5, 1])
    about = cells.metadata["napari_iaunet"]
    assert about["model"] == "default"
    assert about["image"] == "coins"
    assert about["diameter"] == 21
    assert about["diameter_estimated"]
    assert about["cells"] == 2
    assert about["version"]
    assert about["seconds"] >= 0
    assert status(dock).startswith("2 cells, ")
    assert "diameter 21 px" in status(dock)
    assert dock.segment_panel.form["diameter"].value() == 21
    assert fake.loaded[0][:2] == ("default", "auto")


def test_work_is_done_in_another_thread(qtbot, dock, viewer, fake):
    viewer.add_image(data.coins())
    segment(qtbot, dock, viewer)
    assert fake.threads[0] != threading.get_ident()
    assert fake.loaded[0][2] != threading.get_ident()


def test_a_second_run_makes_a_second_layer_with_the_same_model(
    qtbot, dock, viewer, fake
):
    viewer.add_image(data.coins())
    first = segment(qtbot, dock, viewer)
    dock.segment_panel.form["estimate"].setChecked(False)
    dock.segment_panel.form["diameter"].setValue(40)
    second = segment(qtbot, dock, viewer)
    assert first != second
    assert second.metadata["napari_iaunet"]["diameter"] == 40
    assert not second.metadata["napari_iaunet"]["diameter_estimated"]
    assert len(fake.loaded) == 1
    dock.segment_panel.form["model"].setCurrentIndex(1)
    segment(qtbot, dock, viewer)
    assert fake.loaded[1][0] == "mine"


def test_cancel_while_the_model_is_loaded(qtbot, dock, viewer, fake, monkeypatch):
    loaded, made = threading.Event(), []

    def make(model, device):
        made.append(model)
        loaded.wait()
        return fake

    monkeypatch.setattr(segmenters, "make_segmenter", make)
    viewer.add_image(data.coins())
    press(qtbot, dock)
    qtbot.waitUntil(lambda: made == ["default"])
    assert status(dock) == "Loading the model…"
    qtbot.mouseClick(dock.segment_panel.run.cancel_button, LEFT)
    assert status(dock) == "Cancelled."
    press(qtbot, dock)
    loaded.set()
    finish(qtbot, dock)
    assert len(viewer.layers) == 2
    assert made == ["default"], "it was loaded for the next time"
    assert len(fake.arguments) == 1


@pytest.mark.parametrize(
    "image",
    [
        np.full((40, 50), 7, np.uint8),
        da.zeros((3, 40, 50), np.uint16, chunks=20),
        np.full((40, 50, 3), 255, np.uint8),
    ],
)
def test_a_blank_image_is_called_blank(qtbot, real_dock, viewer, image):
    viewer.add_image(image)
    press(qtbot, real_dock)
    finish(qtbot, real_dock)
    blank = "The image is blank: all pixels have one value."
    assert status(real_dock) == f"0 cells. {blank}"
    assert messages() == [f"No cells were found. {blank}"]
    assert len(viewer.layers) == 1


def test_an_image_without_numbers_is_said_to_hold_none(qtbot, real_dock, viewer):
    viewer.add_image(np.full((40, 50), np.nan))
    press(qtbot, real_dock)
    finish(qtbot, real_dock)
    assert status(real_dock) == (
        "0 cells. The image holds no numbers: all pixels are NaN or infinite."
    )


def test_planes_are_counted_and_the_bar_never_stands_at_an_end(
    qtbot, dock, viewer, fake
):
    fake.steps, fake.pause = 10, 0.1
    viewer.add_image(np.zeros((5, 20, 30), np.uint8))
    told, run = [], dock.segment_panel.run
    dock.segment_controller.jobs.progressed.connect(
        lambda done, total: told.append(
            (done, run.bar.value(), run.bar.maximum(), status(dock))
        )
    )
    press(qtbot, dock)
    finish(qtbot, dock)
    texts = [text for *_, text in told]
    assert "Segmenting… plane 1 of 5" in texts
    assert "Segmenting… plane 5 of 5" in texts
    assert all(0 < value < most for done, value, most, _ in told if done)
    assert all(most == 0 for done, _, most, _ in told if not done)


def test_rgb(qtbot, dock, viewer, fake):
    viewer.add_image(data.immunohistochemistry())
    cells = segment(qtbot, dock, viewer)
    assert cells.data.shape == (512, 512)
    assert fake.arguments[0][1] == 2


def test_multiscale(qtbot, dock, viewer, fake):
    image = data.coins()
    viewer.add_image([image, image[::2, ::2]], multiscale=True)
    assert segment(qtbot, dock, viewer).data.shape == image.shape


def test_several_layers_as_channels(qtbot, dock, viewer, fake):
    pixels = np.moveaxis(data.immunohistochemistry(), -1, 0)
    viewer.add_image(pixels, channel_axis=0, name=["r", "g", "b"])
    picker = dock.segment_panel.channel_picker
    for row in range(picker.list.count()):
        picker.list.item(row).setCheckState(Qt.CheckState.Checked)
    cells = segment(qtbot, dock, viewer)
    image, axis, _ = fake.arguments[0]
    assert axis == 0
    np.testing.assert_array_equal(image, pixels)
    assert cells.data.shape == (512, 512)
    about = cells.metadata["napari_iaunet"]
    assert sorted([about["image"], *about["channel_images"]]) == ["b", "g", "r"]


def test_channels_along_an_axis(qtbot, dock, viewer, fake):
    pixels = np.moveaxis(data.immunohistochemistry(), -1, 0)
    viewer.add_image(pixels, axis_labels=("c", "y", "x"))
    picker = dock.segment_panel.channel_picker
    picker.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    cells = segment(qtbot, dock, viewer)
    assert cells.data.shape == (512, 512)
    np.testing.assert_array_equal(fake.arguments[0][0], pixels[[0, 2]])
    assert cells.metadata["napari_iaunet"]["channels"] == [0, 2]


def test_dask_stack_and_plane_on_view(qtbot, dock, viewer, fake):
    stack = da.from_array(np.stack([data.coins()] * 4), chunks=(1, -1, -1))
    viewer.add_image(stack, name="film", contrast_limits=(0, 255), scale=(5, 1, 1))
    cells = segment(qtbot, dock, viewer)
    assert fake.arguments[0][0] is stack
    assert cells.data.shape == stack.shape
    assert cells.features["plane"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    viewer.dims.set_point(0, 10)
    dock.segment_panel.form["whole_stack"].setCurrentIndex(1)
    plane = segment(qtbot, dock, viewer)
    assert plane.data.shape == (1, *stack.shape[1:])
    assert plane.data_to_world((0, 0, 0)) == (10, 0, 0)
    assert plane.metadata["napari_iaunet"]["plane"] == [2]
    assert "plane" not in plane.features


def test_no_cells(qtbot, dock, viewer, fake, monkeypatch):
    viewer.add_image(np.zeros((2, 2), np.uint8))
    press(qtbot, dock)
    finish(qtbot, dock)
    assert len(viewer.layers) == 1
    assert "No cells" in messages()[-1]
    assert status(dock).startswith("0 cells")


def wait_until_computing(qtbot, fake):
    qtbot.waitUntil(fake.reached.is_set)


@pytest.fixture
def slow(fake):
    fake.steps, fake.pause = 1000, 0.01
    return fake


def test_cancel(qtbot, dock, viewer, slow):
    viewer.add_image(data.coins())
    run = dock.segment_panel.run
    press(qtbot, dock)
    wait_until_computing(qtbot, slow)
    qtbot.waitUntil(lambda: status(dock) == "Segmenting…")
    assert not run.start_button.isEnabled()
    qtbot.mouseClick(run.cancel_button, LEFT)
    finish(qtbot, dock)
    assert len(viewer.layers) == 1
    assert run.start_button.isEnabled()
    assert not run.cancel_button.isEnabled()
    assert status(dock) == "Cancelled."
    slow.steps = 1
    segment(qtbot, dock, viewer)


def test_the_image_is_removed_meanwhile(qtbot, dock, viewer, slow):
    viewer.add_image(data.coins(), name="coins")
    viewer.add_image(data.camera(), name="camera")
    press(qtbot, dock)
    wait_until_computing(qtbot, slow)
    viewer.layers.remove("coins")
    assert dock.segment_controller.jobs.is_running
    viewer.layers.remove("camera")
    assert not dock.segment_controller.jobs.is_running
    assert "closed" in messages()[-1]
    qtbot.wait(100)
    assert len(viewer.layers) == 0
    assert not dock.segment_panel.run.start_button.isEnabled()
    assert not activity_bar._all_instances


@pytest.mark.parametrize("pixels", [np.zeros((3, 64, 64)), np.zeros((64, 64))])
def test_the_image_is_replaced_meanwhile(qtbot, dock, viewer, slow, pixels):
    image = viewer.add_image(np.ones((64, 64)))
    press(qtbot, dock)
    qtbot.waitUntil(slow.reached.is_set)
    image.data = pixels
    slow.pause = 0
    finish(qtbot, dock)
    assert len(viewer.layers) == 1
    assert "replaced" in messages()[-1]
    assert status(dock) == messages()[-1]
    assert segment(qtbot, dock, viewer).data.shape == pixels.shape


@pytest.mark.parametrize("lazy", [False, True])
def test_an_image_with_a_new_name_and_place_is_the_same(
    qtbot, dock, viewer, slow, lazy
):
    levels = [np.ones((64, 64)), np.ones((32, 32))]
    levels = [da.from_array(level) for level in levels] if lazy else levels
    image = viewer.add_image(levels, multiscale=True)
    press(qtbot, dock)
    qtbot.waitUntil(slow.reached.is_set)
    image.name, image.translate = "renamed", (3, 4)
    slow.pause = 0
    finish(qtbot, dock)
    assert viewer.layers[-1].name == "renamed cells"


def test_an_image_that_changed_is_not_segmented_unseen(qtbot, dock, viewer, fake):
    layer = viewer.add_image(np.zeros((3, 64, 64)))
    layer.data = np.zeros((64, 64))
    press(qtbot, dock)
    assert not dock.segment_controller.jobs.is_running
    assert "has changed" in messages()[-1]
    segment(qtbot, dock, viewer)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelError('There is no model "x".'), 'There is no model "x".'),
        (RuntimeError("out of memory"), "not enough memory"),
        (RuntimeError("mat1 and mat2"), "mat1 and mat2"),
    ],
)
def test_errors_are_notifications(qtbot, dock, viewer, fake, error, words):
    fake.error = error
    viewer.add_image(data.coins())
    press(qtbot, dock)
    finish(qtbot, dock)
    assert words in messages()[-1]
    assert words in status(dock)
    assert len(viewer.layers) == 1
    assert dock.segment_panel.run.start_button.isEnabled()
    fake.error = None
    segment(qtbot, dock, viewer)


def test_an_image_that_cannot_be_read(qtbot, dock, viewer, fake):
    viewer.add_image(np.zeros((2, 2, 2, 16, 16)))
    press(qtbot, dock)
    finish(qtbot, dock)
    assert "too many axes" in messages()[-1]


def test_follows_the_layers(qtbot, dock, viewer):
    panel = dock.segment_panel
    a = viewer.add_image(data.coins(), name="a")
    viewer.add_image(data.coins(), name="b")
    assert panel.form["image"].currentText() == "b"
    viewer.layers.selection.active = a
    assert panel.form["image"].currentText() == "a"
    a.name = "renamed"
    assert panel.form["image"].currentText() == "renamed"
    viewer.add_labels(np.zeros((8, 8), int))
    assert panel.form["image"].currentText() == "renamed"
    viewer.layers.remove("renamed")
    assert panel.form["image"].currentText() == "b"


def test_layers_that_were_there_before(qtbot, viewer, fake):
    viewer.add_image(data.coins(), name="early")
    dock = open_dock(qtbot, viewer)
    assert dock.segment_panel.form["image"].currentText() == "early"


def close(viewer, dock):
    viewer.window.remove_dock_widget(dock)


@pytest.mark.viewer
def test_the_dock_is_closed_meanwhile(qtbot, viewer, slow):
    dock = open_dock(qtbot, viewer)
    viewer.add_image(data.coins())
    press(qtbot, dock)
    wait_until_computing(qtbot, slow)
    close(viewer, dock)
    assert not dock.segment_controller.jobs.is_running
    qtbot.wait(100)
    assert len(viewer.layers) == 1
    viewer.layers.clear()
    slow.steps = 1
    again = open_dock(qtbot, viewer)
    assert again is not dock
    viewer.add_image(data.coins())
    segment(qtbot, again, viewer)


@pytest.mark.viewer
def test_napari_is_closed_meanwhile(qtbot, make_napari_viewer, slow):
    viewer = make_napari_viewer()
    dock = open_dock(qtbot, viewer)
    viewer.add_image(data.coins())
    press(qtbot, dock)
    wait_until_computing(qtbot, slow)
    slow.pause = 0.05
    viewer.close()
    qtbot.wait(300)


@pytest.mark.viewer
def test_a_closed_dock_is_forgotten(qtbot, viewer, fake):
    dock = open_dock(qtbot, viewer)
    # To find a name for itself, napari would keep this function's variables.
    viewer.add_image(data.coins(), name="coins")
    segment(qtbot, dock, viewer)
    parts = [
        dock,
        dock.segment_panel,
        dock.segment_controller.jobs,
        dock.segment_controller,
    ]
    references = [weakref.ref(part) for part in parts]
    close(viewer, dock)
    del dock, parts
    qtbot.wait(50)
    gc.collect()
    alive = [r() for r in references if r() is not None]
    assert not alive, [gc.get_referrers(part) for part in alive]


def test_images_are_not_kept_after_their_run(qtbot, dock, viewer, fake):
    pixels = np.array(data.coins())
    array = weakref.ref(pixels)
    viewer.add_image(pixels, name="coins")
    segment(qtbot, dock, viewer)
    fake.arguments.clear()
    del pixels
    viewer.layers.clear()
    qtbot.wait(50)
    gc.collect()
    assert array() is None


@pytest.fixture
def real_dock(qtbot, viewer, monkeypatch):
    """The dock with the bundled model on the CPU."""
    dock = open_dock(qtbot, viewer)
    dock.session.settings.device = "cpu"
    return dock


@pytest.mark.slow
def test_the_bundled_model_finds_nuclei(qtbot, real_dock, viewer, data_folder):
    path = sorted((data_folder / "nuclei-fluorescence" / "test").glob("*_img.png"))[0]
    viewer.add_image(imread(path))
    press(qtbot, real_dock)
    finish(qtbot, real_dock)
    truth = imread(str(path).replace("_img", "_mask"))
    found = len(viewer.layers[-1].features)
    count = len(np.unique(truth)) - 1
    assert 0.6 * count < found < 1.6 * count


@pytest.mark.viewer
@pytest.mark.slow
def test_the_bundled_model_segments_the_sample(qtbot, real_dock, viewer):
    viewer.open_sample("napari-iaunet", "stained_tissue")
    press(qtbot, real_dock)
    finish(qtbot, real_dock)
    cells = viewer.layers["stained tissue cells"]
    assert len(cells.features) > 20
    assert cells.features["index"].tolist() == list(range(1, cells.data.max() + 1))
    assert cells.features["area"].sum() == np.count_nonzero(cells.data)
    assert cells.metadata["napari_iaunet"]["device"] == "cpu"
    assert "on CPU" in status(real_dock)


@pytest.mark.slow
def test_an_image_of_nothing_but_nan_has_no_cells(qtbot, real_dock, viewer):
    viewer.add_image(np.full((64, 64), np.nan), contrast_limits=(0, 1))
    press(qtbot, real_dock)
    finish(qtbot, real_dock)
    assert len(viewer.layers) == 1
    assert "No cells" in messages()[-1]


@pytest.mark.slow
def test_a_folder_without_a_model(qtbot, real_dock, viewer, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    qtbot.mouseClick(real_dock.segment_panel.browse, LEFT)
    viewer.add_image(data.coins())
    press(qtbot, real_dock)
    finish(qtbot, real_dock)
    assert len(viewer.layers) == 1
    assert str(tmp_path) in messages()[-1]
