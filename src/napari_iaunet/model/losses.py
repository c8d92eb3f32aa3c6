"""Losses of the mask branch and triplet metric learning for the identity branch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_iaunet.model.ops import highest_near

if TYPE_CHECKING:
    from napari_iaunet.model.network import Fields, IAUNet

# Foreground: weight of the Dice loss beside the cross entropy. Dice is a ratio in each
# crop, so that crops with few cells count like others.
_DICE_WEIGHT = 0.3
# Pixels added to both sides of that ratio: a crop without cells is not divided by zero,
# and a few wrong pixels in it cost little. A usual cell has 600.
_DICE_SMOOTHING = 50.0
# Pixels so near to an outline, on either side, count once more with this weight: they
# decide the overlap of masks that are nearly right. More would favour exact outlines
# over finding every cell.
_OUTLINE_REACH, _OUTLINE_WEIGHT = 2, 0.4
# The centre map's cross entropy is small, as that of a perfect map is taken off: even
# doubled it is a tenth of the foreground's loss in the bundled model.
_CENTRE_WEIGHT = 2.0
# Errors of the offset below this many radii count by their square: votes that near to
# the centre are as good as exact.
_OFFSET_BETA = 0.1
# Identity: pixels nearer to a query than this, in diameters, are those it is told from.
# Those farther away are easy, and count so much.
_NEAR, _FAR_WEIGHT = 2.0, 0.1
# Weight of the Dice loss of what queries recognise. Its smoothing is one pixel, as the
# pixels are a sample.
_SAME_CELL_DICE = 0.5
# Pixels within this distance of another cell are the hard ones: about a fifth of the
# radius of a usual cell.
_TOUCHING = 3
# Drawn in each crop, the queries in as many of its cells as there are. Time and memory
# of the losses grow with the product of the two.
_QUERIES, _PIXELS = 20, 384


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term, and the margins of the triplets.

    What decides on masks weighs the most. The triplets come on top of ``same_cell``,
    which alone is used to segment: they keep embeddings of neighbours apart.

    Attributes
    ----------
    foreground, centre, offset, same_cell : float
        Of the terms of `mask_losses` and of the pixel-to-cell head.
    pixel_triplet, cell_triplet : float
        0 trains without such triplets.
    pixel_margin : float
        In mean squared differences of embeddings, whose scale it sets.
    cell_margin : float
        In units of cosine similarity.
    """

    foreground: float = 2.0
    centre: float = 1.0
    offset: float = 1.0
    same_cell: float = 1.0
    pixel_triplet: float = 0.2
    cell_triplet: float = 0.1
    pixel_margin: float = 1.0
    cell_margin: float = 0.3


class Targets(NamedTuple):
    """What the network should say; pixels where `known` is 0 do not count.

    Attributes
    ----------
    cells : Tensor, (B, H, W) int64
        0 background, 1..N with numbers unique over the batch.
    centre : Tensor, (B, 1, H, W)
        Distance to the cell's edge over the cell's largest such distance.
    offset : Tensor, (B, 2, H, W)
        Vector (dy, dx) to the cell's centre, in pixels.
    radius : Tensor, (B, 1, H, W)
        Radius, in pixels, of a disc of the cell's area; 1 outside.
    known : Tensor, (B, 1, H, W)
        1 where the annotation is complete.
    partner : Tensor, (N + 1,) int64
        Number of the same cell in a second view of the crop, 0 if there is none.
    """

    cells: Tensor
    centre: Tensor
    offset: Tensor
    radius: Tensor
    known: Tensor
    partner: Tensor


class _Sample(NamedTuple):
    """Pixels of one crop, and the queries that they are compared with."""

    pixels: Tensor  # (P,) flat index
    queries: Tensor  # (Q,) flat index
    same: Tensor  # (Q, P) bool


def _mean(loss: Tensor, weight: Tensor) -> Tensor:
    return (loss * weight).sum() / weight.sum().clamp(min=1.0)


def _mean_per_crop(loss: Tensor, weight: Tensor) -> Tensor:
    """Mean of what `_mean` gives for each of (B, Q, P): no crop drowns the others."""
    total = weight.sum((1, 2)).clamp(min=1.0)
    return ((loss * weight).sum((1, 2)) / total).mean()


def mask_losses(fields: Fields, targets: Targets, diameter: float) -> dict[str, Tensor]:
    """Foreground, centre map and offset.

    The offset's error is divided by the cell's radius, so that large and small cells
    weigh the same.

    Parameters
    ----------
    fields : Fields
    targets : Targets
    diameter : float
        Unit of ``fields.offset``, in pixels.
    """
    inside = (targets.cells > 0).float()[:, None]
    centre = F.binary_cross_entropy_with_logits(
        fields.centre.float(), targets.centre, reduction="none"
    )
    # Entropy of the soft target, so that a perfect centre map costs nothing.
    soft = targets.centre.clamp(1e-6, 1 - 1e-6)
    centre = centre + soft * soft.log() + (1 - soft) * (1 - soft).log()
    error = (fields.offset.float() * diameter - targets.offset) / targets.radius
    offset = F.smooth_l1_loss(
        error, torch.zeros_like(error), beta=_OFFSET_BETA, reduction="none"
    ).sum(1, keepdim=True)
    return {
        "foreground": _foreground_loss(
            fields.foreground.float(), inside, targets.known
        ),
        "centre": _CENTRE_WEIGHT * _mean(centre, targets.known),
        "offset": _mean(offset, inside),
    }


def _foreground_loss(logit: Tensor, inside: Tensor, known: Tensor) -> Tensor:
    """Cross entropy, Dice, and cross entropy beside outlines; all (B, 1, H, W)."""
    bce = F.binary_cross_entropy_with_logits(logit, inside, reduction="none")
    probability = logit.sigmoid() * known
    overlap = (probability * inside).sum((1, 2, 3))
    total = (probability + inside * known).sum((1, 2, 3))
    dice = 1 - (2 * overlap + _DICE_SMOOTHING) / (total + _DICE_SMOOTHING)
    reach = _OUTLINE_REACH
    outline = highest_near(inside, reach) + highest_near(-inside, reach)
    at_outlines = _OUTLINE_WEIGHT * _mean(bce, outline * known)
    return _mean(bce, known) + _DICE_WEIGHT * dice.mean() + at_outlines


def _touching(cells: Tensor) -> Tensor:
    """Pixels (B, H, W) that lie beside another cell."""
    # int32 holds every number, and takes half the time.
    value = cells.int()
    largest = highest_near(value, _TOUCHING)
    hole = torch.where(value > 0, value, torch.iinfo(value.dtype).max)
    smallest = -highest_near(-hole, _TOUCHING)
    return (value > 0) & ((largest != value) | (smallest != value))


def _sample(
    cells: Tensor,
    centre: Tensor,
    touching: Tensor,
    generator: torch.Generator,
) -> _Sample | None:
    """Choose queries near the middle of cells and pixels, half of them hard.

    Hard pixels lie beside another cell: they are the ones that a neighbour's
    query must refuse.
    """
    flat = cells.reshape(-1)
    middle = torch.nonzero(centre.reshape(-1) > 0.5).squeeze(1)
    inside = torch.nonzero(flat > 0).squeeze(1)
    if not len(middle) or not len(inside):
        return None

    def pick(pool: Tensor, count: int) -> Tensor:
        draw = torch.randint(len(pool), (count,), generator=generator)
        return pool[draw.to(pool.device)]

    # One draw per cell first, so that large cells do not take all queries.
    order = middle[torch.randperm(len(middle), generator=generator).to(middle.device)]
    label = flat[order]
    unique, inverse = torch.unique(label, return_inverse=True)
    first = torch.full((len(unique),), len(order), device=order.device)
    first = first.scatter_reduce(
        0, inverse, torch.arange(len(order), device=order.device), "amin"
    )
    chosen = order[first]
    keep = torch.randperm(len(chosen), generator=generator)[:_QUERIES]
    chosen = chosen[keep.to(chosen.device)]
    chosen = torch.cat([chosen, pick(middle, max(0, _QUERIES - len(chosen)))])
    hard = torch.nonzero(touching.reshape(-1)).squeeze(1)
    half = _PIXELS // 2
    sampled = torch.cat([pick(hard if len(hard) else inside, half), pick(inside, half)])
    same = flat[sampled][None, :] == flat[chosen][:, None]
    return _Sample(sampled, chosen, same)


def _pixel_triplets(
    anchor: Tensor, other: Tensor, same: Tensor, apart: Tensor, margin: float
) -> Tensor:
    """Triplet loss whose hard negatives are pixels of touching neighbours.

    Anchors are the queries, their positives the sampled pixels of the same cell
    (the mean distance to them), their negatives every sampled pixel of another
    cell nearby. All negatives count and not only the worst: training on the
    worst alone collapses to one vector for everything (Schroff et al.,
    arXiv:1503.03832, section 3.2).

    Parameters
    ----------
    anchor, other : Tensor, (B, Q, E) and (B, P, E)
        Embedding of queries and pixels.
    same, apart : Tensor, (B, Q, P)
        Whether they belong to one cell, and how far apart they are, in diameters.
    margin : float
    """
    distance = (anchor[:, :, None] - other[:, None]).square().mean(-1)
    near = (~same & (apart < _NEAR)).float()
    positive = (distance * same).sum(2) / same.sum(2).clamp(min=1)
    return _mean_per_crop(F.relu(positive[:, :, None] - distance + margin), near)


def _same_cell_loss(logit: Tensor, same: Tensor, apart: Tensor) -> Tensor:
    """Cross entropy and overlap of what queries recognise; all (B, Q, P)."""
    weight = torch.where(same | (apart < _NEAR), 1.0, _FAR_WEIGHT)
    truth = same.float()
    loss = F.binary_cross_entropy_with_logits(logit, truth, reduction="none")
    probability = logit.sigmoid() * (weight == 1)
    overlap = (probability * truth).sum(2)
    total = probability.sum(2) + truth.sum(2)
    dice = 1 - ((2 * overlap + 1) / (total + 1)).mean()
    return _mean_per_crop(loss, weight) + _SAME_CELL_DICE * dice


def _pixels_of(
    values: Tensor, crops: Tensor, queries: Tensor, pixels: Tensor
) -> tuple[Tensor, Tensor]:
    """Values of (B, C, H, W) at the queries (N, Q, C) and at the pixels (N, P, C).

    They are taken out at once: each taking's gradient is as large as all values.
    """
    flat = values.permute(0, 2, 3, 1).flatten(1, 2)
    found = flat[crops[:, None], torch.cat([queries, pixels], 1)].float()
    return found[:, : queries.shape[1]], found[:, queries.shape[1] :]


def identity_losses(
    network: IAUNet,
    fields: Fields,
    targets: Targets,
    weights: LossWeights,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Pixel-to-cell head and pixel triplets over all crops of the batch.

    Parameters
    ----------
    network : IAUNet
        Owner of the pixel-to-cell head.
    fields, targets
        Prediction and truth.
    weights : LossWeights
    generator : torch.Generator
        Draws the queries and pixels of each crop; on the CPU.
    """
    touching = _touching(targets.cells)
    parts = zip(targets.cells, targets.centre, touching, strict=True)
    drawn = [_sample(*part, generator) for part in parts]
    samples = {index: sample for index, sample in enumerate(drawn) if sample}
    names = ["same_cell", *(["pixel_triplet"] if weights.pixel_triplet else [])]
    if not samples:
        return dict.fromkeys(names, fields.embedding.float().sum() * 0)
    crops = torch.tensor(list(samples), device=touching.device)
    pixel, query, same = map(torch.stack, zip(*samples.values(), strict=True))
    diameter, width = network.config.diameter, touching.shape[2]
    anchor, other = _pixels_of(fields.embedding, crops, query, pixel)
    here, there = (
        torch.stack([place // width, place % width], -1) / diameter
        for place in (query, pixel)
    )
    # The votes are the offset branch's business: no gradient through them.
    offsets = _pixels_of(fields.offset.detach(), crops, query, pixel)
    votes = (there + offsets[1])[:, None] - (here + offsets[0])[:, :, None]
    logit = network.same_cell_logit(other[:, None] - anchor[:, :, None], votes)
    losses = [_same_cell_loss(logit.float(), same, votes.norm(dim=-1))]
    if weights.pixel_triplet:
        apart = (there[:, None] - here[:, :, None]).norm(dim=-1)
        margin = weights.pixel_margin
        losses.append(_pixel_triplets(anchor, other, same, apart, margin))
    return dict(zip(names, losses, strict=True))


def cell_triplets(
    network: IAUNet, maps: list[Tensor], targets: Targets, margin: float
) -> Tensor:
    """Triplets of cells: the same cell in another view against its best look-alike.

    Positive: the partner of the cell in the second, otherwise augmented view.
    Negative: the most similar other cell of the batch that is less similar than
    the positive ("semi-hard", Schroff et al., arXiv:1503.03832), or the mean of
    all others where there is none.

    Parameters
    ----------
    network : IAUNet
    maps : list of Tensor
        Result of ``network.features``.
    targets : Targets
        With `partner`.
    margin : float
        In units of cosine similarity.
    """
    count = len(targets.partner) - 1
    anchors = torch.nonzero(targets.partner > 0).squeeze(1)
    if len(anchors) == 0 or count < 3:
        return maps[0].float().sum() * 0
    vectors = network.cell_vectors(maps, targets.cells, count)
    similarity = vectors[anchors - 1] @ vectors.T
    rows = torch.arange(len(anchors), device=anchors.device)
    partner = targets.partner[anchors] - 1
    positive = similarity[rows, partner]
    other = torch.ones_like(similarity, dtype=torch.bool)
    other[rows, anchors - 1] = False
    other[rows, partner] = False
    semi = other & (similarity < positive[:, None])
    hardest = similarity.masked_fill(~semi, -1.0).amax(1)
    mean = (similarity * other).sum(1) / other.sum(1)
    negative = torch.where(semi.any(1), hardest, mean)
    return F.relu(negative - positive + margin).mean()


def total_loss(
    network: IAUNet,
    maps: list[Tensor],
    fields: Fields,
    targets: Targets,
    weights: LossWeights,
    generator: torch.Generator,
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of all terms, and each term before weighting."""
    terms = mask_losses(fields, targets, network.config.diameter)
    if network.config.identity:
        terms |= identity_losses(network, fields, targets, weights, generator)
        if weights.cell_triplet:
            terms["cell_triplet"] = cell_triplets(
                network, maps, targets, weights.cell_margin
            )
    total = torch.stack([getattr(weights, k) * v for k, v in terms.items()]).sum()
    return total, {name: float(value.detach()) for name, value in terms.items()}
