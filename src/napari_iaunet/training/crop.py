"""Random crops with exact targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_iaunet.segmentation.scale import scale_for
from napari_iaunet.training.appearance import is_gray

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from napari_iaunet.training.dataset import AnnotatedImage

# Factors of a crop's scale: a little beyond what `scale_for` leaves as it is.
SCALE_JITTER = (0.65, 1.55)
# Share of crops that are turned freely, by up to an eighth of a turn, and of those that
# are stretched, by up to the exponential of this: cells lie in all directions, but
# resampling blurs them.
_FREE, _ANGLE, _LOG_STRETCH = 0.35, np.pi / 4, 0.2
# Share of crops that lie near some cell, as sparse images are mostly background,
# and how far from it, in sides of the crop: the cell is in the crop.
_NEAR_CELL, _FAR = 0.5, 0.4
# Share of crops that are cut and shown as the finished model will see them. Where
# people draw an outline on a blurred edge depends on the domain, which gamma, blur,
# noise and resampling hide. Stains differ so much from one laboratory to the next that
# few crops in colour may be like that.
INFERENCE_LIKE_GRAY = 0.7
_INFERENCE_LIKE_COLOUR = 0.1
# How far the estimate of an image's diameter may be off, as a factor.
_ESTIMATE = (0.85, 1.2)


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
    inference_like : bool
        Cut at the scale, and to be shown with the appearance, that the finished model
        sees.
    stains : bool
        Whether the channels are stains of their own, as in `AnnotatedImage`.
    """

    image: Tensor
    cells: Tensor
    centre: Tensor
    offset: Tensor
    radius: Tensor
    known: Tensor
    inference_like: bool
    stains: bool = False


def _orientation(inference_like: bool, rng: Generator) -> np.ndarray:
    """Quarter turns and mirrors; free turns and stretching unless inference-like."""
    free = not inference_like
    angle = rng.integers(4) * np.pi / 2
    if free and rng.random() < _FREE:
        angle += rng.uniform(-_ANGLE, _ANGLE)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn = turn @ np.diag([1.0, -1.0])
    if free and rng.random() < _FREE:
        stretch = np.exp(rng.uniform(-_LOG_STRETCH, _LOG_STRETCH))
        turn = turn @ np.diag([stretch, 1 / stretch])
    return np.rint(turn) if inference_like else turn


def _scale(source: AnnotatedImage, inference_like: bool, rng: Generator) -> float:
    """Pixels of the crop per pixel of the image."""
    if not inference_like:
        return source.scale * float(np.exp(rng.uniform(*np.log(SCALE_JITTER))))
    off = float(np.exp(rng.uniform(*np.log(_ESTIMATE))))
    diameter = off / (source.scale * source.stored_scale)
    return scale_for(diameter, 1.0, source.labels.shape) / source.stored_scale


def _affine(
    source: AnnotatedImage, size: int, inference_like: bool, rng: Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and shift that take a crop's pixel (y, x) to the image's."""
    scale = _scale(source, inference_like, rng)
    matrix = _orientation(inference_like, rng) / scale
    shape = np.asarray(source.labels.shape)
    if rng.random() < _NEAR_CELL and len(source.centres) > 1:
        middle = source.centres[rng.integers(1, len(source.centres))]
        middle = middle + rng.uniform(-_FAR, _FAR, 2) * size / scale
    else:
        middle = rng.uniform(0, 1, 2) * shape
    half = np.minimum(size / scale, shape) / 2
    middle = np.clip(middle, half, shape - half)
    shift = middle - matrix @ np.full(2, (size - 1) / 2)
    # At the image's own scale, pixel falls on pixel: nothing is resampled.
    return matrix, np.rint(shift) if inference_like and scale == 1.0 else shift


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
    gray = is_gray(torch.from_numpy(source.image[:, ::8, ::8]))
    usual = gray or source.stains
    share = INFERENCE_LIKE_GRAY if usual else _INFERENCE_LIKE_COLOUR
    inference_like = rng.random() < share
    matrix, shift = _affine(source, size, inference_like, rng)
    axis = np.arange(size, dtype=np.float32)
    y, x = (
        (row[0] * axis[:, None] + row[1] * axis[None] + start).astype(np.float32)
        for row, start in zip(matrix, shift, strict=True)
    )
    height, width = source.labels.shape
    known = (y > -0.5) & (y < height - 0.5) & (x > -0.5) & (x < width - 0.5)
    sampled = _sample_image(source, y, x)
    rows, columns = _nearest(y, height), _nearest(x, width)
    labels = np.where(known, source.labels[rows, columns], 0)
    if source.known is not None:
        known &= source.known[rows, columns]
    inside = labels > 0
    centres = ((source.centres - shift) @ np.linalg.inv(matrix).T).astype(np.float32)
    offset = np.stack(
        [centres[labels, 0] - axis[:, None], centres[labels, 1] - axis[None]]
    )
    scale = np.float32(1 / np.sqrt(abs(np.linalg.det(matrix))))
    radius = np.where(inside, source.radii[labels] * scale, np.float32(1))
    return Crop(
        sampled[:3],
        torch.from_numpy(labels.astype(np.int64)),
        (sampled[3] * torch.from_numpy(inside))[None].clamp(0, 1),
        torch.from_numpy(offset * inside),
        torch.from_numpy(radius)[None],
        torch.from_numpy(known.astype(np.float32))[None],
        bool(inference_like),
        source.stains,
    )


def _nearest(place: NDArray[np.float32], length: int) -> NDArray[np.int64]:
    index: NDArray[np.int64] = np.clip(np.rint(place).astype(np.int64), 0, length - 1)
    return index


def _sample_image(
    source: AnnotatedImage, y: NDArray[np.float32], x: NDArray[np.float32]
) -> Tensor:
    """Image and edge distance, bilinearly, at places of an affine grid.

    Parameters
    ----------
    source : AnnotatedImage
    y, x : (H, W) float32
        In pixels of the image; beyond its border it is mirrored.

    Returns
    -------
    Tensor, (4, H, W) float32
    """
    window, unit = [], []
    for place, length in zip((y, x), source.labels.shape, strict=True):
        # The extremes of an affine grid lie in its corners.
        corners = place[[0, 0, -1, -1], [0, -1, 0, -1]]
        low = min(max(int(np.floor(corners.min())) - 1, 0), length - 1)
        high = min(max(int(np.ceil(corners.max())) + 2, low + 1), length)
        window.append(slice(low, high))
        unit.append((2 * (place - low) + 1) / (high - low) - 1)
    stack = np.concatenate(
        [
            source.image[(slice(None), *window)],
            source.edge_distance[tuple(window)][None],
        ]
    )
    return F.grid_sample(
        torch.from_numpy(stack.astype(np.float32))[None],
        torch.from_numpy(np.stack(unit[::-1], -1).astype(np.float32))[None],
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    )[0]
