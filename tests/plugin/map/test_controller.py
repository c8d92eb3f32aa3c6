"""Cells on a map: the rules, with neither a window nor a widget."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from doubles import FakeJobs, fake_panel
from napari.components import ViewerModel
from napari.utils.interactions import mouse_move_callbacks
from person import click_in
from seer import BACKGROUND, Seer, cells_and_image, middle

from napari_iaunet.identity import layout
from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.classes.controller import ClassController
from napari_iaunet.plugin.classes.panel import ClassPanel
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.core.settings import Settings
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.images import describe
from napari_iaunet.plugin.map.controller import MapController
from napari_iaunet.plugin.map.panel import MapPanel

BRIGHT = [7 * row + column for row in range(5) for column in range(3)]


class Mapper:
    """Somebody who looks at a map, at the tab's side of the signals."""

    def __init__(self):
        self.viewer, self.seer = ViewerModel(), Seer()
        self.jobs, self.laying, self.settings = FakeJobs(), FakeJobs(), Settings()
        self.settings.offer_models([ModelInfo("default", Path("default"), "")])
        segmenters = SimpleNamespace(get=lambda model, device: self.seer)
        session = Session(self.viewer, self.settings, segmenters)
        known = {}
        self.class_panel = fake_panel(ClassPanel)
        self.class_panel.pick_button = SimpleNamespace(setChecked=lambda on: None)
        self.classes = ClassController(
            session, self.class_panel, FakeJobs(), FakeJobs(), known
        )
        self.lookalikes = SimpleNamespace(found=None)
        self.plot = SimpleNamespace(
            set_points=self.draw,
            set_colours=lambda colours, chosen: setattr(self, "seen", chosen),
            set_mark=lambda row: setattr(self, "mark", row),
            close_canvas=lambda: None,
        )
        self.panel = fake_panel(MapPanel, plot=self.plot)
        self.panel.pick_button = SimpleNamespace(
            setChecked=lambda on: self.panel.pick_toggled.emit(on)
        )
        self.controller = MapController(
            session,
            self.panel,
            self.jobs,
            self.laying,
            known,
            self.classes,
            self.lookalikes,
        )
        labels, image = cells_and_image()
        layer = self.viewer.add_image(image, name="image")
        self.settings.offer_images([describe(layer)])
        self.cells = self.viewer.add_labels(labels, name="cells")
        self.controller.enter()

    def draw(self, places, names):
        self.places, self.names = places, names

    def wait(self):
        while self.jobs.is_running or self.laying.is_running:
            (self.jobs if self.jobs.is_running else self.laying).run()
        self.controller._display.settle()

    def do(self, signal, *values):
        getattr(self.panel, signal).emit(*values)
        self.wait()

    def hover(self, place):
        event = SimpleNamespace(
            position=place, type="mouse_move", handled=False, is_dragging=False
        )
        mouse_move_callbacks(self.viewer, event)

    def told(self, method):
        return getattr(self.panel, method).call_args.args[0]

    @property
    def chosen(self):
        return np.flatnonzero(self.seen).tolist()

    @property
    def layers(self):
        return [layer.name for layer in self.viewer.layers]


@pytest.fixture
def mapper(qtbot):
    mapper = Mapper()
    yield mapper
    mapper.controller.teardown()
    mapper.classes.teardown()


@pytest.fixture
def ready(mapper):
    mapper.do("map_requested")
    return mapper


@pytest.fixture
def grouped(ready):
    """Groups as they are found: the dark cells first, and one in none."""
    numbers = np.ones(35, np.int64)
    numbers[BRIGHT] = 2
    numbers[34] = 0
    ready.controller._on_done(numbers)
    ready.wait()
    return ready


def test_nothing_is_compared_before_the_user_asks(mapper):
    assert not mapper.jobs.is_running
    assert "Make the map" in mapper.told("say")
    mapper.do("map_requested")
    assert mapper.places.shape == (35, 2)
    assert "principal axis 1" in mapper.names[0]
    assert mapper.layers == ["image", "cells"], "there is nothing to tell of them"


def test_cells_are_chosen_on_the_map_and_seen_in_the_viewer(ready):
    before = ready.cells.data.copy()
    ready.do("cells_chosen", np.array([0, 1, 9]), "only")
    ready.do("cells_chosen", [2], "more")
    ready.do("cells_chosen", [9], "less")
    assert ready.chosen == [0, 1, 2]
    shown = np.asarray(ready.viewer.layers["cells map"].data)
    outlined = np.unique(before[shown == 255])
    assert outlined.tolist() == [1, 2, 3]
    assert not ready.cells.visible
    np.testing.assert_array_equal(ready.cells.data, before)
    ready.do("cells_chosen", [], "only")
    assert ready.layers == ["image", "cells"]
    assert ready.cells.visible


def test_the_cell_under_the_mouse_is_marked_on_the_map(ready):
    ready.hover(middle(1, 2))
    assert ready.mark == 9
    assert ready.told("set_about").startswith("Cell 10")
    ready.hover(BACKGROUND)
    assert ready.mark is None


def test_clicks_in_the_image_choose_cells(ready):
    ready.do("pick_toggled", True)
    click_in(ready.viewer, middle(0, 1))
    click_in(ready.viewer, middle(0, 2), ("Shift",))
    assert ready.chosen == [1, 2]
    click_in(ready.viewer, BACKGROUND, ("Shift",))
    assert ready.chosen == [1, 2]
    click_in(ready.viewer, BACKGROUND)
    assert ready.chosen == []


def test_a_cell_of_the_map_comes_to_the_middle_of_the_viewer(ready):
    ready.do("cell_asked", 34)
    centre = camera_of(ready.viewer).center[-2:]
    np.testing.assert_allclose(centre, middle(4, 6), atol=1)


def test_columns_and_classes_colour_the_map(ready):
    ready.cells.features = {
        "index": range(1, 36),
        "score": np.linspace(0, 1, 35),
        "phase": ["G1", "S"] * 17 + [None],
    }
    ready.do("layout_picked", "axes")
    offers = dict(ready.told("offer_colours"))
    assert list(offers.values())[:4] == [
        *("class", "similarity", "group found here", "area (px)")
    ]
    keys = {text: key for key, text in offers.items()}
    ready.do("colour_picked", keys["score"])
    assert ready.told("set_colouring").limits[1] > 0.9
    ready.do("colour_picked", keys["phase"])
    assert ready.told("set_colouring").names == ("G1", "S", "no value")
    ready.do("colour_picked", keys["area (px)"])
    assert ready.told("set_colouring").values[0] == 100
    ready.do("colour_picked", keys["similarity"])
    assert "Look-alikes tab" in ready.told("set_colouring").missing
    ready.lookalikes.found = SimpleNamespace(
        ranking=ready.controller._display.ranking, values=np.linspace(0, 1, 35)
    )
    ready.do("colour_picked", keys["similarity"])
    assert ready.told("set_colouring").title == "similarity"
    ready.do("colour_picked", keys["class"])
    assert "No classes yet" in ready.told("set_colouring").missing


def test_chosen_cells_become_examples_of_a_class(ready):
    ready.do("cells_chosen", BRIGHT, "only")
    ready.do("class_requested", "bright")
    examples, learnt = ready.classes.known
    assert learnt is None
    assert examples.counts() == {"bright": 15}
    assert "15 cells are examples of “bright”" in ready.told("say")
    assert ready.told("set_colouring").names == ("bright", "no class yet")
    assert ready.told("offer_classes") == ["bright"]
    ready.class_panel.undo_requested.emit()
    assert not ready.classes.known[0].classes


def test_groups_are_named_and_become_classes(grouped):
    assert grouped.told("set_colouring").names == ("group 1", "group 2", "in no group")
    assert grouped.panel.set_groups.call_args.args == (
        2,
        "2 groups; 1 cell is in none.",
    )
    grouped.do("names_chosen", [1])
    assert grouped.chosen == BRIGHT
    grouped.do("name_changed", 1, "bright")
    grouped.do("group_classes_requested")
    counts = grouped.classes.known[0].counts()
    assert counts == {"group 1": 19, "bright": 15}
    grouped.do("name_changed", 0, "bright")
    assert grouped.told("set_colouring").counts == [34, 1], "they have become one"


def test_groups_are_kept_as_a_column_and_taken_back(grouped):
    grouped.do("column_requested")
    table = grouped.cells.features.set_index("index")
    assert table.loc[1, "group"] == "group 2"
    assert table.loc[35, "group"] == ""
    assert ("column group", "group") in grouped.told("offer_colours")
    grouped.do("undo_requested")
    assert "group" not in grouped.cells.features


def test_a_missing_package_is_told_where_it_is_chosen(ready, monkeypatch):
    for what in layout._PACKAGES:
        monkeypatch.setitem(layout._PACKAGES, what, "no-such-package")
    ready.do("layout_picked", "umap")
    assert "pip install 'napari-iaunet[umap]'" in ready.told("set_note")
    ready.panel.pick_layout.assert_called_with("axes")
    ready.do("groups_requested", 5)
    assert "Groups need" in ready.panel.set_groups.call_args.args[1]
    ready.do("layout_picked", "axes")
    assert ready.told("set_note") == ""


def test_a_cancelled_map_leaves_the_one_that_is_shown(ready, monkeypatch):
    monkeypatch.setitem(layout._PACKAGES, "umap", "numpy")
    ready.jobs.cancel = lambda: None  # as nothing is being described
    ready.panel.layout_picked.emit("umap")
    assert ready.laying.is_running
    assert ready.laying.description
    ready.panel.cancel_requested.emit()
    assert not ready.laying.is_running
    assert ready.panel.offer.call_args.args[-1] == "axes"
    assert ready.told("say") == "Cancelled."
    assert len(ready.places) == 35


def test_leaving_leaves_the_viewer_as_it_was(ready):
    before = [*ready.viewer.mouse_drag_callbacks]
    ready.do("pick_toggled", True)
    ready.do("cells_chosen", [3], "only")
    ready.controller.leave()
    assert ready.layers == ["image", "cells"]
    assert ready.cells.visible
    assert not ready.viewer.mouse_move_callbacks
    assert ready.viewer.mouse_drag_callbacks == before
    ready.controller.enter()
    ready.wait()
    assert ready.chosen == [3]
    assert ready.layers[-1] == "cells map"
    assert len(ready.seer.calls) == 1


def test_other_cells_get_another_map(ready):
    ready.do("cells_chosen", [3], "only")
    ready.cells.data_setitem(np.nonzero(ready.cells.data == 1), 0)
    ready.controller._library._compare()
    ready.wait()
    assert len(ready.places) == 34
    assert ready.chosen == []
    ready.viewer.layers.remove(ready.cells)
    ready.wait()
    assert len(ready.places) == 0
