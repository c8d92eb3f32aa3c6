"""Numbers of cells, and what is known of a layer after undo and redo."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers import undo
from napari_iaunet.plugin.layers.undo import EditLog


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def film(viewer):
    data = np.zeros((4, 20, 20), np.int32)
    data[0, :3, :3], data[3, :3, :3] = 4, 9
    return viewer.add_labels(data)


@pytest.fixture
def looks(monkeypatch):
    """How often a whole layer was read."""
    found = []

    def highest_in(labels):
        found.append(labels.shape)
        return int(labels.max())

    monkeypatch.setattr(undo, "highest_in", highest_in)
    return found


def pixels(plane, row):
    """Three pixels of a plane."""
    return np.full(3, plane), np.full(3, row), np.arange(10, 13)


def keep(log, where):
    number = log.next_label_id()
    log.write(where, np.full(3, number))
    log.describe({number: {"area": 3}})
    return number


def test_a_film_is_read_once(viewer, film, looks):
    log = EditLog(film, viewer)
    numbers = []
    for plane in (0, 2, 1):
        viewer.dims.set_point(0, plane)
        numbers += [keep(log, pixels(plane, row)) for row in (8, 9)]
    assert numbers == [10, 11, 12, 13, 14, 15]
    film.undo()
    film.undo()
    assert log.next_label_id() == 14
    film.redo()
    assert log.next_label_id() == 15
    film.mode, film.selected_label = "paint", 40
    film.paint((1, 15, 15), 40)
    assert log.next_label_id() == 41
    assert len(looks) == 1


def test_a_layer_known_to_be_empty_is_not_read(viewer, looks):
    layer = viewer.add_labels(np.zeros((4, 20, 20), np.int32))
    assert keep(EditLog(layer, viewer, highest=0), pixels(0, 8)) == 1
    assert not looks


def test_numbers_that_come_from_elsewhere_are_not_given_again(viewer, film):
    log = EditLog(film, viewer)
    film.data_setitem(pixels(3, 1), 30)
    film.data_setitem(pixels(3, 1), 0)
    assert keep(log, pixels(0, 8)) == 10
    film.undo()
    film.undo()
    assert log.next_label_id() == 31
    film.data = np.full((4, 20, 20), 50, np.int32)
    assert log.next_label_id() == 51
    film.data[0, 0, 0] = 60
    film.refresh()
    assert log.next_label_id() == 61
    film.visible = False
    film.data[0, 0, 0] = 70
    film.refresh()
    assert log.next_label_id() == 71


def test_a_full_layer_with_room_below(viewer):
    layer = viewer.add_labels(np.zeros((20, 20), np.uint8))
    log = EditLog(layer, viewer, highest=0)
    where = (np.arange(3), np.arange(3))
    log.write(where, np.full(3, 255))
    with pytest.raises(ImageError, match="full"):
        log.next_label_id()
    log.write(where, np.zeros(3, int))
    assert log.next_label_id() == 1


def test_the_table_of_our_layer_follows(viewer):
    from pandas import DataFrame

    table = DataFrame({"index": [4], "label": [4], "area": [3], "score": [0.75]})
    data = np.zeros((20, 20), np.int32)
    where = (np.arange(3), np.arange(3))
    data[where] = 4
    layer = viewer.add_labels(
        data, features=table, metadata={"napari_iaunet": {"clicked": True}}
    )
    log = EditLog(layer, viewer)
    log.write(where, np.zeros(3, int))
    log.describe({4: None})
    assert layer.features.empty
    layer.visible = False
    layer.undo()
    log.follow()  # a hidden layer tells nothing
    assert layer.features["score"].tolist() == [0.75]
    layer.visible = True
    layer.redo()
    assert layer.features.empty
    log.close()
    layer.undo()
    assert layer.features.empty
