"""Chunks cover an image once and meet at borders that both of them see."""

import numpy as np
import pytest

from napari_iaunet.segmentation.chunks import ChunkGrid

SHAPES = [(100, 70), (64, 64), (1, 200), (65, 63)]


@pytest.mark.parametrize("shape", SHAPES)
def test_chunks_cover_every_plane_once(shape):
    grid = ChunkGrid(2, shape, side=32, halo=8)
    count = np.zeros((2, *shape), int)
    for index in range(len(grid)):
        chunk = grid[index]
        assert chunk.index == index
        count[chunk.plane, chunk.rows, chunk.columns] += 1
    assert (count == 1).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_halo_reaches_as_far_as_the_plane(shape):
    grid = ChunkGrid(1, shape, side=32, halo=8)
    for chunk in map(grid.__getitem__, range(len(grid))):
        parts = [
            (chunk.rows, chunk.outer_rows, shape[0]),
            (chunk.columns, chunk.outer_columns, shape[1]),
        ]
        for inner, outer, length in parts:
            assert outer.start == max(0, inner.start - 8)
            assert outer.stop == min(length, inner.stop + 8)


def test_there_is_no_chunk_beyond_the_last():
    grid = ChunkGrid(1, (64, 64), side=32, halo=8)
    with pytest.raises(IndexError, match="chunk 4 of 4"):
        grid[4]


def test_both_chunks_of_a_border_see_its_strip():
    grid = ChunkGrid(2, (100, 70), side=32, halo=8)
    borders = list(grid.borders(reach=4))
    # Four rows of three chunks: 4 x 2 borders beside and 3 x 3 below each other.
    assert len(borders) == 2 * (8 + 9)
    for border in borders:
        for index in (border.first, border.second):
            chunk = grid[index]
            assert chunk.outer_rows.start <= border.rows.start
            assert border.rows.stop <= chunk.outer_rows.stop
            assert chunk.outer_columns.start <= border.columns.start
            assert border.columns.stop <= chunk.outer_columns.stop


def test_both_chunks_name_their_border_alike():
    grid = ChunkGrid(1, (100, 70), side=32, halo=8)
    named = [b for i in range(len(grid)) for b in grid.borders_of(i, reach=4)]
    for border in grid.borders(reach=4):
        assert named.count(border) == 2
