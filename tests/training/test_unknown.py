"""What a teacher makes known between painted cells."""

import numpy as np
import pytest

from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.training.dataset import Annotation, prepare
from napari_iaunet.training.unknown import fill, is_sparse, share_found

SIDE, STEP = 24, 32


def grid(numbers):
    """Squares of 24 px with these numbers, 8 px apart; 0 draws none."""
    labels = np.zeros((STEP * len(numbers), STEP * len(numbers[0])), np.int32)
    for y, row in enumerate(numbers):
        for x, number in enumerate(row):
            y0, x0 = STEP * y + 4, STEP * x + 4
            labels[y0 : y0 + SIDE, x0 : x0 + SIDE] = number
    return labels


PAINTED = grid([[1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 3], [0, 0, 0, 0]])


@pytest.fixture
def source():
    """An image with three painted cells of which nothing else is known."""
    nowhere = np.zeros(PAINTED.shape, np.bool_)
    image = (PAINTED > 0) * 100.0
    return prepare(Annotation(image, PAINTED, nowhere), 28.0)


def test_an_image_is_sparse_if_some_of_it_is_unknown(source):
    assert is_sparse(source)
    image = (PAINTED > 0) * 100.0
    assert not is_sparse(prepare(Annotation(image, PAINTED), 28.0))
    everywhere = np.ones(PAINTED.shape, np.bool_)
    assert not is_sparse(prepare(Annotation(image, PAINTED, everywhere), 28.0))


def test_without_a_teacher_only_a_thin_ring_is_known(source):
    filled = fill(source, 27.0, None)
    np.testing.assert_array_equal(filled.labels, PAINTED)
    ring = filled.known & (PAINTED == 0)
    assert ring[3, 4:28].all()  # above the first cell
    assert ring.sum() < 0.5 * (PAINTED > 0).sum()
    assert not filled.known[STEP : 2 * STEP].any()


def test_a_teacher_that_misses_the_painted_cells_is_not_believed(source):
    wrong = grid([[0, 0, 1, 2], [3, 4, 5, 6], [7, 8, 9, 0], [10, 11, 12, 13]])
    found = Instances(wrong, np.ones(13, np.float32))
    assert share_found(PAINTED, wrong) == 0
    filled = fill(source, 27.0, found)
    np.testing.assert_array_equal(filled.known, fill(source, 27.0, None).known)


def test_sure_cells_are_cells_and_doubtful_ones_stay_unknown(source):
    theirs = grid([[1, 2, 3, 0], [4, 0, 0, 0], [0, 0, 0, 5], [0, 0, 0, 0]])
    scores = np.array([0.9, 0.9, 0.8, 0.2, 0.9], np.float32)
    filled = fill(source, 27.0, Instances(theirs, scores))
    third, fourth = theirs == 3, theirs == 4
    assert len(np.unique(filled.labels[third])) == 1
    assert filled.labels[third][0] > 3
    assert filled.known[third].all()
    assert not filled.known[fourth].any()
    assert not filled.labels[fourth].any()
    # Painted cells keep their shape, and where nothing is found is background.
    for number in (1, 2, 3):
        np.testing.assert_array_equal(filled.labels == number, number == PAINTED)
    assert filled.known[~fourth].all()
    assert len(filled.centres) == len(filled.radii) == filled.labels.max() + 1


def test_a_found_cell_across_a_painted_one_is_no_other_cell(source):
    theirs = PAINTED.copy()
    theirs[4:28, 4 + STEP : 28 + 2 * STEP] = 2  # the second cell and its neighbour
    found = Instances(theirs, np.ones(3, np.float32))
    filled = fill(source, 27.0, found)
    beside = np.s_[4:28, 4 + 2 * STEP : 28 + 2 * STEP]
    assert not filled.known[beside].any()
    assert filled.labels.max() == 3


def test_what_the_painter_said_of_a_region_stays(source):
    region = np.zeros(PAINTED.shape, np.bool_)
    region[: 2 * STEP] = True
    source = prepare(Annotation((PAINTED > 0) * 100.0, PAINTED, region), 28.0)
    theirs = grid([[1, 2, 3, 0], [0, 0, 0, 0], [4, 0, 0, 5], [0, 0, 0, 0]])
    filled = fill(source, 27.0, Instances(theirs, np.ones(5, np.float32)))
    assert not filled.labels[theirs == 3].any()  # it is background: the painter said so
    assert filled.labels[theirs == 4].all()
