"""Embeddings and measured properties become one vector for each cell."""

import numpy as np
import pytest

from napari_iaunet import similarity
from napari_iaunet.errors import ImageError
from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.properties import DEFAULT_WEIGHTS, as_angles, combine


def described(label_ids=(2, 5, 7, 2**40), channels=3):
    """Cells at random; appearance and size tell different pairs to be alike."""
    rng = np.random.default_rng(0)
    n = len(label_ids)
    embeddings = np.eye(2, 6, dtype=np.float32)[np.arange(n) % 2]
    properties = {
        "size": np.repeat([[1.0], [9.0]], (n + 1) // 2, axis=0)[:n],
        "shape": rng.normal(size=(n, 4)),
        "colour": rng.normal(size=(n, channels))[:, : channels if channels > 1 else 0],
        "intensity": rng.normal(size=(n, 4)),
    }
    return DescribedCells(
        np.array(label_ids),
        embeddings,
        {key: values.astype(np.float32) for key, values in properties.items()},
    )


def test_rows_of_labels():
    cells = described()
    assert len(cells) == 4
    assert [cells.row(label) for label in (2, 7, 2**40)] == [0, 2, 3]
    assert cells.row(6) is None
    assert cells.row(2**41) is None
    assert cells.rows([2**40, 5, 5]) == [3, 1, 1]
    with pytest.raises(ImageError, match="no cell 6, 8"):
        cells.rows([5, 6, 8])


def test_vectors_are_the_groups_by_their_usual_weights():
    cells = described()
    groups = {key: as_angles(values) for key, values in cells.properties.items()}
    expected = combine({"appearance": cells.embeddings, **groups}, DEFAULT_WEIGHTS)
    cosines = expected @ expected.T
    found = cells.vectors()
    np.testing.assert_allclose(found @ found.T, cosines, atol=1e-6)


def test_similarity_takes_described_cells_and_weights():
    cells = described()
    usual = similarity(cells, [0])
    np.testing.assert_array_equal(usual, similarity(cells.vectors(), [0]))
    appearance = similarity(cells, [0], weights={"appearance": 1})
    np.testing.assert_allclose(appearance[[0, 2]], 1, atol=1e-6)
    assert (appearance[[1, 3]] < 0.5).all()
    np.testing.assert_array_equal(appearance, similarity(cells.embeddings, like=[0]))
    size = similarity(cells, [0], weights={"size": 0.3})
    assert size[1] == pytest.approx(1)
    assert (size[2:] < 0.9).all()
    several = similarity(cells, like=[0, 2], unlike=[1])
    np.testing.assert_array_equal(
        several, similarity(cells.vectors(), like=[0, 2], unlike=[1])
    )


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"colours": 1}, "no weight “colours”: choose from appearance, colour"),
        ({"size": -1}, "zero upwards"),
        ({"size": float("nan")}, "zero upwards"),
        ({}, "Nothing counts"),
        ({"size": 0}, "Nothing counts"),
    ],
)
def test_weights_that_cannot_be_used(weights, says):
    with pytest.raises(ImageError, match=says):
        similarity(described(), [0], weights=weights)


def test_colour_of_a_gray_image_counts_for_nothing():
    with pytest.raises(ImageError, match="Nothing counts"):
        similarity(described(channels=1), [0], weights={"colour": 1})


def test_embeddings_alone_cannot_be_weighted():
    with pytest.raises(ImageError, match=r"Segmenter\.describe"):
        similarity(described().embeddings, [0], weights={"size": 1})


def test_cells_of_several_images_are_joined():
    colour, gray = described(), described((1, 2), channels=1)
    both = DescribedCells.joined([colour, colour])
    assert len(both) == 8
    assert both.label_ids.tolist() == [*colour.label_ids, *colour.label_ids]
    assert both.properties["colour"].shape == (8, 3)
    mixed = DescribedCells.joined([colour, gray])
    assert mixed.properties["colour"].shape == (6, 0)
    assert mixed.properties["shape"].shape == (6, 4)
