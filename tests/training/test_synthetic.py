"""Synthetic cells: seeded, whole, shown in every look, and with exact targets."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_iaunet.training import augment, synthetic
from napari_iaunet.training.augment import draw_batch
from napari_iaunet.training.noise import smooth_noise
from napari_iaunet.training.synthetic import STAINED, STAINS, draw_synthetic, render
from napari_iaunet.training.synthetic_labels import FAMILIES, draw_labels
from napari_iaunet.training.synthetic_looks import LOOKS


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_cells_are_whole_and_numbered_without_gaps(family: str, seed: int):
    labels = draw_labels(96, 20.0, np.random.default_rng(seed), family)
    again = draw_labels(96, 20.0, np.random.default_rng(seed), family)
    np.testing.assert_array_equal(labels, again)
    assert labels.shape == (96, 96)
    assert labels.dtype == np.int32
    assert labels.min() >= 0
    for number in range(1, labels.max() + 1):
        assert ndimage.label(labels == number)[1] == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_cells_are_about_as_large_as_they_should_be(family: str):
    areas = np.concatenate(
        [
            np.bincount(draw_labels(160, 24.0, rng, family).ravel())[1:]
            for rng in map(np.random.default_rng, range(12))
        ]
    )
    diameter = np.sqrt(np.median(areas) * 4 / np.pi)
    assert 12 < diameter < 36


@pytest.mark.parametrize("look", [*LOOKS, STAINS, STAINED])
def test_every_look_shows_cells(look: str):
    labels = draw_labels(96, 20.0, np.random.default_rng(1), "blobs")
    assert labels.any()
    image = render(labels, 20.0, np.random.default_rng(2), look)
    np.testing.assert_array_equal(
        image, render(labels, 20.0, np.random.default_rng(2), look)
    )
    assert image.shape == (3, 96, 96)
    assert image.dtype == np.float32
    assert np.isfinite(image).all()
    assert image.std() > 0.05
    gray = (image[0] == image[1]).all() and (image[0] == image[2]).all()
    assert gray == (look in LOOKS)


@pytest.mark.parametrize("look", [*LOOKS, STAINS, STAINED])
@pytest.mark.parametrize("filling", [0, 1])
def test_no_cell_and_nothing_but_a_cell_can_be_shown(look: str, filling: int):
    labels = np.full((64, 64), filling * 7)
    image = render(labels, 20.0, np.random.default_rng(0), look)
    assert np.isfinite(image).all()


def test_looks_differ_from_seed_to_seed():
    labels = draw_labels(64, 20.0, np.random.default_rng(1), "blobs")
    one, two = (
        render(labels, 20.0, np.random.default_rng(seed), "phase") for seed in (0, 1)
    )
    assert np.abs(one - two).mean() > 0.05


@pytest.mark.parametrize("seed", range(12))
def test_targets_agree_with_the_cells(source, seed: int):
    crop = draw_synthetic(source, 96, 28.0, np.random.default_rng(seed))
    cells = crop.cells.numpy()
    ys, xs = np.mgrid[:96, :96]
    for number in np.unique(cells)[1:]:
        here = cells == number
        votes = np.stack([ys, xs])[:, here] + crop.offset.numpy()[:, here]
        assert np.ptp(votes, axis=1).max() < 1e-3
        assert np.ptp(crop.radius.numpy()[0, here]) < 1e-4
    assert float(crop.offset[:, crop.cells == 0].abs().sum()) == 0
    assert float(crop.centre[0][crop.cells == 0].abs().sum()) == 0
    assert (crop.centre[0][crop.cells > 0] > 0).all()
    assert crop.centre.max() <= 1
    assert (crop.radius > 0).all()


def test_cells_cut_by_the_border_keep_their_centre(source, monkeypatch):
    monkeypatch.setattr(synthetic, "_REAL_CELLS", 0.0)
    outside = 0
    for seed in range(20):
        crop = draw_synthetic(source, 96, 28.0, np.random.default_rng(seed))
        row = torch.arange(96.0)[:, None] + crop.offset[0]
        outside += int((row[crop.cells > 0] < 0).sum())
    assert outside


def test_a_share_of_a_batch_is_synthetic(source, monkeypatch):
    drawn = []

    def draw(*args):
        drawn.append(args)
        return draw_synthetic(*args)

    monkeypatch.setattr(augment, "draw_synthetic", draw)
    for share, least, most in ((0.0, 0, 0), (0.3, 8, 28), (1.0, 55, 60)):
        drawn.clear()
        for seed in range(10):
            batch = draw_batch(
                [source],
                np.ones(1),
                batch=8,
                size=64,
                second_views=2,
                rng=np.random.default_rng(seed),
                synthetic_share=share,
                diameter=28.0,
            )
            assert batch.images.shape == (8, 3, 64, 64)
            assert torch.isfinite(batch.images).all()
        assert least <= len(drawn) <= most


def test_smooth_noise_has_the_scale_and_the_strength_that_are_asked_for():
    fields = [smooth_noise((200, 150), 8.0, np.random.default_rng(i)) for i in range(9)]
    assert fields[0].shape == (200, 150)
    assert np.std(fields) == pytest.approx(1, abs=0.1)
    assert np.std(np.diff(fields, axis=1)) < 0.25
    assert np.std(smooth_noise((50, 50), 1.0, np.random.default_rng(0))) > 0.9
