"""Random appearances stay usable and show what they should."""

import numpy as np
import torch
from skimage.segmentation import expand_labels

from napari_iaunet.training.appearance import (
    restain,
    stained_around,
    vary_appearance,
    vary_channels,
)


def test_appearances_are_finite_and_reproducible():
    image, cells = torch.rand(3, 64, 64), (torch.rand(64, 64) > 0.7).long()
    for seed in range(60):
        one = vary_appearance(image, cells, np.random.default_rng(seed))
        two = vary_appearance(image, cells, np.random.default_rng(seed))
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
        shown = restain(image, inside.long(), np.random.default_rng(seed))
        assert shown is not None
        nucleus, around = shown[:, inside].mean(1), shown[:, ~inside].mean(1)
        bluer.append(nucleus[2] - nucleus[0] > around[2] - around[0])
        browner += bool(around[2] < around[1] < around[0])
    assert all(bluer)
    assert browner > 10


def test_stain_around_nuclei_follows_the_cells_and_leaves_the_nuclei():
    cells = torch.zeros(128, 128, dtype=torch.int64)
    for label, (y, x) in enumerate([(20, 20), (20, 48), (48, 20), (48, 48)], 1):
        cells[y : y + 14, x : x + 14] = label
    nuclei = cells > 0
    far = torch.ones_like(nuclei)
    far[:95, :95] = False
    seen = []
    for seed in range(40):
        drawn = stained_around(cells, np.random.default_rng(seed))
        assert drawn.shape == cells.shape
        assert (drawn >= 0).all()
        assert drawn[far].max() < 0.05  # Hardly anything beyond the widest cell.
        if drawn.max() > 0.1:
            assert drawn[nuclei].mean() < drawn[~nuclei & (drawn > 0)].mean() / 2
        around = torch.from_numpy(expand_labels(cells.numpy(), 2)) > 0
        seen.append(float((drawn[around & ~nuclei] > 0.1).float().mean()))
    assert min(seen) < 0.3  # Most of some tissue holds none of the stain.
    assert max(seen) > 0.7


def test_one_stain_alone_is_left_as_it_is():
    inside = torch.zeros(64, 64, dtype=torch.bool)
    inside[16:40, 16:40] = True
    gray = torch.where(inside, 0.3, 0.7).repeat(3, 1, 1)
    assert restain(gray, inside.long(), np.random.default_rng(0)) is None
    assert restain(1 - 0 * gray, inside.long(), np.random.default_rng(0)) is None


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
        view = vary_appearance(image, inside.long(), rng, stains=True)
        assert torch.isfinite(view).all()
        # No channel leaks into another one.
        pairs = np.corrcoef(view.flatten(1).numpy())
        assert np.abs(pairs[np.triu_indices(3, 1)]).max() < 0.95
