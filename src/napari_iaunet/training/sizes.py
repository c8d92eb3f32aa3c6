"""How large the cells usually are that a model learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.dataset import AnnotatedImage, Annotation

# Cells are of a usual size if their median in every image is within this factor of it.
_ALIKE = 2.0
# An estimate that is off by less than this factor changes little.
_CLOSE = 1.4
_LOOKED_AT = 5


def usual_diameter(images: Sequence[AnnotatedImage], diameter: float) -> float | None:
    """Median cell diameter of images, in their pixels; None if they differ much.

    Parameters
    ----------
    images : sequence of AnnotatedImage
    diameter : float
        The network's cell diameter, in pixels.
    """
    found = [_own_diameter(i, diameter) for i in images if len(i.centres) > 1]
    typical = float(np.median(found))
    alike = max(found) / typical <= _ALIKE and typical / min(found) <= _ALIKE
    return round(typical, 2) if alike else None


def estimates_well(
    network: IAUNet,
    annotations: Sequence[Annotation],
    images: Sequence[AnnotatedImage],
    device: torch.device,
) -> bool:
    """Whether a network can tell by itself how large the cells of most images are.

    Parameters
    ----------
    network : IAUNet
    annotations, images : sequence
        The same images as they were drawn and as they were prepared; a few of them
        are looked at.
    device : torch.device
    """
    from napari_iaunet.segmentation.segmenter import Segmenter

    segmenter = Segmenter.from_network(network, device)
    off = []
    labelled = [i for i, image in enumerate(images) if len(image.centres) > 1]
    for i in labelled[:: -(-len(labelled) // _LOOKED_AT)]:
        axis = annotations[i].channel_axis
        estimate = segmenter.estimate_diameter(annotations[i].image, channel_axis=axis)
        true = _own_diameter(images[i], network.config.diameter)
        off.append(max(estimate / true, true / estimate))
    return bool(np.median(off) < _CLOSE)


def _own_diameter(image: AnnotatedImage, diameter: float) -> float:
    return diameter / (image.zoom * image.shrunk)
