"""Pooling over cells is exact, whatever the tiles."""

import numpy as np
import pytest
import torch

from napari_iaunet.identity.descriptor import PooledMaps, cell_pixels, fit_descriptor


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


def test_pooling_is_mean_and_standard_deviation(labels):
    maps, names = maps_of(*labels.shape), np.array([4, 7, 9])
    found = pooled(maps, cell_pixels(labels, names, labels.shape), 3)
    full = [
        m.repeat_interleave(s, 1).repeat_interleave(s, 2)
        for m, s in zip(maps, (1, 2, 8), strict=True)
    ]
    values = torch.cat(full)
    for row, name in enumerate(names):
        inside = values[:, torch.from_numpy(labels == name)]
        expected = torch.cat([inside.mean(1), inside.std(1, correction=0)])
        torch.testing.assert_close(found[row], expected, atol=1e-3, rtol=1e-3)


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


def test_fit_keeps_the_cosines_of_standardised_channels():
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(60, 12, generator=generator) * torch.arange(1, 13)
    values[:, 3] = 2.0  # a channel that says nothing
    mean, basis = fit_descriptor(values, (4, 2), 12)
    kept = (values - mean) @ basis
    spread = values.std(0, correction=0)
    weight = torch.tensor([4, 4, 4, 4, 2, 2] * 2) ** -0.5
    standard = torch.where(spread > 0, (values - mean) / spread, 0.0) * weight
    standard[:, 3] = 0
    torch.testing.assert_close(kept @ kept.T, standard @ standard.T)


def test_fit_with_few_cells_fills_up_with_zeros():
    mean, basis = fit_descriptor(torch.randn(3, 10), (5,), 8)
    assert basis.shape == (10, 8)
    assert not basis[:, 3:].any()
    assert torch.isfinite(basis).all()
    assert mean.shape == (10,)
