"""Synthetic cells: imagined or real outlines, shown as no microscope alone shows them.

A network that has seen cells in every look that chance can put together takes a new
microscope for one more of them (domain randomisation: SynthSeg, Billot et al., Medical
Image Analysis 86, 2023; AnyStar, Dey et al., WACV 2024). What an outline means must
agree with what people draw: a thick bright wall, such as myelin, is no part of its
cell, a thin one may be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_iaunet.segmentation.intensity import find_normalisation
from napari_iaunet.training import synthetic_looks as looks
from napari_iaunet.training.crop import (
    INFERENCE_LIKE_GRAY,
    SCALE_JITTER,
    Crop,
    draw_crop,
)
from napari_iaunet.training.dataset import geometry
from napari_iaunet.training.synthetic_labels import draw_labels

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_iaunet.training.dataset import AnnotatedImage
    from napari_iaunet.training.synthetic_looks import Scene

    Plane = NDArray[np.floating[Any]]

# Of synthetic crops, so many show the cells of a real image in a look that they never
# had; nothing is as good at shapes as people's outlines. The rest needs other shapes.
_REAL_CELLS = 0.25
# Cells are imagined on so much more than the crop, in diameters on each side, that
# those cut by its border have their centre where whole cells have it.
_MARGIN = 0.6
# The two looks that are not gray: channels of their own; colours on a bright ground.
STAINS, STAINED = "stains", "stained"
# How often they are drawn. Real images with channels are few, real stained ones many.
_STAINS_SHARE, _STAINED_SHARE = 0.2, 0.05
# So many gray images are inverted: most looks are bright cells on a dark ground, and a
# network that learns so misses the dark bacteria of phase contrast.
_INVERTED = 0.3


def draw_synthetic(
    source: AnnotatedImage, size: int, diameter: float, rng: Generator
) -> Crop:
    """Show imagined cells, or now and then those of a real image, in a random look.

    Parameters
    ----------
    source : AnnotatedImage
    size : int
        Height and width in pixels.
    diameter : float
        The network's cell diameter, in pixels.
    rng : numpy Generator
    """
    if rng.random() < _REAL_CELLS:
        crop = draw_crop(source, size, rng)
    else:
        crop = _imagine(size, diameter, rng)
    look = draw_look(rng)
    image = render(crop.cells.numpy(), diameter, rng, look)
    return crop._replace(
        image=torch.from_numpy(image),
        inference_like=bool(rng.random() < INFERENCE_LIKE_GRAY),
        stains=look == STAINS,
    )


def _imagine(size: int, diameter: float, rng: Generator) -> Crop:
    """Crop of imagined cells, yet without an image."""
    diameter *= float(np.exp(rng.uniform(*np.log(SCALE_JITTER))))
    margin = round(_MARGIN * diameter)
    labels = draw_labels(size + 2 * margin, diameter, rng)
    distance, centres, radii = geometry(labels)
    here = np.s_[margin : margin + size, margin : margin + size]
    labels, distance = labels[here], distance[here]
    axis = np.arange(size, dtype=np.float32) + margin
    offset = np.stack(
        [centres[labels, 0] - axis[:, None], centres[labels, 1] - axis[None]]
    )
    return Crop(
        torch.empty(3, size, size),
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(distance.astype(np.float32))[None],
        torch.from_numpy(offset * (labels > 0)),
        torch.from_numpy(radii[labels])[None],
        torch.ones(1, size, size),
        inference_like=False,
    )


def draw_look(rng: Generator) -> str:
    """Choose how cells are shown."""
    what = rng.random()
    if what < _STAINS_SHARE:
        return STAINS
    if what < _STAINS_SHARE + _STAINED_SHARE:
        return STAINED
    return str(rng.choice(list(looks.LOOKS)))


def render(
    labels: NDArray[np.integer[Any]], diameter: float, rng: Generator, look: str
) -> Plane:
    """Show cells as a microscope might.

    Parameters
    ----------
    labels : (H, W) integers
        0 background, one number per cell.
    diameter : float
        Of a usual cell, in pixels.
    rng : numpy Generator
    look : str
        A key of `synthetic_looks.LOOKS`, which are gray, or `STAINS` or `STAINED`.

    Returns
    -------
    (3, H, W) float32
        Normalised as real images are.
    """
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    scene = looks.scene_of(np.where(present, np.cumsum(present), 0)[labels], diameter)
    if look == STAINS:
        stack = _photograph(looks.stains(scene, rng), scene, rng)
        return np.stack([find_normalisation(plane)(plane) for plane in stack])
    if look == STAINED:
        colours = _photograph(looks.stained(scene, rng), scene, rng)
        return find_normalisation(colours)(colours)
    plane = looks.LOOKS[look](scene, rng)
    if rng.random() < _INVERTED:
        plane = -plane
    gray = _photograph(plane[None], scene, rng)
    return np.repeat(find_normalisation(gray)(gray), 3, 0)


def _debris(scene: Scene, rng: Generator) -> Plane:
    """Soft spots that belong to no cell."""
    sigma = rng.uniform(0.04, 0.2) * scene.diameter + 0.6
    return looks.spots(scene, rng.normal(0, 0.6, int(rng.integers(1, 7))), sigma, rng)


def _photograph(planes: Plane, scene: Scene, rng: Generator) -> Plane:
    """Add debris, blur, uneven light and noise to (C, H, W); its units stay."""
    if rng.random() < 0.25:
        planes = planes + _debris(scene, rng)
    sigma = rng.uniform(0, 0.04 * scene.diameter + 0.5)
    if sigma > 0.4:
        planes = np.stack([looks.blur(plane, sigma) for plane in planes])
    if rng.random() < 0.3:
        light = looks.noise(scene, rng.uniform(0.4, 1) * max(planes.shape), rng)
        planes = planes * np.exp(rng.uniform(0.1, 0.5) * light)
    # Noise is measured against what there is to see.
    spread = float(planes.std()) or 1.0
    strength = spread * float(np.exp(rng.uniform(np.log(0.03), np.log(0.5))))
    noise = rng.standard_normal(planes.shape, dtype=np.float32)
    if rng.random() < 0.3:
        noise = np.stack([looks.blur(plane, 0.7) for plane in noise]) * np.float32(2)
    return np.asarray(planes + np.float32(strength) * noise, np.float32)
