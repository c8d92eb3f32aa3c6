"""Likes and unlikes rank cells."""

import numpy as np
import pytest

from napari_iaunet import similarity
from napari_iaunet.errors import ImageError


@pytest.fixture(scope="module")
def cells():
    """Three groups of twenty unit vectors."""
    rng = np.random.default_rng(0)
    middle = np.repeat(np.eye(3, 16), 20, axis=0)
    vectors = middle + rng.normal(0, 0.1, middle.shape)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit.astype(np.float32)


def test_one_example_finds_its_group(cells):
    found = similarity(cells, [4])
    assert found.dtype == np.float32
    assert found[4] == found.max() == 1
    assert found[:20].min() > found[20:].max()


def test_what_all_cells_have_in_common_does_not_count(cells):
    alike = cells + np.float32(5) * np.eye(1, 16, 9, dtype=np.float32)
    alike /= np.linalg.norm(alike, axis=1, keepdims=True)
    assert (alike @ alike[4]).min() > 0.9  # they all look much the same
    found = similarity(alike, [4])
    assert found[:20].min() > 0.75
    assert found[20:].max() < 0.6


def test_two_cells_that_are_the_same_are_alike():
    np.testing.assert_allclose(similarity(np.eye(1, 4).repeat(2, 0), [0]), 1, atol=1e-6)
    assert similarity(np.eye(2, 4), [0])[1] < 0.5


def test_what_is_odd_about_one_example_counts_less(cells):
    """A cell of another kind that shares an odd trait is not nearer than its own."""
    odd = np.zeros((61, 17), np.float32)
    odd[:60, :16], odd[[4, 60], 16], odd[60, 1] = cells, 0.9, 0.7
    odd /= np.linalg.norm(odd, axis=1, keepdims=True)
    own = np.delete(np.arange(20), 4)
    assert odd[60] @ odd[4] < np.median(odd[own] @ odd[4]) + 0.05
    found = similarity(odd, [4])
    assert (found[own] > found[60]).all()


def test_examples_find_their_group(cells):
    found = similarity(cells, [0, 1, 2], [20, 40])
    assert found[:20].min() > found[20:].max()
    assert ((found >= 0) & (found <= 1)).all()
    assert (found[[20, 40]] < 0.5).all()


def test_order_does_not_matter(cells):
    found = similarity(cells, [3, 1, 8], [30, 25])
    np.testing.assert_array_equal(found, similarity(cells, [8, 3, 1, 3], [25, 30]))
    order = np.random.default_rng(1).permutation(len(cells))
    place = np.argsort(order)
    moved = similarity(cells[order], place[[3, 1, 8]], place[[30, 25]])
    np.testing.assert_allclose(moved[place], found, atol=1e-5)


@pytest.mark.parametrize(
    ("like", "unlike", "message"),
    [
        ([], [1], "At least one"),
        ([1], [1], "both like and unlike"),
        ([60], [], "rows go from 0 to 59"),
        ([-1], [], "no such cell"),
        ([0.5], [], "numbers of their rows"),
    ],
)
def test_bad_examples(cells, like, unlike, message):
    with pytest.raises(ImageError, match=message):
        similarity(cells, like, unlike)
