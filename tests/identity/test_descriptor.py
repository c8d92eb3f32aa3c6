"""Pooling over cells is exact, whatever the tiles."""

import numpy as np
import pytest
import torch

from napari_iaunet.identity.descriptor import PooledMaps, cell_pixels, fit_descriptor
from napari_iaunet.model.network import RINGS


@pytest.fixture(scope="module")
def labels():
    labels = np.zeros((32, 48), np.int32)
    labels[2:13, 3:18], labels[10:29, 25:44], labels[20, 5] = 4, 9, 7
    return labels


def maps_of(height, width):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(c, height // s, width // s, generator=generator)
        for c, s in ((3, 1), (5, 2), (4, 8))
    ]


def pooled(maps, pixels, count):
    sums = PooledMaps(count)
    sums.add(maps, pixels)
    return sums.result()


def test_pooling_is_mean_of_rings_and_standard_deviation(labels):
    maps, names = maps_of(*labels.shape), np.array([4, 7, 9])
    pixels = cell_pixels(labels, names, labels.shape)
    found = pooled(maps, pixels, 3)
    full = [
        m.repeat_interleave(s, 1).repeat_interleave(s, 2)
        for m, s in zip(maps, (1, 2, 8), strict=True)
    ]
    values = torch.cat(full)
    rings = np.full(labels.shape, -1)
    rings[pixels.y, pixels.x] = pixels.ring
    for row, name in enumerate(names):
        inside = labels == name
        whole = values[:, torch.from_numpy(inside)]
        parts = [torch.from_numpy(inside & (rings == ring)) for ring in range(RINGS)]
        expected = [
            values[:, part].mean(1) if part.any() else whole.mean(1) for part in parts
        ]
        expected = torch.cat([*expected, whole.std(1, correction=0)])
        torch.testing.assert_close(found[row], expected, atol=1e-3, rtol=1e-3)


def test_rings_go_from_the_rim_to_the_core(labels):
    pixels = cell_pixels(labels, np.array([4, 7, 9]), labels.shape)
    rings = np.full(labels.shape, -1)
    rings[pixels.y, pixels.x] = pixels.ring
    np.testing.assert_array_equal(rings[19, 25:44], rings[19, 25:44][::-1])
    assert list(rings[19, [25, 29, 34]]) == [0, 1, 2]
    assert rings[20, 5] == 0, "a single pixel is all rim"
    assert set(rings[labels == 0]) == {-1}


def test_touching_cells_have_their_own_rims():
    labels = np.repeat([[1] * 9 + [2] * 9], 18, axis=0)
    pixels = cell_pixels(labels, np.array([1, 2]), labels.shape)
    ring = pixels.ring.reshape(labels.shape)
    assert ring[9, 8] == ring[9, 9] == 0
    assert ring[0, 0] == 2, "the border of the image is no edge"


def test_a_cell_that_is_the_whole_image():
    pixels = cell_pixels(np.ones((4, 5), int), np.array([1]), (4, 5))
    assert set(pixels.ring) == {2}


def test_tiles_add_up(labels):
    maps, names = maps_of(*labels.shape), np.array([4, 7, 9])
    pixels = cell_pixels(labels, names, labels.shape)
    sums = PooledMaps(3)
    for columns in (slice(0, 16), slice(16, 48)):
        tile = [
            m[:, :, columns.start // s : columns.stop // s]
            for m, s in zip(maps, (1, 2, 8), strict=True)
        ]
        sums.add(tile, pixels.within(slice(0, 32), columns, (0, columns.start)))
    torch.testing.assert_close(sums.result(), pooled(maps, pixels, 3))


@pytest.mark.parametrize("scale", [0.1, 0.5, 3.0])
def test_no_cell_is_lost_by_the_scale(labels, scale):
    shape = tuple(max(1, round(n * scale)) for n in labels.shape)
    pixels = cell_pixels(labels, np.array([4, 7, 9]), shape)
    assert set(pixels.cell) == {0, 1, 2}
    assert 0 <= pixels.y.min() <= pixels.y.max() < shape[0]
    assert 0 <= pixels.x.min() <= pixels.x.max() < shape[1]


def test_what_changes_in_a_cell_itself_counts_less():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(200, 24, generator=generator)
    changes = 0.1 * torch.randn(300, 24, generator=generator)
    direction = torch.nn.functional.normalize(torch.ones(24), dim=0)
    changes += 3 * torch.randn(300, 1, generator=generator) * direction
    _, basis = fit_descriptor(values, changes, (4, 2), 24)
    other = torch.zeros(24)
    other[:2] = torch.tensor([1.0, -1.0]) * 0.5**0.5
    along, across = (torch.linalg.norm(way @ basis) for way in (direction, other))
    assert along < 0.3 * across


def test_a_channel_that_sleeps_in_training_does_not_shout_later():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(60, 24, generator=generator)
    changes = torch.randn(90, 24, generator=generator)
    values[:, 3] *= 1e-7
    changes[:, 3] *= 1e-7
    _, basis = fit_descriptor(values, changes, (4, 2), 12)
    reach = torch.linalg.norm(basis, dim=1)
    assert torch.isfinite(reach).all()
    assert reach[3] < reach.median()


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_fit_with_few_cells_fills_up_with_zeros(spread):
    mean, basis = fit_descriptor(
        torch.randn(3, 20), spread * torch.randn(9, 20), (5,), 8
    )
    assert basis.shape == (20, 8)
    assert not basis[:, 3:].any()
    assert torch.isfinite(basis).all()
    assert mean.shape == (20,)
