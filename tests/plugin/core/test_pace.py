"""What is told of a job: planes that are done, and the time that is left."""

import pytest

from napari_iaunet.plugin.core.pace import Pace, tell


class Watch:
    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time


@pytest.fixture
def watch():
    return Watch()


@pytest.mark.parametrize(
    ("each", "text"),
    [
        (5, "about 45 s left"),
        (7, "about 1 min left"),
        (60, "about 9 min left"),
        (1000, "about 2 h 30 min left"),
        (800, "about 2 h left"),
    ],
)
def test_the_time_left(watch, each, text):
    pace = Pace(watch)
    assert pace.left(1, 11) == ""
    watch.time = each
    assert pace.left(2, 11) == text


def test_nothing_is_told_too_early_nor_at_the_end(watch):
    pace = Pace(watch)
    for done, time in ((0, 0), (1, 1), (2, 2), (99, 60), (100, 61)):
        watch.time = time
        assert pace.left(done, 100) == ""


def test_what_was_done_before_took_no_time(watch):
    pace = Pace(watch)
    pace.left(90, 100)
    watch.time = 20
    assert pace.left(92, 100) == "about 1 min left"


def test_planes_are_counted(watch):
    texts = ("Segmenting…", "Measuring…", Pace(watch))
    assert tell(*texts, 0, 0, 10) == "Segmenting…"
    assert tell(*texts, 0, 40, 10) == "Segmenting…"
    assert tell(*texts, 1, 40, 10) == "Segmenting… plane 1 of 10"
    watch.time = 30
    left = "Segmenting… plane 2 of 10, about 4 min left"
    assert tell(*texts, 5, 40, 10) == left
    assert tell(*texts, 40, 40, 10) == "Measuring…"


def test_a_single_plane_is_not_counted(watch):
    texts = ("Segmenting…", "Measuring…", Pace(watch))
    assert tell(*texts, 1, 8, 1) == "Segmenting…"
    watch.time = 10
    assert tell(*texts, 2, 8, 1) == "Segmenting, about 1 min left"
