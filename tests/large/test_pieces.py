"""Cells on the disk are in one piece, whatever the chunks saw of them."""

import numpy as np
import pytest
from skimage.measure import label as label_components

from napari_iaunet import Segmenter
from napari_iaunet.large.lazy import segment_lazy
from napari_iaunet.large.pieces import find_strays, without
from napari_iaunet.segmentation.chunks import ChunkGrid
from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.segmentation.joining import number_cells
from napari_iaunet.segmentation.measure import measure


def joined(grid, views, pairs):
    """Final labels of chunks without their halos, and how many strays there were."""
    areas = [np.bincount(view.ravel(), minlength=4)[1:] for view in views]
    numbers = number_cells(areas, pairs)
    strays = find_strays(grid, views.__getitem__, numbers)
    whole = np.zeros(grid.shape, np.int32)
    for chunk, view, table in zip(grid, views, numbers.tables, strict=True):
        kept = without(view, strays[chunk.index]) if chunk.index in strays else view
        whole[chunk.rows, chunk.columns] = table[kept]
    return whole, sum(map(len, strays.values()))


@pytest.mark.parametrize("turned", [False, True])
def test_parts_that_miss_each_other_are_not_one_cell(turned):
    shape, sides = ((20, 40), (20, 20)) if not turned else ((40, 20), (20, 20))
    grid = ChunkGrid(1, shape, sides, 8)
    left, right = np.zeros((2, 20, 20), np.int32)
    left[2:8, 10:20] = 1  # goes on to the right
    left[12:16, 16:20] = 2  # is joined with what lies elsewhere
    right[2:8, :3] = 1
    right[1:18, 5:12] = 2
    views = [view.T if turned else view for view in (left, right)]
    pairs = [(0, 1, np.array([[1, 1], [2, 2]]))]
    whole, strays = joined(grid, views, pairs)
    whole = whole.T if turned else whole
    assert strays == 1
    assert set(np.unique(whole)) == {0, 1, 2}
    assert label_components(whole, connectivity=1).max() == 2
    assert (whole[2:8, 10:23] == 1).all()
    assert (whole[1:18, 25:32] == 2).all()
    assert not whole[12:16, 16:20].any()


def test_pieces_that_met_in_the_halo_only_are_not_one_cell():
    grid = ChunkGrid(1, (20, 40), (20, 20), 8)
    views = list(np.zeros((2, 20, 20), np.int32))
    views[0][2:8, 4:20] = views[0][12:15, 10:20] = 1
    whole, strays = joined(grid, views, [])
    assert strays == 1
    assert whole.sum() == 6 * 16


def test_cells_around_a_corner_of_four_chunks_stay_whole():
    grid = ChunkGrid(1, (40, 40), (20, 20), 8)
    y, x = np.indices((40, 40))
    disc = (np.hypot(y - 19.5, x - 19.5) < 9).astype(np.int32)
    views = [disc[chunk.rows, chunk.columns] for chunk in grid]
    one = np.array([[1, 1]])
    whole, strays = joined(grid, views, [(0, 1, one), (0, 2, one), (1, 3, one)])
    assert strays == 0
    assert np.array_equal(whole, disc)


def test_the_table_is_that_of_the_whole_cells(tmp_path, monkeypatch):
    segmenter, image = Segmenter(device="cpu"), np.tile(np.arange(512.0), (64, 1))

    def cells_of(plane, _diameter, _progress, *, whole):
        seen = np.zeros(whole, np.int32)
        seen[20:40, 240:280] = 1
        first = plane[0, 0, 0] < 0.1
        if first:  # a hook that the second chunk does not see
            seen[5:9, 245:262] = seen[5:22, 258:262] = 1
        here = seen[:, :384] if first else seen[:, 128:]
        return Instances(here, np.full(1, 0.9, np.float32))

    monkeypatch.setattr(segmenter, "cells_of", cells_of)
    found = segment_lazy(segmenter, image, tmp_path / "a.zarr", diameter=28, side=256)
    labels = found.labels.compute()
    assert labels[20:40, 240:280].all()
    assert labels.sum() == 20 * 40
    for name, values in measure(labels, image).items():
        np.testing.assert_allclose(found.table[name], values)
