"""Parts of a cell in several chunks become one cell."""

import numpy as np

from napari_iaunet.segmentation.joining import number_cells, same_cells


def strip(*spans: tuple[int, int, int]) -> np.ndarray:
    """Labels in a row of 40 pixels: (label, start, stop)."""
    labels = np.zeros((3, 40), np.int32)
    for label, start, stop in spans:
        labels[:, start:stop] = label
    return labels


def test_cells_that_two_chunks_see_alike_are_the_same():
    first = strip((1, 0, 10), (2, 12, 20), (3, 30, 35))
    second = strip((7, 1, 10), (5, 12, 21))
    assert same_cells(first, second).tolist() == [[1, 7], [2, 5]]


def test_cells_that_hardly_overlap_are_not():
    assert len(same_cells(strip((1, 0, 10)), strip((1, 6, 16)))) == 0


def test_of_two_halves_none_is_the_whole():
    assert len(same_cells(strip((1, 0, 20)), strip((1, 0, 10), (2, 10, 20)))) == 0


def test_empty_strips_have_nothing_in_common():
    assert same_cells(strip(), strip((1, 0, 9))).shape == (0, 2)


def areas(*values: list[int]) -> list[np.ndarray]:
    return [np.array(v, np.int64) for v in values]


def pair(first: int, second: int, *labels: tuple[int, int]):
    return first, second, np.array(labels, np.int64).reshape(-1, 2)


def test_ids_are_consecutive_from_chunk_to_chunk():
    numbers = number_cells(areas([5, 9], [], [3]), [])
    assert [table.tolist() for table in numbers.tables] == [[0, 1, 2], [0], [0, 3]]
    assert numbers.count == 3


def test_a_cell_on_a_corner_gets_one_id():
    pairs = [pair(0, 1, (1, 1)), pair(0, 2, (1, 2)), pair(1, 3, (1, 1)), pair(2, 3)]
    numbers = number_cells(areas([4], [4], [9, 4], [4]), pairs)
    assert [table.tolist() for table in numbers.tables] == [
        [0, 1],
        [0, 1],
        [0, 2, 1],
        [0, 1],
    ]


def test_cells_of_the_halo_only_get_no_id():
    numbers = number_cells(areas([0, 8], [7, 0]), [pair(0, 1, (1, 1), (2, 2))])
    assert [table.tolist() for table in numbers.tables] == [[0, 0, 1], [0, 2, 0]]


def test_no_cells_at_all():
    numbers = number_cells(areas([], []), [pair(0, 1)])
    assert numbers.count == 0
    assert [table.tolist() for table in numbers.tables] == [[0], [0]]
