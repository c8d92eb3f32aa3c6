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
    """

    crops: Tensor
    fields: Fields


@torch.no_grad()
def teach(teacher: IAUNet, images: Tensor, known: Tensor) -> Lesson | None:
    """Ask a teacher about the crops whose kind it knows.

    Parameters
    ----------
    teacher : IAUNet
        In evaluation mode.
    images : Tensor, (B, 3, H, W)
    known : (B,) bool Tensor

    Returns
    -------
    Lesson or None
        None if it knows none.
    """
    crops = torch.nonzero(known).squeeze(1)
    if not len(crops):
        return None
    chosen = images[crops].contiguous(memory_format=torch.channels_last)
    return Lesson(crops, Fields(*(f.float() for f in teacher(chosen))))


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
    told = lesson.fields
    inside = told.foreground.sigmoid()
    offset = F.smooth_l1_loss(
        own.offset, told.offset, beta=_OFFSET_BETA, reduction="none"
    ).sum(1, keepdim=True)
    embedding = (own.embedding - told.embedding).square().mean(1, keepdim=True)
    return (
        weights.foreground * _divergence(own.foreground, told.foreground)
        + weights.centre * _divergence(own.centre, told.centre)
        # In radii, as against drawn cells.
        + weights.offset * 2 * _mean_inside(offset, inside)
        + weights.same_cell * _mean_inside(embedding, inside)
    )


def _divergence(logit: Tensor, told: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence of two Bernoulli maps given as logits."""
    probability = told.sigmoid()
    against = F.binary_cross_entropy_with_logits(logit, probability)
    return against - F.binary_cross_entropy_with_logits(told, probability)


def _mean_inside(value: Tensor, inside: Tensor) -> Tensor:
    return (value * inside).sum() / inside.sum().clamp(min=1.0)
