"""Batches of random crops, each in an appearance of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_iaunet.model.losses import Targets
from napari_iaunet.training.appearance import brighten, vary_appearance, vary_channels
from napari_iaunet.training.crop import Crop, draw_crop
from napari_iaunet.training.synthetic import draw_synthetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from napari_iaunet.training.dataset import AnnotatedImage

# Share of crops that show nothing but noise, which must not be taken for cells, and its
# mean and standard deviation.
_EMPTY, _NOISE = 0.01, (0.4, 0.25)


class Batch(NamedTuple):
    """Crops and what the network should say of them.

    Attributes
    ----------
    images : Tensor, (B, 3, H, W)
    targets : Targets
    rehearsed : (B,) bool Tensor
        Which crops are of images that the start knows.
    """

    images: Tensor
    targets: Targets
    rehearsed: Tensor


def _second_view(crop: Crop, rng: Generator) -> Crop:
    """Mirror or turn by a quarter, to be shown with another appearance."""
    image, cells, centre, offset, radius, known, _, stains = crop
    if rng.random() < 0.5:
        image, cells, centre, radius, known = (
            t.flip(-1) for t in (image, cells, centre, radius, known)
        )
        # Offsets turn with the picture.
        offset = offset.flip(-1) * torch.tensor([1.0, -1.0])[:, None, None]
    if rng.random() < 0.5:
        image, cells, centre, radius, known = (
            t.transpose(-1, -2) for t in (image, cells, centre, radius, known)
        )
        offset = offset.transpose(-1, -2).flip(0)
    return Crop(image, cells, centre, offset, radius, known, False, stains)


def _empty(size: int, rng: Generator) -> Crop:
    """Draw a crop of background only."""
    noise = torch.from_numpy(rng.normal(*_NOISE, (1, size, size)).astype(np.float32))
    zero = torch.zeros(1, size, size)
    return Crop(
        noise.repeat(3, 1, 1),
        torch.zeros(size, size, dtype=torch.int64),
        zero,
        torch.zeros(2, size, size),
        zero + 1,
        zero + 1,
        inference_like=False,
    )


def draw_batch(
    sources: Sequence[AnnotatedImage],
    probabilities: np.ndarray,
    *,
    batch: int,
    size: int,
    second_views: int,
    rng: Generator,
    synthetic_share: float = 0.0,
    diameter: float = 28.0,
    rehearsed_from: int | None = None,
) -> Batch:
    """Draw crops, some of them twice in two appearances for the cell triplets.

    Parameters
    ----------
    sources : sequence of AnnotatedImage
    probabilities : (len(sources),) float
        Of each image.
    batch : int
        Crops in all.
    size : int
        Height and width of a crop, in pixels.
    second_views : int
        How many of the crops are second views of the first ones.
    rng : numpy Generator
    synthetic_share : float
        Share of synthetic crops.
    diameter : float
        The network's cell diameter, in pixels, around which they are drawn.
    rehearsed_from : int, optional
        Sources from this one on are images that the start knows.
    """
    crops, rehearsed = [], []
    first_known = len(sources) if rehearsed_from is None else rehearsed_from
    for index in rng.choice(len(sources), batch - second_views, p=probabilities):
        known = bool(index >= first_known)
        if rng.random() < _EMPTY:
            crop = _empty(size, rng)
        elif rng.random() < synthetic_share:
            crop, known = draw_synthetic(sources[index], size, diameter, rng), False
        else:
            crop = draw_crop(sources[index], size, rng)
        crops.append(crop)
        rehearsed.append(known)
    crops += [_second_view(crops[i], rng) for i in range(second_views)]
    rehearsed += rehearsed[:second_views]
    images = torch.stack([_show(crop, rng) for crop in crops])
    cells, partner = _number_cells(crops, batch - second_views)
    targets = Targets(
        cells,
        torch.stack([c.centre for c in crops]),
        torch.stack([c.offset for c in crops]),
        torch.stack([c.radius for c in crops]),
        torch.stack([c.known for c in crops]),
        partner,
    )
    images = images.contiguous(memory_format=torch.channels_last)
    return Batch(images, targets, torch.tensor(rehearsed))


def _show(crop: Crop, rng: Generator) -> Tensor:
    """Image of a crop under the random conditions of one view."""
    image = vary_channels(crop.image, rng) if crop.stains else crop.image
    if crop.inference_like:
        return brighten(image, rng)
    return vary_appearance(image, crop.cells, rng, stains=crop.stains)


def _number_cells(crops: Sequence[Crop], first_views: int) -> tuple[Tensor, Tensor]:
    """Give cells numbers for the whole batch and pair those of second views.

    Crop ``first_views + i`` shows the cells of crop i again.

    Returns
    -------
    cells : Tensor, (B, H, W) int64
    partner : Tensor, (N + 1,) int64
    """
    known = [torch.bincount(crop.cells.flatten()) > 0 for crop in crops[:first_views]]
    for present in known:
        present[0] = False
    known += known[: len(crops) - first_views]
    counts = torch.tensor([0] + [int(present.sum()) for present in known])
    starts = counts.cumsum(0)
    cells = []
    for crop, present, start in zip(crops, known, starts[:-1], strict=True):
        numbers = torch.where(present, present.cumsum(0) + start, 0)
        cells.append(numbers[crop.cells])
    partner = torch.zeros(int(starts[-1]) + 1, dtype=torch.int64)
    for i in range(len(crops) - first_views):
        one = torch.arange(1, int(counts[i + 1]) + 1) + starts[i]
        two = one - starts[i] + starts[first_views + i]
        partner[one], partner[two] = two, one
    return torch.stack(cells), partner
