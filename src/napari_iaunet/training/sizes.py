"""How large the cells usually are that a model learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.training.dataset import AnnotatedImage

# Cells are of a usual size if their median in every image is within this factor of it.
_ALIKE = 2.0


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


def _own_diameter(image: AnnotatedImage, diameter: float) -> float:
    return diameter / (image.zoom * image.shrunk)
