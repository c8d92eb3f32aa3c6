"""Drawn cells: some touch or cross without a visible border, some have nuclei.

Outlines are those of `napari_iaunet.training.synthetic_labels`. Cells that touch or
cross are equally bright, without rims, so that their shape alone tells one from
another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from benchmarks.common import Sample

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from benchmarks.common import Labels

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


# -- nuclei and cells ----------------------------------------------------------------

# Of whole cells, in pixels, and how much of it a nucleus takes.
CELL = 56.0
_NUCLEUS = 0.36
# How many cells have one nucleus, two or none; and nuclei whose cell is not seen.
_HAS = {"one": 0.7, "two": 0.1, "none": 0.1, "alone": 0.1}


class Paired(NamedTuple):
    """Nuclei and cells that belong together.

    Attributes
    ----------
    image : (2, Y, X) float32
        Nuclei, and bodies of cells.
    nuclei, cells : (Y, X) int32
    cell_of : (M,) int32
        The cell of each nucleus from 1 to M; 0 of one without.
    """

    image: NDArray[np.float32]
    nuclei: Labels
    cells: Labels
    cell_of: NDArray[np.int32]


def draw_pairs(count: int) -> list[Paired]:
    """Draw so many images of nuclei and cells, the same ones each time."""
    rng = np.random.default_rng(5)
    return [_paired(rng) for _ in range(count)]


def _paired(rng: Generator) -> Paired:
    from napari_iaunet.training.synthetic_labels import draw_labels

    cells = draw_labels(480, CELL, rng, "packed blobs")
    y, x = np.indices(cells.shape)
    nuclei, cell_of = np.zeros_like(cells), []
    for label in np.unique(cells[cells > 0]).tolist():
        mask = cells == label
        has = str(rng.choice(list(_HAS), p=list(_HAS.values())))
        for place in _places(mask, has, rng):
            radii = CELL * _NUCLEUS / 2 * rng.uniform(0.85, 1.15, 2)
            away = ((y - place[0]) / radii[0]) ** 2 + ((x - place[1]) / radii[1]) ** 2
            nuclei[(away < 1) & (nuclei == 0)] = len(cell_of) + 1
            cell_of.append(0 if has == "alone" else label)
        if has == "alone":
            cells[mask] = 0
    image = np.stack([_shown(nuclei, 0.3, rng), _shown(cells, 0.15, rng)])
    return Paired(image, nuclei, cells, np.array(cell_of, np.int32))


def _places(mask: NDArray[np.bool_], has: str, rng: Generator) -> list[tuple[int, int]]:
    """Middles of the nuclei of a cell: far from its border, and apart from each other.

    There are none in a cell that is too small for them.
    """
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    wanted, places = {"none": 0, "two": 2}.get(has, 1), []
    y, x = np.indices(mask.shape)
    while len(places) < wanted:
        inside = np.argwhere(depth > 0.55 * CELL * _NUCLEUS)
        if not inside.size:
            return []
        place = inside[rng.integers(len(inside))]
        places.append(tuple(map(int, place)))
        depth[np.hypot(y - place[0], x - place[1]) < 1.25 * CELL * _NUCLEUS] = 0
    return places


def _shown(labels: Labels, spread: float, rng: Generator) -> NDArray[np.float32]:
    """Labels as bright bodies with thin dark gaps, blurred and with noise."""
    bright = np.exp(rng.normal(0, spread, labels.max(initial=0) + 1))
    bright[0] = 0.08
    edge = ndimage.maximum_filter(labels, 3) != ndimage.minimum_filter(labels, 3)
    light = np.where(edge & (labels > 0), 0.5, 1) * bright[labels]
    shown = ndimage.gaussian_filter(light, _BLUR)
    return (shown + rng.normal(0, _NOISE, shown.shape)).astype(np.float32)
