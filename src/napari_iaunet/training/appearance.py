"""Random appearance: colour, contrast, illumination, sharpness, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from skimage.color import rgb_from_hed
from torch import Tensor

if TYPE_CHECKING:
    from numpy.random import Generator

# Stains are told apart where enough pixels hold them and their colours' cosine is low.
_FEW_PIXELS = 200
_SAME_COLOUR = 0.99


def _blur(image: Tensor, sigma: float) -> Tensor:
    radius = max(1, int(3 * sigma))
    axis = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (axis / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(image[:, None], (radius,) * 4, mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, -1, 1))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]


def is_gray(image: Tensor) -> bool:
    """Whether the three channels of a (3, H, W) image are equal."""
    return bool((image[0] == image[1]).all() and (image[0] == image[2]).all())


def _colour(image: Tensor, inside: Tensor, rng: Generator) -> Tensor:
    """Change the colours; a gray image sometimes gets a tint."""
    if is_gray(image):
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
    restained = restain(image, inside, rng) if rng.random() < 0.45 else None
    if restained is not None:
        return restained
    mixing = np.eye(3) + rng.normal(0, 0.2, (3, 3))
    mixing = mixing / mixing.sum(1, keepdims=True)
    mixed = torch.einsum(
        "ij,jhw->ihw", torch.tensor(mixing, dtype=torch.float32), image
    )
    gain = torch.tensor(np.exp(rng.normal(0, 0.15, 3)), dtype=torch.float32)
    if rng.random() < 0.15:
        mixed = mixed[torch.from_numpy(rng.permutation(3))]
    return mixed * gain[:, None, None]


def restain(image: Tensor, inside: Tensor, rng: Generator) -> Tensor | None:
    """Show stained tissue in other stains: blue nuclei, the rest often brown (DAB).

    Beer-Lambert: the optical density of a pixel is the sum of its stains, each
    with a colour of its own (Ruifrok and Johnston, Anal. Quant. Cytol. Histol.
    23, 2001). The two colours are measured inside and outside of the cells; the
    amounts are kept up to a factor, the colours replaced. None where the two
    cannot be told apart.
    """
    density = -image.clamp(0.02, 1.0).log()
    stained = density.mean(0) > 0.1
    cells, rest = stained & inside, stained & ~inside
    if min(int(cells.sum()), int(rest.sum())) < _FEW_PIXELS:
        return None
    found = torch.stack([density[:, cells].mean(1), density[:, rest].mean(1)])
    found = F.normalize(found, dim=1)
    if float(found[0] @ found[1]) > _SAME_COLOUR:
        return None
    amounts = torch.einsum("chw,cs->shw", density, torch.linalg.pinv(found))
    blue, pink, brown = np.asarray(rgb_from_hed)
    share = rng.random() if rng.random() < 0.3 else float(rng.random() < 0.6)
    colours = np.stack([blue, share * brown + (1 - share) * pink])
    colours = (colours + rng.normal(0, 0.08, (2, 3))).clip(0.02)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    colours *= np.exp(rng.normal(0, [[0.25], [0.5]], (2, 1)))
    density = torch.einsum(
        "shw,sc->chw",
        amounts.clamp(min=0),
        torch.tensor(colours, dtype=torch.float32),
    )
    return (-density).exp()


def brighten(image: Tensor, rng: Generator) -> Tensor:
    """Make a (3, H, W) image a little brighter or darker."""
    return image * float(np.exp(rng.uniform(-0.15, 0.15)))


def vary_appearance(image: Tensor, inside: Tensor, rng: Generator) -> Tensor:
    """Vary colour, gamma, contrast, illumination, sharpness and noise.

    Parameters
    ----------
    image : Tensor, (3, H, W) float32
        Normalised.
    inside : Tensor, (H, W) bool
        Pixels of cells.
    rng : numpy Generator
    """
    image = _colour(image, inside, rng)
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
