"""Tracks of real cells are edited in a real viewer."""

import re
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Tracks
from person import CTRL, SHIFT, Person
from qtpy.QtCore import Qt

from napari_iaunet.io.read import read_image
from napari_iaunet.plugin.track.edit_panel import (
    ACCEPT,
    DOUBTS,
    ESCAPE,
    HELP,
    MODES,
    NEXT,
    REDO,
    UNDO,
)

STEP = 3


@pytest.fixture(scope="module")
def cells(data_folder):
    """Real nuclei that move by three pixels a frame, one of which changes its id."""
    folder = data_folder / "nuclei-fluorescence/train"
    path = next(folder.glob("*_mask.png"))
    labels = np.asarray(read_image(path).array).astype(np.int32)[:200, :200]
    return np.stack([np.roll(labels, STEP * i, 1)[:, 20:180] for i in range(4)])


def inside(film, label, frame):
    """The pixel of a cell that is farthest from its border."""
    from scipy.ndimage import distance_transform_edt

    depth = distance_transform_edt(film[frame] == label)
    return np.unravel_index(depth.argmax(), depth.shape)


@pytest.fixture
def person(qtbot, viewer, fake, cells):
    areas = [np.bincount(frame.ravel(), minlength=cells.max() + 1) for frame in cells]
    least = np.min(areas, axis=0)
    least[0] = 0
    one, other = np.argsort(least)[-2:]
    labels = cells.copy()
    labels[2:][cells[2:] == one] = cells.max() + 5
    person = Person(qtbot, viewer, (1100, 800))
    viewer.add_labels(labels, name="nuclei")
    person.dock.tabs.setCurrentWidget(person.dock.track_panel)
    person.edit = person.dock.track_panel.edit
    person.one, person.other, person.late = int(one), int(other), int(cells.max() + 5)
    person.press(person.edit.button)
    film = person.dock.track_edit_controller.film
    qtbot.waitUntil(lambda: film.tracks is not None)
    person.drawn()
    return person


@pytest.mark.viewer
def test_tracks_are_mended_with_mouse_and_keys(qtbot, person, viewer, cells):
    labels, edit = viewer.layers[0], person.edit
    (tracks,) = [i for i in viewer.layers if isinstance(i, Tracks)]
    before, split = labels.data.copy(), len(np.unique(tracks.data[:, 0]))
    viewer.dims.set_point(0, 1)
    person.key(Qt.Key.Key_J)
    assert edit.modes["J"].isChecked()
    person.click(inside(cells, person.one, 1), layer=labels)
    assert "go to a later frame" in edit.status.text()
    viewer.dims.set_point(0, 2)
    person.click(inside(cells, person.one, 2), layer=labels)
    assert "are joined" in edit.status.text()
    np.testing.assert_array_equal(labels.data, cells)
    assert len(np.unique(tracks.data[:, 0])) == split - 1
    person.key(Qt.Key.Key_Escape)
    assert not edit.modes["J"].isChecked()
    person.key(Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(labels.data, before)
    assert len(np.unique(tracks.data[:, 0])) == split
    person.key(Qt.Key.Key_Z, CTRL | SHIFT)
    np.testing.assert_array_equal(labels.data, cells)
    viewer.layers.selection.active = tracks
    person.key(Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(labels.data, before)
    person.key(Qt.Key.Key_D, SHIFT)
    assert edit.modes["Shift+D"].isChecked()
    person.press(edit.modes["W"])
    assert not edit.modes["Shift+D"].isChecked()
    person.click(inside(cells, person.one, 2), layer=labels)
    person.click(inside(cells, person.other, 2), layer=labels)
    assert "swapped from frame 2" in edit.status.text()
    assert (labels.data[2:][cells[2:] == person.other] == person.late).all()


@pytest.mark.viewer
def test_another_tab_has_mouse_and_keys_for_itself(qtbot, person, viewer, cells):
    labels = viewer.layers[0]
    person.key(Qt.Key.Key_S)
    person.dock.tabs.setCurrentIndex(0)
    assert not person.edit.button.isChecked()
    before = labels.data.copy()
    viewer.dims.set_point(0, 1)
    person.click(inside(cells, person.one, 1), layer=labels)
    person.key(Qt.Key.Key_J)
    np.testing.assert_array_equal(labels.data, before)
    assert not any(str(key) == "J" for key in viewer.keymap)


def test_the_page_tells_every_key():
    """The page, the tooltip and the buttons have the same keys."""
    page = (Path(__file__).resolve().parents[3] / "docs/track.md").read_text()
    told = re.findall(r"^\| ([A-Z][\w+]*) \|", page.split("## Mend")[1], re.MULTILINE)
    short = {"Escape": "Esc"}
    keys = [*MODES, ESCAPE, *DOUBTS, UNDO, REDO]
    told.remove("Key")
    assert sorted(told) == sorted(short.get(key, key) for key in keys)
    tip = ", ".join(keys for keys, _ in HELP).split(", ")
    assert sorted(tip) == sorted(told)
    for name, _ in [*MODES.values(), DOUBTS[NEXT], DOUBTS[ACCEPT]]:
        assert f"**{name}**" in page


def test_everything_has_a_tooltip_and_fits(qtbot, viewer, fake):
    from narrow import assert_fits

    person = Person(qtbot, viewer, (1100, 800))
    edit = person.dock.track_panel.edit
    assert "Labels layer with frames" in edit.status.text()
    assert not edit.button.isEnabled()
    assert all(button.toolTip() for button in edit.modes.values())
    assert all(key in edit.help.toolTip() for key in edit.modes)
    edit.set_cells([("a", "cells with a name that does not end " * 9)], "a")
    edit.set_on(True, ready=True)
    edit.set_mode("J", "A long sentence about what the next click does. " * 4)
    assert_fits(edit)
