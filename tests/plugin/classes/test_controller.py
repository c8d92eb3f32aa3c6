"""Giving cells classes: the rules, with neither a window nor a widget."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from person import click_in
from seer import BACKGROUND, Seer, cells_and_image, middle

from napari_iaunet import Classifier, read_image
from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.classes.controller import ClassController
from napari_iaunet.plugin.classes.panel import ClassPanel
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.core.settings import Settings
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.images import describe

BRIGHT, DARK = (0, 1, 2), (3, 4, 5, 6)  # columns


class Sorter:
    """Somebody who gives cells classes, at the tab's side of the signals."""

    def __init__(self):
        self.viewer, self.seer = ViewerModel(), Seer()
        self.jobs, self.learning, self.settings = FakeJobs(), FakeJobs(), Settings()
        for jobs in (self.jobs, self.learning):
            jobs.close = lambda jobs=jobs: setattr(jobs, "function", None)
        self.settings.offer_models([ModelInfo("default", Path("default"), "")])
        segmenters = SimpleNamespace(get=lambda model, device: self.seer)
        self.panel = fake_panel(ClassPanel)
        self.panel.selected.return_value = []
        self.panel.pick_button = SimpleNamespace(setChecked=self.toggle)
        self.controller = ClassController(
            Session(self.viewer, self.settings, segmenters),
            self.panel,
            self.jobs,
            self.learning,
            {},
        )
        self.labels, self.image = cells_and_image()

    def open(self, name="cells"):
        image = self.viewer.add_image(self.image, name="image")
        self.settings.offer_images([describe(image)])
        self.viewer.add_labels(self.labels, name=name)
        self.controller.enter()
        self.toggle(True)
        self.wait()

    def toggle(self, on):
        self.panel.pick_toggled.emit(on)

    def wait(self):
        while self.jobs.is_running or self.learning.is_running:
            (self.jobs if self.jobs.is_running else self.learning).run()

    def key(self, key, place):
        """Press a key while the mouse is at a place."""
        self.viewer.cursor.position = tuple(place)
        layer = self.viewer.layers.selection.active
        own = {str(k): f for k, f in layer.keymap.items()}
        own[key](layer)
        self.wait()

    def do(self, signal, *values):
        getattr(self.panel, signal).emit(*values)
        self.wait()

    @property
    def said(self):
        return self.panel.say.call_args.args[0]

    @property
    def classes(self):
        """Names, examples and cells of the classes that are shown."""
        classes, examples, cells = self.panel.set_classes.call_args.args
        return {c.name: (examples[c.name], cells.get(c.name)) for c in classes}

    @property
    def colours(self):
        return {c.name: c.colour for c in self.panel.set_classes.call_args.args[0]}

    @property
    def names(self):
        return [layer.name for layer in self.viewer.layers]

    def shown(self):
        """The number of the class that each cell is shown in."""
        data = np.asarray(self.viewer.layers["cells classes on trial"].data)
        inner = {n: data[self.labels == n] for n in np.unique(self.labels)[1:]}
        return {int(n): int(np.median(v)) for n, v in inner.items()}


@pytest.fixture
def sorter(qtbot):
    notification_manager.records.clear()
    sorter = Sorter()
    yield sorter
    sorter.controller.teardown()


@pytest.fixture
def ready(sorter):
    """Two examples of bright cells and two of dark ones."""
    sorter.open()
    for key, place in (("1", (0, 0)), ("1", (1, 1)), ("2", (0, 5)), ("2", (2, 4))):
        sorter.key(key, middle(*place))
    return sorter


def messages():
    return [record.message for record in notification_manager.records]


def of_columns(numbers, columns):
    return {numbers[7 * row + column + 1] for row in range(5) for column in columns}


def test_it_says_what_is_missing(sorter):
    assert "Open an image and its cells first" in sorter.said
    sorter.open()
    assert "press 1, 2" in sorter.said
    sorter.key("1", BACKGROUND)
    assert "no cell under the mouse" in sorter.said
    sorter.key("3", middle(0, 0))
    assert "no class 3 yet" in sorter.said


def test_keys_give_classes_and_all_cells_get_one(ready):
    assert ready.classes == {"class 1": (2, 15), "class 2": (2, 20)}
    numbers = ready.shown()
    assert of_columns(numbers, BRIGHT) == {1}
    assert of_columns(numbers, DARK) == {2}
    assert not ready.viewer.layers["cells"].visible
    assert len(ready.seer.calls) == 1
    (confusion,) = ready.panel.set_outcome.call_args.args
    np.testing.assert_array_equal(confusion.counts, [[2, 0], [0, 2]])


def test_an_example_is_moved_and_taken_back(ready):
    ready.key("2", middle(0, 0))
    assert ready.classes["class 1"][0] == 1
    assert ready.classes["class 2"][0] == 3
    ready.key("0", middle(0, 0))
    assert ready.classes["class 2"][0] == 2
    ready.do("undo_requested")
    ready.do("undo_requested")
    assert ready.classes == {"class 1": (2, 15), "class 2": (2, 20)}


def test_a_click_gives_the_selected_class(ready):
    click_in(ready.viewer, middle(3, 3))
    assert "Select a class" in ready.said
    ready.panel.selected.return_value = ["class 2"]
    click_in(ready.viewer, middle(3, 3))
    ready.wait()
    assert ready.classes["class 2"][0] == 3


def test_rename_recolour_merge_remove(ready, monkeypatch):
    ready.do("class_renamed", "class 1", "bright")
    assert ready.classes["bright"] == (2, 15)
    ready.do("class_renamed", "class 2", "bright")
    assert "already" in ready.said
    monkeypatch.setattr(
        "napari_iaunet.plugin.classes.actions.ClassActions.ask_colour",
        lambda self, colour: "#123456",
    )
    ready.do("colour_requested", "bright")
    assert ready.colours["bright"] == "#123456"
    ready.do("class_added")
    assert list(ready.classes) == ["bright", "class 2", "class 3"]
    ready.key("3", middle(4, 4))
    ready.do("classes_merged", ["class 2", "class 3"])
    assert ready.classes == {"bright": (2, 15), "class 2": (3, 20)}
    ready.do("undo_requested")
    assert ready.classes["class 3"][0] == 1
    ready.do("class_removed", "class 3")
    ready.do("class_removed", "class 2")
    assert list(ready.classes) == ["bright"]
    ready.panel.set_outcome.assert_called_with(None)


def test_a_class_that_lost_its_examples_does_not_stay_as_it_was(ready):
    ready.key("0", middle(0, 5))
    ready.key("0", middle(2, 4))
    ready.panel.set_outcome.assert_called_with(None)
    numbers = ready.shown()
    assert sorted(n for n, kind in numbers.items() if kind) == [1, 9]
    assert ready.classes["class 2"] == (0, None)


def test_the_most_doubtful_cell_is_next(ready):
    ready.do("next_requested")
    first = ready.said
    assert "class 1 (" in first
    assert "class 2 (" in first
    centre = camera_of(ready.viewer).center
    ready.key("N", (0, 0))
    assert ready.said != first
    assert camera_of(ready.viewer).center != centre
    for _ in range(30):
        ready.do("next_requested")
    assert "All cells have been shown" in ready.said


def test_what_is_kept_can_be_undone(ready):
    cells = ready.viewer.layers["cells"]
    before = cells.features.copy()
    ready.do("keep_requested")
    table = cells.features.set_index("index")
    assert set(table["class"]) == {"class 1", "class 2"}
    assert table.loc[1, "class"] == "class 1"
    assert table.loc[1, "class_probability"] == table.loc[1, "probability_class 1"]
    semantic = ready.viewer.layers["cells semantic"]
    assert set(np.unique(semantic.data)) == {0, 1, 2}
    np.testing.assert_array_equal(semantic.data > 0, ready.labels > 0)
    assert semantic.features["class"].tolist() == ["class 1", "class 2"]
    # It is not offered as a layer of cells.
    assert [name for _, name in ready.panel.set_pairs.call_args.args[0]] == ["cells"]
    ready.do("undo_requested")
    assert "cells semantic" not in ready.names
    assert cells.features.equals(before)
    assert ready.classes == {"class 1": (2, 15), "class 2": (2, 20)}


def test_columns_of_the_table_stay(ready):
    cells = ready.viewer.layers["cells"]
    cells.features = {"index": range(1, 36), "score": np.arange(35) / 35}
    ready.do("keep_requested")
    ready.do("keep_requested")
    assert list(cells.features).count("class") == 1
    assert cells.features["score"].iloc[3] == pytest.approx(3 / 35)
    table = cells.features.copy()
    table["marked"] = True  # by the user, meanwhile
    cells.features = table
    ready.do("undo_requested")
    assert "class_probability" in cells.features, "that of the first time"
    ready.do("undo_requested")
    assert list(cells.features) == ["index", "score", "marked"]


def test_the_status_bar_tells_the_class(ready):
    ready.do("class_renamed", "class 2", "dark")
    layer = ready.viewer.layers["cells classes on trial"]
    status = layer.get_status(middle(4, 4), world=True)
    assert "class: dark" in status["value"]


def test_leaving_leaves_the_viewer_as_it_was(ready):
    layer = ready.viewer.layers["cells"]
    before = dict(layer.keymap)
    assert before
    ready.controller.leave()
    assert ready.names == ["image", "cells"]
    assert layer.visible
    assert not layer.keymap
    assert "1" not in {str(key) for key in ready.viewer.keymap}
    assert ready.viewer.cursor.style == "standard"
    ready.controller.enter()
    ready.wait()
    assert ready.shown()[1] == 1
    assert len(ready.seer.calls) == 1


def test_a_users_own_key_comes_back(sorter):
    def mine(layer):
        """Do what the user wants."""

    sorter.open()
    sorter.controller.leave()
    sorter.viewer.layers["cells"].bind_key("1", mine)
    sorter.controller.enter()
    sorter.toggle(True)
    sorter.key("1", middle(0, 0))
    assert sorter.classes == {"class 1": (1, None)}
    sorter.controller.leave()
    assert list(sorter.viewer.layers["cells"].keymap.values()) == [mine]


def test_classes_of_cells_that_were_painted_over(ready):
    cells = ready.viewer.layers["cells"]
    cells.data_setitem(np.nonzero(ready.labels == 1), 0)
    ready.controller._library._compare()
    ready.wait()
    assert ready.classes["class 1"][1] == 14


def test_a_classifier_is_saved_and_loaded(ready, tmp_path, monkeypatch):
    path = tmp_path / "bright.safetensors"
    actions = "napari_iaunet.plugin.classes.actions."
    monkeypatch.setattr(f"{actions}ask_where", lambda *args: path)
    ready.do("class_renamed", "class 1", "bright")
    ready.do("save_requested")
    assert "Saved bright.safetensors" in ready.said
    assert Classifier.load(path).names == ("bright", "class 2")
    monkeypatch.setattr(
        f"{actions}QFileDialog.getOpenFileName", lambda *args: (str(path), "")
    )
    other = Sorter()
    other.open()
    other.do("load_requested")
    assert other.classes == {"bright": (2, 15), "class 2": (2, 20)}
    assert other.colours == ready.colours
    other.key("3", middle(0, 0))  # it goes on learning
    assert other.classes["class 3"][0] == 1
    assert other.shown()[1] == 3
    other.do("class_removed", "bright")
    assert list(other.classes) == ["class 2", "class 3"]
    other.do("undo_requested")
    other.do("classes_merged", ["bright", "class 3"])
    assert other.classes["bright"][0] == 3
    other.do("class_removed", "class 2")
    assert list(other.classes) == ["bright"]
    other.do("undo_requested")
    other.do("undo_requested")
    other.do("classes_merged", ["bright", "class 2", "class 3"])
    assert "at least two classes" in other.said
    assert list(other.classes) == ["bright", "class 2", "class 3"]
    other.controller.teardown()


def test_a_damaged_classifier_is_told(ready, tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"nothing")
    monkeypatch.setattr(
        "napari_iaunet.plugin.classes.actions.QFileDialog.getOpenFileName",
        lambda *args: (str(path), ""),
    )
    ready.do("load_requested")
    assert any("is no classifier" in message for message in messages())
    assert ready.classes == {"class 1": (2, 15), "class 2": (2, 20)}


@pytest.mark.parametrize("kind", ["semantic", "panoptic"])
def test_images_of_classes(ready, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(
        "napari_iaunet.plugin.classes.actions.QFileDialog.getExistingDirectory",
        lambda *args: str(tmp_path),
    )
    ready.do("export_requested", kind)
    folder = tmp_path / f"cells {kind}"
    assert folder.is_dir()
    assert "class" not in ready.viewer.layers["cells"].features
    if kind == "semantic":
        found = read_image(folder / "cells_classes.tif").array
        bright = ready.image * (ready.labels > 0) > 150
        expected = np.where(bright, 1, 2 * (ready.labels > 0))
        np.testing.assert_array_equal(found, expected)
