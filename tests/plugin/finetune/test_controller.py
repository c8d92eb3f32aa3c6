"""The rules of the Fine-tune tab, without a window and without a training."""

import json
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
from napari_iaunet.training.task import MODEL

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
        prepared = SimpleNamespace(folder=folder, advice=("few",), example=None)
        self.jobs.succeeded.emit(prepared)
        return folder

    def result(self):
        (text,), offered = self.panel.set_result.call_args
        return text, offered["offered"]


def write_card(folder, improved):
    (folder / MODEL).mkdir()
    figures = {"validation AP50": 0.9, "validation AP50 of the start": 0.5}
    card = {"improved": improved, "figures": figures}
    (folder / MODEL / "card.json").write_text(json.dumps(card))


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


def test_a_model_that_is_no_better_is_not_offered(bench):
    folder = bench.train()
    write_card(folder, improved=False)
    bench.process.ended.emit()
    text, offered = bench.result()
    assert not offered
    assert "did not help" in text
    assert not folder.exists()


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
