"""Fine-tuning: real clicks, real trainings."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import quick_worker
from patient import LIMIT
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox
from small_model import save_small_model
from trainer import Trainer, discs, messages

from napari_iaunet import list_models
from napari_iaunet.model import collection
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.plugin.core import folder_lock
from napari_iaunet.plugin.finetune import process, runs
from napari_iaunet.training.task import MODEL, read_task


@pytest.fixture
def quick(monkeypatch):
    """Trainings for small models, which need not be waited for as long as others."""
    monkeypatch.setattr(process, "_WORKER", quick_worker.__name__)
    folders = [str(Path(quick_worker.__file__).parent), os.environ.get("PYTHONPATH")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))


@pytest.fixture
def good(home, quick):
    """A small model of the user's that finds all discs."""
    save_small_model(home / "models" / "good")
    return "good"


@pytest.fixture
def poor(home, quick):
    """A small model of the user's that draws cells much too small."""
    save_small_model(home / "models" / "poor", bias=-1)
    return "poor"


@pytest.mark.viewer
def test_train_save_and_use_a_model(trainer, poor, monkeypatch):
    trainer.dock.session.settings.offer_models(list_models())
    assert not trainer.panel.train_button.isEnabled()
    trainer.add_complete()
    assert [can_be_chosen for _, can_be_chosen in trainer.proposals()] == [False]
    trainer.started_from("poor")
    trainer.train(minutes=10)
    assert not trainer.panel.train_button.isEnabled()
    trainer.wait_until_better(least=0.9)
    trainer.press(trainer.panel.stop_button)
    trainer.wait_for_end()
    panel = trainer.panel
    assert "Not proven" in panel.result.text()
    assert panel.example.isVisible()
    (_, first), *_, (_, last) = panel.plot.precision
    assert panel.plot.start == first <= last
    # Another training would forget the model that is not saved yet.
    assert not panel.train_button.isEnabled()
    panel.name.setText("poor")
    trainer.press(panel.save_button)
    trainer.qtbot.waitUntil(lambda: "already" in " ".join(messages()))
    panel.name.setText("my discs")
    trainer.qtbot.waitUntil(panel.save_button.isEnabled)
    trainer.press(panel.save_button)
    segment = trainer.dock.segment_panel.form["model"]
    trainer.qtbot.waitUntil(lambda: segment.findText("my discs") > 0)
    assert panel.form["start"].findText("my discs") > 0
    card = load_model(find_model("my discs"))[1]
    assert card["start"] == "poor"
    assert card["improved"]
    assert card["training"]["asked for"] == {"minutes": 10, "steps": None}
    assert card["pairs"] == [{"image": "plate", "labels": "drawn"}]
    assert not list(runs.user_models_folder().parent.glob("trainings/*"))
    # The model finds cells at once.
    segment.setCurrentIndex(segment.findText("my discs"))
    trainer.dock.tabs.setCurrentWidget(trainer.dock.segment_panel)
    trainer.press(trainer.dock.segment_panel.run.start_button)
    trainer.qtbot.waitUntil(lambda: len(trainer.viewer.layers) == 3)
    assert 20 <= trainer.viewer.layers[-1].data.max() <= 30


@pytest.mark.viewer
def test_what_is_not_proven_is_looked_at_trained_on_and_kept(trainer, good):
    """The model finds these cells already: a training cannot do better."""
    trainer.dock.session.settings.offer_models(list_models())
    trainer.add_complete()
    trainer.started_from("good")
    trainer.train(minutes=10)
    trainer.wait_for_steps(3)
    trainer.press(trainer.panel.stop_button)
    trainer.wait_for_end()
    panel = trainer.panel
    assert "Not proven" in panel.result.text()
    trainer.press(panel.compare_button)
    layers = trainer.viewer.layers
    trainer.qtbot.waitUntil(lambda: len(layers) == 4)
    names = ["plate cells, start (good)", "plate cells, trained"]
    assert [layer.name for layer in layers[2:]] == names
    assert all(20 <= layer.data.max() <= 30 for layer in layers[2:])
    steps = len(panel.plot.training)
    trainer.qtbot.waitUntil(panel.train_on_button.isEnabled)
    trainer.press(panel.train_on_button)
    assert not panel.name.isVisible()
    trainer.wait_for_steps(steps + 2)
    trainer.press(panel.stop_button)
    trainer.wait_for_end()
    panel.name.setText("tried")
    trainer.press(panel.save_button)
    trainer.qtbot.waitUntil(lambda: "tried" in [m.name for m in list_models()])
    card = load_model(find_model("tried"))[1]
    assert card["start"] == "good"
    assert "improved" not in card


def test_pause_stop_and_discard(trainer, poor):
    trainer.dock.session.settings.offer_models(list_models())
    trainer.add_complete()
    trainer.started_from("poor")
    trainer.train(minutes=10)
    trainer.wait_for_steps(3)
    trainer.press(trainer.panel.pause_button)
    steps = trainer.steps_at_rest()
    assert trainer.panel.status.text() == "Paused."
    trainer.press(trainer.panel.pause_button)
    trainer.wait_for_steps(steps + 1)
    trainer.wait_until_better()
    trainer.press(trainer.panel.stop_button)
    trainer.wait_for_end()
    assert "Not proven" in trainer.panel.result.text()
    trainer.press(trainer.panel.discard_button)
    assert not list(runs.user_models_folder().parent.glob("trainings/*"))
    assert trainer.panel.train_button.isEnabled()
    assert [model.name for model in list_models()] == ["default", "poor"]


def test_a_killed_training_leaves_its_best_model(trainer, poor):
    trainer.dock.session.settings.offer_models(list_models())
    trainer.add_complete()
    trainer.started_from("poor")
    trainer.train(minutes=10)
    trainer.wait_until_better()
    os.kill(trainer.controller.process._process.processId(), signal.SIGKILL)
    trainer.wait_for_end()
    assert any("ended unexpectedly" in message for message in messages())
    assert "Not proven" in trainer.panel.result.text()
    trainer.panel.name.setText("rescued")
    trainer.press(trainer.panel.save_button)
    trainer.qtbot.waitUntil(lambda: "rescued" in [m.name for m in list_models()])


def test_a_killed_training_harms_nothing(trainer, poor):
    trainer.dock.session.settings.offer_models(list_models())
    labels, image = discs()
    trainer.add_complete()
    trainer.started_from("poor")
    trainer.train(minutes=10)
    trainer.wait_for_steps(2)
    os.kill(trainer.controller.process._process.processId(), signal.SIGKILL)
    trainer.wait_for_end()
    assert any("ended unexpectedly" in message for message in messages())
    assert trainer.panel.result.text() == ""
    assert trainer.panel.train_button.isEnabled()
    np.testing.assert_array_equal(trainer.viewer.layers["drawn"].data, labels)
    np.testing.assert_array_equal(trainer.viewer.layers["plate"].data, image)


@pytest.mark.viewer
def test_closing_while_training_keeps_the_best_model(trainer, poor, qtbot):
    trainer.dock.session.settings.offer_models(list_models())
    trainer.add_complete()
    trainer.started_from("poor")
    trainer.train(minutes=10)

    trainer.wait_until_better()
    process = trainer.controller.process._process.processId()
    folder = trainer.controller._folder
    assert not list(runs.interrupted()), "somebody waits for it"
    trainer.viewer.window.remove_dock_widget(trainer.dock)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    again = Trainer(qtbot, trainer.viewer)
    assert "was interrupted" in again.panel.result.text()
    assert "held-out cells" in again.panel.result.text()
    assert folder_lock.is_owned(folder), "no other napari offers it, too"
    again.panel.name.setText("rescued")
    again.press(again.panel.save_button)
    qtbot.waitUntil(lambda: "rescued" in [m.name for m in list_models()])
    again.dock.teardown()


def test_steps_and_rehearsal(trainer):
    image = discs()[1]
    trainer.viewer.add_image(image[:100].T, name="other")
    trainer.viewer.add_image(np.stack([image[:120]] * 5), name="film")
    trainer.add_complete()
    panel = trainer.panel
    panel.form["unit"].setCurrentText("steps")
    panel.form["rehearse"].setChecked(True)
    trainer.train(2)
    folder = trainer.controller._folder
    trainer.wait_for_steps(1)
    images = read_task(folder)[1]
    assert len(images.pairs) == len(images.held_out) == 1
    shapes = [plane.image.shape[1:] for plane in images.rehearsal]
    assert shapes == [(180, 100)] + [(120, 180)] * 3
    trainer.wait_for_end()
    assert len(panel.plot.training) == 2
    assert panel.result.text()


@pytest.fixture
def unsaved(home):
    """A better model that a training has left behind."""
    folder = runs.new_folder()
    network, card = load_model(find_model("default"))
    figures = {"validation AP50": 0.9, "validation AP50 of the start": 0.5}
    figures["validation cells"] = 7
    card = {**card, "improved": True, "figures": figures}
    save_model(folder / MODEL, network, card)
    folder_lock.release(folder)
    return folder


def test_saving_cannot_be_stopped(unsaved, trainer, monkeypatch):
    panel, begun, may_save = trainer.panel, threading.Event(), threading.Event()
    assert "on the 7 held-out cells was 0.50, and is 0.90 now" in panel.result.text()
    keep = collection.keep

    def slowly(*arguments):
        begun.set()
        may_save.wait(LIMIT)
        return keep(*arguments)

    monkeypatch.setattr(collection, "keep", slowly)
    panel.name.setText("kept")
    trainer.press(panel.save_button)
    assert panel.status.text() == "Saving…"
    assert not panel.stop_button.isEnabled()
    assert not panel.pause_button.isEnabled()
    trainer.qtbot.waitUntil(begun.is_set)
    # So does napari when it is asked to close.
    trainer.dock.finetune_controller.jobs.cancel()
    may_save.set()
    trainer.wait_for_end()
    assert (unsaved / MODEL / "weights.safetensors").is_file()
    assert panel.save_button.isVisible()
    assert panel.form["start"].findText("kept") > 0, "it was saved all the same"
    trainer.press(panel.discard_button)
    assert not unsaved.exists()


def test_pause_waits_until_the_training_begins(trainer, monkeypatch):
    started = []
    monkeypatch.setattr(trainer.controller.process, "start", started.append)
    trainer.add_complete()
    trainer.train()
    assert trainer.panel.stop_button.isEnabled()
    assert not trainer.panel.pause_button.isEnabled()
    trainer.qtbot.waitUntil(trainer.panel.pause_button.isEnabled)
    assert started


def test_advice_stays_in_sight(trainer):
    image = discs()[1]
    few = np.where(discs()[0] <= 6, discs()[0], 0)
    trainer.viewer.layers["drawn"].data = few
    trainer.viewer.add_image(image, name="second", translate=(0, 300))
    trainer.viewer.add_labels(np.zeros_like(few), name="empty", translate=(0, 300))
    trainer.add(2)
    panel = trainer.panel
    panel.form["unit"].setCurrentText("steps")
    trainer.train(1)
    trainer.wait_for_steps(1)
    trainer.wait_for_end()
    assert panel.advice.isVisible()
    assert "“empty” has no labelled cell: it is left out." in panel.advice.text()
    assert "will be held out: too few" in panel.advice.text()


def test_cells_that_are_too_few(trainer):
    trainer.viewer.layers["drawn"].data = np.where(discs()[0] < 3, discs()[0], 0)
    trainer.add_complete()
    trainer.train()
    trainer.qtbot.waitUntil(lambda: any("at least 4 cells" in m for m in messages()))
    trainer.viewer.layers["drawn"].data = np.zeros_like(discs()[0])
    trainer.qtbot.waitUntil(trainer.panel.train_button.isEnabled)
    trainer.train()
    trainer.qtbot.waitUntil(lambda: "“drawn” has no labelled cell." in messages())


def test_layers_that_cannot_be_trained_on(trainer):
    trainer.viewer.layers["drawn"].data = (discs()[0] > 0).astype(np.int32)
    trainer.add_complete()
    trainer.train()
    trainer.qtbot.waitUntil(lambda: any("classes" in m for m in messages()))
    trainer.wait_for_end()
    assert trainer.panel.train_button.isEnabled()
    assert not list(runs.user_models_folder().parent.glob("trainings/*"))


def test_models_are_renamed_exported_imported_and_deleted(
    trainer, tmp_path, monkeypatch, qtbot
):
    section = trainer.dock.model_section
    assert not section.delete_button.isEnabled()
    collection.keep(find_model("default"), "mine")
    trainer.dock.session.settings.offer_models(list_models())

    def names():
        return [model.name for model in list_models()]

    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("ours", True))
    trainer.press(section.rename_button)
    qtbot.waitUntil(lambda: names() == ["default", "ours"])
    qtbot.waitUntil(lambda: section.model.currentText() == "ours")
    target = str(tmp_path / "handed on")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (target, ""))
    trainer.press(section.export_button)
    qtbot.waitUntil((tmp_path / "handed on.zip").is_file)
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *a, **k: yes)
    qtbot.waitUntil(lambda: not trainer.dock.model_controller.jobs.is_running)
    trainer.press(section.delete_button)
    qtbot.waitUntil(lambda: names() == ["default"])
    qtbot.waitUntil(lambda: not section.delete_button.isEnabled())
    path = str(tmp_path / "handed on.zip")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (path, ""))
    trainer.press(section.import_button)
    qtbot.waitUntil(lambda: names() == ["default", "ours"])
    qtbot.waitUntil(
        lambda: trainer.dock.segment_panel.form["model"].findText("ours") > 0
    )
    qtbot.waitUntil(lambda: not trainer.dock.model_controller.jobs.is_running)
    trainer.press(section.import_button)
    qtbot.waitUntil(lambda: "already" in messages()[-1])
