"""A layer of cells is picked, and looked through when it has changed; no window."""

import numpy as np
import pytest
from doubles import FakeJobs
from napari.components import ViewerModel

from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.layers.picked import PickedCells
from napari_iaunet.plugin.layers.undo import EditLogs


class Counted(PickedCells):
    """Counts how often a layer is looked through; only 3D layers can be picked."""

    looks = 0

    def _can_be_picked(self, layer):
        return layer.ndim == 3

    def survey(self):
        self.looks += 1

    def _on_success(self, found):
        pass

    def has_noticed(self):
        """Whether a change waits to be looked through; it does so no longer."""
        waits = self._timer.isActive()
        self._timer.stop()
        return waits


@pytest.fixture
def viewer(qapp):
    viewer = ViewerModel()
    for name, shape in (("one", (3, 8, 8)), ("two", (3, 8, 8)), ("flat", (8, 8))):
        viewer.add_labels(np.zeros(shape, np.int32), name=name)
    return viewer


@pytest.fixture
def session(viewer):
    return Session(viewer)


@pytest.fixture
def cells(viewer, session):
    cells = Counted(session, FakeJobs(), EditLogs(viewer))
    cells.update()
    yield cells
    cells.teardown()


def paint(layer, value=1):
    layer.data_setitem(tuple(np.array([n]) for n in (0, 2, 2)), value)


def test_the_topmost_is_picked_until_it_is_gone(viewer, cells):
    assert [name for _, name in cells.offers()] == ["two", "one"]
    assert cells.layer.name == "two"
    cells.pick(str(viewer.layers["flat"].unique_id))
    assert cells.layer.name == "two"
    viewer.layers.remove("two")
    cells.update()
    assert cells.layer.name == "one"
    viewer.layers.remove("one")
    cells.update()
    assert cells.layer is None
    assert cells.key == ""


def test_strokes_and_their_undo_are_noticed(viewer, cells):
    layer = viewer.layers["two"]
    paint(layer)
    assert not cells.has_noticed(), "nobody watches yet"
    cells.watch()
    assert cells.looks == 1
    paint(layer, 2)
    assert cells.has_noticed()
    layer.undo()
    assert cells.has_noticed()
    cells.stop()
    paint(layer, 3)
    assert not cells.has_noticed()


def test_another_plane_and_what_we_show_otherwise_are_no_undo(viewer, session, cells):
    cells.watch()
    viewer.dims.set_point(0, 2)
    assert not cells.has_noticed()
    with session.own_changes():
        viewer.layers["two"].refresh()
    assert not cells.has_noticed()


def test_what_is_on_the_disk_only_to_be_read_is_told(viewer, cells):
    layer = viewer.layers["two"]
    layer.data.flags.writeable = False
    told = []
    cells.failed.connect(told.append)
    cells.watch()
    assert not cells.is_watched
    assert "cannot be changed" in told[0]
