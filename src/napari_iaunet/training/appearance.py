"""Random appearance: colour, contrast, illumination, sharpness, noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from skimage.color import rgb_from_hed
from skimage.segmentation import expand_labels, find_boundaries
from torch import Tensor

if TYPE_CHECKING:
    from numpy.random import Generator

# How often a crop is changed in each way (first), and by how much. Beside its contrast
# one or two things change in a crop, on average. Wider ranges make the network ignore
# more, and cost accuracy on images as they usually are.
_TINTED = 0.1  # Gray images get a colour, as of a lookup table.
_GRAYED = 0.15  # Pictures become gray images.
_RESTAINED = 0.45  # Tissue that is stained is shown in other stains.
# Standard deviations: of how channels mix, and of the logarithm of their gains.
_MIXING, _GAIN = 0.2, 0.15
_PERMUTED = 0.15  # Red, green and blue change places.
_INVERTED = 0.15  # Bright cells become dark ones.
_GAMMA = 0.5, (-0.7, 0.7)  # Logarithm of the exponent: from a half to two.
_BLUR = 0.25, (0.4, 2.0)  # Sigma in pixels, up to a seventh of a usual cell's radius.
_SHARPENED = 0.15, (0.3, 1.0)  # Share of the difference to a blurred image; if no blur.
_SHARPENED_SIGMA = 1.5
# Uneven illumination: the standard deviation, on a grid of three by three, of the
# logarithm of its factor, or of twice what is added.
_SHADED, _SHADE = 0.2, 0.25
# Logarithm of the factor, and what is added: normalisation by percentiles depends on
# how much of an image is cells.
_CONTRAST, _OFFSET = (-0.4, 0.4), (-0.1, 0.1)
# Logarithm of the same where an image is shown as in use.
_BRIGHTNESS = (-0.15, 0.15)
# Noise: its standard deviation, where cells are about 1 bright.
_NOISE, _STRENGTH = 0.4, (0.005, 0.15)
_GRAY_NOISE = 0.7  # The same in all channels.
_GRAINY, _GRAIN = 0.4, (0.5, 1.2)  # Alike in neighbouring pixels: blurred; sigma.
_PHOTONS = 0.5  # Grows with the signal.
# Values that an image may have; `Normalisation` clips to the same.
_VALUES = (-0.5, 3.0)
# Stains are told apart where enough pixels hold them and their colours' cosine is low.
_FEW_PIXELS, _SAME_COLOUR = 200, 0.99
# Lower transmissions are taken for this one; pixels of a lower density are glass.
_DARK, _GLASS = 0.02, 0.1
# Of new stains: shares of mixtures and of brown (DAB) among the others, deviations of
# the colours and of the logarithm of the amounts in and outside of the cells.
_MIXED, _BROWN, _HUE, _AMOUNT = 0.3, 0.6, 0.08, (0.25, 0.5)
# Restained crops in which the cells around nuclei are stained as well, as by antibodies
# against keratin or a membrane's protein: their width around a nucleus in pixels (a
# usual nucleus has a radius of 14), their optical densities, the blur of their edges.
_AROUND, _WIDTH, _DENSITY, _EDGE = 0.75, (2, 24), (0.2, 2.5), (0.6, 1.6)
# The nuclei beside such a stain are only just stained, and often paler than it.
_FAINT = (0.1, 0.8)
# Where that stain is absent: below which of standard normal draws that vary slowly over
# the crop, and how far above that it is whole; and the standard deviation of its
# logarithm from pixel to pixel.
_UNSTAINED, _FADING, _TEXTURE = -0.3, 0.3, 0.3
# Channels that are stains of their own come in the order of their file or in any order,
# and all, or two, or one. So often each: the usual order should stay the easiest.
_REORDERED, _MISSING, _ALONE, _MERGED = 0.3, 0.12, 0.1, 0.08
# Standard deviation of the logarithm of their gains, which no eye has balanced.
_STAIN_GAIN = 0.3


def vary_channels(image: Tensor, rng: Generator) -> Tensor:
    """Change the order of stains, leave one out, or show one of them or all in gray.

    A missing stain is 0; a single one is shown as every gray image is, in all three
    channels. The first, which shows nuclei, is never alone: then nuclei would be what
    is to be found. Of two stains, beside an empty third channel, none is left out.

    Parameters
    ----------
    image : Tensor, (3, H, W) float32
    rng : numpy Generator
    """
    what = rng.random()
    stains = 3 if bool(image[2].any()) else 2
    if what < _ALONE:
        return image[int(rng.integers(1, stains))].expand(3, -1, -1).clone()
    if what < _ALONE + _MERGED:
        return _merge(image, rng)
    image = image.clone()
    if what < _ALONE + _MERGED + _MISSING and stains == 3:
        image[int(rng.integers(3))] = 0
    if rng.random() < _REORDERED:
        image = image[torch.from_numpy(rng.permutation(3))]
    return image


def _merge(image: Tensor, rng: Generator) -> Tensor:
    """Weighted mean of the channels, in gray."""
    weights = torch.tensor(rng.dirichlet([2, 2, 2]), dtype=torch.float32)
    return torch.einsum("c,chw->hw", weights, image).repeat(3, 1, 1)


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


def _colour(image: Tensor, cells: Tensor, stains: bool, rng: Generator) -> Tensor:
    """Change the colours; a gray image sometimes gets a tint."""
    if is_gray(image):
        if rng.random() < _TINTED:
            weights = rng.dirichlet([0.5, 0.5, 0.5])
            image = (
                image
                * torch.tensor(weights / weights.max(), dtype=torch.float32)[
                    :, None, None
                ]
            )
        return image
    if stains:
        gains = np.exp(rng.normal(0, _STAIN_GAIN, (3, 1, 1)))
        return image * torch.from_numpy(gains).float()
    if rng.random() < _GRAYED:
        return _merge(image, rng)
    restained = restain(image, cells, rng) if rng.random() < _RESTAINED else None
    if restained is not None:
        return restained
    mixing = np.eye(3) + rng.normal(0, _MIXING, (3, 3))
    mixing = mixing / mixing.sum(1, keepdims=True)
    mixed = torch.einsum(
        "ij,jhw->ihw", torch.tensor(mixing, dtype=torch.float32), image
    )
    gain = torch.tensor(np.exp(rng.normal(0, _GAIN, 3)), dtype=torch.float32)
    if rng.random() < _PERMUTED:
        mixed = mixed[torch.from_numpy(rng.permutation(3))]
    return mixed * gain[:, None, None]


def restain(image: Tensor, cells: Tensor, rng: Generator) -> Tensor | None:
    """Show stained tissue in other stains: blue nuclei, the rest often brown (DAB).

    Often the cells around the nuclei are drawn in that brown: their bodies, their
    membranes or both. What is to be found stays the nuclei.

    Beer-Lambert: the optical density of a pixel is the sum of its stains, each
    with a colour of its own (Ruifrok and Johnston, Anal. Quant. Cytol. Histol.
    23, 2001). The two colours are measured inside and outside of the cells; the
    amounts are kept up to a factor, the colours replaced. None where the two
    cannot be told apart.
    """
    density = -image.clamp(_DARK, 1.0).log()
    stained = density.mean(0) > _GLASS
    nuclei, rest = stained & (cells > 0), stained & (cells == 0)
    if min(int(nuclei.sum()), int(rest.sum())) < _FEW_PIXELS:
        return None
    found = torch.stack([density[:, nuclei].mean(1), density[:, rest].mean(1)])
    found = F.normalize(found, dim=1)
    if float(found[0] @ found[1]) > _SAME_COLOUR:
        return None
    amounts = torch.einsum("chw,cs->shw", density, torch.linalg.pinv(found))
    blue, pink, brown = np.asarray(rgb_from_hed)
    share = rng.random() if rng.random() < _MIXED else float(rng.random() < _BROWN)
    colours = np.stack([blue, share * brown + (1 - share) * pink])
    colours = (colours + rng.normal(0, _HUE, (2, 3))).clip(_DARK)
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    colours *= np.exp(rng.normal(0, np.reshape(_AMOUNT, (2, 1))))
    amounts = amounts.clamp(min=0)
    if rng.random() < _AROUND:
        amounts[0] *= float(rng.uniform(*_FAINT))
        share = rng.random()  # Of what was there: some antibodies leave the rest pale.
        amounts[1] = share * amounts[1] + stained_around(cells, rng)
    density = torch.einsum(
        "shw,sc->chw", amounts, torch.tensor(colours, dtype=torch.float32)
    )
    return (-density).exp()


def stained_around(cells: Tensor, rng: Generator) -> Tensor:
    """Draw the stain that cells have around their nuclei, in optical densities.

    Cells reach as far as a width drawn for the image, or to their neighbours. Their
    bodies are filled, their borders have a membrane, or both; whole regions have none.

    Parameters
    ----------
    cells : Tensor, (H, W) int64
        Label ids of the nuclei.
    rng : numpy Generator

    Returns
    -------
    Tensor, (H, W) float32
        0 within the nuclei, but for the blur at their edges.
    """
    nuclei = cells.numpy()
    bodies = expand_labels(nuclei, float(rng.uniform(*_WIDTH)))
    borders = find_boundaries(bodies, mode="thick").astype(np.float32)
    blur = float(rng.uniform(*_EDGE))
    membranes = _blur(torch.from_numpy(borders)[None], blur)[0]
    membranes = membranes / membranes.max().clamp(min=1e-6)
    filled = torch.from_numpy((bodies > 0) & (nuclei == 0)).float()
    filled = _blur(filled[None], blur)[0]
    what = int(rng.integers(3))
    drawn = torch.zeros_like(filled)
    if what != 0:
        drawn += float(rng.uniform(*_DENSITY)) * membranes
    if what != 1:
        drawn += float(rng.uniform(*_DENSITY)) * filled
    coarse = torch.from_numpy(rng.normal(0, 1, (1, 1, 4, 4)).astype(np.float32))
    region = F.interpolate(coarse, size=cells.shape, mode="bicubic")[0, 0]
    fine = torch.from_numpy(rng.normal(0, 1, cells.shape).astype(np.float32))
    texture = (2 * _TEXTURE * _blur(fine[None], 1.0)[0]).exp()
    return drawn * texture * ((region - _UNSTAINED) / _FADING).clamp(0, 1)


def brighten(image: Tensor, rng: Generator) -> Tensor:
    """Make a (3, H, W) image a little brighter or darker."""
    return image * float(np.exp(rng.uniform(*_BRIGHTNESS)))


def vary_appearance(
    image: Tensor, cells: Tensor, rng: Generator, *, stains: bool = False
) -> Tensor:
    """Vary colour, gamma, contrast, illumination, sharpness and noise.

    Parameters
    ----------
    image : Tensor, (3, H, W) float32
        Normalised.
    cells : Tensor, (H, W) int64
        Label ids.
    rng : numpy Generator
    stains : bool
        Whether the channels are stains of their own, not red, green and blue.
    """
    image = _colour(image, cells, stains, rng)
    if rng.random() < _INVERTED:
        image = 1 - image
    if rng.random() < _GAMMA[0]:
        gamma = float(np.exp(rng.uniform(*_GAMMA[1])))
        image = image.sign() * image.abs().clamp(min=1e-6) ** gamma
    if rng.random() < _BLUR[0]:
        image = _blur(image, float(rng.uniform(*_BLUR[1])))
    elif rng.random() < _SHARPENED[0]:
        amount = float(rng.uniform(*_SHARPENED[1]))
        image = image + amount * (image - _blur(image, _SHARPENED_SIGMA))
    if rng.random() < _SHADED:
        coarse = rng.normal(0, _SHADE, (1, 1, 3, 3)).astype(np.float32)
        size = image.shape[1:]
        light = F.interpolate(torch.from_numpy(coarse), size=size, mode="bicubic")[0]
        image = image * light.exp() if rng.random() < 0.5 else image + 0.5 * light
    image = image * float(np.exp(rng.uniform(*_CONTRAST)))
    image = image + float(rng.uniform(*_OFFSET))
    if rng.random() < _NOISE:
        image = image + _noise(image, rng)
    return image.clamp(*_VALUES)


def _noise(image: Tensor, rng: Generator) -> Tensor:
    """Draw noise of camera and photons for a (3, H, W) image."""
    strength = float(np.exp(rng.uniform(*np.log(_STRENGTH))))
    seed = int(rng.integers(2**31))
    noise = torch.randn(
        (1 if rng.random() < _GRAY_NOISE else 3, *image.shape[1:]),
        generator=torch.Generator().manual_seed(seed),
    )
    if rng.random() < _GRAINY:
        # Blurring takes away half of it or more.
        noise = _blur(noise, float(rng.uniform(*_GRAIN))) * 2
    if rng.random() < _PHOTONS:
        noise = noise * image.abs().clamp(0.05, 1).sqrt()
    return strength * noise
