"""Where the parts of cells lie in a plane that is not read as a whole."""

import numpy as np
import pytest

from napari_iaunet.plugin.click import plane as planes
from napari_iaunet.plugin.click.plane import Plane


class Disk:
    """Labels that are read part by part, and how much at a time."""

    def __init__(self, labels):
        self.labels, self.most = labels, 0
        self.shape, self.ndim = labels.shape, labels.ndim

    def __getitem__(self, key):
        found = self.labels[key]
        self.most = max(self.most, found.size)
        return found


@pytest.fixture
def labels():
    labels = np.zeros((2, 1600, 2400), np.int32)
    labels[1, 300:330, 500:540] = 4
    labels[1, 360:370, 560:570] = 4  # a part of it near by
    labels[1, 310:320, 505:515] = 5  # another cell within
    labels[1, 1000:1400, 900:1900] = 6  # larger than what is read first
    labels[1, 1500:1520, 20:40] = 4  # a part far away
    labels[0, 0:9, 0:9] = 4  # in another plane
    return labels


INDEX = (1, slice(None), slice(None))


@pytest.fixture(params=["disk", "memory"])
def plane(request, labels, monkeypatch):
    monkeypatch.setattr(planes, "_SEARCHED", 1000)
    monkeypatch.setattr(planes, "_GLANCE", 1600 * 2400 // 16)
    if request.param == "memory":
        return Plane(labels, [], INDEX)
    coarse = [labels[:, :: 2**level, :: 2**level] for level in (1, 2, 3)]
    return Plane(Disk(labels), coarse, INDEX)


def test_all_parts_are_found(plane):
    assert plane.ends([(4, [(310.2, 500.4)])]) == ((300, 20), (1520, 570))
    assert plane.ends([(5, [(315, 510)])]) == ((310, 505), (320, 515))
    assert plane.ends([(6, [(1000, 900)])]) == ((1000, 900), (1400, 1900))
    assert plane.ends([(9, [(5, 5)])]) is None


def test_parts_near_by_are_found_without_a_look_at_the_plane(plane, monkeypatch):
    monkeypatch.setattr(Plane, "_glance", lambda self, label_id: [])
    assert plane.ends([(4, [(310, 500)])]) == ((300, 500), (370, 570))
    both = plane.ends([(4, [(310, 500)]), (6, [(1399, 1899)])])
    assert both == ((300, 500), (1400, 1900))


def test_a_cell_within_the_box_of_another_is_searched_too(plane, labels, monkeypatch):
    labels[1, 325:335, 505:515] = 5
    monkeypatch.setattr(Plane, "_glance", lambda self, label_id: [])
    assert plane.ends([(4, [(310, 500)]), (5, [(315, 510)])]) == (
        (300, 500),
        (370, 570),
    )
    labels[1, 330:345, 300:515] = 5
    assert plane.ends([(4, [(310, 500)]), (5, [(315, 510)])]) == (
        (300, 300),
        (370, 570),
    )


def test_little_is_read_for_a_small_cell(labels, monkeypatch):
    monkeypatch.setattr(Plane, "_glance", lambda self, label_id: [])
    disk = Disk(labels)
    assert Plane(disk, [], INDEX).ends([(5, [(315, 510)])])
    assert disk.most <= 256 * 256
