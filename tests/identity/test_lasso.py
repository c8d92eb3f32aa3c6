"""A lasso, a click and arrow keys mean the points that one would expect."""

import numpy as np

from napari_iaunet.identity.lasso import nearest_row, next_row, rows_inside

PLACES = np.array([[0, 0], [1, 0], [3, 0], [0, 2], [5, 4]], np.float32)


def test_a_lasso():
    round_three = np.array([[-1, -1], [2, -1], [2, 1], [0.5, 0.5], [-1, 1]])
    assert rows_inside(PLACES, round_three).tolist() == [0, 1]
    notch = np.array([[-1, -1], [4, -1], [4, 3], [2.5, 3], [2.5, -0.5], [-2, 3]])
    assert rows_inside(PLACES, notch).tolist() == [0, 1, 2]
    assert rows_inside(PLACES, notch[:2]).size == 0
    assert rows_inside(PLACES[:0], notch).size == 0


def test_a_lasso_is_quick():
    rng = np.random.default_rng(0)
    places = rng.normal(size=(100_000, 2)).astype(np.float32)
    turn = np.linspace(0, 2 * np.pi, 300, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    found = rows_inside(places, circle)
    expected = np.flatnonzero(np.hypot(*places.T) < 1)
    assert abs(found.size - expected.size) < 100
    assert np.isin(found, expected).all()


def test_the_next_point():
    assert nearest_row(PLACES, (0.9, 0.2), 0.5) == 1
    assert nearest_row(PLACES, (0.9, 0.2), 0.1) is None
    assert nearest_row(PLACES[:0], (0, 0), 9) is None


def test_arrow_keys_go_to_the_next_point_that_way():
    assert next_row(PLACES, 0, (1, 0)) == 1
    assert next_row(PLACES, 1, (1, 0)) == 2
    assert next_row(PLACES, 2, (-1, 0)) == 1
    assert next_row(PLACES, 0, (0, 1)) == 3
    assert next_row(PLACES, 0, (0, -1)) == 0
    assert next_row(PLACES, 2, (1, 0)) == 2, "the last lies more aside than ahead"
