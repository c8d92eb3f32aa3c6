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


def test_one_example_is_the_cosine(cells):
    found = similarity(cells, [4])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 0.5 + 0.5 * cells @ cells[4], atol=1e-5)


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
