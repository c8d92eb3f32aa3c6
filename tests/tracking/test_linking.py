"""Cells keep their id from plane to plane."""

import numpy as np
import pytest

from napari_iaunet.tracking.linking import DEPTH, LinkSettings, link
from napari_iaunet.tracking.margins import margins

SHAPE = (80, 100)


def disc(place, radius=6.0):
    y, x = np.indices(SHAPE)
    return (y - place[0]) ** 2 + (x - place[1]) ** 2 <= radius**2


def film(*frames):
    """Planes of numbered discs: (y, x) or (y, x, radius), None for nothing."""
    planes, count = np.zeros((len(frames), *SHAPE), np.int32), 0
    for index, places in enumerate(frames):
        for place in places:
            count += 1
            planes[index][disc(place[:2], *place[2:])] = count
    return planes, count


def alike(count: int) -> np.ndarray:
    """Cells that all look the same."""
    return np.tile(np.array([1, 0, 0], np.float32), (count, 1))


def individuals(*kinds: int) -> np.ndarray:
    return np.eye(max(kinds) + 1, dtype=np.float32)[list(kinds)]


def test_a_moving_cell_keeps_its_id():
    planes, count = film(*[[(20, 10 + 9 * t), (60, 90 - 9 * t)] for t in range(8)])
    linked = link(planes, alike(count))
    assert linked.table[1:].tolist() == [1, 2] * 8
    assert linked.tracks[:8, 0].tolist() == [1] * 8
    assert linked.tracks[:8, 1].tolist() == list(range(8))
    np.testing.assert_allclose(linked.tracks[:8, 3], 10 + 9 * np.arange(8), atol=0.1)
    assert linked.parents == {}


def test_identity_tells_cells_that_change_places():
    frames = [[(40, 30), (40, 44)], [(40, 38), (40, 36.0)], [(40, 44), (40, 30)]]
    planes = np.zeros((3, *SHAPE), np.int32)
    for index, (one, other) in enumerate(frames):
        planes[index][disc(one)] = 2 * index + 1
        planes[index][disc(other, 5)] = 2 * index + 2
    linked = link(planes, individuals(0, 1, 0, 1, 0, 1))
    assert linked.table[1:].tolist() == [1, 2] * 3


def test_a_cell_goes_on_while_no_cell_is_to_be_seen():
    planes, count = film([(40, 10)], [(40, 24)], [], [(40, 52), (40, 35)])
    assert link(planes, alike(count)).table[1:].tolist() == [1, 1, 1, 2]


@pytest.mark.parametrize("larger", [1, 3])
def test_of_two_that_look_alike_the_nearer_goes_on_at_any_scale(larger):
    planes, count = film([(40, 40)], [(40, 54, 5.5), (40, 18)])
    planes = planes.repeat(larger, 1).repeat(larger, 2)
    assert link(planes, alike(count)).table[1:].tolist() == [1, 1, 2]


def test_a_cell_may_be_missing_for_a_moment():
    frames = [[(40, 20)], [(40, 25)], [], [(40, 35)], [(40, 40)]]
    planes, count = film(*frames)
    assert set(link(planes, alike(count)).table[1:]) == {1}
    impatient = link(planes, alike(count), LinkSettings(gap=0))
    assert set(impatient.table[1:]) == {1, 2}


def test_daughters_name_their_mother():
    planes, count = film(
        [(40, 40, 9)],
        [(40, 41, 9)],
        [(40, 34, 6), (40, 48, 6)],
        [(40, 31, 6), (40, 51)],
    )
    linked = link(planes, alike(count))
    assert linked.table[1:].tolist() == [1, 1, 2, 3, 2, 3]
    assert linked.parents == {2: 1, 3: 1}


def test_a_cell_that_comes_near_is_no_daughter():
    planes, count = film([(40, 30, 7)], [(40, 30, 7)], [(40, 30, 7), (40, 45, 7)])
    linked = link(planes, alike(count))
    assert linked.table[1:].tolist() == [1, 1, 1, 2]
    assert linked.parents == {}


def test_detections_in_depth_become_one_cell():
    planes, count = film(
        [(30, 30, 3)],
        [(30, 30, 6), (60, 70, 5)],
        [(31, 30, 7), (60, 70, 6)],
        [(31, 31, 4)],
    )
    linked = link(planes, alike(count), DEPTH)
    assert linked.table[1:].tolist() == [1, 1, 2, 1, 2, 1]


def test_a_cell_far_away_is_another_one():
    planes, count = film([(10, 10)], [(70, 90)])
    assert link(planes, alike(count)).table[1:].tolist() == [1, 2]


@pytest.mark.parametrize("frames", [[], [[], []], [[(40, 40)], [], []]])
def test_empty_planes(frames):
    planes, count = film(*frames) if frames else (np.zeros((0, *SHAPE), np.int32), 0)
    linked = link(planes, alike(count))
    assert len(linked.table) == count + 1
    assert linked.tracks.shape == (count, 4)


def test_progress_can_stop_the_work():
    planes, count = film([(40, 40)], [(40, 41)], [(40, 42)])
    told = []
    link(planes, alike(count), progress=told.append)
    assert told == [1, 2, 3]

    def stop(_done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        link(planes, alike(count), progress=stop)


def test_links_know_how_sure_they_are():
    alone, count = film([(20, 20)], [(20, 22)])
    sure = link(alone, alike(count)).links
    assert sure.shape == (2, 2)
    assert (sure[0] == 0).all(), "nothing leads to the first"
    score, margin = sure[1]
    assert score > 5
    assert margin == pytest.approx(score - LinkSettings().least)
    # Either of two cells may be the one that was between them.
    between, count = film([(40, 30)], [(40, 24), (40, 36)])
    assert link(between, alike(count)).links[:, 1].max() < 0.1
    assert link(between, individuals(0, 1, 0)).links[:, 1].max() > 1.5


def test_a_margin_is_what_the_best_other_assignment_loses():
    from itertools import permutations

    rng = np.random.default_rng(0)
    for _ in range(20):
        score = rng.uniform(1, 5, (3, 3))
        ways = {way: sum(score[range(3), way]) for way in permutations(range(3))}
        best = max(ways, key=ways.get)
        first, second = np.indices((3, 3)).reshape(2, -1)
        assigned = list(enumerate(best))
        found = margins(score.ravel(), first, second, assigned, 0.5)
        for track, cell in assigned:
            swaps = [
                total
                for way, total in ways.items()
                if way[track] != cell and sum(np.not_equal(way, best)) == 2
            ]
            loss = ways[best] - max(swaps)
            assert found[track, cell] <= loss + 1e-9
            alone = score[track, cell] - 0.5
            assert found[track, cell] <= alone + 1e-9
            assert found[track, cell] >= 0
