"""Look-alikes, found by a segmenter that sees brightness."""

import csv
import gc
import threading
import weakref

import dask.array as da
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from person import ALT, CTRL, LEFT, MOVE, NONE, PLAIN, PRESS, RELEASE, SHIFT, Person
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog
from scipy.ndimage import binary_erosion
from seer import BACKGROUND, SHAPE, cells_and_image, is_bright, middle

from napari_iaunet.errors import ModelError
from napari_iaunet.plugin.layers.camera import camera_of


class User(Person):
    """Somebody who looks for cells that are alike."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1200, 900))
        self.panel = self.dock.lookalike_panel
        self.dock.tabs.setCurrentWidget(self.panel)
        self.drawn()

    def wait(self):
        controller, jobs = (
            self.dock.lookalike_controller,
            self.dock.lookalike_controller.jobs,
        )
        library = controller._library
        self.qtbot.waitUntil(
            lambda: (
                not (
                    jobs.is_running
                    or controller._timer.isActive()
                    or library._timer.isActive()
                )
            )
        )
        self.qtbot.wait(20)

    def click(self, pixel, modifier=PLAIN, layer=None, wait=True):
        super().click(pixel, modifier, layer)
        if wait:
            self.wait()

    def trash(self):
        """Press the trash of the layer list."""
        viewer = self.viewer.__wrapped__.window._qt_viewer
        self.qtbot.mouseClick(viewer.layerButtons.deleteButton, LEFT)
        self.qtbot.wait(200)  # until all is drawn and nothing is left to do

    @property
    def said(self):
        return self.panel.status.text()

    @property
    def found(self):
        """The numbers of the cells that are outlined, examples included."""
        name = f"{self.panel.labels.currentText()} found"
        outlines = np.asarray(self.viewer.layers[name].data)
        labels = self.viewer.layers[self.panel.labels.currentText()].data
        return set(np.unique(labels[outlines > 0]).tolist())

    @property
    def ours(self):
        """Names of the layers that only show what was found."""
        return [i.name for i in self.viewer.layers if i.name.endswith(ENDS)]


ENDS = (" similarity", " found")


def state(viewer):
    """What of a viewer its user has a say in, but for the mouse."""
    layers = viewer.layers
    shown = [(i.name, i.visible, i.opacity, i.locked, i.mode) for i in layers]
    selected = {i.name for i in layers.selection}
    return shown, selected, viewer.dims.point, camera_of(viewer).zoom


@pytest.fixture
def user(qtbot, viewer, seer):
    return User(qtbot, viewer)


@pytest.fixture
def ready(user):
    """Cells lie on an image, and clicks pick."""
    labels, image = cells_and_image()
    user.viewer.add_image(image, name="image")
    user.viewer.add_labels(labels, name="cells")
    user.labels, user.bright = labels, is_bright(labels, image)
    user.press(user.panel.pick_button)
    assert user.said == "Click a cell to look for its like."
    return user


def messages():
    return [record.message for record in notification_manager.records]


# -- picking -------------------------------------------------------------------------


@pytest.mark.viewer
def test_a_click_finds_the_like(ready, seer):
    ready.click(middle(1, 0))
    assert ready.found == ready.bright
    assert ready.panel.found.count.text().startswith("15 of 35 cells")
    assert ready.ours == ["cells similarity", "cells found"]
    similarity = ready.viewer.layers["cells similarity"]
    assert similarity.contrast_limits[0] == pytest.approx(
        ready.panel.found.threshold, abs=1e-5
    )
    shown = np.asarray(similarity.data)
    assert np.isnan(shown[ready.labels == 0]).all()
    assert shown[ready.labels == 8].min() == pytest.approx(1)
    assert similarity.dtype == np.float32
    assert not ready.viewer.layers["cells"].visible
    # The other tools are not offered what only shows the outcome.
    assert ready.dock.segment_panel.form["image"].count() == 1
    assert ready.panel.labels.count() == 1
    assert len(ready.panel.examples.thumbnails) == 1
    assert len(ready.panel.found.best.thumbnails) == 30
    assert seer.threads[0] != threading.get_ident()


def test_cells_are_described_once(ready, seer):
    for place in (middle(0, 0), middle(0, 5), middle(2, 3)):
        ready.click(place)
    assert len(seer.calls) == 1
    assert ready.found.isdisjoint(ready.bright)


@pytest.mark.viewer
def test_likes_and_unlikes(ready):
    ready.click(middle(0, 0))
    ready.click(middle(0, 1), SHIFT)
    ready.click(middle(0, 4), CTRL)
    ready.click(middle(1, 4), ALT)
    words = [t.text.split(":")[0] for t in ready.panel.examples.thumbnails]
    assert words == ["Like", "Like", "Unlike", "Unlike"]
    # Unlikes are outlined, too, in another colour, and have an x with a border.
    assert ready.found == ready.bright | {5, 12}
    outlines = np.asarray(ready.viewer.layers["cells found"].data)
    assert set(outlines[ready.labels == 5].tolist()) == {0, 3, 4}
    ready.click(middle(0, 4), SHIFT)
    words = [t.text.split(":")[0] for t in ready.panel.examples.thumbnails]
    assert words == ["Like", "Like", "Like", "Unlike"]


@pytest.mark.viewer
def test_a_cell_is_marked_where_it_is_wide(user):
    """The centre of mass of a crescent, or of a ring, lies beside the cell."""
    labels, image = np.zeros(SHAPE, np.int32), np.full(SHAPE, 20, np.uint8)
    labels[50:90, 60:120], labels[56:84, 66:114] = 2, 0
    labels[10:30, 10:30] = 1
    image[labels == 1], image[labels == 2] = 200, 80
    user.viewer.add_image(image, name="image")
    user.viewer.add_labels(labels, name="cells")
    user.press(user.panel.pick_button)
    user.click((20, 20))
    user.click((87, 90), CTRL)
    drawn = np.asarray(user.viewer.layers["cells found"].data)
    inside = binary_erosion(labels == 2)
    assert np.count_nonzero(drawn[inside] == 3) > 5
    assert np.count_nonzero(drawn[inside] == 4) > 5
    assert (drawn[labels == 0] == 0).all()


def test_an_example_is_removed(qtbot, ready):
    panel = ready.panel
    ready.click(middle(0, 0))
    ready.click(middle(0, 5), SHIFT)
    assert not panel.remove_button.isEnabled()
    item = panel.examples.visualItemRect(panel.examples.item(1)).center()
    qtbot.mouseClick(panel.examples.viewport(), LEFT, pos=item)
    ready.press(panel.remove_button)
    ready.wait()
    assert [t.key.label for t in panel.examples.thumbnails] == [1]
    panel.examples.setCurrentRow(0)
    ready.press(panel.remove_button)
    ready.wait()
    assert ready.ours == []
    assert ready.viewer.layers["cells"].visible
    assert panel.found.count.text() == ""
    assert not panel.found.extract_button.isEnabled()


@pytest.mark.viewer
def test_background_and_beside(ready, seer):
    ready.click(BACKGROUND)
    assert "background" in ready.said
    ready.click((-12, 40))
    assert "beside" in ready.said
    ready.click(middle(0, 0), CTRL)
    assert "First click a cell" in ready.said
    assert not seer.calls
    assert ready.ours == []
    ready.click(middle(0, 0), SHIFT)
    assert ready.found == ready.bright


@pytest.mark.viewer
def test_drag_and_a_switched_off_tool_pick_nothing(ready, seer):
    start = ready.where(middle(0, 0), ready.viewer.layers[0])
    ready.send(PRESS, start, PLAIN, LEFT, LEFT)
    ready.send(MOVE, start + QPoint(30, 20), PLAIN, NONE, LEFT)
    ready.send(RELEASE, start + QPoint(30, 20), PLAIN, LEFT)
    assert ready.viewer.cursor.style == "cross"
    ready.press(ready.panel.pick_button)
    assert ready.viewer.cursor.style == "standard"
    ready.click(middle(0, 0))
    assert not seer.calls
    assert ready.ours == []


def test_one_tool_has_the_mouse(ready):
    ready.press(ready.panel.pick_button)
    ready.dock.click_panel.button.setChecked(True)
    ready.panel.pick_button.setChecked(True)
    assert not ready.dock.click_panel.button.isChecked()
    ready.dock.click_panel.button.setChecked(True)
    assert not ready.panel.pick_button.isChecked()
    ready.dock.click_panel.button.setChecked(False)


def test_back_and_forward(ready):
    panel = ready.panel
    ready.click(middle(0, 0))
    ready.click(middle(0, 5))
    dark = ready.found
    assert panel.back_button.isEnabled()
    assert not panel.forward_button.isEnabled()
    ready.press(panel.back_button)
    ready.wait()
    assert ready.found == ready.bright
    assert not panel.back_button.isEnabled()
    ready.press(panel.forward_button)
    ready.wait()
    assert ready.found == dark
    ready.press(panel.clear_button)
    ready.wait()
    assert ready.ours == []
    ready.press(panel.back_button)
    ready.wait()
    assert ready.found == dark


# -- threshold, weights, gallery -----------------------------------------------------


def test_slider_and_histogram_move_the_threshold(qtbot, ready):
    panel = ready.panel
    ready.click(middle(0, 0))
    panel.found.slider.setValue(1000)
    similarity = ready.viewer.layers["cells similarity"]
    assert similarity.contrast_limits[0] == pytest.approx(0.999, abs=1e-3)
    ready.wait()
    assert len(ready.found) < 15
    place = QPoint(round(panel.found.histogram.x_of(0.0)), 40)
    qtbot.mouseClick(panel.found.histogram, LEFT, pos=place)
    ready.wait()
    assert panel.found.slider.value() == pytest.approx(0, abs=10)
    assert ready.found == set(range(1, 36))
    assert panel.found.count.text().startswith("35 of 35")


def test_a_threshold_that_was_moved_finds_as_many_after_another_example(ready):
    ready.click(middle(0, 0))
    first = ready.panel.found.threshold
    ready.click(middle(0, 1), SHIFT)
    assert ready.panel.found.threshold != first
    place = np.sort(np.unique(np.asarray(ready.viewer.layers["cells similarity"].data)))
    ready.panel.found.slider.setValue(int(1000 * place[-5]))
    ready.wait()
    count = ready.panel.found.count.text().split(" of ")[0]
    ready.click(middle(0, 4), CTRL)
    assert ready.panel.found.count.text().split(" of ")[0] == count
    ready.click(middle(0, 0))
    assert ready.panel.found.threshold == pytest.approx(first)


def test_weights_count_at_once(ready):
    ready.click(middle(0, 0))
    before = np.asarray(ready.viewer.layers["cells similarity"].data)
    ready.panel.weights.sliders["shape"].setValue(100)
    after = np.asarray(ready.viewer.layers["cells similarity"].data)
    assert np.nanmax(np.abs(after - before)) > 0.01
    for slider in ready.panel.weights.sliders.values():
        slider.setValue(0)
    assert "Nothing counts" in ready.said
    ready.press(ready.panel.weights.reset_button)
    again = np.asarray(ready.viewer.layers["cells similarity"].data)
    np.testing.assert_allclose(again, before, atol=1e-6)


@pytest.mark.viewer
def test_a_picture_leads_to_its_cell(qtbot, ready):
    ready.click(middle(4, 6))
    row = ready.panel.found.best
    key = row.thumbnails[1].key
    place = row.visualItemRect(row.item(1)).center()
    qtbot.mouseClick(row.viewport(), LEFT, pos=place)
    y, x = np.argwhere(ready.labels == key.label).mean(axis=0)
    center = camera_of(ready.viewer).center[-2:]
    np.testing.assert_allclose(center, (y, x), atol=1)
    qtbot.mouseClick(row.viewport(), LEFT, CTRL, pos=place)
    ready.wait()
    assert ready.panel.examples.thumbnails[-1].text == f"Unlike: cell {key.label}"


# -- what is done with the cells found -----------------------------------------------


def test_extract(ready):
    source = ready.viewer.layers["cells"]
    source.scale, source.translate = (1, 1), (0.2, 0.1)
    ready.click(middle(0, 0))
    ready.press(ready.panel.found.extract_button)
    made = ready.viewer.layers["cells look-alikes"]
    expected = np.where(np.isin(ready.labels, list(ready.bright)), ready.labels, 0)
    np.testing.assert_array_equal(made.data, expected)
    assert made.data.dtype == ready.labels.dtype
    np.testing.assert_allclose(made.translate, source.translate)
    assert list(made.features) == [
        *("index", "label", "y", "x", "area", "mean_intensity", "similarity")
    ]
    assert set(made.features["index"]) == ready.bright
    assert (made.features["similarity"] >= ready.panel.found.threshold).all()
    about = made.metadata["napari_iaunet"]
    assert about["like"] == [1]
    assert about["model"] == "default"
    assert ready.said == "15 cells extracted."
    made.undo()
    np.testing.assert_array_equal(made.data, expected)
    np.testing.assert_array_equal(source.data, ready.labels)
    assert "similarity" not in source.features
    # The search goes on in the layer that was searched.
    assert ready.panel.labels.currentText() == "cells"
    assert ready.found == ready.bright


def test_classes(ready, monkeypatch, tmp_path):
    panel = ready.panel
    ready.click(middle(0, 0))
    panel.found.name.setCurrentText("bright")
    ready.press(panel.found.name_button)
    made = ready.viewer.layers["cells classes"]
    np.testing.assert_array_equal(made.data, ready.labels)
    table = made.features.set_index("index")["class"]
    assert set(table.index[table == "bright"]) == ready.bright
    assert (table[table != "bright"] == "").all()
    ready.click(middle(0, 5))
    panel.found.name.setCurrentText("dark")
    ready.press(panel.found.name_button)
    assert len([i for i in ready.viewer.layers if "classes" in i.name]) == 1
    table = made.features.set_index("index")["class"]
    assert table.loc[1] == "bright"
    assert table.loc[6] == "dark"
    colours = made.colormap.color_dict
    assert not np.array_equal(colours[1], colours[6])
    assert "class" not in ready.viewer.layers["cells"].features
    assert [panel.found.name.itemText(i) for i in range(2)] == ["bright", "dark"]
    # The table has them.
    file = tmp_path / "table.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(file), ""))
    ready.press(panel.found.save_button)
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == [
        *("label", "plane", "y", "x", "area", "mean_intensity", "similarity", "class")
    ]
    assert len(rows) == 35
    assert rows[0]["label"] == "6"
    assert rows[0]["class"] == "dark"
    similarity = [float(row["similarity"]) for row in rows]
    assert similarity == sorted(similarity, reverse=True)
    # An extracted cell keeps its class; a cell can get another one, or none.
    ready.press(panel.found.extract_button)
    extracted = ready.viewer.layers["cells look-alikes"].features
    assert set(extracted["class"]) == {"dark"}
    panel.found.name.setCurrentText("")
    ready.press(panel.found.name_button)
    table = made.features.set_index("index")["class"]
    assert table.loc[6] == ""
    assert table.loc[1] == "bright"


def test_classes_of_cells_with_high_numbers(user, monkeypatch):
    labels, image = cells_and_image(first=70_000)
    panel = user.panel
    user.viewer.add_image(image, name="image")
    user.viewer.add_labels(labels, name="cells")
    user.press(panel.pick_button)
    user.click(middle(0, 0))
    for name in ("bright", "light"):
        panel.found.name.setCurrentText(name)
        user.press(panel.found.name_button)
        made = user.viewer.layers["cells classes"]
        assert made.data.max() == 35
        table = made.features
        chosen = table["class"] == name
        assert set(table["label"][chosen]) == is_bright(labels, image)
        assert set(table["index"][chosen]) == set(np.unique(made.data[image > 150]))
    monkeypatch.setattr("napari_iaunet.plugin.lookalikes.classes._MOST_COLOURED", 30)
    user.press(panel.found.name_button)
    assert "up to 30 cells" in messages()[-1]


def test_no_cell_is_similar_enough(ready):
    ready.click(middle(0, 0))
    ready.panel.found.threshold_changed.emit(1.1)
    ready.wait()
    before = len(ready.viewer.layers)
    ready.press(ready.panel.found.extract_button)
    assert len(ready.viewer.layers) == before
    assert "Lower the threshold" in messages()[-1]


def test_a_table_that_cannot_be_written(ready, monkeypatch, tmp_path):
    ready.click(middle(0, 0))
    file = tmp_path / "nowhere" / "table"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(file), ""))
    ready.press(ready.panel.found.save_button)
    assert "could not be written" in messages()[-1]


# -- things that happen meanwhile ----------------------------------------------------


def test_labels_are_edited(ready, seer):
    layer = ready.viewer.layers["cells"]
    ready.click(middle(0, 0))
    layer.data_setitem(np.nonzero(ready.labels == 2), 0)
    ready.wait()
    assert len(seer.calls) == 2
    assert ready.panel.found.count.text().startswith("14 of 34")
    assert ready.found == ready.bright - {2}
    layer.visible = True
    layer.undo()
    ready.wait()
    assert len(seer.calls) == 3
    assert ready.found == ready.bright
    # A hidden layer does not tell that it is undone.
    assert not layer.visible
    layer.redo()
    ready.click(middle(0, 0))
    assert len(seer.calls) == 4
    assert ready.found == ready.bright - {2}
    # Pressed at once, before anybody has looked: the old cells are not extracted.
    layer.data_setitem(np.nonzero(layer.data == 1), 0)
    ready.press(ready.panel.found.extract_button)
    assert "cells look-alikes" not in ready.viewer.layers
    ready.wait()
    assert "is gone" in ready.said
    assert ready.ours == []


def test_labels_are_edited_while_cells_are_compared(qtbot, ready, seer):
    seer.steps, seer.pause = 20, 0.02
    ready.click(middle(0, 0), wait=False)
    qtbot.waitUntil(seer.reached.is_set)
    layer = ready.viewer.layers["cells"]
    layer.data_setitem(np.nonzero(layer.data == 2), 0)
    ready.wait()
    assert ready.found == ready.bright - {2}


def test_the_image_is_replaced(ready, seer):
    image = ready.viewer.layers["image"]
    ready.click(middle(0, 0))
    image.data = image.data[:, ::-1]
    ready.wait()
    assert len(seer.calls) == 2
    assert ready.found != ready.bright


@pytest.mark.viewer
def test_another_plane_means_no_change(ready, seer):
    labels, image = cells_and_image()
    ready.viewer.layers.clear()
    stack = np.stack([image, image[:, ::-1], image])
    three = np.stack([labels, labels + 35 * (labels > 0), labels + 70 * (labels > 0)])
    film = ready.viewer.add_image(da.from_array(stack, chunks=(1, -1, -1)), name="film")
    ready.viewer.add_labels(three, name="cells", scale=(1, 1, 1))
    ready.viewer.dims.set_point(0, 1)
    ready.qtbot.wait(100)  # for the camera to find the stack
    ready.click(middle(0, 6), layer=film)
    assert seer.calls == [((3,), 1, (3, *SHAPE))]
    assert len(ready.found) == 45
    assert not any(36 <= n < 36 + 4 for n in ready.found)
    for plane in (0, 1, 2):
        ready.viewer.dims.set_point(0, plane)
        ready.wait()
    assert len(seer.calls) == 1
    # A picture of a cell in another plane leads there.
    key = next(t.key for t in ready.panel.found.best.thumbnails if t.key.label <= 35)
    ready.panel.cell_pressed.emit(key, "show")
    assert ready.viewer.dims.point[0] == 0


@pytest.mark.parametrize("name", ["cells", "image"])
def test_a_layer_is_removed(ready, name):
    ready.click(middle(0, 0))
    ready.viewer.layers.remove(name)
    ready.wait()
    assert ready.ours == []
    assert "Open an image" in ready.said
    assert not ready.panel.pick_button.isEnabled()
    assert not ready.panel.found.extract_button.isEnabled()


def test_a_layer_is_removed_while_cells_are_compared(qtbot, ready, seer):
    seer.steps, seer.pause = 1000, 0.01
    ready.click(middle(0, 0), wait=False)
    qtbot.waitUntil(seer.reached.is_set)
    ready.viewer.layers.remove("cells")
    ready.wait()
    assert ready.ours == []
    assert not ready.panel.bar.isVisible()


def test_our_layers_are_removed(ready):
    ready.click(middle(0, 0))
    for name in ("cells similarity", "cells found"):
        ready.viewer.layers.remove(name)
    ready.panel.found.slider.setValue(100)
    ready.wait()
    ready.click(middle(0, 5))
    assert sorted(ready.ours) == ["cells found", "cells similarity"]


@pytest.mark.viewer
@pytest.mark.parametrize("names", [(), ("image",), ("cells found", "cells")])
def test_layers_are_thrown_away_together(ready, names):
    """With the trash of the layer list, whatever of ours is among them."""
    ready.click(middle(0, 0))
    layers = ready.viewer.layers
    layers.selection = {layers[name] for name in names} if names else set(layers)
    ready.trash()
    assert messages() == []
    assert set(names or layers.selection).isdisjoint(i.name for i in layers)
    assert ready.ours == []
    assert "Open an image" in ready.said
    assert all(layer.visible for layer in layers)


@pytest.mark.viewer
def test_what_is_shown_is_thrown_away(ready):
    ready.click(middle(0, 0))
    ready.viewer.layers.selection = {ready.viewer.layers["cells found"]}
    ready.trash()
    ready.qtbot.waitUntil(lambda: not ready.ours)  # that of a busy machine comes later
    assert messages() == []
    assert [layer.name for layer in ready.viewer.layers] == ["image", "cells"]
    assert ready.viewer.layers["cells"].visible
    assert "no longer shown" in ready.said
    ready.click(middle(0, 5))
    assert ready.ours == ["cells similarity", "cells found"]


@pytest.mark.viewer
def test_leaving_the_tab_leaves_the_viewer_as_it_was(ready):
    before = state(ready.viewer)
    ready.click(middle(0, 0))
    ready.panel.found.slider.setValue(400)
    ready.wait()
    found, threshold = ready.found, ready.panel.found.threshold
    ready.dock.tabs.setCurrentWidget(ready.dock.track_panel)
    ready.wait()
    assert state(ready.viewer) == before
    assert ready.viewer.cursor.style == "standard"
    ready.dock.tabs.setCurrentWidget(ready.panel)
    ready.wait()
    assert ready.found == found
    assert ready.panel.found.threshold == threshold
    assert not ready.viewer.layers["cells"].visible
    assert ready.panel.pick_button.text() == "Pick cells: off"


@pytest.mark.viewer
def test_hiding_the_dock_leaves_the_viewer_as_it_was(ready):
    before = state(ready.viewer)
    ready.click(middle(0, 0))
    found, docked = ready.found, ready.dock.parent()
    docked.hide()
    ready.wait()
    assert state(ready.viewer) == before
    assert ready.viewer.cursor.style == "standard"
    docked.show()
    ready.wait()
    assert ready.found == found
    assert ready.ours == ["cells similarity", "cells found"]
    assert not ready.viewer.layers["cells"].visible


@pytest.mark.viewer
def test_what_happens_out_of_sight_is_shown_later(ready, seer):
    ready.click(middle(0, 0))
    ready.dock.tabs.setCurrentWidget(ready.dock.segment_panel)
    cells = ready.viewer.layers["cells"]
    cells.data_setitem(np.nonzero(ready.labels == 2), 0)
    ready.wait()
    assert ready.ours == []
    assert len(seer.calls) == 1, "not compared while nobody looks"
    ready.dock.tabs.setCurrentWidget(ready.panel)
    ready.wait()
    assert len(seer.calls) == 2
    assert " of 34 cells " in ready.panel.found.count.text()
    assert ready.ours == ["cells similarity", "cells found"]


@pytest.mark.viewer
def test_cells_are_compared_out_of_sight(qtbot, ready, seer):
    seer.steps, seer.pause = 50, 0.01
    ready.click(middle(0, 0), wait=False)
    qtbot.waitUntil(seer.reached.is_set)
    ready.dock.tabs.setCurrentWidget(ready.dock.segment_panel)
    ready.wait()
    assert ready.ours == []
    ready.dock.tabs.setCurrentWidget(ready.panel)
    ready.wait()
    assert ready.ours == ["cells similarity", "cells found"]
    assert len(seer.calls) == 1


def test_cancel(qtbot, ready, seer):
    seer.steps, seer.pause = 1000, 0.01
    ready.click(middle(0, 0), wait=False)
    qtbot.waitUntil(seer.reached.is_set)
    qtbot.waitUntil(lambda: ready.said == "Comparing the cells…")
    ready.press(ready.panel.cancel_button)
    ready.wait()
    assert ready.said.startswith("Cancelled")
    assert ready.ours == []
    seer.steps = 1
    ready.click(middle(0, 0))
    assert ready.found == ready.bright


def test_errors_are_told(ready, seer):
    seer.error = ModelError("This model cannot tell which cells look alike.")
    ready.click(middle(0, 0))
    assert "cannot tell" in messages()[-1]
    assert "cannot tell" in ready.said
    seer.error = None
    ready.click(middle(0, 0))
    assert ready.found == ready.bright


# -- which layers --------------------------------------------------------------------


def test_the_image_under_the_cells_is_proposed(user):
    labels, image = cells_and_image()
    panel, viewer = user.panel, user.viewer
    viewer.add_labels(labels, name="cells")
    assert panel.labels.count() == 0
    assert not panel.pick_button.isEnabled()
    viewer.add_image(image[:50], name="small")
    assert panel.labels.count() == 0
    viewer.add_image(image, name="moved", translate=(30, 0))
    assert panel.labels.count() == 0
    viewer.add_image(np.stack([image] * 3, -1), name="colours")
    assert panel.image.currentText() == "colours"
    viewer.add_image(image, name="gray")
    assert panel.image.currentText() == "gray"
    viewer.layers["cells"].metadata["napari_iaunet"] = {"image": "colours"}
    viewer.layers["gray"].name = "grey"
    assert panel.image.currentText() == "colours"
    assert panel.image.count() == 2


def test_channels_are_those_of_the_segment_tab(user, seer):
    labels, image = cells_and_image()
    user.viewer.add_image(
        np.stack([image] * 4), name="four", axis_labels=("c", "y", "x")
    )
    user.viewer.add_labels(labels, name="cells")
    picker = user.dock.segment_panel.channel_picker
    picker.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    user.press(user.panel.pick_button)
    user.click(middle(0, 0), layer=user.viewer.layers["cells"])
    assert seer.calls == [((), 3, SHAPE)]


def test_a_plane_of_a_stack(user, seer):
    labels, image = cells_and_image()
    user.viewer.add_image(np.stack([image] * 4), name="film")
    user.viewer.add_labels(labels[None], name="cells", translate=(2, 0, 0))
    user.viewer.dims.set_point(0, 2)
    user.press(user.panel.pick_button)
    user.click(middle(0, 0))
    assert seer.calls == [((), 1, SHAPE)]
    assert "15 of 35" in user.panel.found.count.text()
    user.press(user.panel.found.extract_button)
    made = user.viewer.layers["cells look-alikes"]
    assert made.data.shape == (1, *SHAPE)
    np.testing.assert_allclose(made.translate, (2, 0, 0))


def test_all_images_are_searched(ready, seer):
    labels, image = cells_and_image(first=101)
    viewer = ready.viewer
    viewer.add_image(image, name="second", translate=(0, 160))
    viewer.add_labels(labels, name="others", translate=(0, 160))
    ready.panel.labels_picked.emit(str(viewer.layers["cells"].unique_id))
    ready.click(middle(0, 0))
    assert ready.panel.found.count.text().startswith("15 of 35")
    ready.press(ready.panel.all_images)
    ready.panel.all_images.setChecked(True)
    ready.wait()
    assert ready.panel.found.count.text().startswith("30 of 70")
    layers = {t.key.layer for t in ready.panel.found.best.thumbnails}
    assert len(layers) == 2
    ready.press(ready.panel.found.extract_button)
    for name in ("cells", "others"):
        assert len(viewer.layers[f"{name} look-alikes"].features) == 15
    viewer.layers.remove("others")
    ready.wait()
    assert ready.panel.found.count.text().startswith("15 of 35")


def test_one_cell_only(user):
    labels, image = cells_and_image()
    user.viewer.add_image(image, name="image")
    user.viewer.add_labels(np.where(labels == 9, 9, 0), name="cells")
    user.press(user.panel.pick_button)
    user.click(middle(1, 1))
    assert user.found == {9}
    assert user.panel.found.count.text().startswith("1 of 1 cell ")
    user.press(user.panel.found.extract_button)
    assert user.viewer.layers["cells look-alikes"].features["index"].tolist() == [9]


def test_20_000_cells(user):
    y, x = np.indices((1000, 1300))
    inside = (y % 8 > 1) & (x % 8 > 1)
    labels = np.where(inside, y // 8 * 163 + x // 8 + 1, 0).astype(np.int32)
    count = int(labels.max())
    assert count >= 20_000
    image = np.where(inside, 60 + 120 * (labels % 3 == 0), 10).astype(np.uint8)
    user.viewer.add_image(image, name="image")
    user.viewer.add_labels(labels, name="cells")
    user.press(user.panel.pick_button)
    camera_of(user.viewer).zoom = 6
    camera_of(user.viewer).center = (500, 650)
    target = int(labels[500, 650])
    user.click((500, 650))
    assert f"of {count:,} cells" in user.panel.found.count.text()
    user.press(user.panel.found.extract_button)
    made = user.viewer.layers["cells look-alikes"]
    kinds = set((made.features["index"] % 3 == 0).tolist())
    assert kinds == {target % 3 == 0}
    for value in (900, 300, 700):
        user.panel.found.slider.setValue(value)
    user.wait()


# -- teardown ------------------------------------------------------------------------


@pytest.mark.viewer
def test_closing_the_dock_leaves_nothing_behind(qtbot, viewer, seer):
    user = User(qtbot, viewer)
    labels, image = cells_and_image()
    viewer.add_image(image, name="image")
    viewer.add_labels(labels, name="cells")
    callbacks = list(viewer.mouse_drag_callbacks)
    user.press(user.panel.pick_button)
    user.click(middle(0, 0))
    dock = user.dock
    parts = [dock, dock.lookalike_panel, dock.lookalike_controller]
    references = [weakref.ref(part) for part in parts]
    viewer.window.remove_dock_widget(dock)
    assert [layer.name for layer in viewer.layers] == ["image", "cells"]
    assert viewer.layers["cells"].visible
    assert viewer.cursor.style == "standard"
    assert viewer.mouse_drag_callbacks == callbacks
    del dock, parts, user
    qtbot.wait(50)
    gc.collect()
    alive = [r() for r in references if r() is not None]
    assert not alive, [gc.get_referrers(part) for part in alive]
