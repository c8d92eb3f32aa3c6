"""The rules of the list of models, without a window."""

from pathlib import Path

import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

import napari_iaunet
from napari_iaunet.model import collection
from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.models.controller import ModelController
from napari_iaunet.plugin.models.panel import ModelSection

DEFAULT = ModelInfo("default", BUNDLED / "default", "")
MINE = ModelInfo("mine", Path("mine"), "")


class Bench:
    """A controller, what it works on, and what its panel is told."""

    def __init__(self):
        self.jobs, self.section = FakeJobs(), fake_panel(ModelSection)
        session = Session(ViewerModel())
        self.settings = session.settings
        self.controller = ModelController(session, self.section, self.jobs)

    def shown(self):
        return [info.name for info in self.section.set_models.call_args.args[0]]


@pytest.fixture
def models(monkeypatch):
    """The models that there are."""
    models = [DEFAULT, MINE]
    monkeypatch.setattr(napari_iaunet, "list_models", lambda: list(models))
    return models


@pytest.fixture
def called(monkeypatch):
    """Record what is asked of the collection, instead of doing it."""
    called = []
    for name in ("rename", "delete", "export", "import_zip"):
        monkeypatch.setattr(
            collection, name, lambda *a, name=name: called.append((name, *a))
        )
    return called


@pytest.fixture
def bench(qapp, models):
    bench = Bench()
    yield bench
    bench.controller.teardown()


def test_all_models_are_offered_and_the_users_own_listed(bench):
    assert bench.settings.models == (DEFAULT, MINE)
    assert bench.settings.model == "default"
    assert bench.shown() == ["mine"]


def test_a_deleted_model_is_offered_no_more(bench, models, called, monkeypatch):
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: yes)
    bench.settings.model = "mine"
    bench.section.delete_requested.emit("mine")
    models.remove(MINE)
    bench.jobs.run()
    assert called == [("delete", "mine")]
    assert bench.settings.model == "default"
    assert bench.shown() == []


def test_nothing_is_deleted_without_a_yes(bench, monkeypatch):
    no = QMessageBox.StandardButton.No
    monkeypatch.setattr(QMessageBox, "question", lambda *_: no)
    bench.section.delete_requested.emit("mine")
    assert not bench.jobs.is_running


@pytest.mark.parametrize("answer", [("mine", True), ("new", False)])
def test_the_same_name_or_none_renames_nothing(bench, monkeypatch, answer):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: answer)
    bench.section.rename_requested.emit("mine")
    assert not bench.jobs.is_running


def test_rename(bench, called, monkeypatch):
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("new", True))
    bench.section.rename_requested.emit("mine")
    bench.jobs.run()
    assert called == [("rename", "mine", "new")]


def test_an_export_is_a_zip(bench, called, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("a/mine", ""))
    bench.section.export_requested.emit("mine")
    bench.jobs.run()
    assert called == [("export", "mine", Path("a/mine.zip"))]


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_file_that_was_not_typed_is_replaced_only_if_wanted(
    bench, called, monkeypatch, tmp_path, answer
):
    (tmp_path / "mine.zip").write_bytes(b"of somebody else")
    typed = str(tmp_path / "mine")  # about which the dialog has nothing to ask
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (typed, ""))
    button = getattr(QMessageBox.StandardButton, answer)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: button)
    bench.section.export_requested.emit("mine")
    assert bench.jobs.is_running == (answer == "Yes")


def test_import(bench, called, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("b.zip", ""))
    bench.section.import_requested.emit()
    bench.jobs.run()
    assert called == [("import_zip", Path("b.zip"))]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    bench.section.import_requested.emit()
    assert not bench.jobs.is_running


def test_one_action_at_a_time(bench, called, monkeypatch):
    yes = QMessageBox.StandardButton.Yes
    monkeypatch.setattr(QMessageBox, "question", lambda *_: yes)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("mine.zip", ""))
    bench.section.export_requested.emit("mine")
    bench.section.delete_requested.emit("mine")
    bench.jobs.run()
    assert called == [("export", "mine", Path("mine.zip"))]
    bench.section.delete_requested.emit("mine")
    bench.jobs.run()
    assert called[1:] == [("delete", "mine")]
