"""Fine-tuning in a real viewer: real clicks, real trainings."""

import os
import signal

import numpy as np
import pytest
import torch
from napari.utils.notifications import notification_manager
from person import Person
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from napari_iaunet import list_models
from napari_iaunet.model import collection
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.plugin import owners, trainings
from napari_iaunet.training.task import read_task

pytestmark = pytest.mark.viewer


def discs():
    """Twenty-five discs and their picture."""
    labels = np.zeros((180, 180), np.int32)
    ys, xs = np.mgrid[:180, :180]
    for number, (y, x) in enumerate(np.ndindex(5, 5), 1):
        labels[(ys - 18 - 36 * y) ** 2 + (xs - 18 - 36 * x) ** 2 < 14**2] = number
    noise = np.random.default_rng(0).normal(20, 5, labels.shape)
    return labels, ((labels > 0) * 100 + noise).astype(np.float32)


@pytest.fixture
def poor(home):
    """A model of the user's that draws cells much too small."""
    network, card = load_model(find_model("default"))
    with torch.no_grad():
        network.mask_head[-1].bias[0] -= 9
    save_model(home / "models" / "poor", network, card)
    return "poor"


class Trainer(Person):
    """Somebody who annotates and trains."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1200, 900))
        self.panel = self.dock.finetune_panel
        self.controller = self.dock.finetune_controller
        self.dock.tabs.setCurrentWidget(self.panel)
        self.drawn()

    def proposals(self):
        self.panel.pairs.menu.aboutToShow.emit()
        return self.panel.pairs.menu.actions()

    def add_first(self):
        self.proposals()[0].trigger()

    def train(self, minutes=0.1):
        self.panel.length.setValue(minutes)
        self.press(self.panel.train_button)

    def steps_at_rest(self):
        """Wait until the step that was begun is done, and no more come."""
        for _ in range(20):
            steps = len(self.panel.plot.training)
            self.qtbot.wait(1500)
            if len(self.panel.plot.training) == steps:
                return steps
        raise AssertionError

    def wait_for_steps(self, count=1):
        plot = self.panel.plot
        self.qtbot.waitUntil(lambda: len(plot.training) >= count, timeout=120_000)

    def wait_for_end(self):
        panel = self.panel
        self.qtbot.waitUntil(
            lambda: not panel.stop_button.isEnabled() and not panel.bar.isVisible(),
            timeout=120_000,
        )

    def started_from(self, name):
        start = self.panel.start
        start.setCurrentIndex(start.findText(name))


@pytest.fixture
def trainer(qtbot, make_napari_viewer_proxy):
    viewer = make_napari_viewer_proxy(show=True)
    labels, image = discs()
    viewer.add_image(image, name="plate")
    viewer.add_labels(labels, name="drawn")
    trainer = Trainer(qtbot, viewer)
    yield trainer
    trainer.dock.teardown()


def messages():
    return [n.message for n in notification_manager.records]


def test_train_save_and_use_a_model(trainer, poor, monkeypatch):
    trainer.dock._on_models()
    assert not trainer.panel.train_button.isEnabled()
    trainer.add_first()
    assert [a.isEnabled() for a in trainer.proposals()] == [False]
    trainer.started_from("poor")
    trainer.train()
    assert not trainer.panel.train_button.isEnabled()
    trainer.wait_for_end()
    panel = trainer.panel
    assert "got better" in panel.result.text()
    assert panel.example.isVisible()
    (_, first), *_, (_, last) = panel.plot.precision
    assert panel.plot.start == first <= last
    # Another training would forget the model that is not saved yet.
    assert not panel.train_button.isEnabled()
    panel.name.setText("poor")
    trainer.press(panel.save_button)
    trainer.qtbot.waitUntil(lambda: "already" in " ".join(messages()), timeout=20_000)
    panel.name.setText("my discs")
    trainer.qtbot.waitUntil(panel.save_button.isEnabled)
    trainer.press(panel.save_button)
    segment = trainer.dock.segment_panel.model
    trainer.qtbot.waitUntil(lambda: segment.findText("my discs") > 0, timeout=20_000)
    assert panel.start.findText("my discs") > 0
    card = load_model(find_model("my discs"))[1]
    assert card["start"] == "poor"
    assert card["pairs"] == [{"image": "plate", "labels": "drawn"}]
    assert not list(trainings.user_models_folder().parent.glob("trainings/*"))
    # The model finds cells at once.
    segment.setCurrentIndex(segment.findText("my discs"))
    trainer.dock.tabs.setCurrentWidget(trainer.dock.segment_panel)
    trainer.press(trainer.dock.segment_panel.run.start_button)
    trainer.qtbot.waitUntil(lambda: len(trainer.viewer.layers) == 3, timeout=60_000)
    assert 20 <= trainer.viewer.layers[-1].data.max() <= 30


def test_pause_stop_and_discard(trainer, poor):
    trainer.dock._on_models()
    trainer.add_first()
    trainer.started_from("poor")
    trainer.train(minutes=10)
    trainer.wait_for_steps(3)
    trainer.press(trainer.panel.pause_button)
    steps = trainer.steps_at_rest()
    assert trainer.panel.status.text() == "Paused."
    trainer.press(trainer.panel.pause_button)
    trainer.wait_for_steps(steps + 1)
    trainer.press(trainer.panel.stop_button)
    trainer.wait_for_end()
    if trainer.panel.discard_button.isVisible():
        trainer.press(trainer.panel.discard_button)
    assert not list(trainings.user_models_folder().parent.glob("trainings/*"))
    assert trainer.panel.train_button.isEnabled()
    assert [model.name for model in list_models()] == ["default", "poor"]


def test_a_killed_training_harms_nothing(trainer, poor):
    trainer.dock._on_models()
    labels, image = discs()
    trainer.add_first()
    trainer.started_from("poor")
    trainer.train(minutes=10)
    trainer.wait_for_steps(2)
    os.kill(trainer.controller.process._process.processId(), signal.SIGKILL)
    trainer.wait_for_end()
    assert any("ended unexpectedly" in message for message in messages())
    np.testing.assert_array_equal(trainer.viewer.layers["drawn"].data, labels)
    np.testing.assert_array_equal(trainer.viewer.layers["plate"].data, image)


def test_closing_while_training_keeps_the_best_model(
    trainer, poor, qtbot, make_napari_viewer_proxy, monkeypatch
):
    trainer.dock._on_models()
    trainer.add_first()
    trainer.started_from("poor")
    trainer.train(minutes=10)

    def is_better():
        folder = trainer.controller._folder
        reached = folder and trainings.outcome(folder)
        return bool(reached and reached.improved)

    qtbot.waitUntil(is_better, timeout=120_000)
    process = trainer.controller.process._process.processId()
    trainer.viewer.window.remove_dock_widget(trainer.dock)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    # The next time napari is opened, by another process.
    monkeypatch.setattr(owners, "is_owned", lambda folder: False)
    again = Trainer(qtbot, trainer.viewer)
    assert "was interrupted" in again.panel.result.text()
    again.panel.name.setText("rescued")
    again.press(again.panel.save_button)
    qtbot.waitUntil(
        lambda: "rescued" in [m.name for m in list_models()], timeout=20_000
    )
    again.dock.teardown()


def test_steps_and_rehearsal(trainer):
    image = discs()[1]
    trainer.viewer.add_image(image[:100].T, name="other")
    trainer.viewer.add_image(np.stack([image[:120]] * 5), name="film")
    trainer.add_first()
    panel = trainer.panel
    panel.unit.setCurrentText("steps")
    panel.unit.activated.emit(1)
    panel.rehearse.setChecked(True)
    trainer.train(2)
    folder = trainer.controller._folder
    trainer.wait_for_steps(1)
    _, pairs, known = read_task(folder)
    assert len(pairs) == 1
    assert [plane.image.shape[1:] for plane in known] == [(180, 100)] + [(120, 180)] * 3
    trainer.wait_for_end()
    assert len(panel.plot.training) == 2
    assert panel.result.text()


def test_layers_that_cannot_be_trained_on(trainer):
    trainer.viewer.layers["drawn"].data = (discs()[0] > 0).astype(np.int32)
    trainer.add_first()
    trainer.train()
    trainer.qtbot.waitUntil(
        lambda: any("classes" in m for m in messages()), timeout=30_000
    )
    trainer.wait_for_end()
    assert trainer.panel.train_button.isEnabled()
    assert not list(trainings.user_models_folder().parent.glob("trainings/*"))


def test_layers_that_go(trainer):
    trainer.add_first()
    trainer.viewer.layers.remove("plate")
    assert not trainer.panel.pairs.rows
    assert not trainer.panel.train_button.isEnabled()
    assert any("taken off the list" in message for message in messages())
    assert [a.isEnabled() for a in trainer.proposals()] == [False]


def test_rows_follow_names_and_can_be_removed(trainer):
    trainer.add_first()
    trainer.viewer.layers["plate"].name = "A & <b>"
    (row,) = trainer.panel.pairs.rows.values()
    assert "A &amp; &lt;b>" in row.title.text()
    trainer.press(row.remove_button)
    assert not trainer.panel.pairs.rows


def test_regions_are_read_where_they_lie(trainer):
    from napari_iaunet.plugin import training_layers
    from napari_iaunet.plugin.finetune_job import annotations_of

    viewer = trainer.viewer
    for name in ("plate", "drawn"):
        viewer.layers[name].scale = (0.5, 0.5)
        viewer.layers[name].translate = (10, 20)
    corners = np.array([[0, 0], [0, 90], [30, 90], [30, 0]]) * 0.5 + [10, 20]
    shapes = viewer.add_shapes([corners], shape_type="rectangle", name="done")
    ellipse = np.array([[100, 100], [100, 160], [160, 160], [160, 100]]) * 0.5 + [
        10,
        20,
    ]
    shapes.add(ellipse, shape_type="ellipse")
    trainer.add_first()
    (row,) = trainer.panel.pairs.rows.values()
    assert [row.region.itemText(i) for i in range(2)] == ["everywhere", "in done"]
    pair = next(iter(trainer.controller._pairs.values()))
    source = training_layers.read(viewer, pair, str(shapes.unique_id))
    (annotation,) = annotations_of(source)
    region = annotation.region
    assert region[1:29, 1:89].all()
    assert not region[33:95].any()
    assert region[130, 130]
    assert not region[103, 103]
    assert abs(region[95:].sum() - np.pi * 30**2) < 150
    shapes.data = []
    trainer.controller._on_region(pair.labels, str(shapes.unique_id))
    trainer.train()
    assert "no rectangle" in messages()[-1]


def test_planes_of_stacks_and_channels(trainer):
    from napari_iaunet.plugin import training_layers
    from napari_iaunet.plugin.finetune_job import annotations_of

    viewer = trainer.viewer
    labels, image = discs()
    viewer.layers.clear()
    viewer.add_image(np.stack([image] * 3), name="film")
    film = np.zeros((3, *labels.shape), int)
    film[1] = labels
    viewer.add_labels(film, name="drawn")
    (pair,) = training_layers.annotated(viewer, None)
    (annotation,) = annotations_of(training_layers.read(viewer, pair, ""))
    assert annotation.name == "drawn [1]"
    np.testing.assert_array_equal(annotation.labels, labels)
    np.testing.assert_array_equal(annotation.image, image[None])
    assert annotation.channel_axis == 0
    viewer.layers.clear()
    viewer.add_image(np.stack([image] * 3, -1).astype(np.uint8), rgb=True, name="stain")
    viewer.add_labels(labels, name="drawn")
    (pair,) = training_layers.annotated(viewer, None)
    (annotation,) = annotations_of(training_layers.read(viewer, pair, ""))
    assert annotation.image.shape == (*labels.shape, 3)
    assert annotation.channel_axis == 2


def test_models_are_renamed_exported_imported_and_deleted(
    trainer, tmp_path, monkeypatch, qtbot
):
    section = trainer.dock.model_section
    assert not section.delete_button.isEnabled()
    collection.keep(find_model("default"), "mine")
    trainer.dock._on_models()

    def names():
        return [model.name for model in list_models()]

    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("ours", True))
    trainer.press(section.rename_button)
    qtbot.waitUntil(lambda: names() == ["default", "ours"], timeout=20_000)
    qtbot.waitUntil(lambda: section.model.currentText() == "ours")
    target = str(tmp_path / "handed on")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (target, ""))
    trainer.press(section.export_button)
    qtbot.waitUntil((tmp_path / "handed on.zip").is_file, timeout=20_000)
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *a, **k: yes)
    qtbot.waitUntil(lambda: not trainer.dock.model_jobs.is_running)
    trainer.press(section.delete_button)
    qtbot.waitUntil(lambda: names() == ["default"], timeout=20_000)
    qtbot.waitUntil(lambda: not section.delete_button.isEnabled())
    path = str(tmp_path / "handed on.zip")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (path, ""))
    trainer.press(section.import_button)
    qtbot.waitUntil(lambda: names() == ["default", "ours"], timeout=20_000)
    qtbot.waitUntil(lambda: trainer.dock.segment_panel.model.findText("ours") > 0)
    qtbot.waitUntil(lambda: not trainer.dock.model_jobs.is_running)
    trainer.press(section.import_button)
    qtbot.waitUntil(lambda: "already" in messages()[-1], timeout=20_000)
