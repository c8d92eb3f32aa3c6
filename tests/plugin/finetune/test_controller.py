"""The rules of the Fine-tune tab, without a window and without a training."""

import json
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel

from napari_iaunet.errors import TrainingError
from napari_iaunet.model import collection
from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.finetune.controller import FinetuneController
from napari_iaunet.plugin.finetune.pair_list import PairList
from napari_iaunet.plugin.finetune.panel import FinetunePanel, TrainingChoice
from napari_iaunet.plugin.finetune.plot import TrainingPlot
from napari_iaunet.training.task import (
    MODEL,
    PROGRESS,
    Task,
    TaskImages,
    read_task,
    write_task,
)

CHOICE = TrainingChoice("default", 2.0, None, False)


class Bench:
    """A controller, what it works on, and what its panel is told."""

    def __init__(self):
        self.viewer, self.jobs = ViewerModel(), FakeJobs()
        self.session = Session(self.viewer)
        self.settings = self.session.settings
        self.settings.offer_models([ModelInfo("default", BUNDLED, "")])
        self.pairs = fake_panel(PairList)
        self.panel = fake_panel(
            FinetunePanel, pairs=self.pairs, plot=MagicMock(spec=TrainingPlot)
        )
        self.controller = FinetuneController(self.session, self.panel, self.jobs)
        self.process = self.controller.process
        self.process.start = MagicMock()

    def annotate(self):
        """Open an image and its cells, and put them on the list."""
        self.viewer.add_image(np.zeros((32, 32), np.float32), name="plate")
        cells = self.viewer.add_labels(np.ones((32, 32), np.int32), name="drawn")
        self.pairs.added.emit(str(cells.unique_id))

    def train(self):
        """Press Train, and come to where the training begins; return its folder."""
        self.annotate()
        self.panel.train_requested.emit(CHOICE)
        folder = self.jobs.function.args[3]
        self.jobs.function = None
        example = SimpleNamespace(window=np.s_[:9, :9])
        prepared = SimpleNamespace(folder=folder, advice=("few",), example=example)
        self.jobs.succeeded.emit(prepared)
        return folder

    def result(self):
        (text,), offered = self.panel.set_result.call_args
        return text, offered["offered"]


def write_card(folder, improved, cells=40):
    (folder / MODEL).mkdir()
    figures = {
        "validation AP50": 0.9,
        "validation AP50 of the start": 0.5,
        "validation cells": cells,
    }
    card = {"improved": improved, "proven": improved, "figures": figures}
    (folder / MODEL / "card.json").write_text(json.dumps(card))


def write_progress(folder, steps, seconds):
    told = {"step": steps, "seconds": seconds}
    (folder / MODEL / PROGRESS).write_text(json.dumps(told))


@pytest.fixture
def bench(qapp):
    bench = Bench()
    yield bench
    bench.controller.teardown()


def test_models_are_offered_to_start_from(bench):
    bench.settings.offer_models([])
    assert list(bench.panel.set_models.call_args.args[0]) == []


def test_pairs_allow_to_train(bench):
    bench.annotate()
    (info,), _ = bench.pairs.set_pairs.call_args.args
    assert (info.image, info.labels) == ("plate", "drawn")
    bench.panel.set_ready.assert_called_with(True)
    bench.viewer.layers.remove("plate")
    bench.panel.set_ready.assert_called_with(False)


def test_a_training_runs_on_the_device_of_the_settings(bench):
    bench.annotate()
    bench.settings.device = "cpu"
    bench.panel.train_requested.emit(CHOICE)
    sources, known, task, _ = bench.jobs.function.args
    assert (len(sources), known) == (1, [])
    assert (task.device, task.start, task.minutes) == ("cpu", "default", 2.0)


def test_what_the_training_tells_is_shown(bench):
    folder = bench.train()
    bench.process.start.assert_called_once_with(folder)
    bench.panel.set_advice.assert_called_with(("few",))
    step = {"kind": "step", "seconds": 30, "seconds_left": 90, "loss": 0.5}
    bench.process.told.emit(step)
    bench.panel.plot.add_step.assert_called_with(30, 0.5)
    bench.panel.set_progress.assert_called_with(0.25, "Training, 1:30 left")


def test_a_better_model_is_offered_and_saved(bench, monkeypatch):
    folder = bench.train()
    write_card(folder, improved=True)
    bench.process.ended.emit()
    text, offered = bench.result()
    assert offered
    assert "0.50 before, 0.90 now" in text
    kept = []

    def keep(path, name):
        kept.append((path, name))
        return SimpleNamespace(name=name)

    monkeypatch.setattr(collection, "keep", keep)
    bench.panel.save_requested.emit("ours")
    bench.jobs.run()
    assert kept == [(folder / MODEL, "ours")]
    assert bench.result() == ("The new model “ours” is saved and can be picked.", False)
    assert not folder.exists()
    assert bench.settings.models, "the models are listed again"


def validation(ap, start=0.5, difference=None):
    told = {"kind": "validation", "seconds": 9, "difference": difference}
    return told | {"validation_ap": ap, "start_ap": start}


def test_a_model_that_is_not_proven_is_offered_and_says_so(bench):
    folder = bench.train()
    write_card(folder, improved=False, cells=3)
    write_progress(folder, steps=40, seconds=60.0)
    bench.process.told.emit(validation(0.25, difference=[-0.5, 0.125]))
    shown = bench.panel.plot.add_validation.call_args.args
    assert shown == (9, 0.25, 0.5, None, (-0.5, 0.125))
    bench.process.ended.emit()
    text, offered = bench.result()
    assert offered
    assert "Not proven" in text
    assert "on the 3 held-out cells was 0.50, and is 0.25 now" in text
    assert "may be -0.50 to +0.12" in text
    assert "So few cannot tell" in text
    assert folder.exists(), "nothing trained is thrown away unasked"
    bench.panel.discard_requested.emit()
    assert not folder.exists()


@pytest.mark.parametrize(("start", "is_new"), [(0.0, True), (0.4, False)])
def test_a_kind_that_is_new_to_the_model_is_said_once(bench, start, is_new):
    bench.train()
    bench.process.told.emit(validation(start, start))
    bench.process.told.emit(validation(0.5, start))
    told = [call.args[0] for call in bench.panel.set_advice.call_args_list]
    assert told.count(("few",)) == 1
    assert sum("new to the model" in lines[-1] for lines in told if lines) == is_new
    if is_new:
        assert told[-1][0] == "few", "the other advice stays"


def test_what_has_taken_no_step_is_not_offered(bench):
    folder = bench.train()
    write_card(folder, improved=False)
    write_progress(folder, steps=0, seconds=0.0)
    bench.process.ended.emit()
    assert bench.result() == ("", False)
    assert not folder.exists()


def test_a_training_goes_on_for_as_long_again(bench):
    folder = bench.train()
    write_card(folder, improved=True)
    write_progress(folder, steps=40, seconds=60.0)
    write_task(folder, Task("default", minutes=1.0), TaskImages([]))
    bench.process.ended.emit()
    bench.panel.train_on_requested.emit(CHOICE)
    assert bench.process.start.call_args_list[-1].args == (folder,)
    task, _ = read_task(folder)
    assert (task.resume, task.minutes, task.steps) == (True, 3.0, None)
    assert bench.result() == ("", False)


def test_what_both_models_find_becomes_two_layers(bench, monkeypatch):
    folder = bench.train()
    write_card(folder, improved=False, cells=3)
    write_progress(folder, steps=40, seconds=60.0)
    bench.process.ended.emit()
    bench.panel.compare_requested.emit()
    where, compared, _ = bench.jobs.function.args
    assert where == folder
    assert compared.image.array.shape == (32, 32)
    labels = np.ones((32, 32), np.int32)
    done = replace(compared, labels=(labels, 2 * labels), names=("start", "trained"))
    bench.jobs.function = None
    bench.jobs.succeeded.emit(done)
    names = [layer.name for layer in bench.viewer.layers[-2:]]
    assert names == ["plate cells, start", "plate cells, trained"]
    assert bench.viewer.layers[-1].data.max() == 2
    _, offered = bench.result()
    assert offered, "the model waits still"


def test_cancelling_a_comparison_keeps_the_model(bench):
    folder = bench.train()
    write_card(folder, improved=False, cells=3)
    write_progress(folder, steps=40, seconds=60.0)
    bench.process.ended.emit()
    bench.panel.compare_requested.emit()
    bench.jobs.cancelled.emit()
    assert folder.exists()
    _, offered = bench.result()
    assert offered


def test_what_went_wrong_is_said(bench):
    folder = bench.train()
    bench.process.failed.emit("The training ended unexpectedly.")
    bench.panel.set_busy.assert_called_with(False, "The training ended unexpectedly.")
    assert not folder.exists()


def test_cells_that_cannot_be_trained_on(bench):
    bench.annotate()
    bench.panel.train_requested.emit(CHOICE)
    bench.jobs.failed.emit(str(TrainingError("There are too few cells.")))
    bench.panel.set_busy.assert_called_with(False, "There are too few cells.")


def test_cancelled_before_it_began(bench):
    bench.annotate()
    bench.panel.train_requested.emit(CHOICE)
    folder = bench.jobs.function.args[3]
    bench.panel.stop_requested.emit()
    bench.panel.set_busy.assert_called_with(False, "Stopped.")
    assert not folder.exists()
