"""Links that are doubtful come first, and it is said why."""

import numpy as np
import pytest
from film import film

from napari_iaunet.tracking.detections import find_detections
from napari_iaunet.tracking.doubt import LEAST, doubts, find_links


def cells_of(*frames, size=8):
    """Squares of cells: (label, row, column) or (label, row, column, height)."""
    labels = np.zeros((len(frames), 80, 120), np.int32)
    for frame, squares in enumerate(frames):
        for label, y, x, *height in squares:
            labels[frame, y : y + (height or [size])[0], x : x + size] = label
    return find_detections(labels)


def judged(cells, graph=None, margin=None):
    """Value and reason of each link, by the track and frame where it ends."""
    links = find_links(cells, graph or {})
    found = doubts(cells, links, margin)
    keys = [(int(cells.track[r]), int(cells.frame[r])) for r in links.after]
    return dict(zip(keys, zip(*found, strict=True), strict=True))


def test_links_go_along_tracks_and_to_daughters():
    cells = find_detections(film().labels.astype(np.int32))
    links = find_links(cells, {2: (1,), 3: (1,), 40: (1,), 9: (50,)})
    assert len(links.after) == 9
    assert links.divides.tolist() == [False] * 7 + [True] * 2
    for before, after, divides in zip(*links, strict=True):
        assert cells.frame[before] < cells.frame[after]
        assert (cells.track[before] == cells.track[after]) != divides
    nothing = find_detections(np.zeros((3, 9, 9), int))
    assert not len(find_links(nothing, {}).after)
    assert not len(doubts(nothing, find_links(nothing, {})).values)


def test_what_is_odd_is_said():
    cells = cells_of(
        [(1, 10, 10), (2, 50, 10), (3, 10, 60)],
        [(1, 10, 12), (2, 50, 12, 3), (4, 10, 62), (5, 10, 70)],
        [(1, 10, 14), (2, 50, 14, 3)],
        [(1, 10, 16)],
    )
    found = judged(cells, {4: (3,), 5: (3,)})
    assert found[1, 1][0] < LEAST
    assert found[1, 1][1] == "nothing odd"
    assert found[2, 1][0] > LEAST
    assert "2.7 times smaller at once" in found[2, 1][1]
    assert found[2, 2][0] < LEAST
    assert "a division" in found[4, 1][1]
    assert found[4, 1][0] > LEAST


def test_a_gap_is_doubtful():
    cells = cells_of([(1, 10, 10)], [(1, 10, 11)], [], [], [(1, 10, 13)])
    found = judged(cells)
    assert "missing for 2 frames" in found[1, 4][1]
    assert found[1, 4][0] > LEAST > found[1, 1][0]


def test_two_cells_that_may_have_changed_places():
    cells = cells_of(
        [(1, 10, 10), (2, 10, 30), (3, 50, 50)],
        [(1, 10, 20), (2, 19, 20), (3, 50, 51)],
    )
    found = judged(cells)
    for track in (1, 2):
        assert found[track, 1][0] > LEAST
        assert "nearly as well" in found[track, 1][1]
    assert found[3, 1][0] < LEAST


@pytest.mark.parametrize(("margin", "is_doubtful"), [(0.2, True), (4.0, False)])
def test_what_tracking_knows_counts_more_than_places(margin, is_doubtful):
    cells = cells_of([(1, 10, 10), (2, 10, 30)], [(1, 10, 20), (2, 19, 20)])
    found = judged(cells, margin=np.full(2, margin))
    assert (found[1, 1][0] > LEAST) == is_doubtful
