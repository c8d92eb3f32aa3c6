"""Losses: perfect fields cost nothing, wrong ones cost more, triplets pull apart."""

import pytest
import torch

from napari_iaunet.model.losses import (
    LossWeights,
    Targets,
    cell_triplets,
    identity_losses,
    mask_losses,
    total_loss,
)
from napari_iaunet.model.network import Fields, IAUNet, IAUNetConfig

SMALL = IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6)


def two_touching_cells() -> Targets:
    cells = torch.zeros(1, 32, 32, dtype=torch.int64)
    cells[0, 8:24, 4:16] = 1
    cells[0, 8:24, 16:28] = 2
    ys, xs = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    middle = torch.where(cells[0] == 1, 9.5, 21.5)
    offset = torch.stack([15.5 - ys, middle - xs]) * (cells > 0)
    far = ((ys - 15.5).abs() / 8).maximum((xs - middle).abs() / 6)
    centre = ((1 - far) * (cells[0] > 0)).clamp(0, 1)
    return Targets(
        cells,
        centre[None, None],
        offset[None],
        torch.full((1, 1, 32, 32), 7.8),
        torch.ones(1, 1, 32, 32),
        torch.tensor([0, 2, 1]),
    )


def perfect_fields(targets: Targets, diameter: float) -> Fields:
    inside = (targets.cells > 0)[:, None]
    return Fields(
        torch.where(inside, 20.0, -20.0),
        targets.centre.clamp(1e-6, 1 - 1e-6).logit(),
        targets.offset / diameter,
        torch.zeros(1, 4, 32, 32),
    )


def test_perfect_fields_cost_nothing():
    targets = two_touching_cells()
    losses = mask_losses(perfect_fields(targets, 28.0), targets, 28.0)
    assert all(float(v) < 1e-3 for v in losses.values()), losses


@pytest.mark.parametrize("name", ["foreground", "centre", "offset"])
def test_each_wrong_field_has_its_own_loss(name: str):
    targets = two_touching_cells()
    good = perfect_fields(targets, 28.0)
    bad = good._replace(**{name: -getattr(good, name) + 0.3})
    losses = mask_losses(bad, targets, 28.0)
    assert float(losses[name]) > 0.1
    assert all(float(v) < 1e-3 for k, v in losses.items() if k != name)


def test_unknown_pixels_do_not_count():
    targets = two_touching_cells()
    good = perfect_fields(targets, 28.0)
    known = torch.ones(1, 1, 32, 32)
    known[..., :4] = 0
    foreground = good.foreground.clone()
    foreground[..., :4] = 20.0
    losses = mask_losses(
        good._replace(foreground=foreground), targets._replace(known=known), 28.0
    )
    assert float(losses["foreground"]) < 1e-3


def test_pixel_triplets_want_neighbours_apart():
    torch.manual_seed(0)
    network, targets = IAUNet(SMALL), two_touching_cells()
    same = perfect_fields(targets, 28.0)
    apart = same._replace(
        embedding=targets.cells[:, None].float().repeat(1, 4, 1, 1) * 3
    )

    def loss(fields: Fields) -> float:
        generator = torch.Generator().manual_seed(0)
        found = identity_losses(network, fields, targets, LossWeights(), generator)
        return float(found["pixel_triplet"])

    assert loss(same) == pytest.approx(LossWeights().pixel_margin)
    assert loss(apart) == 0


def test_crops_without_cells_are_left_out_of_the_identity_losses():
    torch.manual_seed(0)
    network, one = IAUNet(SMALL), two_touching_cells()
    fields = perfect_fields(one, 28.0)._replace(embedding=torch.randn(1, 4, 32, 32))

    def losses(fields: Fields, targets: Targets) -> dict[str, float]:
        generator = torch.Generator().manual_seed(0)
        found = identity_losses(network, fields, targets, LossWeights(), generator)
        return {name: float(loss.detach()) for name, loss in found.items()}

    empty = [torch.zeros_like(part) for part in one[:-1]]
    both = [torch.cat(parts) for parts in zip(empty, one[:-1], strict=True)]
    other = Fields(*(torch.randn_like(field) for field in fields))
    twice = Fields(*(torch.cat(pair) for pair in zip(other, fields, strict=True)))
    alone = losses(fields, one)
    assert losses(twice, Targets(*both, one.partner)) == pytest.approx(alone)
    assert alone["same_cell"] > 0
    assert alone["pixel_triplet"] > 0


def test_cell_triplets_can_be_learned():
    """A few steps on one batch bring the partner nearer than every other cell."""
    torch.manual_seed(0)
    network = IAUNet(SMALL).train()
    cells = torch.zeros(2, 32, 32, dtype=torch.int64)
    for i, (y, x) in enumerate([(2, 2), (2, 18), (18, 2), (18, 18)]):
        cells[0, y : y + 12, x : x + 12] = i + 1
        cells[1, y : y + 12, x : x + 12] = i + 5
    image = torch.rand(1, 3, 32, 32)
    images = torch.cat([image, image + 0.05 * torch.randn_like(image)])
    targets = two_touching_cells()._replace(
        cells=cells, partner=torch.tensor([0, 5, 6, 7, 8, 1, 2, 3, 4])
    )
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    first = last = None
    for _ in range(25):
        loss = cell_triplets(network, network.features(images), targets, 0.3)
        first, last = loss.item() if first is None else first, loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert last < 0.7 * first


def test_background_only_gives_a_finite_loss_with_gradient():
    network = IAUNet(SMALL).train()
    targets = two_touching_cells()._replace(
        cells=torch.zeros(1, 32, 32, dtype=torch.int64),
        centre=torch.zeros(1, 1, 32, 32),
        offset=torch.zeros(1, 2, 32, 32),
        partner=torch.zeros(1, dtype=torch.int64),
    )
    maps = network.features(torch.rand(1, 3, 32, 32))
    loss, terms = total_loss(
        network,
        maps,
        network.heads(maps),
        targets,
        LossWeights(),
        torch.Generator().manual_seed(0),
    )
    loss.backward()
    assert torch.isfinite(loss)
    assert terms["same_cell"] == terms["pixel_triplet"] == terms["cell_triplet"] == 0
