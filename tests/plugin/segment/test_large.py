"""Large images: layers that fill part by part."""

import re

import dask.array as da
import numpy as np
import pytest
import zarr
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_iaunet import average_precision
from napari_iaunet.io import label_pyramid
from napari_iaunet.io.read import read_image
from napari_iaunet.large import lazy
from napari_iaunet.plugin.core import folder_lock, segmenters
from napari_iaunet.plugin.layers import disk
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.undo import EditLog
from napari_iaunet.plugin.segment import job as segment_job
from napari_iaunet.plugin.segment import large_job

LEFT = Qt.MouseButton.LeftButton
SIDE, DIAMETER = 256, 20.0


@pytest.fixture(scope="module")
def mosaic(data_folder):
    """Four real images beside each other."""
    paths = sorted((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    images = (np.asarray(read_image(path).array) for path in paths)
    small = [image for image in images if image.shape == (256, 256)][:4]
    return np.block([small[:2], small[2:]])


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Treat images of a quarter of a megapixel like those of many."""
    monkeypatch.setattr(large_job, "_LARGE_ON_DISK", 1 << 16)
    monkeypatch.setattr(label_pyramid, "_SMALLEST", 200)
    monkeypatch.setattr(lazy, "_SIDE", SIDE)


@pytest.fixture
def dock(real_dock, segmenter, monkeypatch):
    # What the network knows already takes long enough to do something meanwhile.
    monkeypatch.setattr(segmenter._backend.engine, "pause", 0.1)
    real_dock.segment_panel.form["estimate"].setChecked(False)
    # The network's own diameter: a side of a part is what was asked for.
    real_dock.segment_panel.form["diameter"].setValue(DIAMETER)
    return real_dock


def press(qtbot, dock):
    qtbot.mouseClick(dock.segment_panel.run.start_button, LEFT)


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.segment_controller.jobs.is_running)
    qtbot.wait(20)


def begin(qtbot, dock, viewer):
    """Press Segment, and return the layer as soon as it shows something."""
    before = len(viewer.layers)
    press(qtbot, dock)
    qtbot.waitUntil(lambda: len(viewer.layers) > before)
    return viewer.layers[-1]


def cancel(qtbot, dock):
    qtbot.mouseClick(dock.segment_panel.run.cancel_button, LEFT)
    finish(qtbot, dock)


def share_seen(viewer, cells):
    """Share of the pixels of a layer of cells that have a colour on the screen."""
    for layer in viewer.layers:
        layer.visible = layer == cells
    height, width = np.ptp(cells.extent.world, axis=0)[-2:] + cells.scale[-2:]
    picture = viewer.screenshot(canvas_only=True, flash=False)
    coloured = np.count_nonzero(np.ptp(picture[..., :3].astype(int), axis=2) > 20)
    return coloured / (height * width * camera_of(viewer).zoom ** 2)


def status(dock):
    return dock.segment_panel.run.status.text()


def lazily(image, **options):
    return da.from_array(image, chunks=100, **options)


@pytest.mark.viewer
def test_a_layer_fills_and_becomes_an_ordinary_one(
    qtbot, dock, viewer, mosaic, segmenter
):
    viewer.add_image(lazily(mosaic), name="slide", scale=(0.5, 0.5))
    filling = begin(qtbot, dock, viewer)
    assert dock.segment_controller.jobs.is_running
    assert filling.multiscale
    assert not filling.editable
    assert "still being filled" in disk.why_not(filling)
    assert [level.shape[0] for level in filling.data] == [512, 256, 128]
    assert "of 4 parts" in status(dock)
    filling.visible, filling.opacity = True, 0.4
    finish(qtbot, dock)
    cells = viewer.layers[-1]
    assert len(viewer.layers) == 2
    assert cells.name == "slide cells"
    assert isinstance(cells.data, np.ndarray)
    assert cells.editable
    assert cells.opacity == 0.4
    np.testing.assert_allclose(cells.scale, (0.5, 0.5))
    at_once = segmenter.segment(mosaic, diameter=DIAMETER).labels
    ap = average_precision(at_once, cells.data, thresholds=(0.9,))
    assert ap.pooled[0] > 0.85
    n = cells.data.max()
    assert cells.features["label"].tolist() == list(range(1, n + 1))
    area = np.bincount(cells.data.ravel())[1:]
    np.testing.assert_array_equal(cells.features["area"], area)
    assert cells.metadata["napari_iaunet"]["cells"] == n
    assert cells.metadata["napari_iaunet"]["image"] == "slide"
    assert status(dock).startswith(f"{n} cells")


@pytest.mark.parametrize(("few", "type_"), [(1 << 15, np.uint16), (3, np.int32)])
def test_wide_planes_get_the_type_that_napari_draws_at_once(
    qtbot, dock, viewer, mosaic, monkeypatch, few, type_
):
    monkeypatch.setattr(segment_job, "_WIDE_PLANE", 1 << 17)
    monkeypatch.setattr(segment_job, "_FEW_CELLS", few)
    for image in (lazily(mosaic), mosaic):
        viewer.add_image(image)
        press(qtbot, dock)
        finish(qtbot, dock)
        cells = viewer.layers[-1]
        assert cells.data.dtype == type_
        assert cells.data.max() == len(cells.features) > 3


def test_cells_of_different_parts_have_different_numbers_meanwhile(
    qtbot, dock, viewer, mosaic
):
    viewer.add_image(lazily(mosaic))
    filling = begin(qtbot, dock, viewer)

    def found():
        full = filling.data[0][...]
        corners = [(y, x) for y in (0, SIDE) for x in (0, SIDE)]
        parts = [full[y : y + SIDE, x : x + SIDE] for y, x in corners]
        return [labels for part in parts if (labels := set(np.unique(part)) - {0})]

    qtbot.waitUntil(lambda: len(found()) > 1)
    cancel(qtbot, dock)
    full = filling.data[0][...]
    numbers = found()
    assert len(set().union(*numbers)) == sum(map(len, numbers))
    for i, level in enumerate(filling.data):
        np.testing.assert_array_equal(level[...], full[:: 2**i, :: 2**i])


def test_what_was_cancelled_stays_and_goes_on(qtbot, dock, viewer, mosaic):
    viewer.add_image(lazily(mosaic))
    filling = begin(qtbot, dock, viewer)
    cancel(qtbot, dock)
    assert "press Segment to go on" in status(dock)
    assert viewer.layers[-1] == filling
    assert (filling.data[0][...] > 0).any()
    assert not filling.editable
    told = []
    dock.segment_controller.jobs.progressed.connect(
        lambda done, total: told.append((done, total))
    )
    press(qtbot, dock)
    finish(qtbot, dock)
    assert min(done for done, total in told if total == 4) >= 1
    assert len(viewer.layers) == 2
    assert viewer.layers[-1].data.max() == len(viewer.layers[-1].features)


@pytest.mark.viewer
@pytest.mark.parametrize("planes", [3])
def test_all_that_is_found_is_seen_from_afar(
    qtbot, dock, viewer, mosaic, monkeypatch, planes
):
    monkeypatch.setattr(large_job, "LARGE", 1 << 17)
    stack = np.stack([mosaic] * planes) if planes else mosaic
    image = viewer.add_image(lazily(stack))
    dock.segment_panel.form["whole_stack"].setCurrentIndex(1)
    camera_of(viewer).zoom = 0.25
    cells = begin(qtbot, dock, viewer)
    # Most is still to come, and is to be seen as well.
    qtbot.waitUntil(lambda: np.count_nonzero(cells.data[0]) > 0)
    cancel(qtbot, dock)
    assert cells.data_level == 2
    there = begun = np.count_nonzero(cells.data[0]) / cells.data[0].size
    assert share_seen(viewer, cells) == pytest.approx(there, rel=0.3)
    press(qtbot, dock)
    finish(qtbot, dock)
    assert viewer.layers[-1] == cells
    there = np.count_nonzero(cells.data[0]) / cells.data[0].size
    assert there > 1.8 * begun
    assert share_seen(viewer, cells) == pytest.approx(there, rel=0.3)
    assert image in viewer.layers


@pytest.mark.viewer
def test_a_file_that_is_opened_again_goes_on(
    qtbot, dock, viewer, mosaic, tmp_path, home
):
    path = tmp_path / "slide.zarr"
    array = zarr.create_array(
        str(path), shape=mosaic.shape, dtype=mosaic.dtype, chunks=(128, 128)
    )
    array[...] = mosaic
    (image,) = viewer.open(str(path), plugin="napari")
    filling = begin(qtbot, dock, viewer)
    qtbot.waitUntil(lambda: "0 of 4" not in status(dock))
    cancel(qtbot, dock)
    full = filling.data[0][...]
    assert (full > 0).any()
    viewer.layers.remove(filling)
    viewer.layers.remove(image)
    qtbot.wait(200)
    viewer.open(str(path), plugin="napari")
    again = begin(qtbot, dock, viewer)
    assert again is not filling
    finish(qtbot, dock)
    assert len(list((home / "cells").iterdir())) == 1
    assert viewer.layers[-1].data.max() == len(viewer.layers[-1].features)


def test_what_was_begun_with_pytorch_goes_on_with_it(
    qtbot, dock, viewer, mosaic, segmenter, monkeypatch, home
):
    """Though by now it is known that OpenVINO is faster."""
    viewer.add_image(lazily(mosaic))
    begin(qtbot, dock, viewer)
    # On a busy machine a part may come and go between two looks.
    qtbot.waitUntil(lambda: re.search("[234] of 4", status(dock)))
    cancel(qtbot, dock)
    asked = []

    class Faster:
        engine = "openvino"

        def __getattr__(self, name):
            return getattr(segmenter, name)

    def make(model, device, *engine):
        asked.append(engine)
        return segmenter if engine else Faster()

    monkeypatch.setattr(segmenters, "make_segmenter", make)
    dock.session.segmenters.__init__()
    press(qtbot, dock)
    finish(qtbot, dock)
    assert asked == [(), ("pytorch",)]
    assert len(list((home / "cells").iterdir())) == 1
    press(qtbot, dock)
    qtbot.waitUntil(lambda: len(list((home / "cells").iterdir())) == 2)
    assert asked == [(), ("pytorch",), ()], "what is begun anew is quick"
    cancel(qtbot, dock)


def test_another_image_is_not_taken_for_it(qtbot, dock, viewer, mosaic, home):
    viewer.add_image(lazily(mosaic))
    begin(qtbot, dock, viewer)
    cancel(qtbot, dock)
    viewer.add_image(lazily(mosaic[::-1].copy()), name="turned")
    turned = begin(qtbot, dock, viewer)
    assert turned.name == "turned cells"
    assert len(list((home / "cells").iterdir())) == 2
    cancel(qtbot, dock)


def test_very_large_images_keep_their_levels(
    qtbot, dock, viewer, mosaic, monkeypatch, home
):
    monkeypatch.setattr(large_job, "LARGE", 1 << 17)
    viewer.add_image(mosaic, name="slide")
    filling = begin(qtbot, dock, viewer)
    finish(qtbot, dock)
    assert viewer.layers[-1] == filling
    assert filling.multiscale
    full = filling.data[0][...]
    assert full.max() == len(filling.features)
    np.testing.assert_array_equal(filling.data[1][...], full[::2, ::2])
    assert "kept_in" not in filling.metadata["napari_iaunet"]
    (folder,) = (home / "cells").iterdir()
    kept = ["finished", "lock", "shown"]
    assert sorted(path.name for path in folder.iterdir()) == kept
    # Cells are corrected there, and nobody is told of a folder that is not theirs.
    assert disk.why_not(filling) == disk.notice(filling) == ""
    log, cell = EditLog(filling, viewer), np.nonzero(full == 3)
    log.write(cell, np.zeros(cell[0].size, int))
    log.describe({3: None})
    for level in filling.data:
        assert not (np.asarray(level) == 3).any()
    assert 3 not in set(filling.features["label"])
    assert log.undo()
    np.testing.assert_array_equal(filling.data[0][...], full)
    assert 3 in set(filling.features["label"])
    log.close()
    # The same again is a run of its own, whose layer is another one.
    again = begin(qtbot, dock, viewer)
    assert again != filling
    finish(qtbot, dock)
    np.testing.assert_array_equal(again.data[0][...], full)


def test_closing_the_layer_stops_and_loses_nothing(qtbot, dock, viewer, mosaic):
    viewer.add_image(lazily(mosaic))
    filling = begin(qtbot, dock, viewer)
    viewer.layers.remove(filling)
    finish(qtbot, dock)
    assert "press Segment to go on" in status(dock)
    assert len(viewer.layers) == 1
    again = begin(qtbot, dock, viewer)
    assert (again.data[0][...] > 0).any()
    cancel(qtbot, dock)


def test_closing_the_image_keeps_what_is_done(qtbot, dock, viewer, mosaic):
    image = viewer.add_image(lazily(mosaic))
    filling = begin(qtbot, dock, viewer)
    viewer.layers.remove(image)
    finish(qtbot, dock)
    assert "image was closed" in status(dock)
    assert list(viewer.layers) == [filling]


def test_a_plane_of_a_stack_with_channels(qtbot, dock, viewer, mosaic):
    stack = np.stack([np.stack([mosaic[:300, :300], mosaic[200:500, 200:500]])] * 3)
    image = viewer.add_image(
        lazily(stack), axis_labels=("t", "c", "y", "x"), translate=(5, 0, 0, 0)
    )
    viewer.dims.set_point(0, 6)
    dock.segment_panel.form["whole_stack"].setCurrentIndex(1)
    begin(qtbot, dock, viewer)
    finish(qtbot, dock)
    cells = viewer.layers[-1]
    assert cells.data.shape == (1, 1, 300, 300)
    assert cells.data.max() > 3
    np.testing.assert_allclose(cells.translate[0], 6)
    assert image in viewer.layers


def test_a_stack_is_one_layer_that_can_be_edited(
    qtbot, dock, viewer, mosaic, monkeypatch
):
    monkeypatch.setattr(large_job, "LARGE", 1)
    monkeypatch.setattr(label_pyramid, "_SMALLEST", 1024)
    stack = np.stack([mosaic[:256, :256], mosaic[256:, :256]])
    viewer.add_image(lazily(stack))
    begin(qtbot, dock, viewer)
    finish(qtbot, dock)
    cells = viewer.layers[-1]
    assert cells.data.shape == stack.shape
    assert isinstance(cells.data, zarr.Array)
    assert cells.editable
    first, second = (set(np.unique(cells.data[i])) - {0} for i in (0, 1))
    assert first | second == set(range(1, len(cells.features) + 1))
    assert cells.features["plane"].tolist() == [0] * len(first) + [1] * len(second)
    viewer.dims.set_point(0, 1)
    cells.paint((1, 5, 5), 999)
    assert cells.data[1, 5, 5] == 999
    cells.undo()
    assert cells.data[1, 5, 5] != 999


@pytest.mark.viewer
def test_what_is_on_view_comes_first(qtbot, dock, viewer, mosaic, monkeypatch):
    written = []
    write = large_job._PartWriter._write

    def note(self, index, labels):
        written.append(index)
        write(self, index, labels)

    monkeypatch.setattr(large_job._PartWriter, "_write", note)
    # Of two at once either may be the first that is done.
    monkeypatch.setattr(lazy, "_AT_ONCE", 1)
    viewer.add_image(lazily(mosaic), scale=(2, 2))
    camera_of(viewer).center = (0, 800, 800)
    camera_of(viewer).zoom = 4
    filling = begin(qtbot, dock, viewer)
    assert (filling.data[0][...][SIDE:, SIDE:] > 0).any()
    cancel(qtbot, dock)
    assert written[0] == 3, "of two rows of two parts the last"


def test_no_cells_leave_no_layer(qtbot, dock, viewer):
    viewer.add_image(da.zeros((600, 600), np.uint8, chunks=200))
    press(qtbot, dock)
    finish(qtbot, dock)
    assert len(viewer.layers) == 1
    shown = [record.message for record in notification_manager.records]
    assert any("No cells were found" in message for message in shown)


def test_folders_are_kept_as_long_as_they_are_of_use(home, monkeypatch):
    first = large_job.folder_for("a")
    assert large_job.folder_for("a") == first
    assert large_job.folder_for("b") != first
    large_job.finish(first)
    second = large_job.folder_for("a")
    assert second != first
    assert first.is_dir()
    monkeypatch.setattr(folder_lock, "is_owned", lambda folder: False)
    large_job.folder_for("c")
    assert not first.is_dir()
    assert second.is_dir()
