"""Planes that are segmented chunk by chunk: the same cells, in less memory."""

import math

import numpy as np
import pytest
import torch
from peaks import peak_of
from skimage.measure import label as label_components
from skimage.segmentation import relabel_sequential

from napari_iaunet.segmentation.by_chunks import ChunkReader, in_turn, join, plan_chunks
from napari_iaunet.segmentation.chunks import ChunkGrid
from napari_iaunet.segmentation.decode import Instances
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.scale import scale_for

CPU, STRIDE, KNOWN = torch.device("cpu"), 16, 28.0


@pytest.mark.parametrize("shape", [(1024, 1536), (1200, 1300), (300, 5000)])
def test_ordinary_planes_stay_whole(shape):
    grid = plan_chunks(3, shape, 1.0, CPU, STRIDE)
    assert len(grid) == 3
    assert grid[2].outer_shape == shape


@pytest.mark.parametrize("scale", [0.05, 0.3, 1.0, 1.5, 2.236])
@pytest.mark.parametrize("shape", [(4000, 6000), (12_000, 12_000), (500, 40_000)])
def test_chunks_are_small_and_begin_at_steps_of_the_stride(shape, scale):
    grid = plan_chunks(1, shape, scale, CPU, STRIDE)
    for chunk in grid:
        assert np.prod(chunk.outer_shape) * scale**2 < 1_200_000
        assert np.prod(chunk.outer_shape) < 16_000_000
    if 1 in grid.counts:
        return
    steps = np.array([grid.sides[0], grid.halo]) * scale / STRIDE
    assert np.abs(steps - np.round(steps)).max() * STRIDE <= 0.5 * max(scale, 1)
    assert grid.halo * scale >= 60


def pixels_seen(side, diameter):
    """Pixels of a square that the network sees, halos included."""
    scale = scale_for(diameter, KNOWN, (side, side))
    grid = plan_chunks(1, (side, side), scale, CPU, STRIDE)
    return sum(math.prod(chunk.outer_shape) for chunk in grid) * scale**2


def test_small_cells_cost_at_most_six_times_what_usual_ones_do():
    # Up to 707 px, augmented versions of usual planes are seen, too (`finder.py`).
    ratios = {
        (side, diameter): pixels_seen(side, diameter) / pixels_seen(side, KNOWN)
        for side in range(708, 3000, 12)
        for diameter in (4, 9, 11, 14, 17)
    }
    assert max(ratios.values()) < 6


@pytest.mark.parametrize("scale", [1.0, 1.5, 2.145])
def test_no_narrow_chunk_is_left_at_the_end(scale):
    for side in range(1300, 4000, 50):
        grid = plan_chunks(1, (side, side), scale, CPU, STRIDE)
        fewest = math.ceil(side / (1088 / scale - 2 * grid.halo))
        # Of many, one more is better than a border out of phase.
        assert grid.counts[0] <= fewest + (fewest > 3)


def discs(side, step, radius):
    """Discs in rows, with the labels of their order."""
    y, x = np.indices((side, side))
    middle = np.hypot(y % step - step / 2, x % step - step / 2) < radius
    return label_components(middle, connectivity=1).astype(np.int32)


def of_chunk(labels, chunk):
    """What a chunk that knows its own part only would find."""
    part = labels[chunk.outer_rows, chunk.outer_columns]
    found = relabel_sequential(part)[0].astype(np.int32)
    return Instances(found, np.full(found.max(), 0.9, np.float32))


@pytest.mark.parametrize("step", [13, 21, 40])
def test_cells_on_borders_are_joined(step):
    labels = discs(400, step, step / 2 - 2)
    grid = ChunkGrid(1, labels.shape, (100, 160), 32)
    found = join(grid, (of_chunk(labels, chunk) for chunk in grid), 1.0, 4)
    pairs = np.unique(np.stack([labels[labels > 0], found.labels[labels > 0]]), axis=1)
    assert pairs.shape[1] == labels.max() == found.labels.max() == len(found.scores)
    assert np.array_equal(found.labels > 0, labels > 0)
    assert found.scores == pytest.approx(0.9)


def test_what_only_one_neighbour_sees_of_a_cell_is_no_cell_if_it_is_small():
    seen = np.zeros((100, 100), np.int32)
    seen[20:40, 35:51] = 1  # one column of it is the second chunk's own
    seen[60:80, 20:40] = 2
    grid = ChunkGrid(1, (100, 100), (100, 50), 16)
    views = [Instances(np.zeros((100, 66), np.int32), np.zeros(0, np.float32))]
    views.append(of_chunk(seen, grid[1]))
    found = join(grid, views, 1.0, 30)
    assert not found.labels.any()
    assert len(found.scores) == 0


def test_joined_cells_are_in_one_piece():
    views = []
    grid = ChunkGrid(1, (60, 100), (60, 50), 20)
    for chunk in grid:
        seen = np.zeros((60, 100), np.int32)
        seen[10:40, 30:70] = 1
        if chunk.index == 1:
            seen[38:50, 66:70] = 1
            seen[39, 60:70] = 0  # the lower part hangs on nothing
        views.append(of_chunk(seen, chunk))
    found = join(grid, views, 1.0, 4)
    assert found.labels.max() == 1
    assert label_components(found.labels, connectivity=1).max() == 1


def test_chunks_are_read_once_for_each_plane_and_normalised_as_it():
    image = np.random.default_rng(0).integers(0, 5000, (3, 200, 300), np.uint16)
    planes = as_planes(image)
    grid = ChunkGrid(3, (200, 300), (100, 150), 16)
    read = list(in_turn(grid, ChunkReader(planes), lambda p, _: p, lambda p, c: (p, c)))
    assert [chunk.index for _, chunk in read] == list(range(len(grid)))
    for part, chunk in read:
        whole = planes[chunk.plane]
        assert np.array_equal(part, whole[:, chunk.outer_rows, chunk.outer_columns])


MEMORY = """
import sys
import numpy as np
from napari_iaunet import Segmenter

side, diameter = int(sys.argv[1]), float(sys.argv[2])
y, x = np.indices((side, side))
step = round(1.3 * diameter)
cells = np.hypot(y % step - step / 2, x % step - step / 2) < diameter / 2
image = (cells * 900 + 100).astype(np.uint16)
del y, x
segmenter = Segmenter(device="cpu", engine="pytorch")
before = peak()
segmenter.segment(image[:64, :64], diameter=diameter)
found = segmenter.segment(image, diameter=None if len(sys.argv) > 3 else diameter)
print(before, peak(), found.labels.max(), cells.size // step**2)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("side", "diameter", "estimated"),
    [(1000, 11, (1,)), (2400, 90, ())],
)
def test_memory_does_not_depend_on_the_diameter(side, diameter, estimated):
    before, after, found, expected = peak_of(MEMORY, side, diameter, *estimated)
    # Held whole, the first two would take 1.3 GB and more.
    assert after - before < 650
    assert found == pytest.approx(expected, rel=0.1)


def test_pieces_that_met_in_the_halo_only_are_not_one_cell():
    grid = ChunkGrid(1, (40, 80), (40, 40), 10)
    first, second = (np.zeros(chunk.outer_shape, np.int32) for chunk in grid)
    first[5:12, 20:46] = first[20:24, 30:46] = first[5:24, 42:46] = 1  # like a U
    scores = np.full(1, 0.9, np.float32)
    none = Instances(second, np.zeros(0, np.float32))
    found = join(grid, [Instances(first, scores), none], 1.0, 4)
    assert label_components(found.labels, connectivity=1).max() == 1
    assert found.labels[8, 30] == 1
    assert found.labels[22, 35] == 0
