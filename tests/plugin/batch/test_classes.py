"""Cells of a batch get classes, by a file of the Classes tab; real files, no window."""

import csv
from unittest.mock import MagicMock

import numpy as np
import pytest
import tifffile
from describer import Describer
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QFileDialog
from threshold import ThresholdSegmenter

from napari_iaunet import Classifier
from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.batch import job
from napari_iaunet.plugin.batch.controller import BatchController
from napari_iaunet.plugin.batch.panel import BatchPanel, Naming
from napari_iaunet.plugin.batch.reading import ReadAs, Reading
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.widgets.run_bar import RunBar


class Segmenter(ThresholdSegmenter, Describer):
    """Finds bright blobs, and describes them by their measures."""


def blobs():
    """Four bright cells: the first two small, the others large."""
    image = np.zeros((60, 60), np.uint8)
    for y, x, side in ((3, 3, 5), (3, 30, 5), (20, 3, 18), (20, 30, 18)):
        image[y : y + side, x : x + side] = 200
    return image


@pytest.fixture
def classifier(tmp_path):
    labels = np.zeros((60, 60), np.int32)
    for number, place in enumerate(((3, 3, 6), (3, 30, 6), (20, 3, 17), (20, 30, 17))):
        y, x, side = place
        labels[y : y + side, x : x + side] = number + 1
    cells = Describer().describe(blobs(), labels, progress=lambda *_: None)
    path = tmp_path / "sizes.safetensors"
    Classifier.fit(cells, ["small", "small", "large", "large"]).save(path)
    return path


class Bench:
    def __init__(self, image):
        session = Session(ViewerModel(), segmenters=MagicMock())
        self.segmenter = session.segmenters.get.return_value = Segmenter()
        session.settings.offer_models([ModelInfo("default", BUNDLED, "")])
        labels = ("notice", "summary", "about", "viewing", "example")
        parts = {name: MagicMock() for name in labels}
        self.panel = fake_panel(BatchPanel, run=MagicMock(spec=RunBar), **parts)
        self.panel.chosen = []
        self.jobs, self.adding, saving = FakeJobs(), FakeJobs(), FakeJobs()
        self.controller = BatchController(
            session,
            self.panel,
            Naming(),
            Reading(),
            self.jobs,
            FakeJobs(),
            self.adding,
            saving,
        )
        self.panel.added.emit([str(image)])
        self.adding.run()

    def run(self):
        before = len(self.segmenter.calls)
        self.panel.run_requested.emit()
        self.jobs.run()
        return len(self.segmenter.calls) - before


@pytest.fixture
def bench(qapp, home, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", blobs())
    bench = Bench(tmp_path / "a.tif")
    yield bench
    bench.controller.teardown()


def classes_of(path):
    with path.open() as file:
        return {row["label"]: row.get("class") for row in csv.DictReader(file)}


def test_cells_get_classes(bench, tmp_path, classifier):
    table = tmp_path / "a_cells.csv"
    assert bench.run() == 1
    assert set(classes_of(table).values()) == {None}
    bench.panel.classifier_picked.emit(str(classifier))
    bench.panel.set_classifier.assert_called_with(str(classifier))
    assert bench.run() == 1
    assert list(classes_of(table).values()) == ["small", "small", "large", "large"]
    assert bench.run() == 0, "it is done"
    Classifier.load(classifier).renamed({"small": "tiny"}).save(classifier)
    assert bench.run() == 1, "another classifier has the name"
    assert classes_of(table)["1"] == "tiny"
    bench.panel.classifier_picked.emit("")
    assert bench.run() == 1
    assert set(classes_of(table).values()) == {None}


def test_another_file_is_refused(bench, tmp_path):
    bench.panel.classifier_picked.emit(str(tmp_path / "a.tif"))
    bench.panel.set_classifier.assert_called_with("")
    messages = [record.message for record in notification_manager.records]
    assert any("is no classifier" in message for message in messages)
    assert bench.controller._how().classifier == ""


def test_what_the_user_corrects_keeps_the_classes_of_other_cells(
    bench, tmp_path, classifier
):
    bench.panel.classifier_picked.emit(str(classifier))
    bench.run()
    stored = job.read_both(str(tmp_path / "a.tif"), ReadAs())
    labels = stored.layers[-1][0].copy()
    features = stored.layers[-1][1]["features"]
    labels[labels == 1] = 0
    labels[50:55, 50:55] = 9
    job.write_back(job.Changed(stored, labels, features, ("size",)))
    found = classes_of(tmp_path / "a_cells.csv")
    assert found == {"2": "small", "3": "large", "4": "large", "9": ""}


def test_a_file_is_chosen_in_the_panel(qtbot, monkeypatch, tmp_path):
    panel = BatchPanel(Naming(), Reading())
    qtbot.addWidget(panel)
    picked = []
    panel.classifier_picked.connect(picked.append)
    answers = ["", str(tmp_path / "sizes.safetensors")]
    monkeypatch.setattr(
        QFileDialog, "getOpenFileName", lambda *args: (answers.pop(0), "")
    )
    combo = panel.classifier
    for _ in range(2):
        combo.setCurrentIndex(combo.count() - 1)
        combo.activated.emit(combo.currentIndex())
    assert picked == [str(tmp_path / "sizes.safetensors")]
    panel.set_classifier(picked[0])
    assert combo.currentText() == "sizes.safetensors"
    combo.setCurrentIndex(0)
    combo.activated.emit(0)
    assert picked[1:] == [""]
