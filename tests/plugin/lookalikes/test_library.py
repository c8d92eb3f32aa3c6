"""Descriptions are made and checked in the background, without a window."""

from types import SimpleNamespace

import numpy as np
import pytest
from describer import Describer
from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_iaunet.identity.search import CellRef
from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage
from napari_iaunet.plugin.lookalikes.library import CellLibrary


class Later(QObject):
    """Takes jobs and does them when the test says so."""

    progressed = Signal(int, int)
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self):
        super().__init__()
        self.work, self.titles = None, []

    def start(self, work, title):
        self.work = work
        self.titles.append(title)

    def close(self):
        self.work = None

    def do(self):
        work, self.work = self.work, None
        self.succeeded.emit(work(lambda done, total: None))


class Desk:
    """A library beside a viewer without a window, and what it has told."""

    def __init__(self):
        self.viewer, self.jobs = ViewerModel(), Later()
        image = np.zeros((20, 30), np.uint8)
        labels = np.zeros((20, 30), np.int32)
        labels[2:8, 2:8], labels[2:8, 12:18] = 1, 2
        image[labels > 0] = 100
        below = self.viewer.add_image(image)
        self.layer = self.viewer.add_labels(labels)
        self.key = str(self.layer.unique_id)
        self.cells = [CellsOnImage(self.key, str(below.unique_id))]
        self.library = CellLibrary(
            self.viewer,
            self.jobs,
            SimpleNamespace(get=lambda *_: Describer()),
            self.jobs,
        )
        self.told = []
        for name in ("ready", "outdated"):
            signal = getattr(self.library, name)
            signal.connect(lambda name=name: self.told.append(name))

    def want(self):
        return self.library.want(self.cells, "model", "cpu")

    def known(self):
        return self.library.get(self.cells[0], "model")


@pytest.fixture
def desk(qapp):
    desk = Desk()
    assert not desk.want()
    assert desk.library.is_busy
    desk.jobs.do()
    assert desk.told == ["ready"]
    assert desk.known().label_ids.tolist() == [1, 2]
    yield desk
    desk.library.teardown()


def test_labels_are_compared_in_the_background(desk):
    # Nobody is told of a change like this one: as if a hidden layer were undone.
    desk.layer.data[2:8, 2:8] = 0
    assert desk.want(), "what is known is there at once"
    assert desk.known().label_ids.tolist() == [1, 2]
    assert not desk.library.is_busy
    assert desk.jobs.titles[-1] == "", "it is not shown"
    desk.jobs.do()
    assert desk.told == ["ready", "outdated"]
    assert desk.known() is None
    assert not desk.want()
    desk.jobs.do()
    assert desk.told[2:] == ["ready"]
    assert desk.known().label_ids.tolist() == [2]


def test_without_a_change_nothing_is_told(desk):
    assert desk.want()
    desk.jobs.do()
    assert desk.told == ["ready"]
    assert desk.known() is not None


def test_a_change_while_cells_are_described_makes_them_outdated(desk):
    desk.layer.data = desk.layer.data * 5
    desk.library.check()
    desk.told.clear()
    assert not desk.want()
    desk.layer.data[2:8, 2:8] = 0
    desk.jobs.do()
    assert desk.told == ["outdated"]


def test_a_cell_that_was_not_known_is_described(desk):
    desk.library.saw(CellRef(desk.key, 2))
    assert desk.want()
    desk.layer.data[12:18, 2:8] = 9
    desk.library.saw(CellRef(desk.key, 9))
    assert not desk.want()
    desk.jobs.do()
    assert desk.known().label_ids.tolist() == [1, 2, 9]


def test_what_is_done_with_cells_compares_at_once(desk):
    assert desk.want()
    assert desk.library.check()
    desk.layer.data[2:8, 2:8] = 0
    assert not desk.library.check()
    assert desk.told == ["ready", "outdated"]
