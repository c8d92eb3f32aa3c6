"""Random crops with exact targets, and random looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_iaunet.model.losses import Targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

    from napari_iaunet.training.dataset import AnnotatedImage

_SCALE_JITTER = (0.55, 1.8)


class Crop(NamedTuple):
    """One crop: H = W = its size.

    Attributes
    ----------
    image : Tensor, (3, H, W) float32
    cells : Tensor, (H, W) int64
        The image's own numbers.
    centre, known, radius : Tensor, (1, H, W) float32
    offset : Tensor, (2, H, W) float32
        In pixels of the crop.
    """

    image: Tensor
    cells: Tensor
    centre: Tensor
    offset: Tensor
    radius: Tensor
    known: Tensor


class Batch(NamedTuple):
    """Images (B, 3, H, W) and what the network should say of them."""

    images: Tensor
    targets: Targets


def _affine(
    source: AnnotatedImage, size: int, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and shift that take a crop's pixel (y, x) to the image's."""
    low, high = np.log(_SCALE_JITTER)
    scale = source.zoom * np.exp(rng.uniform(low, high))
    angle = rng.integers(4) * np.pi / 2
    if rng.random() < 0.35:
        angle += rng.uniform(-np.pi / 4, np.pi / 4)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([1.0, -1.0])
    if rng.random() < 0.35:
        stretch = np.exp(rng.uniform(-0.2, 0.2))
        turn = turn @ np.diag([stretch, 1 / stretch])
    matrix = turn / scale
    shape = np.asarray(source.labels.shape)
    if rng.random() < 0.5 and len(source.centres) > 1:
        # Near some cell, so that sparse images are not mostly background.
        middle = source.centres[rng.integers(1, len(source.centres))]
        middle = middle + rng.uniform(-0.4, 0.4, 2) * size / scale
    else:
        middle = rng.uniform(0, 1, 2) * shape
    half = np.minimum(size / scale, shape) / 2
    middle = np.clip(middle, half, shape - half)
    shift = middle - matrix @ np.full(2, (size - 1) / 2)
    return matrix, shift


def draw_crop(source: AnnotatedImage, size: int, rng: Generator) -> Crop:
    """Cut a randomly placed, scaled, turned and mirrored square.

    The cells' numbers, edge distances and centres are sampled by one grid, so
    the targets stay exact under every transformation.

    Parameters
    ----------
    source : AnnotatedImage
    size : int
        Height and width in pixels.
    rng : numpy Generator
    """
    matrix, shift = _affine(source, size, rng)
    axis = np.arange(size, dtype=np.float64)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)
    place = grid @ matrix.T + shift
    height, width = source.labels.shape
    known = ((place > -0.5) & (place < [height - 0.5, width - 0.5])).all(-1)

    low = np.floor(place.min((0, 1))).astype(int) - 1
    high = np.ceil(place.max((0, 1))).astype(int) + 2
    y0, x0 = np.clip(low, 0, [height - 1, width - 1])
    y1, x1 = np.clip(high, [y0 + 1, x0 + 1], [height, width])
    window = (slice(y0, y1), slice(x0, x1))
    stack = torch.from_numpy(
        np.concatenate(
            [source.image[(slice(None), *window)], source.edge_distance[window][None]]
        ).astype(np.float32)
    )
    extent = np.array([y1 - y0, x1 - x0])
    unit = (2 * (place - [y0, x0]) + 1) / extent - 1
    sampled = F.grid_sample(
        stack[None],
        torch.from_numpy(unit[None, ..., ::-1].astype(np.float32)),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )[0]
    nearest = np.rint(place).astype(int)
    labels = source.labels[
        np.clip(nearest[..., 0], 0, height - 1), np.clip(nearest[..., 1], 0, width - 1)
    ]
    labels = np.where(known, labels, 0)
    centres = (source.centres - shift) @ np.linalg.inv(matrix).T
    inside = labels > 0
    offset = np.where(inside[..., None], centres[labels] - grid, 0)
    scale = 1 / np.sqrt(abs(np.linalg.det(matrix)))
    radius = np.where(inside, source.radii[labels] * scale, 1.0)
    inside_tensor = torch.from_numpy(inside)
    return Crop(
        sampled[:3],
        torch.from_numpy(labels.astype(np.int64)),
        (sampled[3] * inside_tensor)[None].clamp(0, 1),
        torch.from_numpy(offset.transpose(2, 0, 1).astype(np.float32)),
        torch.from_numpy(radius.astype(np.float32))[None],
        torch.from_numpy(known.astype(np.float32))[None],
    )


def _blur(image: Tensor, sigma: float) -> Tensor:
    radius = max(1, int(3 * sigma))
    axis = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (axis / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(image[:, None], (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, -1, 1))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]


def _colour(image: Tensor, rng: Generator) -> Tensor:
    """Change the colours; a gray image sometimes gets a tint."""
    gray = bool((image[0] == image[1]).all() and (image[0] == image[2]).all())
    if gray:
        if rng.random() < 0.1:
            weights = rng.dirichlet([0.5, 0.5, 0.5])
            image = (
                image
                * torch.tensor(weights / weights.max(), dtype=torch.float32)[
                    :, None, None
                ]
            )
        return image
    if rng.random() < 0.15:
        lightness = torch.tensor(rng.dirichlet([2, 2, 2]), dtype=torch.float32)
        return torch.einsum("c,chw->hw", lightness, image).repeat(3, 1, 1)
    mixing = np.eye(3) + rng.normal(0, 0.2, (3, 3))
    mixing = mixing / mixing.sum(1, keepdims=True)
    mixed = torch.einsum(
        "ij,jhw->ihw", torch.tensor(mixing, dtype=torch.float32), image
    )
    gain = torch.tensor(np.exp(rng.normal(0, 0.15, 3)), dtype=torch.float32)
    if rng.random() < 0.15:
        mixed = mixed[torch.from_numpy(rng.permutation(3))]
    return mixed * gain[:, None, None]


def change_look(image: Tensor, rng: Generator) -> Tensor:
    """Vary colour, gamma, contrast, illumination, sharpness and noise.

    Parameters
    ----------
    image : Tensor, (3, H, W) float32
        Normalised.
    rng : numpy Generator
    """
    image = _colour(image, rng)
    if rng.random() < 0.15:
        image = 1 - image
    if rng.random() < 0.5:
        gamma = float(np.exp(rng.uniform(-0.7, 0.7)))
        image = image.sign() * image.abs().clamp(min=1e-6) ** gamma
    if rng.random() < 0.25:
        image = _blur(image, float(rng.uniform(0.4, 2.0)))
    elif rng.random() < 0.15:
        image = image + float(rng.uniform(0.3, 1.0)) * (image - _blur(image, 1.5))
    if rng.random() < 0.2:
        coarse = torch.from_numpy(rng.normal(0, 0.25, (1, 1, 3, 3)).astype(np.float32))
        light = F.interpolate(
            coarse, size=image.shape[1:], mode="bicubic", align_corners=False
        )[0]
        image = image * light.exp() if rng.random() < 0.5 else image + 0.5 * light
    image = image * float(np.exp(rng.uniform(-0.4, 0.4))) + float(
        rng.uniform(-0.1, 0.1)
    )
    if rng.random() < 0.4:
        # Speaks for photon noise, too: its strength may grow with the signal.
        strength = float(np.exp(rng.uniform(np.log(0.005), np.log(0.15))))
        seed = int(rng.integers(2**31))
        noise = torch.randn(
            (1 if rng.random() < 0.7 else 3, *image.shape[1:]),
            generator=torch.Generator().manual_seed(seed),
        )
        if rng.random() < 0.4:
            noise = _blur(noise, float(rng.uniform(0.5, 1.2))) * 2
        if rng.random() < 0.5:
            noise = noise * image.abs().clamp(0.05, 1).sqrt()
        image = image + strength * noise
    return image.clamp(-0.5, 3.0)


def _turn(crop: Crop, rng: Generator) -> Crop:
    """Mirror or turn by a quarter; offsets turn with the picture."""
    image, cells, centre, offset, radius, known = crop
    if rng.random() < 0.5:
        image, cells, centre, radius, known = (
            t.flip(-1) for t in (image, cells, centre, radius, known)
        )
        offset = offset.flip(-1) * torch.tensor([1.0, -1.0])[:, None, None]
    if rng.random() < 0.5:
        image, cells, centre, radius, known = (
            t.transpose(-1, -2) for t in (image, cells, centre, radius, known)
        )
        offset = offset.transpose(-1, -2).flip(0)
    return Crop(image, cells, centre, offset, radius, known)


def _empty(size: int, rng: Generator) -> Crop:
    """Background only: noise must not be taken for cells."""
    noise = torch.from_numpy(rng.normal(0.4, 0.25, (1, size, size)).astype(np.float32))
    zero = torch.zeros(1, size, size)
    return Crop(
        noise.repeat(3, 1, 1),
        torch.zeros(size, size, dtype=torch.int64),
        zero,
        torch.zeros(2, size, size),
        zero + 1,
        zero + 1,
    )


def draw_batch(
    sources: Sequence[AnnotatedImage],
    shares: np.ndarray,
    *,
    batch: int,
    size: int,
    second_views: int,
    rng: Generator,
) -> Batch:
    """Draw crops, some of them twice under two looks for the cell triplets.

    Parameters
    ----------
    sources : sequence of AnnotatedImage
    shares : (len(sources),) float
        Probability of each image.
    batch : int
        Crops in all.
    size : int
        Height and width of a crop, in pixels.
    second_views : int
        How many of the crops are second views of the first ones.
    rng : numpy Generator
    """
    crops = []
    for index in rng.choice(len(sources), batch - second_views, p=shares):
        empty = rng.random() < 0.01
        crops.append(
            _empty(size, rng) if empty else draw_crop(sources[index], size, rng)
        )
    crops += [_turn(crops[i], rng) for i in range(second_views)]
    images = torch.stack([change_look(crop.image, rng) for crop in crops])
    cells, partner = _number_cells(crops, batch - second_views)
    targets = Targets(
        cells,
        torch.stack([c.centre for c in crops]),
        torch.stack([c.offset for c in crops]),
        torch.stack([c.radius for c in crops]),
        torch.stack([c.known for c in crops]),
        partner,
    )
    return Batch(images.contiguous(memory_format=torch.channels_last), targets)


def _number_cells(crops: Sequence[Crop], first_views: int) -> tuple[Tensor, Tensor]:
    """Give cells numbers for the whole batch and pair those of second views.

    Crop ``first_views + i`` shows the cells of crop i again.

    Returns
    -------
    cells : Tensor, (B, H, W) int64
    partner : Tensor, (N + 1,) int64
    """
    zero = torch.zeros(1, dtype=torch.int64)
    known = [torch.unique(torch.cat([zero, c.cells.flatten()])) for c in crops]
    known[first_views:] = known[: len(crops) - first_views]
    counts = torch.tensor([0] + [len(numbers) - 1 for numbers in known])
    starts = counts.cumsum(0)
    cells = []
    for crop, numbers, start in zip(crops, known, starts[:-1], strict=True):
        index = torch.searchsorted(numbers, crop.cells.contiguous())
        cells.append(torch.where(index > 0, index + start, 0))
    partner = torch.zeros(int(starts[-1]) + 1, dtype=torch.int64)
    for i in range(len(crops) - first_views):
        one = torch.arange(1, int(counts[i + 1]) + 1) + starts[i]
        two = one - starts[i] + starts[first_views + i]
        partner[one], partner[two] = two, one
    return torch.stack(cells), partner
