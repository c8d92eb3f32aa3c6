"""Cells of one or several label images are searched by examples."""

import numpy as np
import pytest

from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.search import (
    CellRef,
    Query,
    Ranking,
    best_and_uncertain,
    suggest_threshold,
    threshold_for,
)

A, B, C = (CellRef("layer", i) for i in (1, 2, 3))


def cells(*label_ids, channels=1):
    label_ids = np.array(label_ids)
    sizes = label_ids[:, None].astype(np.float32)
    shares = np.full((len(label_ids), channels if channels > 1 else 0), 1 / channels)
    return DescribedCells(
        label_ids,
        np.eye(3, dtype=np.float32)[label_ids % 3],
        {"size": sizes, "colour": shares.astype(np.float32)},
    )


def test_examples():
    query = Query((A,)).with_like(B).with_unlike(C)
    assert query == ((A, B), (C,))
    assert query.with_like(B) == query
    assert query.with_unlike(B) == ((A,), (C, B))
    assert query.without(A).without(B) == ((), (C,))


def test_ranks_several_label_images_together():
    ranking = Ranking({"a": cells(5, 7, 2**40), "b": cells(5, 2**40)})
    assert ranking.rows == {"a": slice(0, 3), "b": slice(3, 5)}
    for row in range(5):
        assert ranking.row(ranking.cell(row)) == row
    assert ranking.row(CellRef("c", 5)) is None
    query = Query((CellRef("b", 5), CellRef("b", 99)), (CellRef("c", 5),))
    assert ranking.known(query) == Query((CellRef("b", 5),))
    values = ranking.similarity(query, {"appearance": 1.0})
    np.testing.assert_allclose(values[[0, 3]], 1, atol=1e-6)
    assert (values[[1, 2, 4]] < 0.5).all()


def test_other_weights_count_at_once():
    ranking = Ranking({"a": cells(1, 2, 4, 5)})
    query = Query((CellRef("a", 1),))
    seen = ranking.similarity(query, {"appearance": 1.0})
    assert seen[2] == pytest.approx(1)
    measured = ranking.similarity(query, {"size": 1.0})
    assert (np.diff(measured) < 0).all()
    np.testing.assert_array_equal(ranking.similarity(query, {"appearance": 1.0}), seen)


def test_colour_is_left_out_if_channels_differ():
    ranking = Ranking({"a": cells(5, 7), "b": cells(5, 7, channels=3)})
    query = Query((CellRef("a", 5),))
    values = ranking.similarity(query, {"appearance": 1.0, "colour": 1.0})
    np.testing.assert_allclose(values[[0, 2]], 1, atol=1e-6)
    assert (values[[1, 3]] < 0.5).all()


def test_best_and_uncertain():
    values = np.array([0.1, 0.9, 0.5, 0.6, 1.0], np.float32)
    best, uncertain = best_and_uncertain(values, 0.55, 2)
    assert best == [4, 1]
    assert uncertain == [3, 2]
    assert best_and_uncertain(values[:1], 0.5, 30) == ([0], [0])


def test_thresholds():
    values = np.array([0.1, 0.9, 0.5, 0.6, 1.0], np.float32)
    assert suggest_threshold(values) == pytest.approx(0.8)
    for count in (1, 3, 5):
        assert np.count_nonzero(values >= threshold_for(values, count)) == count
    assert threshold_for(values, 9) == pytest.approx(0.1)
    assert threshold_for(values, 0) == 1
