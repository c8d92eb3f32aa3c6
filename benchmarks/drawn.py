"""Drawn cells that touch or cross without a visible border.

Outlines are those of `napari_iaunet.training.synthetic_labels`; all cells of an image
are equally bright, without rims, so that their shape alone tells one from another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from benchmarks.common import Sample

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

_SIDE, _DIAMETER = 320, 28.0
# Of the noise and of the blur of a decent microscope; brightness of a cell is 1.
_NOISE, _BLUR = 0.06, 1.0
FAMILIES = (
    *("packed blobs", "rods", "packed rods", "spindles", "spread cells"),
    *("budding", "chains"),
)
_CROSSING = ("rods", "spindles")
KINDS = (
    *(f"drawn, touching: {family}" for family in FAMILIES),
    *(f"drawn, crossing: {family}" for family in _CROSSING),
)


def draw(kind: str, count: int) -> list[Sample]:
    """Draw so many images, the same ones each time: (Y, X) float32 and int32.

    Where cells cross, light of both adds up, and the pixel is labelled with the upper
    one; the lower one may lie on both sides of it.
    """
    crosses, family = "crossing" in kind, kind.partition(": ")[2]
    rng = np.random.default_rng(KINDS.index(kind))
    return [_image(family, crosses=crosses, rng=rng) for _ in range(count)]


def _image(family: str, *, crosses: bool, rng: Generator) -> Sample:
    from napari_iaunet.training.synthetic_labels import draw_labels

    labels = draw_labels(_SIDE, _DIAMETER, rng, family)
    light = (labels > 0).astype(np.float32)
    if crosses:
        upper = draw_labels(_SIDE, _DIAMETER, rng, family)
        light += upper > 0
        labels = np.where(upper > 0, upper + labels.max(), labels)
    image: NDArray[np.float32] = ndimage.gaussian_filter(light, _BLUR)
    image = image + rng.normal(0, _NOISE, image.shape).astype(np.float32)
    return Sample(image, labels.astype(np.int32))
