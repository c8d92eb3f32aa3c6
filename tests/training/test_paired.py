"""By how much a trained model is better, and how sure that is."""

import numpy as np
import pytest

from napari_iaunet.evaluation import THRESHOLDS, average_precision
from napari_iaunet.training.paired import Tally, difference, tally

HALF = np.array(THRESHOLDS) == 0.5


def row_of_cells(count, kept=None, wide=10):
    """Squares side by side."""
    labels = np.zeros((20, 16 * count), np.int32)
    for i in range(count) if kept is None else kept:
        labels[4:14, 16 * i : 16 * i + wide] = i + 1
    return labels


def drawn(found):
    """What is known of cells that were found or not, (N,) bool, and nothing wrong."""
    found = np.asarray(found)[:, None]
    return Tally(np.ones(len(found), bool), found, np.zeros(found.shape, np.int64))


def test_cells_are_counted_as_by_the_average_precision():
    true = [row_of_cells(9), row_of_cells(4), row_of_cells(3, [])]
    found = [row_of_cells(9, range(3), 13), row_of_cells(4), row_of_cells(3, [1, 2])]
    counts, scores = tally(true, found), average_precision(true, found)
    np.testing.assert_array_equal(counts.found.sum(0), scores.tp.sum(0))
    np.testing.assert_array_equal(counts.wrong.sum(0), scores.fp.sum(0))
    missed = counts.cells[:, None] & ~counts.found
    np.testing.assert_array_equal(missed.sum(0), scores.fn.sum(0))


def test_a_wrong_cell_counts_at_the_nearest_one():
    true = row_of_cells(4, [0, 2])
    counts = tally([true], [row_of_cells(4, [2, 3])])
    assert counts.found[:, 0].tolist() == [False, True]
    assert counts.wrong[:, 0].tolist() == [0, 1]


def test_cells_that_are_hard_for_both_make_no_difference():
    """Paired, a gain is seen that two figures side by side would not show."""
    easy = np.arange(60) < 30
    better = np.arange(60) < 38
    band = difference(*map(tally_of_row, (easy, better)), HALF)
    assert 0.03 < band.low < 8 / 60 < band.high < 0.25
    other = np.roll(better, 25)  # as many cells, but others
    assert difference(*map(tally_of_row, (easy, other)), HALF).low < 0


def tally_of_row(found):
    cells = np.flatnonzero(found)
    return tally([row_of_cells(len(found))], [row_of_cells(len(found), cells)])


def test_few_cells_leave_the_band_wide():
    nothing, everything = np.zeros(3, bool), np.ones(3, bool)
    band = difference(drawn(nothing), drawn(everything), np.array([True]))
    assert band.high - band.low > 0.4
    same = difference(drawn(everything), drawn(everything), np.array([True]))
    assert same.low < -0.1
    assert same.high > 0.1
    assert difference(drawn(nothing), drawn(nothing), np.array([True])).low < -0.1


@pytest.mark.parametrize(("cells", "gain"), [(24, 0.0), (24, 0.2), (80, 0.1)])
def test_the_band_holds_the_true_difference_four_times_of_five(cells, gain):
    rng = np.random.default_rng(0)
    inside = []
    for trial in range(200):
        hard = rng.random(cells)
        start = hard + rng.normal(0, 0.15, cells) < 0.5
        trained = hard + rng.normal(0, 0.15, cells) < 0.5 + gain
        band = difference(drawn(start), drawn(trained), np.array([True]), trial)
        inside.append(band.low <= gain <= band.high)
    assert 0.74 < np.mean(inside) < 0.95


def test_equal_seeds_give_equal_bands():
    found = np.arange(30) % 3 > 0
    bands = [difference(drawn(~found), drawn(found), np.array([True])) for _ in "ab"]
    assert bands[0] == bands[1]


def test_a_hundred_thousand_cells_are_no_burden():
    found = np.arange(100_000) % 10 > 2
    band = difference(drawn(found), drawn(np.roll(found, 1)), np.array([True]))
    assert -0.01 < band.low < 0 < band.high < 0.01
