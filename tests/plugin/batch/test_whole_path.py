"""From a folder of images to the files of other programs, as a user goes.

napari is killed half-way. Another one goes on, the cells are reviewed by keys, written
as all formats, and read back.
"""

import csv
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import anndata
import begun_batch
import geff
import numpy as np
import pandas as pd
import pytest
import tifffile
import zarr
from patient import wait_until
from person import Person
from qtpy.QtCore import Qt
from skimage.io import imread, imsave

from napari_iaunet.cli import main
from napari_iaunet.io.formats.names import OF_SEVERAL, SUFFIXES
from napari_iaunet.io.formats.read import read_outlines
from napari_iaunet.io.labels import read_cells
from napari_iaunet.plugin.batch import controller as rules
from napari_iaunet.plugin.batch import job

DIAMETER = 20
DAMAGED = "nuclei_dmso_6.tif"
# Formats of classes, which nobody has given these cells, and of films only.
OF_CLASSES = ("semantic", "panoptic")
OF_FILMS = ("ctc", "geff")


def crop(path, kind):
    """The corner of a real image, small enough to be reviewed within seconds."""
    image = tifffile.imread(path) if kind == "tissue" else imread(path)
    return image[:2, :96, :96] if kind == "tissue" else image[:96, :96]


@pytest.fixture(scope="module")
def crops(data_folder):
    """Real images of three kinds, six each, by their names."""
    places = {
        "nuclei": ("nuclei-fluorescence/test", "*_img.png"),
        "stained": ("nuclei-histology/train", "*_img.png"),
        "tissue": ("tissue-codex/train", "*_img.tif"),
    }
    return {
        (kind, number): crop(path, kind)
        for kind, (folder, names) in places.items()
        for number, path in enumerate(sorted((data_folder / folder).glob(names))[:6])
    }


@pytest.fixture
def folder(crops, tmp_path):
    """20 images: gray, colours, channels, a film, an OME-Zarr; one is damaged."""
    folder = tmp_path / "images"
    folder.mkdir()
    for (kind, number), image in crops.items():
        path = folder / f"{kind}_{('dmso', 'drug')[number % 2]}_{number}"
        if kind == "nuclei":
            tifffile.imwrite(f"{path}.tif", image[..., 0] if image.ndim > 2 else image)
        elif kind == "stained":
            imsave(f"{path}.png", image[..., :3], check_contrast=False)
        elif number:
            about = {"axes": "CYX", "PhysicalSizeX": 0.4, "PhysicalSizeY": 0.4}
            gray = {"photometric": "minisblack", "metadata": about}
            tifffile.imwrite(f"{path}.ome.tif", image, **gray)
        else:
            write_store(f"{path}.zarr", image)
    gray = crops["nuclei", 0]
    gray = gray[..., 0] if gray.ndim > 2 else gray
    film = np.stack([gray[:80, i : i + 80] for i in range(3)])
    tifffile.imwrite(folder / "film_dmso_0.ome.tif", film, metadata={"axes": "TYX"})
    whole = (folder / "nuclei_dmso_0.tif").read_bytes()
    (folder / DAMAGED).write_bytes(whole[: len(whole) // 2])
    assert len(list(folder.iterdir())) == 20
    return folder


def write_store(path, image):
    group = zarr.create_group(path)
    group.create_array("0", data=image, chunks=(1, 64, 64))
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scale = [{"type": "scale", "scale": [1, 0.4, 0.4]}]
    dataset = {"path": "0", "coordinateTransformations": scale}
    described = {"version": "0.5", "axes": axes, "datasets": [dataset]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [described]}


@contextmanager
def napari_at_work(folder):
    """Another napari that segments a folder, and is killed at the end."""
    # Neither its settings nor its list are those of the user.
    environment = {
        **os.environ,
        "NAPARI_CONFIG": str(folder.parent / "settings.yaml"),
    }
    words = [sys.executable, begun_batch.__file__, str(folder), str(DIAMETER)]
    with subprocess.Popen(words, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def states(home):
    """What became of each image, as the list on the disk says."""
    path = home / "batch" / "list.json"
    if not path.exists():
        return {}
    kept = json.loads(path.read_text("utf-8"))
    return {Path(i).name: e["state"] for i, e in kept["entries"].items()}


def results(folder):
    """When the labels of each image were written."""
    images = [p for p in folder.iterdir() if "_mask" not in p.stem]
    targets = [job.target_of(p) for p in images if p.suffix != ".csv"]
    return {p: p.stat().st_mtime_ns for p in targets if p.exists()}


class BatchUser(Person):
    """Goes through the tabs Batch and Review."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (800, 600))
        dock = self.dock
        self.panel, self.batch = dock.batch_panel, dock.batch_controller
        self.review = dock.review_panel

    def begin(self, diameter):
        form = self.dock.segment_panel.form
        form["estimate"].setChecked(False)
        form["diameter"].setValue(diameter)
        self.go_to("Batch")

    def go_to(self, name):
        names = {button.text(): button for button in self.dock.tab_buttons.buttons}
        self.press(names[name])

    def settle(self):
        batch = self.batch
        for part in (batch.list_jobs, batch.jobs, batch.view_jobs, batch.turns):
            self.qtbot.waitUntil(lambda part=part: not part.is_running)

    def status(self):
        rows = map(self.panel.list.topLevelItem, range(len(self.batch.record.images)))
        return {row.text(0): row.text(1) for row in rows}

    def next(self):
        """Open the next image, which writes the one on view; return its path."""
        self.go_to("Batch")
        self.press(self.panel.next_button)
        self.settle()
        return self.batch.record.opened

    def go_through(self):
        """Delete the most doubtful cell, mark the next one, accept some others.

        Returns the labels as they are now, which cell is marked, and how many have been
        looked at.
        """
        layer = self.viewer.layers[-1]
        before, walk = np.array(layer.data), self.review.walk
        self.go_to("Review")
        self.qtbot.waitUntil(walk.button.isEnabled)
        self.press(walk.button)
        self.qtbot.waitUntil(walk.buttons["A"].isEnabled)
        first = self._at()
        self.key(Qt.Key.Key_D)
        self.qtbot.waitUntil(lambda: self._at() != first)
        marked = self._at()
        self.key(Qt.Key.Key_Q)
        before[before == first] = 0
        count = len(np.unique(before)) - 1
        seen = min(count, 4)
        for _ in range(seen - 1):
            self.key(Qt.Key.Key_A)
        done = f"{seen} of {count} looked at, 1 marked"
        self.qtbot.waitUntil(lambda: walk.progress.text() == done)
        self.press(walk.button)
        return before, (marked, seen)

    def _at(self):
        """The cell that is looked at."""
        return int(self.review.walk.cell.text().split()[1].strip(",:"))


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.viewer
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 is of Unix")
def test_a_folder_is_segmented_reviewed_and_exported(
    qtbot, request, folder, home, tmp_path, monkeypatch
):
    with napari_at_work(folder) as process:
        wait_until(lambda: list(states(home).values()).count("done") >= 8, limit=90)
        process.kill()
    died, before = states(home), results(folder)
    assert list(died.values()).count("done") < 19, "it was killed half-way"
    assert process.wait() == -9

    viewer = request.getfixturevalue("viewer")
    user = BatchUser(qtbot, viewer)
    user.begin(DIAMETER)
    assert len(user.batch.record.images) == 20
    user.press(user.panel.run.start_button)
    user.settle()
    _check_all_but_the_damaged_are_done(user.status())
    after = results(folder)
    done = {job.target_of(folder / name) for name, s in died.items() if s == "done"}
    assert len(after) == 19
    assert all(after[target] == before[target] for target in done), "nothing twice"

    reviewed = {}
    while image := user.next():
        if user.viewer.layers[-1].features.shape[0] > 2:
            reviewed[image] = user.go_through()
        else:
            reviewed[image] = np.array(user.viewer.layers[-1].data), None  # too few
    _check_what_was_reviewed_is_on_the_disk(user, reviewed)
    table = tmp_path / "all.csv"
    monkeypatch.setattr(rules, "ask_where", lambda *_: table)
    user.press(user.panel.table_button)
    user.settle()
    count = sum(
        len(np.unique(p)) - 1 for ls, _ in reviewed.values() for p in planes(ls)
    )
    assert len(rows_of(table)) == count
    _check_exports(reviewed, tmp_path / "out")
    user.dock.teardown()


def planes(labels):
    return labels.reshape(-1, *labels.shape[-2:])


def _check_all_but_the_damaged_are_done(status):
    assert "it is damaged or cut off" in status.pop(DAMAGED)
    others = [text for text in status.values() if not text.startswith("done, ")]
    assert others == []
    assert len(status) == 19


def _check_what_was_reviewed_is_on_the_disk(user, reviewed):
    assert len(reviewed) == 19
    assert sum(flags is not None for _, flags in reviewed.values()) >= 12
    for image, (labels, flags) in reviewed.items():
        target = job.target_of(Path(image))
        np.testing.assert_array_equal(read_cells(target).labels, labels)
        rows = rows_of(job.table_of(Path(image), target))
        assert {int(row["label"]) for row in rows} == {*np.unique(labels)} - {0}
        if flags is not None:
            told = [int(row["label"]) for row in rows if row["marked"] == "True"]
            seen = [row for row in rows if row["looked_at"] == "True"]
            assert (*told, len(seen)) == flags
    seen = [t for t in user.status().values() if t.startswith("looked at, ")]
    assert len(seen) == 19


def _check_exports(reviewed, out):
    """All formats of cells, read by us or by the library of the other side."""
    images = [Path(image) for image in reviewed]
    targets = [job.target_of(image) for image in images]
    tables = [job.table_of(*both) for both in zip(images, targets, strict=True)]
    labels = [labels for labels, _ in reviewed.values()]
    film = next(i for i, image in enumerate(images) if "film" in image.name)
    for name, suffix in SUFFIXES.items():
        if name in OF_CLASSES:
            continue
        chosen = slice(film, film + 1) if name in OF_FILMS else slice(None)
        words = ["export", *targets[chosen], "--to", name, "--out", out / name]
        assert main([str(w) for w in [*words, "--table", *tables[chosen]]]) == 0, name
        files = [out / name / f"{target.stem}{suffix}" for target in targets]
        if name in OF_FILMS:
            place = files[film] if suffix else out / name  # itself the folder
            _READERS[name](place, labels[film], tables[film])
        elif name in OF_SEVERAL:
            _READERS[name](out / name / f"cells{suffix}", labels, tables)
        else:
            for both in zip(files, labels, tables, strict=True):
                _READERS.get(name, _check_labels)(*both)


def _check_labels(file, labels, table):
    np.testing.assert_array_equal(read_cells(file).labels, labels)


def _check_zarr(file, labels, table):
    _check_labels(file, labels, table)
    told = zarr.open_group(file).attrs.asdict()
    told = told.get("ome", told)["image-label"].get("properties", [])
    found = [(row["label-value"], row["area"], row["score"]) for row in told]
    rows = rows_of(table)
    expected = [(int(r["label"]), float(r["area"]), float(r["score"])) for r in rows]
    assert found == expected


def _check_coco(file, labels, tables):
    for cells, expected in zip(read_outlines(file), labels, strict=True):
        np.testing.assert_array_equal(cells.labels, expected)


def _check_anndata(file, labels, tables):
    found = anndata.read_h5ad(file)
    rows = pd.concat([pd.read_csv(table) for table in tables])
    assert found.obs["label"].tolist() == rows["label"].tolist()
    for name in ("area", "score", "solidity"):
        np.testing.assert_array_equal(found[:, name].X[:, 0], rows[name])
    np.testing.assert_allclose(found.obsm["spatial"], rows[["x", "y"]], atol=1e-4)


def _check_ctc(folder, labels, table):
    files = sorted(folder.glob("mask*.tif"))
    np.testing.assert_array_equal([tifffile.imread(f) for f in files], labels)


def _check_geff(folder, labels, table):
    geff.validate_structure(folder)
    graph, _ = geff.read(folder)
    found = {(node["t"], node["label"]) for _, node in graph.nodes(data=True)}
    assert found == {(t, i) for t, p in enumerate(labels) for i in np.unique(p) if i}


_READERS = {
    "ome-zarr": _check_zarr,
    "coco": _check_coco,
    "anndata": _check_anndata,
    "ctc": _check_ctc,
    "geff": _check_geff,
}
