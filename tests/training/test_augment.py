"""Crops: exact targets under every transformation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_iaunet.training.augment import draw_batch
from napari_iaunet.training.crop import draw_crop
from napari_iaunet.training.dataset import Annotation, prepare


@pytest.mark.parametrize("seed", range(12))
def test_targets_are_exact(source, seed: int):
    crop = draw_crop(source, 96, np.random.default_rng(seed))
    cells = crop.cells.numpy()
    ys, xs = np.mgrid[:96, :96]
    for number in np.unique(cells)[1:]:
        here = cells == number
        # All pixels of a cell vote the same centre.
        votes = np.stack([ys, xs])[:, here] + crop.offset.numpy()[:, here]
        assert np.ptp(votes, axis=1).max() < 1e-3
        touches = (
            here[0].any() or here[-1].any() or here[:, 0].any() or here[:, -1].any()
        )
        if not touches and here.sum() > 100:
            middle = np.array([ys[here].mean(), xs[here].mean()])
            np.testing.assert_allclose(votes[:, 0], middle, atol=1.5)
            peak = crop.centre.numpy()[0, int(votes[0, 0]), int(votes[1, 0])]
            assert peak > 0.75
        radius = crop.radius.numpy()[0, here]
        assert np.ptp(radius) < 1e-4
    assert float(crop.offset[:, crop.cells == 0].abs().sum()) == 0
    inside = torch.from_numpy(cells > 0)
    assert crop.image[0][inside].mean() > crop.image[0][~inside].mean()


def test_batch_numbers_are_unique_and_partners_mutual(source):
    batch = draw_batch(
        [source],
        np.ones(1),
        batch=6,
        size=96,
        second_views=2,
        rng=np.random.default_rng(3),
    )
    cells, partner = batch.targets.cells, batch.targets.partner
    seen: set[int] = set()
    for crop in cells:
        numbers = set(crop.unique().tolist()) - {0}
        assert not numbers & seen
        seen |= numbers
    assert seen == set(range(1, len(partner)))
    paired = partner.nonzero()[:, 0]
    assert len(paired)
    assert (partner[partner[paired]] == paired).all()
    for number in paired.tolist():
        assert (cells == number).sum() == (cells == partner[number]).sum()


@pytest.mark.parametrize(("gray", "least", "most"), [(True, 40, 70), (False, 2, 25)])
def test_gray_crops_are_often_inference_like_and_colour_rarely(
    source, gray, least, most
):
    if not gray:
        tinted = source.image * np.float16([[[1.0]], [[0.5]], [[0.7]]])
        source = replace(source, image=tinted)
    crops = [draw_crop(source, 96, np.random.default_rng(i)) for i in range(100)]
    assert least <= sum(crop.inference_like for crop in crops) <= most


def test_inference_like_crops_are_pixels_of_the_image(source):
    crops = (draw_crop(source, 96, np.random.default_rng(i)) for i in range(40))
    known = np.unique(source.image).astype(np.float32)
    used = [crop for crop in crops if crop.inference_like]
    assert used
    for crop in used:
        apart = np.abs(np.unique(crop.image.numpy())[:, None] - known).min(1)
        assert apart.max() < 1e-3


def test_images_of_large_cells_are_shown_at_the_scale_of_the_model():
    labels = np.zeros((400, 400), np.int32)
    ys, xs = np.mgrid[:400, :400]
    labels[(ys - 200) ** 2 + (xs - 200) ** 2 <= 60**2] = 1
    large = prepare(Annotation(labels * 50.0, labels), 28.0)
    crops = (draw_crop(large, 96, np.random.default_rng(i)) for i in range(40))
    areas = [float((crop.cells > 0).sum()) for crop in crops if crop.inference_like]
    widths = [2 * float(np.sqrt(area / np.pi)) for area in areas if area]
    assert widths
    assert min(widths) > 24
    assert max(widths) < 36
