"""Label maps of imagined cells.

Cells are placed, each gets a window, and an implicit function over all windows at once
says how deep inside its cell a pixel lies. Where cells meet, a pixel belongs to the one
that it lies deeper in, or to the one that lies on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from skimage.measure import label as components

from napari_iaunet.training import synthetic_shapes as shapes
from napari_iaunet.training.noise import smooth_noise
from napari_iaunet.training.synthetic_shapes import Cells

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Plane = NDArray[np.floating[Any]]

# A piece of a cell below this share of a usual cell's area is no cell.
_CRUMB = 0.1
# Windows together hold at most so many pixels: a few arrays of 12 MB each.
_MOST_PIXELS = 3_000_000


class Family(NamedTuple):
    """Cells of one sort.

    Attributes
    ----------
    place, shape : callable
        How they lie and what they look like.
    aspect : (least, most)
        Length over width.
    reach : float
        How far they reach from their centres, in halves of their length.
    solid : bool
        Whether they have outlines of their own, and may lie on top of others.
    """

    place: Callable[[int, float, float, Generator], Cells]
    shape: Callable[[Plane, Plane, Cells, Generator], Plane]
    aspect: tuple[float, float]
    reach: float = 1.3
    solid: bool = True


FAMILIES: dict[str, Family] = {
    "blobs": Family(shapes.scattered, shapes.blob, (1.0, 1.9)),
    "packed blobs": Family(shapes.lattice, shapes.blob, (1.0, 1.6)),
    "rods": Family(shapes.scattered, shapes.rod, (1.8, 6.0)),
    "packed rods": Family(shapes.lattice, shapes.rod, (2.0, 5.0)),
    "boxes": Family(shapes.lattice, shapes.box, (1.0, 3.0)),
    "tessellation": Family(shapes.lattice, shapes.nearest, (1.0, 2.2), solid=False),
    "spindles": Family(shapes.scattered, shapes.spindle, (2.5, 6.0)),
    "spread cells": Family(shapes.scattered, shapes.spread, (1.0, 2.5), reach=2.0),
    "budding": Family(shapes.budding, shapes.blob, (1.0, 1.35)),
    "chains": Family(shapes.chains, shapes.rod, (1.0, 3.5)),
}
# How often each is drawn. Whole cells that fill the plane or spread over it are what
# real annotated images show least of.
_OFTEN = {"tessellation": 3.0, "spread cells": 2.0, "blobs": 2.0}


def draw_labels(
    side: int, diameter: float, rng: Generator, family: str | None = None
) -> NDArray[np.int32]:
    """Imagine cells.

    Parameters
    ----------
    side : int
        Height and width in pixels.
    diameter : float
        Of a disc of a usual cell's area, in pixels.
    rng : numpy Generator
    family : str, optional
        A key of `FAMILIES`; random if None.

    Returns
    -------
    (side, side) int32
        Consecutive; every cell is connected.
    """
    if family is None:
        often = np.array([_OFTEN.get(name, 1.0) for name in FAMILIES])
        family = str(rng.choice(list(FAMILIES), p=often / often.sum()))
    sort = FAMILIES[family]
    cells = sort.place(side, diameter, float(rng.uniform(*sort.aspect)), rng)
    labels, lead = _stamp(cells, sort, side, diameter, rng)
    if sort.place is shapes.lattice and rng.random() < 0.5:
        labels = _thin_out(labels, diameter, rng)
    if not sort.solid and rng.random() < 0.5:
        # A gap along the borders, as wide as the walls between cells.
        labels[lead < rng.uniform(0.02, 0.2)] = 0
    elif rng.random() < 0.3:
        _part(labels)
    return _tidy(labels, _CRUMB * np.pi / 4 * diameter**2)


def _stamp(
    cells: Cells, family: Family, side: int, diameter: float, rng: Generator
) -> tuple[NDArray[np.int32], Plane]:
    """Draw the cells.

    Returns
    -------
    labels : (side, side) int32
    lead : (side, side) float32
        How much deeper a pixel lies in its cell than in any other one.
    """
    radius = int(np.ceil(family.reach * float(cells.long.max()))) + 2
    # Cells are placed in rows, but drawn in no order.
    order = rng.permutation(len(cells.long))
    least, most = cells.centres.min(1), cells.centres.max(1)
    near = (least > -radius) & (most < side + radius - 1)
    order = order[near[order]][: max(1, _MOST_PIXELS // (2 * radius + 1) ** 2)]
    cells = Cells(*(part[order] for part in cells))
    corner = np.rint(cells.centres).astype(int)
    depth = family.shape(*_windows(cells, corner, radius), cells, rng)
    on_top = family.solid and rng.random() < 0.3
    # A frame around the canvas, so that every window lies inside.
    best = np.full((side + 4 * radius,) * 2, 1, np.float32)
    second, labels = np.full_like(best, 9), np.zeros(best.shape, np.int32)
    for i, (y, x) in enumerate(corner + radius):
        box = np.s_[y : y + 2 * radius + 1, x : x + 2 * radius + 1]
        here, new = best[box], depth[i]
        closer = new < (1 if on_top else here)
        np.minimum(second[box], np.where(closer, here, new), out=second[box])
        np.copyto(labels[box], i + 1, where=closer)
        np.copyto(here, new, where=closer)
    rows, columns = _crumple(side, 2 * radius, diameter, rng)
    return labels[rows, columns], (second - best)[rows, columns]


def _windows(
    cells: Cells, corner: NDArray[np.int64], radius: int
) -> tuple[Plane, Plane]:
    """Coordinates along and across each cell in its window, (N, W, W) each."""
    axis = np.arange(-radius, radius + 1, dtype=np.float32)
    shift = np.asarray(corner - cells.centres, np.float32)
    y = (axis + shift[:, :1])[:, :, None]
    x = (axis + shift[:, 1:])[:, None]
    sin = shapes.per_cell(np.sin(cells.angle))
    cos = shapes.per_cell(np.cos(cells.angle))
    return cos * x + sin * y, cos * y - sin * x


def _crumple(
    side: int, frame: int, diameter: float, rng: Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of pixels on a crumpled plane: outlines become irregular."""
    strength, scale = diameter * rng.uniform(0, 0.12), diameter * rng.uniform(0.3, 1.2)
    axis = np.arange(side) + frame
    moved = [strength * smooth_noise((side, side), scale, rng) for _ in range(2)]
    rows = np.rint(moved[0] + axis[:, None]).astype(np.int64)
    columns = np.rint(moved[1] + axis[None]).astype(np.int64)
    return rows.clip(0, side + 2 * frame - 1), columns.clip(0, side + 2 * frame - 1)


def _thin_out(
    labels: NDArray[np.int32], diameter: float, rng: Generator
) -> NDArray[np.int32]:
    """Remove cells at random, or all but those of some islands."""
    gone = rng.random(labels.max() + 1) < rng.choice([0.05, 0.2, 0.5])
    if rng.random() < 0.5:
        field = smooth_noise(labels.shape, 2.5 * diameter, rng)
        height = np.bincount(labels.ravel(), field.ravel(), len(gone))
        gone = height < rng.uniform(-0.6, 0.6) * np.bincount(labels.ravel())
    gone[0] = True
    return np.where(gone[labels], 0, labels).astype(np.int32)


def _part(labels: NDArray[np.int32]) -> None:
    """Leave one pixel of background between cells that touch."""
    for one, two in (
        (labels[:-1], labels[1:]),
        (labels[:, :-1], labels[:, 1:]),
        (labels[:-1, :-1], labels[1:, 1:]),
        (labels[:-1, 1:], labels[1:, :-1]),
    ):
        one[(one != two) & (one > 0) & (two > 0)] = 0


def _tidy(labels: NDArray[np.int32], least: float) -> NDArray[np.int32]:
    """Keep the largest piece of each cell, drop crumbs, number from 1 on."""
    pieces = components(labels, background=0, connectivity=1)
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    owner = np.zeros(len(areas), np.int64)
    owner[pieces.ravel()] = labels.ravel()
    largest = np.zeros(int(owner.max()) + 1, np.int64)
    # Of equal keys the last assignment stays: that of the largest piece.
    order = np.argsort(areas, kind="stable")
    largest[owner[order]] = order
    kept = np.zeros(len(areas), bool)
    kept[largest] = True
    kept &= areas >= least
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0)
    tidy: NDArray[np.int32] = numbers[pieces].astype(np.int32)
    return tidy
