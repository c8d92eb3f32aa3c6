"""The rules of the Batch tab, without a window, on real files."""

import csv
import json
import shutil
import subprocess
import sys
from unittest.mock import MagicMock

import numpy as np
import pytest
import skimage.io
import tifffile
import zarr
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from napari.utils.notifications import notification_manager
from pytestqt.exceptions import capture_exceptions
from qtpy.QtWidgets import QApplication
from threshold import ThresholdSegmenter, bright_blobs

from napari_iaunet.errors import DeviceError
from napari_iaunet.io.labels import read_labels
from napari_iaunet.model.registry import BUNDLED, ModelInfo
from napari_iaunet.plugin.batch import controller as rules
from napari_iaunet.plugin.batch.controller import BatchController
from napari_iaunet.plugin.batch.panel import BatchPanel, Naming, ReadingSection
from napari_iaunet.plugin.batch.reading import Reading
from napari_iaunet.plugin.core import folder_lock
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.widgets.run_bar import RunBar


class AtOnce(FakeJobs):
    """Does a job when it is started."""

    def start(self, function, description=""):
        super().start(function, description)
        self.run()


class Bench:
    """A controller, what it works on, and what its panel is told."""

    def __init__(self, segmenter):
        self.viewer, self.segmenter = ViewerModel(), segmenter
        self.jobs, self.view_jobs, self.list_jobs = (FakeJobs() for _ in range(3))
        self.session = Session(self.viewer, segmenters=MagicMock())
        self.session.segmenters.get.return_value = segmenter
        self.session.settings.offer_models([ModelInfo("default", BUNDLED, "")])
        self.naming, self.reading = Naming(), Reading()
        labels = ("notice", "summary", "about", "viewing", "example")
        parts = {name: MagicMock() for name in labels}
        parts["reading"] = MagicMock(spec=ReadingSection)
        self.panel = fake_panel(BatchPanel, run=MagicMock(spec=RunBar), **parts)
        self.panel.chosen = []
        self.controller = BatchController(
            self.session,
            self.panel,
            self.naming,
            self.reading,
            self.jobs,
            self.view_jobs,
            self.list_jobs,
            AtOnce(),
        )
        self.record = self.controller.record

    def add(self, *paths):
        self.panel.added.emit([str(path) for path in paths])
        self.list_jobs.run()

    def run(self):
        """Segment all; return how many images the network saw."""
        before = len(self.segmenter.calls)
        self.panel.run_requested.emit()
        if self.jobs.is_running:
            self.jobs.run()
        return len(self.segmenter.calls) - before

    def open(self, path):
        self.panel.open_requested.emit(str(path))
        self.view_jobs.run()
        self.lay_out()

    def next(self):
        self.panel.next_requested.emit()
        if self.view_jobs.is_running:
            self.view_jobs.run()
        self.lay_out()

    def lay_out(self):
        """Let layers come and go."""
        while self.controller.turns.is_running:
            QApplication.processEvents()

    def statuses(self):
        rows = {key: self.controller._row(key) for key in self.record.images}
        return {row.name: row.status for row in rows.values()}

    def die(self):
        """End as a program that is killed: the system lets go of its lock."""
        folder_lock.release(self.record.path.parent)

    def notice(self):
        calls = self.panel.notice.setText.call_args_list
        return calls[-1].args[0] if calls else ""

    def said(self):
        return self.panel.run.set_busy.call_args.args[1]

    def summary(self):
        return self.panel.summary.setText.call_args.args[0]

    def example(self):
        return self.panel.example.setText.call_args.args[0]

    def layer_names(self):
        return [layer.name for layer in self.viewer.layers]

    def possible(self):
        return self.panel.set_possible.call_args.kwargs


@pytest.fixture
def bench(qapp, make):
    return make()


@pytest.fixture
def make(qapp, home):
    """Start napari, once or again."""
    segmenter, started = ThresholdSegmenter(), []

    def start():
        started.append(Bench(segmenter))
        return started[-1]

    yield start
    for bench in started:
        bench.controller.teardown()


@pytest.fixture
def blobs():
    return bright_blobs()


@pytest.fixture
def folder(tmp_path, blobs):
    """Three images, one of them damaged."""
    folder = tmp_path / "images"
    folder.mkdir()
    tifffile.imwrite(folder / "dmso_B03.tif", blobs)
    skimage.io.imsave(folder / "drug_B04.png", blobs[:20], check_contrast=False)
    (folder / "drug_B05.tif").write_bytes(b"II*\0 not much")
    return folder


def make_store(path, blobs):
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", data=blobs)
    axes = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scale = [{"type": "scale", "scale": [0.5, 0.5]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    described = {"version": "0.4", "axes": axes, "datasets": datasets}
    group.attrs["multiscales"] = [described]
    return path


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_folder_is_done_and_a_damaged_image_named(bench, folder):
    bench.add(folder)
    assert bench.summary() == "3 images: 3 waiting"
    assert bench.run() == 2
    found = bench.statuses()
    assert found["dmso_B03.tif"] == "done, 4 cells"
    assert found["drug_B04.png"] == "done, 2 cells"
    assert found["drug_B05.tif"].startswith("failed: it is damaged or cut off.")
    assert str(folder) not in found["drug_B05.tif"], "the list is narrow"
    bench.panel.chosen = [str(folder / "drug_B05.tif")]
    bench.panel.picked.emit()
    told = bench.panel.about.setText.call_args.args[0]
    assert f"{folder / 'drug_B05.tif'} is damaged" in told
    assert bench.said() == "2 done, 1 failed."
    assert bench.summary() == "3 images: 2 done, 1 failed"
    assert read_labels(folder / "dmso_B03_mask.tif").max() == 4
    assert "drug_B04_cells.csv" in names(folder)


def test_all_that_is_added_meanwhile_is_in_the_list(
    bench, folder, tmp_path, monkeypatch
):
    bench.add(folder / "dmso_B03.tif")
    bench.run()
    table = tmp_path / "all.csv"
    monkeypatch.setattr(rules, "ask_where", lambda *_: table)
    bench.panel.added.emit([str(folder / "drug_B04.png")])
    bench.panel.table_requested.emit()
    bench.panel.added.emit([str(folder / "nothing")])
    bench.panel.added.emit([str(folder / "drug_B05.tif")])
    bench.list_jobs.run()
    bench.list_jobs.run()
    bench.list_jobs.cancel()  # in napari's list of tasks
    bench.list_jobs.run()
    assert not bench.list_jobs.is_running
    assert list(bench.statuses()) == ["dmso_B03.tif", "drug_B04.png", "drug_B05.tif"]
    assert table.exists()


def told():
    """What napari has told the user."""
    return [record.message for record in notification_manager.records]


def test_what_holds_no_image_is_named_and_the_rest_is_added(bench, folder, tmp_path):
    empty, notes, gone = (tmp_path / n for n in ("empty", "notes.txt", "gone.tif"))
    empty.mkdir()
    notes.write_text("no image")
    bench.add(empty, folder / "dmso_B03.tif", notes, gone, folder)
    assert list(bench.statuses()) == ["dmso_B03.tif", "drug_B04.png", "drug_B05.tif"]
    assert told() == [
        f"The folder {empty} has no PNG, JPEG, TIFF or OME-Zarr images.",
        f"{notes} is no PNG, JPEG, TIFF or OME-Zarr image.",
        f"There is no file {gone}.",
    ]
    notification_manager.records.clear()
    bench.add(empty, notes)
    assert len(told()) == 2
    assert bench.summary() == "3 images: 3 waiting", "not that it still looks for them"
    notification_manager.records.clear()
    bench.add(*[notes] * 9)
    assert told()[-1] == "Left out, too, of what you added: 5 more."


def test_of_all_files_of_a_folder_those_are_added_that_are_images(bench, folder, blobs):
    bench.add(folder)
    bench.run()
    tifffile.imwrite(folder / "drug_B04_cp_masks.tif", blobs)
    bench.panel.removed.emit(bench.record.images)
    files = sorted(p for p in folder.iterdir() if p.suffix != ".csv")
    assert len(files) == 6
    bench.add(*files)
    assert list(bench.statuses()) == ["dmso_B03.tif", "drug_B04.png", "drug_B05.tif"]
    assert "drug_B04_cp_masks.tif" in told()[-1]
    bench.add(folder / "drug_B04_cp_masks.tif")
    assert "drug_B04_cp_masks.tif" in bench.statuses(), "it is named"


def test_what_is_done_is_not_done_again(bench, folder):
    bench.add(folder)
    bench.run()
    assert bench.run() == 0, "only the damaged one is tried again"
    bench.session.settings.estimate = False
    assert bench.run() == 2, "another diameter"
    (folder / "dmso_B03_mask.tif").unlink()
    assert bench.run() == 1
    tifffile.imwrite(folder / "dmso_B03.tif", np.zeros((9, 9), np.uint8))
    assert bench.run() == 1, "another image of this name"
    assert bench.statuses()["dmso_B03.tif"] == "done, 0 cells"
    (folder / "drug_B05.tif").unlink()
    bench.panel.removed.emit([str(folder / "drug_B05.tif")])
    bench.run()
    assert bench.said() == "All images are done with these settings."


def test_a_later_start_goes_on(bench, make, folder, monkeypatch):
    bench.add(folder)
    begun = []

    def killed(self, image, **options):
        begun.append(image)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return segment(self, image, **options)

    segment = ThresholdSegmenter.segment
    monkeypatch.setattr(ThresholdSegmenter, "segment", killed)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    monkeypatch.setattr(ThresholdSegmenter, "segment", segment)
    bench.die()
    again = make()
    assert list(again.statuses().values()) == ["done, 4 cells", "waiting", "waiting"]
    assert again.run() == 1
    assert again.statuses()["drug_B04.png"] == "done, 2 cells"
    again.naming.pattern = "{drug}_{well}"
    again.controller.teardown()
    assert make().naming.pattern == "{drug}_{well}"


def test_a_record_that_is_damaged_is_an_empty_one(bench, make, folder):
    bench.add(folder)
    bench.controller.teardown()
    bench.record.path.write_text("{")
    assert make().record.images == []


def test_a_second_napari_has_a_list_of_its_own_and_nothing_is_lost(make, folder):
    one = make()
    one.add(folder / "dmso_B03.tif")
    two = make()
    assert "Another napari is using your list" in two.notice()
    assert one.notice() == ""
    assert two.record.images == []
    two.add(folder / "drug_B04.png", folder / "dmso_B03.tif")
    assert two.run() == 2
    one.add(folder / "drug_B05.tif")
    three = make()
    assert three.record.images == [], "neither list is free"
    two.controller.teardown()
    two = make()
    assert len(two.record.images) == 2, "its own again, as the first one still runs"
    for bench in (one, two, three):
        bench.controller.teardown()
    alone = make()
    assert alone.notice() == ""
    assert alone.statuses() == {
        "dmso_B03.tif": "done, 4 cells",
        "drug_B05.tif": "waiting",
        "drug_B04.png": "done, 2 cells",
    }
    alone.controller.teardown()
    again = make()
    assert len(again.record.images) == 3
    again.panel.removed.emit(again.record.images[:2])
    again.controller.teardown()
    assert len(make().record.images) == 1, "nothing comes back"


def test_the_list_of_an_earlier_version_is_taken_over(make, folder, home):
    home.mkdir()
    image = str(folder / "dmso_B03.tif")
    entries = {image: {"state": "running", "looked_at": True}}
    kept = {"images": [image], "pattern": "{a}_{b}", "entries": entries}
    (home / "batch.json").write_text(json.dumps(kept))
    bench = make()
    assert bench.statuses() == {"dmso_B03.tif": "waiting"}
    assert bench.naming.pattern == "{a}_{b}"
    assert not (home / "batch.json").exists()
    bench.controller.teardown()
    assert make().record.images == [image]


_HOLDER = """
import sys
from napari_iaunet.plugin.batch.record import Record
record = Record.load()
record.add([sys.argv[1]])
record.save()
print(len(record.images), record.is_second, flush=True)
sys.stdin.readline()
record.add([sys.argv[2]])
record.save()
print(len(record.images), flush=True)
sys.stdin.readline()
"""


def test_another_program_keeps_its_list_and_leaves_it_when_it_is_killed(make, folder):
    words = [sys.executable, "-c", _HOLDER, "/one.tif", "/two.tif"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as other:
        assert other.stdout.readline() == "1 False\n"
        bench = make()
        assert "Another napari" in bench.notice()
        bench.add(folder / "dmso_B03.tif")
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "2\n"
        other.kill()
    bench.controller.teardown()
    images = make().record.images
    assert images == ["/one.tif", "/two.tif", str(folder / "dmso_B03.tif")]


def test_only_what_has_changed_is_drawn_anew(bench, folder):
    bench.add(folder)
    bench.panel.set_row.reset_mock()
    bench.jobs.progressed.emit(1, 10)
    assert bench.panel.set_row.call_count == 0
    bench.record.change(bench.record.images[1], state="running")
    for step in range(3):
        bench.jobs.progressed.emit(step, 10)
    assert bench.panel.set_row.call_count == 1


def test_cancelling_keeps_what_is_done(bench, folder):
    bench.add(folder)
    bench.panel.run_requested.emit()
    image = bench.record.images[0]
    bench.record.change(image, state="running")
    bench.panel.cancel_requested.emit()
    assert bench.said().startswith("Cancelled. What is done stays")
    assert bench.statuses()["dmso_B03.tif"] == "waiting"


def test_without_a_device_no_image_is_called_failed(bench, folder):
    bench.add(folder)
    bench.session.segmenters.get.side_effect = DeviceError("There is no such device.")
    bench.run()
    assert bench.said() == "There is no such device."
    assert bench.statuses()["dmso_B03.tif"] == "waiting"


def test_two_images_never_share_a_result(bench, folder, blobs):
    tifffile.imwrite(folder / "drug_B04.tif", blobs)
    bench.add(folder)
    bench.run()
    failed = bench.statuses()["drug_B04.tif"]
    assert "drug_B04.tif and drug_B04.png would both be written" in failed
    assert read_labels(folder / "drug_B04_mask.tif").max() == 2


def test_a_file_of_somebody_else_stays(bench, folder, blobs):
    tifffile.imwrite(folder / "dmso_B03_mask.tif", blobs)
    bench.add(folder / "dmso_B03.tif")
    bench.run()
    assert "was not written by this program" in bench.statuses()["dmso_B03.tif"]
    assert (tifffile.imread(folder / "dmso_B03_mask.tif") == blobs).all()


def test_images_are_opened_with_their_cells_one_after_the_other(bench, folder):
    bench.add(folder)
    assert not bench.possible()["next_"]
    bench.run()
    bench.next()
    assert bench.layer_names() == ["dmso_B03", "dmso_B03 cells"]
    cells = bench.viewer.layers[-1]
    assert list(cells.features["label"]) == [1, 2, 3, 4]
    assert list(cells.features["area"]) == [48] * 4
    bench.next()
    assert bench.layer_names() == ["drug_B04", "drug_B04 cells"]
    assert bench.statuses()["dmso_B03.tif"] == "looked at, 4 cells"
    before = (folder / "drug_B04_mask.tif").stat().st_mtime_ns
    bench.next()
    assert bench.layer_names() == []
    assert bench.summary() == "3 images: 2 done, 1 failed, 2 looked at"
    after = (folder / "drug_B04_mask.tif").stat().st_mtime_ns
    assert after == before, "nothing was changed, so nothing is written"
    bench.session.settings.estimate = False
    assert bench.run() == 0, "cells that were looked at stay"
    bench.panel.looked_at.emit(bench.record.images)
    assert bench.run() == 2, "not looked at, after all"


@pytest.mark.parametrize("how", ["next", "napari is closed"])
def test_what_was_changed_is_written_beside_the_image(bench, folder, how):
    bench.add(folder)
    bench.run()
    bench.open(folder / "dmso_B03.tif")
    cells = bench.viewer.layers["dmso_B03 cells"]
    cells.data[cells.data == 2] = 0
    table = cells.features.copy()
    table["marked"] = table["label"] == 3
    cells.features = table
    if how == "next":
        bench.next()
    else:
        bench.controller.teardown()
    labels = read_labels(folder / "dmso_B03_mask.tif")
    assert set(np.unique(labels)) == {0, 1, 3, 4}
    found = rows_of(folder / "dmso_B03_cells.csv")
    assert [(r["label"], r["marked"]) for r in found] == [
        ("1", "False"),
        ("3", "True"),
        ("4", "False"),
    ]
    assert found[1]["score"] == "0.833333", "of the cell, not of its row"
    assert bench.record.entry(str(folder / "dmso_B03.tif")).cells == 3
    if how == "next":
        bench.open(folder / "dmso_B03.tif")
        marked = bench.viewer.layers["dmso_B03 cells"].features["marked"]
        assert list(marked) == [False, True, False]


def test_colours_channels_and_planes_are_opened_as_they_are(bench, tmp_path, blobs):
    skimage.io.imsave(tmp_path / "rgb.png", np.stack([blobs] * 3, -1))
    stack = np.stack([[p, p // 2] for p in (blobs, blobs[::-1])])
    tifffile.imwrite(
        tmp_path / "zstack.ome.tif", stack, metadata={"axes": "ZCYX"}, ome=True
    )
    bench.add(tmp_path)
    bench.run()
    bench.open(tmp_path / "rgb.png")
    assert [layer.data.shape for layer in bench.viewer.layers] == [
        (40, 50, 3),
        (40, 50),
    ]
    assert bench.viewer.layers[0].rgb
    bench.open(tmp_path / "zstack.ome.tif")
    assert [layer.data.shape for layer in bench.viewer.layers] == [(2, 40, 50)] * 3
    cells = bench.viewer.layers[-1]
    cells.data[cells.data == 8] = 0
    bench.next()
    assert read_labels(tmp_path / "zstack.ome_mask.tif").max() == 7
    found = rows_of(tmp_path / "zstack.ome_cells.csv")
    assert [r["plane"] for r in found] == ["0"] * 4 + ["1"] * 3


def test_changes_that_cannot_be_written_stay_on_view(bench, folder, blobs):
    bench.add(folder)
    bench.run()
    bench.open(folder / "dmso_B03.tif")
    cells = bench.viewer.layers["dmso_B03 cells"]
    cells.data[cells.data == 2] = 0
    tifffile.imwrite(folder / "dmso_B03_mask.tif", blobs)  # by somebody else
    bench.next()
    assert bench.layer_names() == ["dmso_B03", "dmso_B03 cells"]
    assert cells.editable
    told = bench.panel.viewing.setText.call_args.args[0]
    assert "was not written by this program" in told
    assert (tifffile.imread(folder / "dmso_B03_mask.tif") == blobs).all()
    bench.viewer.layers.remove(cells)
    assert "closed" in bench.panel.viewing.setText.call_args.args[0]


def test_an_image_that_is_not_left_after_all_can_be_painted_on(bench, folder):
    bench.add(folder)
    bench.run()
    bench.open(folder / "dmso_B03.tif")
    bench.panel.open_requested.emit(str(folder / "drug_B04.png"))
    cells = bench.viewer.layers["dmso_B03 cells"]
    assert not cells.editable
    bench.view_jobs.cancel()  # in napari's list of tasks
    assert cells.editable


def test_layers_come_and_go_one_by_one(bench, folder):
    bench.add(folder)
    bench.run()
    bench.open(folder / "dmso_B03.tif")
    bench.panel.open_requested.emit(str(folder / "drug_B04.png"))
    bench.view_jobs.run()
    seen = [bench.layer_names()]
    while bench.controller.turns.is_running:
        assert not bench.possible()["open_"]
        assert not bench.possible()["table"]
        bench.panel.open_requested.emit(str(folder / "dmso_B03.tif"))
        assert not bench.view_jobs.is_running
        QApplication.processEvents()
        if bench.layer_names() != seen[-1]:
            seen.append(bench.layer_names())
    assert seen == [
        ["dmso_B03", "dmso_B03 cells"],
        ["dmso_B03"],
        [],
        ["drug_B04"],
        ["drug_B04", "drug_B04 cells"],
    ]
    assert bench.possible()["table"]


def test_of_channels_the_topmost_layer_goes_first(bench, tmp_path, blobs):
    """napari 0.9 crashes while it draws where it is the lowest one."""
    about = {"photometric": "minisblack", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.stack([blobs] * 3), **about)
    bench.add(tmp_path)
    bench.run()
    bench.next()
    layers, gone = list(bench.viewer.layers), []
    removed = bench.viewer.layers.events.removed
    removed.connect(lambda event: gone.append(event.value))
    bench.next()
    assert len(layers) == 4
    assert gone == layers[::-1]


def test_an_image_that_napari_cannot_show_is_not_on_view(bench, folder, monkeypatch):
    bench.add(folder)
    bench.run()
    monkeypatch.setattr(ViewerModel, "add_labels", MagicMock(side_effect=OSError))
    bench.panel.open_requested.emit(str(folder / "dmso_B03.tif"))
    bench.view_jobs.run()
    with capture_exceptions() as caught:
        bench.lay_out()
    assert [kind for kind, *_ in caught] == [OSError]
    assert bench.record.opened == ""
    assert bench.possible()["next_"]


def test_a_plate_takes_its_labels_in(bench, tmp_path, blobs):
    plate = tmp_path / "p7.zarr"
    group = zarr.open_group(plate, mode="w", zarr_format=2)
    group.attrs["plate"] = {"wells": [{"path": "A/1"}, {"path": "B/2"}]}
    store = make_store(tmp_path / "field.zarr", blobs)
    for well in ("A/1", "B/2"):
        inside = group.create_group(well)
        inside.attrs["well"] = {"images": [{"path": "0"}]}
        shutil.copytree(store, plate / well / "0")
    bench.add(plate)
    assert list(bench.statuses()) == ["A/1/0", "B/2/0"]
    bench.panel.run_requested.emit()
    bench.jobs.run()
    assert set(bench.statuses().values()) == {"done, 4 cells"}
    bench.run()
    assert bench.said() == "All images are done with these settings."
    bench.open(plate / "A" / "1" / "0")
    assert bench.layer_names() == ["p7_A_1_0", "p7_A_1_0 cells"]
    cells = bench.viewer.layers[-1]
    np.testing.assert_allclose(cells.scale, 0.5)
    cells.data[cells.data == 1] = 0
    bench.next()
    bench.open(plate / "A" / "1" / "0")
    assert set(np.unique(bench.viewer.layers[-1].data)) == {0, 2, 3, 4}


@pytest.fixture
def several(tmp_path, blobs):
    """A file of two images of one size, of which the second one has two cells."""
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path) as file:
        for image in (blobs, np.where(np.arange(50) < 18, blobs, 0)):
            file.write(image, metadata={"axes": "YX"})
    return path


def test_of_several_images_of_a_file_the_wanted_one_is_taken(bench, make, several):
    bench.add(several)
    bench.run()
    assert bench.statuses() == {"two.ome.tif": "done, 4 cells"}
    bench.reading.series = "2"
    assert bench.run() == 1
    assert bench.statuses() == {"two.ome.tif": "done, 2 cells"}
    bench.open(several)
    assert bench.layer_names() == ["two.ome_2", "two.ome_2 cells"]
    image, cells = bench.viewer.layers
    assert set(np.unique(cells.data[image.data > 0])) == {1, 2}
    cells.data[cells.data == 1] = 0
    bench.reading.series = "1"  # counts from the next run on
    bench.next()
    folder = several.parent
    assert read_labels(folder / "two.ome_mask.tif").max() == 4
    assert set(np.unique(read_labels(folder / "two.ome_2_mask.tif"))) == {0, 2}
    assert [r["label"] for r in rows_of(folder / "two.ome_2_cells.csv")] == ["2"]
    bench.controller.teardown()
    again = make()
    assert again.reading.series == "1"
    again.panel.reading.open.assert_called()


def test_axes_are_read_as_the_user_says(bench, tmp_path, blobs):
    path = tmp_path / "stack.ome.tif"
    stack = np.stack([blobs, blobs[::-1], blobs])
    about = {"photometric": "minisblack", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(path, stack, **about)
    bench.add(path)
    bench.reading.planes = "c"
    bench.run()
    assert bench.statuses() == {"stack.ome.tif": "done, 12 cells"}
    bench.open(path)
    assert [layer.data.shape for layer in bench.viewer.layers] == [(3, 40, 50)] * 2
    cells = bench.viewer.layers[-1]
    cells.data[cells.data == 12] = 0
    bench.next()
    planes = [r["plane"] for r in rows_of(tmp_path / "stack.ome_cells.csv")]
    assert planes == ["0"] * 4 + ["1"] * 4 + ["2"] * 3
    bench.reading.planes, bench.reading.channel_axis = "", "0"
    bench.panel.looked_at.emit([str(path)])
    bench.run()
    assert bench.statuses() == {"stack.ome.tif": "done, 4 cells"}
    bench.open(path)
    assert [layer.data.shape for layer in bench.viewer.layers] == [(40, 50)] * 4


def test_images_and_axes_of_a_store_are_those_that_the_user_says(
    bench, tmp_path, blobs
):
    store = tmp_path / "converted.zarr"
    group = zarr.open_group(store, mode="w", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    for name, image in (("0", blobs), ("1", np.stack([blobs, blobs]))):
        inside = make_store(store / name, image)
        if image.ndim > 2:
            attrs = zarr.open_group(inside).attrs
            (described,) = attrs["multiscales"]
            described["axes"].insert(0, {"name": "c", "type": "channel"})
            scale = described["datasets"][0]["coordinateTransformations"][0]
            scale["scale"] = [1, 0.5, 0.5]
            attrs["multiscales"] = [described]
    bench.add(store)
    bench.reading.series, bench.reading.planes = "2", "C"
    bench.panel.run_requested.emit()
    bench.jobs.run()
    assert list(bench.statuses().values()) == ["done, 8 cells"]
    assert (store / "1" / "labels" / "cells").is_dir()
    bench.open(store)
    assert [layer.data.shape for layer in bench.viewer.layers] == [(2, 40, 50)] * 2
    cells = bench.viewer.layers[-1]
    cells.data[cells.data == 8] = 0
    bench.next()
    bench.open(store)
    assert bench.viewer.layers[-1].data.max() == 7


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("series", "0", "Series is the number of an image, from 1."),
        ("series", "all", "Series is the number of an image, from 1, not “all”."),
        ("channel_axis", "C", "Channel axis is the number of an axis, from 0, not “C”"),
        ("planes", "CZ", "Planes is the letter or the number of an axis, not “CZ”."),
    ],
)
def test_axes_that_cannot_be_are_told_while_they_are_typed(
    bench, folder, name, text, says
):
    bench.add(folder)
    setattr(bench.reading, name, text)
    assert bench.panel.reading.tell.call_args.args[0].startswith(says)
    assert bench.run() == 0
    assert says in told()[-1]
    setattr(bench.reading, name, "")
    assert bench.panel.reading.tell.call_args.args == ("",)
    assert bench.run() == 2


def test_one_table_with_columns_from_the_names(bench, folder, tmp_path, monkeypatch):
    bench.add(folder)
    bench.naming.pattern = "{drug}_{well"
    assert "brace" in bench.example()
    bench.naming.pattern = "{drug}_{well}"
    assert bench.example() == "drug = dmso, well = B03"
    assert not bench.possible()["table"]
    bench.run()
    assert bench.possible()["table"]
    target = tmp_path / "all.csv"
    monkeypatch.setattr(rules, "ask_where", lambda *_: target)
    for _ in range(2):  # our own is replaced
        bench.panel.table_requested.emit()
        bench.list_jobs.run()
    assert bench.example() == f"Saved the cells of 2 images: {target}."
    found = rows_of(target)
    assert list(found[0])[:4] == ["file", "drug", "well", "label"]
    assert {(r["file"], r["drug"], r["well"]) for r in found} == {
        ("dmso_B03.tif", "dmso", "B03"),
        ("drug_B04.png", "drug", "B04"),
    }
    assert len(found) == 6
    target.write_text("patient,result\n1,2\n")
    bench.panel.table_requested.emit()
    bench.list_jobs.run()
    assert target.read_text() == "patient,result\n1,2\n"
    bench.naming.pattern = "{a}-{b}"
    assert bench.example() == "The pattern does not fit 3 of 3 names: dmso_B03.tif, …"


def test_the_table_has_what_was_corrected_on_view(
    bench, folder, tmp_path, monkeypatch, blobs
):
    bench.add(folder)
    bench.run()
    bench.open(folder / "dmso_B03.tif")
    cells = bench.viewer.layers["dmso_B03 cells"]
    cells.data[cells.data == 2] = 0
    target, mask = tmp_path / "all.csv", folder / "dmso_B03_mask.tif"
    monkeypatch.setattr(rules, "ask_where", lambda *_: target)

    def save_table():
        bench.panel.table_requested.emit()
        if bench.view_jobs.is_running:
            assert not cells.editable, "what is painted meanwhile would be lost"
            bench.view_jobs.run()
        if bench.list_jobs.is_running:
            bench.list_jobs.run()

    def labels_in_table():
        return [r["label"] for r in rows_of(target) if r["file"] == "dmso_B03.tif"]

    save_table()
    assert labels_in_table() == ["1", "3", "4"]
    assert set(np.unique(read_labels(mask))) == {0, 1, 3, 4}
    assert bench.statuses()["dmso_B03.tif"] == "looked at, 3 cells"
    assert bench.layer_names() == ["dmso_B03", "dmso_B03 cells"]
    assert cells.editable
    before = mask.stat().st_mtime_ns
    save_table()
    assert mask.stat().st_mtime_ns == before, "it is written already"
    cells.data[cells.data == 4] = 0
    tifffile.imwrite(mask, blobs)  # by somebody else
    save_table()
    assert labels_in_table() == ["1", "3", "4"], "no table without the correction"
    assert bench.example().startswith("The table was not saved: ")
    assert "was not written by this program" in bench.example()
    assert cells.editable
    bench.panel.table_requested.emit()
    bench.view_jobs.cancel()
    assert not bench.list_jobs.is_running
    assert bench.example() == "The table was not saved."


def test_nothing_can_be_done_without_images(bench):
    assert bench.panel.run.set_ready.call_args.args == (
        False,
        "Add images or a folder first.",
    )
    assert not any(bench.possible().values())
