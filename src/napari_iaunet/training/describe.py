"""Fit what a model's descriptors keep, once its weights are what they will be."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_iaunet.identity.descriptor import PooledMaps, cell_pixels, fit_descriptor
from napari_iaunet.segmentation.intensity import rescale
from napari_iaunet.segmentation.tiles import pad_to_stride

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import AnnotatedImage

_IMAGES = 56
_SIDE = 384


@torch.no_grad()
def fit(network: IAUNet, images: Sequence[AnnotatedImage]) -> tuple[Tensor, Tensor]:
    """Choose mean and basis of the descriptor by cells of the training images.

    Parameters
    ----------
    network : IAUNet
        In evaluation mode.
    images : sequence of AnnotatedImage
        All kinds of them get about the same number of images.
    """
    pooled = [_pool(network, image) for image in _spread(images)]
    cells = torch.cat([part for part in pooled if part is not None])
    widths = network.config.widths
    size = network.descriptor_basis.shape[1]
    return fit_descriptor(cells, (*widths, *widths[:-1]), size)


def _spread(images: Sequence[AnnotatedImage]) -> Iterable[AnnotatedImage]:
    kinds: dict[str, list[AnnotatedImage]] = defaultdict(list)
    for image in images:
        if len(image.centres) > 1:
            kinds[image.kind].append(image)
    each = -(-_IMAGES // max(1, len(kinds)))
    for members in kinds.values():
        step = max(1, len(members) // each)
        yield from members[::step][:each]


def _pool(network: IAUNet, image: AnnotatedImage) -> Tensor | None:
    """Pooled maps of the cells in the middle of an image, at the network's scale."""
    window = []
    for length in image.labels.shape:
        side = min(length, max(1, round(_SIDE / image.zoom)))
        start = (length - side) // 2
        window.append(slice(start, start + side))
    labels = image.labels[tuple(window)]
    names = np.unique(labels[labels > 0])
    if not names.size:
        return None
    plane = image.image[(slice(None), *window)].astype(np.float32)
    plane = rescale(plane, image.zoom)
    pixels = cell_pixels(labels, names, plane.shape[1:])
    device = next(network.parameters()).device
    padded = torch.from_numpy(pad_to_stride(plane, network.config.stride))
    maps = network.levels(padded[None].to(device, memory_format=torch.channels_last))
    pooled = PooledMaps(len(names))
    pooled.add([values[0].float().cpu() for values in maps], pixels)
    return pooled.result()
