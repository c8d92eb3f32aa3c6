"""Random appearances stay usable and show what they should."""

import numpy as np
import torch

from napari_iaunet.training.appearance import restain, vary_appearance, vary_channels


def test_appearances_are_finite_and_reproducible():
    image, inside = torch.rand(3, 64, 64), torch.rand(64, 64) > 0.7
    for seed in range(60):
        one = vary_appearance(image, inside, np.random.default_rng(seed))
        two = vary_appearance(image, inside, np.random.default_rng(seed))
        assert torch.isfinite(one).all()
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_tissue_is_shown_in_other_stains():
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:40, 16:40] = True
    purple, pink = torch.tensor([0.45, 0.2, 0.55]), torch.tensor([0.95, 0.6, 0.75])
    image = torch.where(inside, purple[:, None, None], pink[:, None, None])
    image = image + 0.02 * torch.randn(
        image.shape, generator=torch.Generator().manual_seed(0)
    )
    bluer, browner = [], 0
    for seed in range(40):
        shown = restain(image, inside, np.random.default_rng(seed))
        assert shown is not None
        nucleus, around = shown[:, inside].mean(1), shown[:, ~inside].mean(1)
        bluer.append(nucleus[2] - nucleus[0] > around[2] - around[0])
        browner += bool(around[2] < around[1] < around[0])
    assert all(bluer)
    assert browner > 10


def test_one_stain_alone_is_left_as_it_is():
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:40, 16:40] = True
    gray = torch.where(inside, 0.3, 0.7).repeat(3, 1, 1)
    assert restain(gray, inside, np.random.default_rng(0)) is None
    assert restain(1 - 0 * gray, inside, np.random.default_rng(0)) is None


def test_stains_are_reordered_left_out_or_shown_alone_in_gray():
    image = torch.stack([torch.full((8, 8), value) for value in (0.2, 0.5, 0.9)])
    views = [vary_channels(image, np.random.default_rng(seed)) for seed in range(300)]
    found = [tuple(round(float(v), 2) for v in view[:, 0, 0]) for view in views]
    assert found.count((0.2, 0.5, 0.9)) > 60
    others = {view for view in found if sorted(view) == [0.2, 0.5, 0.9]}
    assert len(others) == 6
    assert any(0.0 in view for view in found)
    gray = [view for view in found if len(set(view)) == 1]
    assert {(0.5,) * 3, (0.9,) * 3} <= set(gray)
    # Nuclei alone would be what is to be found.
    assert (0.2,) * 3 not in gray
    assert len(set(gray)) > 3  # mixtures of all


def test_stains_are_not_taken_for_colours():
    image = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    inside = image[0] > 0.5
    for seed in range(20):
        rng = np.random.default_rng(seed)
        view = vary_appearance(image, inside, rng, stains=True)
        assert torch.isfinite(view).all()
        # No channel leaks into another one.
        pairs = np.corrcoef(view.flatten(1).numpy())
        assert np.abs(pairs[np.triu_indices(3, 1)]).max() < 0.95
