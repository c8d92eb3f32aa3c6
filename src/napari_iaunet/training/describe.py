"""Fit what a model's descriptors keep, once its weights are what they will be."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage.transform import rotate

from napari_iaunet.identity.descriptor import PooledMaps, cell_pixels, fit_descriptor
from napari_iaunet.inference.tiles import pad_to_stride, rescale
from napari_iaunet.training.appearance import change_look

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import AnnotatedImage

    Labels = NDArray[np.integer[Any]]

_IMAGES = 42
_SIDE = 384
_VIEWS = 4
_ZOOM = 0.25  # logarithm


@torch.no_grad()
def fit(
    network: IAUNet, images: Sequence[AnnotatedImage], *, most: int = _IMAGES
) -> tuple[Tensor, Tensor]:
    """Choose mean and basis of the descriptor by cells of the training images.

    Parameters
    ----------
    network : IAUNet
        In evaluation mode.
    images : sequence of AnnotatedImage
        All kinds of them get about the same number of images.
    most : int
        About so many images are looked at; each takes seconds on a processor core.
    """
    rng = np.random.default_rng(0)
    pooled, changes = [], []
    for image in _spread(images, most):
        plane, labels = _window(image)
        names = np.unique(labels[labels > 0])
        usual = _pool(network, plane, labels, names)
        pooled.append(usual)
        for _ in range(_VIEWS):
            plane_there, labels_there = _other_view(plane, labels, rng)
            there = torch.from_numpy(np.isin(names, labels_there))
            again = _pool(network, plane_there, labels_there, names)
            changes.append((again - usual)[there])
    size = network.descriptor_basis.shape[1]
    return fit_descriptor(
        torch.cat(pooled), torch.cat(changes), network.config.widths, size
    )


def _spread(images: Sequence[AnnotatedImage], most: int) -> Iterable[AnnotatedImage]:
    kinds: dict[str, list[AnnotatedImage]] = defaultdict(list)
    for image in images:
        if len(image.centres) > 1:
            kinds[image.kind].append(image)
    each = -(-most // max(1, len(kinds)))
    for members in kinds.values():
        step = max(1, len(members) // each)
        yield from members[::step][:each]


def _window(image: AnnotatedImage) -> tuple[NDArray[np.float32], Labels]:
    """Part of an image at the network's scale, and its labels at their own.

    The middle of the image or, where that is empty, the first cell is in its middle.
    """
    shape = np.array(image.labels.shape)
    for middle in (shape / 2, image.centres[1]):
        sides = np.minimum(shape, max(1, round(_SIDE / image.zoom)))
        starts = np.clip(np.round(middle - sides / 2), 0, shape - sides).astype(int)
        window = tuple(slice(a, a + n) for a, n in zip(starts, sides, strict=True))
        if image.labels[window].any():
            break
    plane = image.image[(slice(None), *window)].astype(np.float32)
    return rescale(plane, image.zoom), image.labels[window]


def _other_view(
    plane: NDArray[np.float32], labels: Labels, rng: Generator
) -> tuple[NDArray[np.float32], Labels]:
    """Look, size and direction of the same cells changed."""
    nowhere = torch.zeros(plane.shape[1:], dtype=torch.bool)
    plane = change_look(torch.from_numpy(plane), nowhere, rng).numpy()
    plane = rescale(plane, float(np.exp(rng.uniform(-_ZOOM, _ZOOM))))
    # Turns by quarters and mirroring change nothing: the network averages over them.
    angle = float(rng.uniform(-45, 45))
    channels_last = np.moveaxis(plane, 0, -1)
    turned = rotate(channels_last, angle, resize=True, mode="reflect")
    labels = rotate(labels, angle, resize=True, order=0, preserve_range=True)
    plane = np.ascontiguousarray(np.moveaxis(turned, -1, 0), np.float32)
    return plane, labels.astype(np.int32)


def _pool(
    network: IAUNet, plane: NDArray[np.float32], labels: Labels, names: Labels
) -> Tensor:
    pixels = cell_pixels(labels, names, plane.shape[1:])
    device = next(network.parameters()).device
    padded = torch.from_numpy(pad_to_stride(plane, network.config.stride))
    maps = network.levels(padded[None].to(device, memory_format=torch.channels_last))
    pooled = PooledMaps(len(names))
    pooled.add([values[0].float().cpu() for values in maps], pixels)
    return pooled.result()
