"""The summary in the Batch tab, on real files and on real images."""

import csv
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.io
import tifffile
from napari.utils.notifications import notification_manager
from person import LEFT, open_dock
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog
from skimage import data
from threshold import ThresholdSegmenter

from napari_iaunet.io.read import write_table
from napari_iaunet.plugin.batch import summary_job
from napari_iaunet.plugin.batch.summary_panel import PLATE
from napari_iaunet.plugin.core import segmenters

PATTERN = "{condition}_{well}_{field}"
# By name: how many cells there are.
CELLS = {
    "dmso_A01_1.tif": 3,
    "dmso_A02_1.tif": 5,
    "drug_H12_1.tif": 2,
    "drug_H12_2.tif": 0,
}


def blobs(count):
    """Cells of 12, 24, 36 ... pixels."""
    image = np.zeros((40, 80), np.uint8)
    for i in range(count):
        image[5 : 8 + 3 * i, 5 + 12 * i : 9 + 12 * i] = 200
    return image


class Tab:
    """Somebody in front of the tab with a folder of images."""

    def __init__(self, qtbot, viewer, folder, monkeypatch, dock=None):
        self.qtbot, self.viewer, self.folder = qtbot, viewer, folder
        self.monkeypatch = monkeypatch
        self.dock = dock or open_dock(qtbot, viewer)
        self.panel, self.batch = self.dock.batch_panel, self.dock.batch_controller
        self.chart, self.summaries = self.panel.chart, self.dock.summary_controller
        self.dock.tabs.setCurrentWidget(self.panel)

    def settle(self):
        batch = self.batch
        jobs = (batch.jobs, batch.list_jobs, batch.view_jobs)
        jobs += (self.summaries.jobs, self.summaries.save_jobs)
        jobs += (batch.turns,)  # in which layers come
        self.qtbot.waitUntil(lambda: not any(j.is_running for j in jobs))

    def segment(self, pattern=PATTERN):
        self.panel.added.emit([str(self.folder)])
        self.settle()
        self.panel.form["pattern"].setText(pattern)
        self.panel.run_requested.emit()
        self.settle()

    def press(self, button):
        self.qtbot.mouseClick(button, LEFT)
        self.settle()

    def choose(self, name, key):
        combo = self.chart.form[name]
        combo.setCurrentIndex(
            [combo.itemData(i) for i in range(combo.count())].index(key)
        )
        self.settle()

    def offered(self, name):
        combo = self.chart.form[name]
        return [combo.itemData(i) for i in range(combo.count())]

    def groups(self):
        """By name: the number of cells of each image."""
        plot = self.chart.plot.plot
        groups = plot.summary.groups if plot is not None else ()
        return {group.name: group.counts.tolist() for group in groups}

    def save(self, button, name):
        """Save to a file; what the dialog suggested, and what is said."""
        suggested = []

        def dialog(parent, title, suggestion, kinds):
            suggested.append((Path(suggestion).name, kinds))
            return str(self.folder / name), ""

        self.monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
        self.press(button)
        said = [record.message for record in notification_manager.records]
        return SimpleNamespace(suggested=suggested[0], said=said, told=self.told())

    def told(self):
        return self.chart.message.text()


@pytest.fixture
def tab(qtbot, viewer, fake, tmp_path, monkeypatch):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, count in CELLS.items():
        tifffile.imwrite(folder / name, blobs(count))
    monkeypatch.setattr(segmenters, "make_segmenter", lambda *_: ThresholdSegmenter())
    tab = Tab(qtbot, viewer, folder, monkeypatch)
    yield tab
    if tab.dock.parent() is not None:
        tab.dock.teardown()


def test_numbers_of_cells_are_shown_by_condition_at_once(tab):
    tab.press(tab.chart.button)
    assert tab.told() == "No image is done yet: press Segment all."
    tab.segment()
    assert tab.groups() == {"dmso": [3, 5], "drug": [2, 0]}, "it follows what is done"
    assert tab.offered("by") == ["", "condition", "well", "field"]
    assert {"cells", "area", "mean_intensity", "score"} <= set(tab.offered("measure"))
    assert not {"label", "x", "y"} & set(tab.offered("measure"))
    tab.choose("by", "")
    assert tab.groups() == {name: [count] for name, count in CELLS.items()}
    tab.press(tab.chart.button)
    assert not tab.chart.isVisible()


def test_a_measure_is_summarised_and_images_without_it_are_told_of(tab):
    tab.segment()
    tab.press(tab.chart.button)
    tab.choose("measure", "area")
    assert tab.groups() == {"dmso": [3, 5], "drug": [2]}
    summary = tab.chart.plot.plot.summary
    assert summary.groups[0].medians.tolist() == [24, 36]
    assert summary.groups[0].spread.median == np.median(
        [12, 24, 36, 12, 24, 36, 48, 60]
    )
    assert summary.notes == ("1 image has no area (px).",)


def test_wells_are_drawn_as_they_lie_on_their_plate(tab):
    tab.segment("{condition}_{}_{field}")
    tab.press(tab.chart.button)
    form = tab.chart.form
    assert not form["kind"].isVisible()
    tab.panel.form["pattern"].setText(PATTERN)
    tab.settle()
    assert form["kind"].isVisible()
    tab.choose("kind", PLATE)
    assert tab.groups() == {"A01": [3], "A02": [5], "H12": [2, 0]}
    values = tab.chart.plot.plot.plates[0].values
    assert (values[0, 0], values[7, 11]) == (3, 1)
    assert not form["by"].isEnabled()
    tab.choose("kind", "groups")
    assert form["by"].isEnabled()
    assert set(tab.groups()) == {"dmso", "drug"}, "as it was before"


def test_a_pattern_that_is_being_typed_costs_no_plot(tab):
    tab.segment()
    tab.press(tab.chart.button)
    tab.choose("by", "well")
    for text in ("{condition", "{}_{}_{}", PATTERN):
        tab.panel.form["pattern"].setText(text)
        tab.settle()
        assert len(tab.groups()) == 3
    tab.panel.form["pattern"].setText("{what}_{}_{}")
    tab.settle()
    assert set(tab.groups()) == {"dmso", "drug"}
    assert tab.chart.choice.by == "what"


def test_what_was_corrected_in_the_image_on_view_counts(tab):
    tab.segment()
    tab.panel.open_requested.emit(str(tab.folder / "dmso_A02_1.tif"))
    tab.settle()
    cells = tab.viewer.layers["dmso_A02_1 cells"]
    cells.fill((6, 6), 0)
    tab.press(tab.chart.button)
    tab.qtbot.waitUntil(lambda: tab.groups() == {"dmso": [3, 4], "drug": [2, 0]})
    assert cells.editable


def test_each_table_is_read_once_until_it_changes(tab, monkeypatch):
    read, reader = [], summary_job.read_table
    monkeypatch.setattr(
        summary_job, "read_table", lambda path: read.append(path.name) or reader(path)
    )
    tab.segment()
    assert read == [], "nobody has asked"
    tab.press(tab.chart.button)
    tab.choose("measure", "area")
    assert len(read) == len(CELLS)
    write_table(
        tab.folder / "dmso_A01_1_cells.csv",
        {"label": np.arange(1, 8), "area": np.ones(7)},
    )
    tab.choose("by", "")
    assert read[len(CELLS) :] == ["dmso_A01_1_cells.csv"]
    assert tab.groups()["dmso_A01_1.tif"] == [7]


def test_a_table_that_is_gone_costs_no_other_one(tab):
    tab.segment()
    (tab.folder / "dmso_A01_1_cells.csv").unlink()
    (tab.folder / "drug_H12_2_cells.csv").write_bytes(b"\0\xff,what\n")
    tab.press(tab.chart.button)
    assert tab.groups() == {"dmso": [5], "drug": [2]}
    (note,) = tab.chart.plot.plot.summary.notes
    assert note.startswith("The table of dmso_A01_1.tif and 1 more cannot be read")
    for name in CELLS:
        (tab.folder / name.replace(".tif", "_cells.csv")).unlink(missing_ok=True)
    tab.choose("by", "")
    assert tab.groups() == {}
    assert "and 3 more cannot be read" in tab.told()
    assert not tab.chart.picture_button.isEnabled()


@pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 elsewhere")
def test_names_that_are_no_text_are_drawn_and_saved(tab):
    name = os.fsdecode(b"caf\xe9_A01_1.tif")
    tifffile.imwrite(tab.folder / name, blobs(4))
    tab.segment()
    tab.press(tab.chart.button)
    assert tab.groups()["caf\\xe9"] == [4]
    tab.chart.plot.grab()
    assert tab.save(tab.chart.numbers_button, "a.csv").told.startswith("Saved: ")
    assert "caf\\xe9_A01_1.tif" in (tab.folder / "a.csv").read_text(encoding="utf-8")
    assert tab.save(tab.chart.picture_button, "a.svg").told.startswith("Saved: ")


def test_removed_images_are_not_summarised(tab):
    tab.segment()
    tab.press(tab.chart.button)
    tab.panel.removed.emit([str(tab.folder / "drug_H12_1.tif")])
    tab.settle()
    assert tab.groups() == {"dmso": [3, 5], "drug": [0]}


@pytest.mark.parametrize("kind", [".png", ".svg"])
def test_a_picture_is_saved(tab, kind):
    tab.segment()
    tab.press(tab.chart.button)
    saved = tab.save(tab.chart.picture_button, f"a{kind}")
    assert saved.suggested[0] == "summary_cells_condition.png"
    assert saved.told == f"Saved: {tab.folder / f'a{kind}'}."
    begin = {".png": b"\x89PNG", ".svg": b"<?xml"}[kind]
    assert (tab.folder / f"a{kind}").read_bytes().startswith(begin)
    tab.panel.added.emit([str(tab.folder)])
    tab.settle()
    assert len(tab.batch.record.images) == len(CELLS), "a picture is no image"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.jpg", "a.jpg cannot be written: a picture is saved as PNG or SVG."),
        ("dmso_A01_1.tif", "dmso_A01_1.tif is one of the images"),
        ("no/a.png", "cannot be written: "),
    ],
)
def test_a_picture_that_cannot_be_saved_changes_nothing(tab, name, said):
    tab.segment()
    tab.press(tab.chart.button)
    before = {path: path.read_bytes() for path in tab.folder.iterdir()}
    assert any(said in text for text in tab.save(tab.chart.picture_button, name).said)
    assert {path: path.read_bytes() for path in tab.folder.iterdir()} == before
    assert tab.groups(), "the plot stays"


def test_numbers_are_saved_as_a_table(tab):
    tab.segment()
    tab.press(tab.chart.button)
    tab.choose("measure", "area")
    saved = tab.save(tab.chart.numbers_button, "numbers")
    assert saved.suggested == ("summary_area_condition.csv", "Table (*.csv)")
    with (tab.folder / "numbers.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows][:2] == ["", "dmso_A01_1.tif"]
    dmso = np.percentile([12, 24, 36, 12, 24, 36, 48, 60], [5, 25, 50, 75, 95])
    named = [f"area_{end}" for end in ("p5", "p25", "median", "p75", "p95")]
    assert [float(rows[0][name]) for name in named] == pytest.approx(dmso, rel=1e-5)


def test_a_dock_can_be_closed_while_tables_are_read(tab):
    tab.segment()
    tab.qtbot.mouseClick(tab.chart.button, LEFT)
    tab.dock.teardown()
    assert not tab.summaries.jobs.is_running
    tab.chart.form.edited.emit("measure")
    assert not tab.summaries.jobs.is_running


@pytest.mark.viewer
def test_real_images_are_summarised_and_the_plot_is_kept(
    qtbot, viewer, real_dock, tmp_path, monkeypatch
):
    coins = data.coins()
    tab = Tab(qtbot, viewer, tmp_path, monkeypatch, real_dock)
    for i, name in enumerate(("big_A01_1", "big_A02_1", "small_B01_1", "small_B02_1")):
        part = coins[70 * i : 70 * i + 140, 0:200]
        skimage.io.imsave(tmp_path / f"{name}.png", part, check_contrast=False)
    tab.panel.added.emit([str(tmp_path)])
    tab.settle()
    qtbot.keyClicks(tab.panel.form["pattern"], PATTERN)
    tab.press(tab.panel.run.start_button)
    viewer.window.resize(1200, 700)
    tab.press(tab.chart.button)
    assert tab.chart.isVisible()
    assert set(tab.groups()) == {"big", "small"}
    measure = tab.chart.form["measure"]
    qtbot.keyClick(measure, Qt.Key.Key_Down)
    tab.settle()
    assert tab.chart.choice.measure == "area"
    areas = []
    for table in tmp_path.glob("big*_cells.csv"):
        with table.open() as file:
            areas += [float(row["area"]) for row in csv.DictReader(file)]
    assert len(areas) > 4
    big = tab.chart.plot.plot.summary.groups[0]
    assert big.spread.median == np.median(areas)
    assert tab.chart.plot.height() == tab.chart.plot.plot.height
    qtbot.waitUntil(lambda: tab.panel.verticalScrollBar().value() > 0)
    tab.save(tab.chart.picture_button, "kept.png")
    with Image.open(tmp_path / "kept.png") as picture:
        assert picture.width == 1920
        assert "big: 2 images" in picture.info["Description"]
    tab.dock.teardown()
