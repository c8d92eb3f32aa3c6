"""A teacher: what the start says of images it knows, its successor says as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_iaunet.model.network import Fields

if TYPE_CHECKING:
    from napari_iaunet.model.losses import LossWeights
    from napari_iaunet.model.network import IAUNet

# Errors of the offset below this many diameters count by their square, as they do
# against drawn cells (a tenth of the radius).
_OFFSET_BETA = 0.05


class Lesson(NamedTuple):
    """What a teacher says of some crops of a batch.

    Attributes
    ----------
    crops : (K,) int64 Tensor
        Their places in the batch.
    fields : Fields
        Of these crops, (K, C, H, W).
    weight : (K, 1, H, W) Tensor
        How much each pixel counts.
    """

    crops: Tensor
    fields: Fields
    weight: Tensor


@torch.no_grad()
def teach(teacher: IAUNet, images: Tensor, weight: Tensor) -> Lesson | None:
    """Ask a teacher about the pixels of a batch that it can tell something of.

    Parameters
    ----------
    teacher : IAUNet
        In evaluation mode.
    images : Tensor, (B, 3, H, W)
    weight : (B, 1, H, W) Tensor
        How much what it says of each pixel counts; 0 where it is not asked.

    Returns
    -------
    Lesson or None
        None if it is not asked anything.
    """
    crops = torch.nonzero(weight.amax((1, 2, 3)) > 0).squeeze(1)
    if not len(crops):
        return None
    chosen = images[crops].contiguous(memory_format=torch.channels_last)
    fields = Fields(*(f.float() for f in teacher(chosen)))
    return Lesson(crops, fields, weight[crops])


def lesson_loss(fields: Fields, lesson: Lesson, weights: LossWeights) -> Tensor:
    """Distance of a network's fields from its teacher's, weighted like other losses.

    The teacher's probabilities are soft targets (Hinton et al., arXiv:1503.02531), so
    that what it is unsure of stays unsure: a network that goes on learning other kinds
    keeps to what it knew of these (Li and Hoiem, ECCV 2016).

    Parameters
    ----------
    fields : Fields
        Of the whole batch, (B, C, H, W).
    lesson : Lesson
    weights : LossWeights
    """
    own = Fields(*(field[lesson.crops].float() for field in fields))
    told, weight = lesson.fields, lesson.weight
    inside = told.foreground.sigmoid() * weight
    offset = F.smooth_l1_loss(
        own.offset, told.offset, beta=_OFFSET_BETA, reduction="none"
    ).sum(1, keepdim=True)
    embedding = (own.embedding - told.embedding).square().mean(1, keepdim=True)
    return (
        weights.foreground * _divergence(own.foreground, told.foreground, weight)
        + weights.centre * _divergence(own.centre, told.centre, weight)
        # In radii, as against drawn cells.
        + weights.offset * 2 * _mean_inside(offset, inside)
        + weights.same_cell * _mean_inside(embedding, inside)
    )


def _divergence(logit: Tensor, told: Tensor, weight: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of two Bernoulli maps given as logits."""
    probability = told.sigmoid()
    against, least = (
        F.binary_cross_entropy_with_logits(x, probability, weight)
        for x in (logit, told)
    )
    return against - least


def _mean_inside(value: Tensor, inside: Tensor) -> Tensor:
    return (value * inside).sum() / inside.sum().clamp(min=1.0)
