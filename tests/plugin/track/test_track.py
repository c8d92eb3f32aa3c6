"""The Track tab with the bundled model and real cells that move."""

import numpy as np
import pytest
from napari.layers import Tracks
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_iaunet.io.read import read_image

LEFT = Qt.MouseButton.LeftButton
STEP = 3


@pytest.fixture(scope="module")
def film(data_folder, segmenter):
    """An image that moves by three pixels a frame, and the cells of each frame."""
    path = next((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    image = np.asarray(read_image(path).array)[:200, :200]
    cells = segmenter.segment(image).labels
    frames = [np.roll(image, STEP * i, 1)[:, 20:180] for i in range(3)]
    moved = [np.roll(cells, STEP * i, 1)[:, 20:180] for i in range(3)]
    # Numbers are unique over the stack, and say nothing about who is who.
    unique = [np.where(m > 0, m + 1000 * i, 0) for i, m in enumerate(moved)]
    return np.stack(frames), np.stack(unique).astype(np.int32)


@pytest.fixture
def dock(real_dock):
    real_dock.tabs.setCurrentWidget(real_dock.track_panel)
    return real_dock


def press(qtbot, dock):
    qtbot.mouseClick(dock.track_panel.run.start_button, LEFT)


def finish(qtbot, dock):
    qtbot.waitUntil(lambda: not dock.track_controller.jobs.is_running)
    qtbot.wait(20)


def status(dock):
    return dock.track_panel.run.status.text()


def test_without_a_stack_of_cells_it_says_what_to_do(dock, viewer, film):
    panel = dock.track_panel
    assert not panel.run.start_button.isEnabled()
    assert "press Segment" in status(dock)
    viewer.add_image(film[0][0])
    viewer.add_labels(film[1][0])
    assert not panel.run.start_button.isEnabled()
    viewer.add_image(film[0], name="film")
    viewer.add_labels(film[1], name="film cells")
    assert panel.run.start_button.isEnabled()
    assert panel.form["cells"].currentText() == "film cells"
    assert panel.form["image"].currentText() == "film"


@pytest.mark.viewer
def test_cells_keep_their_numbers_through_time(qtbot, dock, viewer, film):
    viewer.add_image(film[0], name="film", scale=(1, 0.5, 0.5), translate=(0, 4, 4))
    given = viewer.add_labels(
        film[1], name="film cells", scale=(1, 0.5, 0.5), translate=(0, 4, 4)
    )
    before = given.data.copy()
    press(qtbot, dock)
    finish(qtbot, dock)
    tracked, tracks = viewer.layers[-2:]
    assert tracked.name == "film cells tracked"
    np.testing.assert_array_equal(given.data, before)
    np.testing.assert_array_equal(tracked.data > 0, before > 0)
    np.testing.assert_allclose(tracked.translate, given.translate)
    links = [
        (a, b)
        for i in (0, 1)
        for number in np.unique(before[i])[1:]
        if (before[i + 1] % 1000 == number % 1000).any()
        for a in np.unique(tracked.data[i][before[i] == number])
        for b in np.unique(tracked.data[i + 1][before[i + 1] % 1000 == number % 1000])
    ]
    assert len(links) > 5
    assert np.mean([a == b for a, b in links]) > 0.95
    features = tracked.features
    assert features["label"].tolist() == list(range(1, tracked.data.max() + 1))
    whole = features[features["planes"] == 3]
    assert (whole["first"] == 0).all()
    assert (whole["last"] == 2).all()
    assert isinstance(tracks, Tracks)
    assert tracks.name == "film cells tracks"
    np.testing.assert_allclose(tracks.scale[-2:], 0.5)
    assert set(tracks.data[:, 0]) == set(features["label"])
    label = int(whole["label"].iloc[0])
    x = tracks.data[tracks.data[:, 0] == label][:, -1]
    np.testing.assert_allclose(np.diff(x), STEP, atol=1.5)
    assert f"{len(features)} cells in " in status(dock)
    assert dock.track_panel.form["cells"].currentText() == "film cells"


def test_through_depth_there_are_no_tracks(qtbot, dock, viewer, film):
    viewer.add_image(film[0])
    viewer.add_labels(film[1])
    panel = dock.track_panel
    assert panel.form["tracks"].isVisibleTo(panel)
    panel.form["mode"].setCurrentIndex(1)
    assert not panel.form["tracks"].isVisibleTo(panel)
    press(qtbot, dock)
    finish(qtbot, dock)
    assert len(viewer.layers) == 3
    features = viewer.layers[-1].features
    assert features["planes"].max() == 3
    volume = np.bincount(viewer.layers[-1].data.ravel())[1:]
    np.testing.assert_array_equal(features["volume"], volume)


def test_linked_cells_are_not_linked_again(qtbot, dock, viewer, film):
    viewer.add_image(film[0])
    viewer.add_labels(np.where(film[1] > 0, film[1] % 1000, 0))
    press(qtbot, dock)
    finish(qtbot, dock)
    assert "several planes already" in status(dock)
    assert len(viewer.layers) == 2


def test_two_axes_of_planes_are_too_many(qtbot, dock, viewer, film):
    viewer.add_image(np.stack([film[0], film[0]]))
    viewer.add_labels(np.stack([film[1], film[1] + 5000 * (film[1] > 0)]))
    press(qtbot, dock)
    assert "one series or one volume" in status(dock)
    shown = [record.message for record in notification_manager.records]
    assert any("one series or one volume" in message for message in shown)


def test_closing_the_cells_stops_it(qtbot, dock, viewer, film):
    viewer.add_image(film[0])
    cells = viewer.add_labels(film[1])
    press(qtbot, dock)
    viewer.layers.remove(cells)
    finish(qtbot, dock)
    shown = [record.message for record in notification_manager.records]
    assert any("cells were closed" in message for message in shown)
    assert len(viewer.layers) == 1


def test_it_can_be_cancelled(qtbot, dock, viewer, film):
    viewer.add_image(film[0])
    viewer.add_labels(film[1])
    press(qtbot, dock)
    qtbot.mouseClick(dock.track_panel.run.cancel_button, LEFT)
    finish(qtbot, dock)
    assert status(dock) == "Cancelled."
    assert len(viewer.layers) == 2
