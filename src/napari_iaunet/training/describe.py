"""Fit what a model's descriptors keep, once its weights are what they will be."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage.transform import rotate

from napari_iaunet.identity.descriptor import PooledMaps, cell_pixels, fit_descriptor
from napari_iaunet.inference.tiles import pad_to_stride, rescale
from napari_iaunet.training.appearance import vary_appearance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.random import Generator
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import AnnotatedImage

    Labels = NDArray[np.integer[Any]]

# Six images of each of the seven domains of the bundled model, at seconds each.
_MOST_IMAGES = 42
# Side of the part of an image, in pixels of the network's scale: room for 190 cells.
_SIDE = 384
# Changed views of each part. What changes between views is noise to the descriptor.
_VIEWS = 4
# Views are rescaled by up to the exponential of this, 1.28: more than estimates of the
# cell diameter are off, as a rule.
_LOG_SCALE = 0.25


@torch.no_grad()
def fit(
    network: IAUNet, images: Sequence[AnnotatedImage], *, most: int = _MOST_IMAGES
) -> tuple[Tensor, Tensor]:
    """Choose mean and basis of the descriptor by cells of the training images.

    Parameters
    ----------
    network : IAUNet
        In evaluation mode.
    images : sequence of AnnotatedImage
        All domains get about the same number of images.
    most : int
        About so many images are looked at; each takes seconds on a processor core.
    """
    rng = np.random.default_rng(0)
    pooled, changes = [], []
    for image in _spread(images, most):
        plane, labels = _window(image)
        ids = np.unique(labels[labels > 0])
        usual = _pool(network, plane, labels, ids)
        pooled.append(usual)
        for _ in range(_VIEWS):
            plane_there, labels_there = _other_view(plane, labels, rng)
            there = torch.from_numpy(np.isin(ids, labels_there))
            again = _pool(network, plane_there, labels_there, ids)
            changes.append((again - usual)[there])
    size = network.descriptor_basis.shape[1]
    cells, differences = _finite(torch.cat(pooled)), _finite(torch.cat(changes))
    if not (len(cells) and len(differences)):  # the training has diverged
        return network.descriptor_mean.cpu(), network.descriptor_basis.cpu()
    return fit_descriptor(cells, differences, network.config.widths, size)


def _finite(vectors: Tensor) -> Tensor:
    return vectors[vectors.isfinite().all(1)]


def _spread(images: Sequence[AnnotatedImage], most: int) -> Iterable[AnnotatedImage]:
    domains: dict[str, list[AnnotatedImage]] = defaultdict(list)
    for image in images:
        if len(image.centres) > 1:
            domains[image.domain].append(image)
    each = -(-most // max(1, len(domains)))
    for members in domains.values():
        step = max(1, len(members) // each)
        yield from members[::step][:each]


def _window(image: AnnotatedImage) -> tuple[NDArray[np.float32], Labels]:
    """Part of an image at the network's scale, and its labels at their own.

    The middle of the image or, where that is empty, the first cell is in its middle.
    """
    shape = np.array(image.labels.shape)
    for middle in (shape / 2, image.centres[1]):
        sides = np.minimum(shape, max(1, round(_SIDE / image.scale)))
        starts = np.clip(np.round(middle - sides / 2), 0, shape - sides).astype(int)
        window = tuple(slice(a, a + n) for a, n in zip(starts, sides, strict=True))
        if image.labels[window].any():
            break
    plane = image.image[(slice(None), *window)].astype(np.float32)
    return rescale(plane, image.scale), image.labels[window]


def _other_view(
    plane: NDArray[np.float32], labels: Labels, rng: Generator
) -> tuple[NDArray[np.float32], Labels]:
    """Show the same cells in another appearance, size and direction."""
    nowhere = torch.zeros(plane.shape[1:], dtype=torch.int64)
    plane = vary_appearance(torch.from_numpy(plane), nowhere, rng).numpy()
    plane = rescale(plane, float(np.exp(rng.uniform(-_LOG_SCALE, _LOG_SCALE))))
    # Turns by quarters and mirroring change nothing: the network averages over them.
    angle = float(rng.uniform(-45, 45))
    channels_last = np.moveaxis(plane, 0, -1)
    turned = rotate(channels_last, angle, resize=True, mode="reflect")
    labels = rotate(labels, angle, resize=True, order=0, preserve_range=True)
    plane = np.ascontiguousarray(np.moveaxis(turned, -1, 0), np.float32)
    return plane, labels.astype(np.int32)


def _pool(
    network: IAUNet, plane: NDArray[np.float32], labels: Labels, ids: Labels
) -> Tensor:
    pixels = cell_pixels(labels, ids, plane.shape[1:])
    device = next(network.parameters()).device
    padded = torch.from_numpy(pad_to_stride(plane, network.config.stride))
    maps = network.levels(padded[None].to(device, memory_format=torch.channels_last))
    pooled = PooledMaps(len(ids))
    pooled.add([values[0].float().cpu() for values in maps], pixels)
    return pooled.result()
