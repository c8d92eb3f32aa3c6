"""The Map tab shows colours and their meaning, and says what the user wants."""

import numpy as np
import pytest
from narrow import assert_fits

from napari_iaunet.plugin.map.colouring import by_groups, by_values
from napari_iaunet.plugin.map.panel import MapPanel


@pytest.fixture
def panel(qtbot):
    panel = MapPanel()
    qtbot.addWidget(panel)
    return panel


def heard(signal):
    values = []
    signal.connect(lambda *args: values.append(args))
    return values


def test_the_legend_chooses_and_names_groups(panel):
    groups = by_groups(np.array([1, 1, 2, 0]), ["round <b>", "long"])
    panel.set_colouring(groups, named=True)
    rows = [
        [panel.legend.item(row, column).text() for column in range(2)]
        for row in range(panel.legend.rowCount())
    ]
    assert rows == [["round <b>", "2"], ["long", "1"], ["in no group", "1"]]
    chosen, named = heard(panel.names_chosen), heard(panel.name_changed)
    panel.legend.selectRow(1)
    assert chosen[-1] == ([1],)
    panel.legend.item(0, 0).setText("flat")
    assert named == [(0, "flat")]


def test_a_scale_tells_its_values(panel):
    panel.set_colouring(by_values("area (µm²)", np.linspace(0, 2e4, 99)), named=False)
    bar = panel.bar_of_colours
    assert bar.isVisibleTo(panel)
    assert not panel.legend.isVisibleTo(panel)
    assert bar.texts() == ("400", "19,600")
    assert bar.accessibleDescription() == "area (µm²): from 400 to 19,600"


def test_a_class_needs_cells_and_a_name(panel):
    wanted = heard(panel.class_requested)
    panel.set_chosen(3, 10)
    assert panel.count.text() == "3 of 10 cells"
    assert not panel.class_button.isEnabled()
    panel.class_name.setCurrentText(" round ")
    panel.class_button.click()
    assert wanted == [("round",)]
    panel.set_chosen(0, 10)
    assert not panel.class_button.isEnabled()


def test_it_fits_into_a_narrow_dock(panel):
    panel.set_note("UMAP needs the package umap-learn. " * 3)
    panel.set_groups(2, "2 groups; 1,234,567 cells are in none.")
    assert_fits(panel.widget())
