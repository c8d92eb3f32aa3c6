"""Nucleus and cell together, in the Review tab."""

import csv
from unittest.mock import MagicMock

import dask.array as da
import numpy as np
import psutil
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from narrow import assert_fits
from person import LEFT, open_dock
from qtpy.QtWidgets import QFileDialog

from napari_iaunet import measure_pairs, pair
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.layers.images import describe_all
from napari_iaunet.plugin.review import pair_controller as rules
from napari_iaunet.plugin.review.pair_controller import PairController
from napari_iaunet.plugin.review.pair_panel import PairOptions, PairSection
from napari_iaunet.plugin.widgets.run_bar import RunBar


def drawn():
    """Cells 10, 20 and 40; 20 has two nuclei and 40 none; nucleus 9 is alone."""
    cells, nuclei = np.zeros((2, 30, 60), np.int32)
    for label, x in ((10, 2), (20, 22), (40, 42)):
        cells[5:25, x : x + 15] = label
    nuclei[10:15, 5:9], nuclei[8:12, 24:28], nuclei[15:19, 24:28] = 1, 2, 3
    nuclei[0:4, 0:4] = 9
    return nuclei, cells


def picture(seed=0, shape=(30, 60)):
    return np.random.default_rng(seed).integers(0, 999, shape).astype(np.uint16)


class Bench:
    """A controller, what it works on, and what its section is told."""

    def __init__(self):
        self.viewer, self.jobs, self.options = ViewerModel(), FakeJobs(), PairOptions()
        self.session = Session(self.viewer)
        self.section = fake_panel(PairSection, run=MagicMock(spec=RunBar))
        self.controller = PairController(
            self.session, self.section, self.options, self.jobs
        )

    def open(self, nuclei=None, cells=None, image=True, **options):
        drawn_nuclei, drawn_cells = drawn()
        if image:
            self.viewer.add_image(picture(), name="actin", **options)
        cells = drawn_cells if cells is None else cells
        nuclei = drawn_nuclei if nuclei is None else nuclei
        self.viewer.add_labels(nuclei, name="my nuclei", **options)
        self.viewer.add_labels(cells, name="my cells", **options)
        self.session.settings.offer_images(describe_all(self.viewer))

    def pair(self):
        self.section.pair_requested.emit()
        if self.jobs.is_running:
            self.jobs.run()
        return self.said()

    def said(self):
        return self.section.run.set_busy.call_args.args[1]

    def ready(self):
        return self.section.run.set_ready.call_args.args

    def has_found(self):
        return self.section.set_found.call_args.args[0]

    def names(self):
        return [layer.name for layer in self.viewer.layers]

    def picked(self):
        names = {str(i.unique_id): i.name for i in self.viewer.layers}
        options = self.options
        return [names.get(k, k) for k in (options.nuclei, options.cells, options.image)]

    def pick(self, **names):
        for field, name in names.items():
            key = str(self.viewer.layers[name].unique_id) if name else ""
            setattr(self.options, field, key)
            self.section.picked.emit(field)


@pytest.fixture
def bench(qapp):
    bench = Bench()
    yield bench
    bench.controller.teardown()


ADDED = [
    "my nuclei without cell",
    "my cells cytoplasm",
    "my cells nuclei",
    "my cells with nuclei",
]


def test_pairs_become_new_layers_with_a_table_and_what_is_odd_is_told(bench):
    bench.open(scale=(0.5, 0.25), units=("um", "um"))
    before = [(i.data.copy(), i.features.copy()) for i in bench.viewer.layers[1:3]]
    told = bench.pair().splitlines()
    assert told == [
        "2 cells with a nucleus.",
        "1 cell with several nuclei: 20.",
        "1 cell without a nucleus: 40.",
        "1 nucleus without a cell: 9.",
    ]
    assert bench.names() == ["actin", "my nuclei", "my cells", *ADDED]
    nuclei, cells = drawn()
    alone, cytoplasm, paired, whole = (bench.viewer.layers[n].data for n in ADDED)
    np.testing.assert_array_equal(alone, np.where(nuclei == 9, 9, 0))
    np.testing.assert_array_equal(cytoplasm, np.where(nuclei > 0, 0, cells))
    np.testing.assert_array_equal(
        paired, np.where((nuclei > 0) & (cells > 0), cells, 0)
    )
    np.testing.assert_array_equal(whole, cells)
    for layer in bench.viewer.layers:
        np.testing.assert_allclose(layer.scale, (0.5, 0.25))
    table = bench.viewer.layers[-1].features
    expected = measure_pairs(
        pair(nuclei, cells),
        picture(),
        pixel_size=(0.5, 0.25),
        columns=("position", "size", "shape", "intensity"),
    )
    assert list(table["problem"]) == [
        "",
        "cell with several nuclei",
        "cell without nucleus",
    ]
    assert "cytoplasm_mean_intensity" in expected
    for name, column in expected.items():
        np.testing.assert_array_equal(table[name], column, err_msg=name)
    for layer, (data, features) in zip(bench.viewer.layers[1:3], before, strict=True):
        np.testing.assert_array_equal(layer.data, data)
        assert layer.features.equals(features)


def test_undo_removes_what_was_added(bench):
    bench.open()
    assert not bench.has_found()
    bench.pair()
    assert bench.has_found()
    bench.viewer.layers.remove("my cells cytoplasm")
    bench.section.undo_requested.emit()
    assert bench.names() == ["actin", "my nuclei", "my cells"]
    assert not bench.has_found()


def test_layers_are_guessed_by_their_names_and_stay_as_they_are_picked(bench):
    assert bench.ready()[0] is False
    assert "Open a layer of nuclei" in bench.ready()[1]
    bench.open()
    assert bench.ready() == (True, "")
    assert bench.picked() == ["my nuclei", "my cells", "actin"]
    bench.viewer.add_labels(drawn()[1], name="other cells")
    bench.pick(cells="other cells", image="")
    bench.viewer.add_labels(drawn()[0], name="DAPI cells")
    assert bench.picked() == ["my nuclei", "other cells", ""]
    bench.pair()
    assert bench.picked() == ["my nuclei", "other cells", ""], (
        "not what was made of them"
    )
    bench.viewer.layers.remove("my nuclei")
    assert bench.picked()[0] == "DAPI cells"


def test_without_an_image_there_are_sizes_and_no_intensities(bench):
    bench.open(image=False, scale=(2, 2), units=("um", "um"))
    assert bench.picked()[2] == ""
    bench.pair()
    table = bench.viewer.layers[-1].features
    assert list(table["nucleus_area_um2"][:2]) == [80, 128]
    assert not [name for name in table if "intensity" in name]


def test_channels_are_those_of_the_segment_tab(bench):
    bench.open()
    bench.viewer.add_image(picture(1), name="DAPI")
    settings = bench.session.settings
    settings.offer_images(describe_all(bench.viewer))
    settings.pick_image(str(bench.viewer.layers["actin"].unique_id))
    settings.together_with = (str(bench.viewer.layers["DAPI"].unique_id),)
    settings.table_shape = False
    bench.pick(image="actin")
    bench.pair()
    table = bench.viewer.layers[-1].features
    nuclei, cells = drawn()
    inside = (nuclei == 1) & (cells == 10)
    assert table["nucleus_mean_DAPI"][0] == pytest.approx(picture(1)[inside].mean())
    assert not [name for name in table if "solidity" in name]


@pytest.mark.parametrize("kind", ["stack", "dask", "pyramid", "one plane of a stack"])
def test_stacks_and_layers_on_disk(bench, kind):
    nuclei, cells = (np.stack([a, a[::-1]]) for a in drawn())
    stack = picture(shape=(2, 30, 60))
    if kind == "one plane of a stack":
        nuclei, cells = nuclei[:1], cells[:1]
    bench.viewer.add_image(stack if kind != "one plane of a stack" else stack[:1])
    lazy = [da.from_array(a, chunks=(1, 10, 30)) for a in (nuclei, cells)]
    for name, array, one in zip(
        ("nuclei", "cells"), (nuclei, cells), lazy, strict=True
    ):
        data = {"dask": one, "pyramid": [one, one[:, ::2, ::2]]}.get(kind, array)
        bench.viewer.add_labels(data, name=name, multiscale=kind == "pyramid")
    assert bench.pair().startswith("2 cells with a nucleus.")
    whole = bench.viewer.layers["cells with nuclei"]
    np.testing.assert_array_equal(whole.data, cells)
    expected = measure_pairs(pair(nuclei, cells), stack[: len(cells)])
    np.testing.assert_array_equal(
        whole.features["cytoplasm_mean_intensity"],
        expected["cytoplasm_mean_intensity"],
    )


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (np.zeros((30, 61), np.int32), "do not lie on each other pixel by pixel"),
        ("same", "Choose two layers"),
        ("moved", "do not lie on each other pixel by pixel"),
    ],
)
def test_layers_that_do_not_belong_together_are_refused(bench, cells, says):
    bench.open()
    if isinstance(cells, np.ndarray):
        bench.viewer.add_labels(cells, name="others")
        bench.pick(cells="others", image="")
    elif cells == "same":
        bench.pick(cells="my nuclei")
    else:
        bench.viewer.layers["my cells"].translate = (3, 0)
    assert says in bench.pair()
    assert not [name for name in bench.names() if name in ADDED]


def test_a_layer_that_is_closed_or_too_large_stops_it(bench, monkeypatch):
    bench.open()
    bench.section.pair_requested.emit()
    bench.viewer.layers.remove("my nuclei")
    assert not bench.jobs.is_running
    assert "was closed" in bench.said()
    bench.viewer.layers.clear()
    bench.open()
    memory = psutil.virtual_memory()._replace(available=10_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert "too large to be paired" in bench.pair()
    bench.section.pair_requested.emit()
    bench.section.cancel_requested.emit()
    assert bench.said() == "Cancelled."
    assert bench.names() == ["actin", "my nuclei", "my cells"]


def test_the_table_is_saved_and_nothing_of_others_replaced(
    bench, tmp_path, monkeypatch
):
    bench.open()
    bench.pair()
    target = tmp_path / "pairs.csv"
    monkeypatch.setattr(rules, "ask_where", lambda *_: target)
    for _ in range(2):  # our own is replaced
        bench.section.table_requested.emit()
        assert bench.said() == "Saved pairs.csv."
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["n_nuclei"] for row in rows] == ["1", "2", "0"]
    assert rows[1]["problem"] == "cell with several nuclei"
    target.write_text("patient,result\n1,2\n")
    bench.section.table_requested.emit()
    assert "is not a table of cells" in bench.said()
    assert target.read_text().startswith("patient")


def test_the_section_fits_a_narrow_dock(qtbot):
    section = PairSection(PairOptions())
    qtbot.addWidget(section)
    offers = [("a", "a layer of a long name " * 4)]
    section.offer(offers, offers)
    section.run.set_busy(True, "Pairing, about 20 min left")
    assert_fits(section)


@pytest.mark.viewer
def test_nuclei_and_cells_are_paired_with_the_mouse(
    qtbot, viewer, fake, tmp_path, monkeypatch
):
    nuclei, cells = drawn()
    viewer.add_image(picture(), name="actin")
    viewer.add_labels(nuclei, name="nuclei")
    viewer.add_labels(cells, name="cells")
    dock = open_dock(qtbot, viewer)
    section, controller = dock.review_panel.pair, dock.pair_controller
    dock.tabs.setCurrentWidget(dock.review_panel)
    qtbot.mouseClick(section.run.start_button, LEFT)
    qtbot.waitUntil(lambda: not controller.jobs.is_running)
    assert section.run.status.text().startswith("2 cells with a nucleus.")
    assert viewer.layers[-1].name == "cells with nuclei"
    target = tmp_path / "pairs.csv"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(target), "Tables")
    )
    qtbot.mouseClick(section.table_button, LEFT)
    assert target.read_text().startswith("label,n_nuclei,problem,cell_")
    qtbot.mouseClick(section.undo_button, LEFT)
    assert [layer.name for layer in viewer.layers] == ["actin", "nuclei", "cells"]
    dock.teardown()
