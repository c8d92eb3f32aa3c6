"""What imagined cells look like: parts of looks, and looks made of them.

Ranges were chosen by looking at what comes out: cells should be as hard to see as in
poor real images, and no harder. Lengths grow with the cell's diameter; those in pixels
are optics.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_iaunet.training.noise import smooth_noise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Plane = NDArray[np.floating[Any]]

# Walls that fade within more than this, in diameters of their cell, are drawn outside
# of it. They look three to four times as thick; of myelin, .2 diameters are usual. With
# twice as much, axons never seen were outlined around their myelin.
_THICK = 0.06
# Where cells cover this share of the plane, walls cannot lie outside of them.
_CROWDED = 0.9


class Scene(NamedTuple):
    """What there is to show; H and W are the crop's height and width in pixels.

    Attributes
    ----------
    labels : (H, W) integers
    inside : (H, W) float32
        1 in cells.
    away : (H, W) float32
        Distance to the nearest outline, on both sides, in pixels.
    dome : (H, W) float32
        0 at a cell's edge, 1 in its middle.
    cells : int
        How many there are.
    diameter : float
        Of a usual cell, in pixels.
    """

    labels: NDArray[np.integer[Any]]
    inside: Plane
    away: Plane
    dome: Plane
    cells: int
    diameter: float


def scene_of(labels: NDArray[np.integer[Any]], diameter: float) -> Scene:
    """Measure what all looks need; labels are 0, 1, ... without gaps."""
    outline = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        one, two = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        differ = one != two
        np.moveaxis(outline, axis, 0)[:-1] |= differ
        np.moveaxis(outline, axis, 0)[1:] |= differ
    if outline.any():
        away = ndimage.distance_transform_edt(~outline).astype(np.float32)
    else:
        away = np.full(labels.shape, diameter, np.float32)
    count = int(labels.max(initial=0))
    deepest = np.ones(count + 1, np.float32)
    np.maximum.at(deepest, labels.ravel(), away.ravel())
    inside = (labels > 0).astype(np.float32)
    dome = inside * away / deepest[labels]
    return Scene(labels, inside, away, dome, count, diameter)


# -- parts of a look ---------------------------------------------------------


def noise(scene: Scene, scale: float, rng: Generator) -> Plane:
    """`smooth_noise` of the scene's size."""
    return smooth_noise(scene.labels.shape, scale, rng)


def blur(plane: Plane, sigma: float) -> Plane:
    """Blur, by way of fewer pixels where that shows no difference."""
    step = int(sigma // 2)
    if step < 2:
        return np.asarray(ndimage.gaussian_filter(plane, sigma, truncate=3))
    coarse = ndimage.uniform_filter(plane, step)[step // 2 :: step, step // 2 :: step]
    coarse = ndimage.gaussian_filter(coarse, sigma / step, truncate=3)
    rows, columns = (
        (np.arange(n, dtype=np.float32) - step // 2) / step for n in plane.shape
    )
    place = np.broadcast_arrays(rows[:, None], columns[None])
    return np.asarray(ndimage.map_coordinates(coarse, place, order=1, mode="nearest"))


def _each(scene: Scene, spread: float, rng: Generator) -> Plane:
    """One random value around 1 for each cell."""
    values = np.exp(rng.normal(0, spread, scene.cells + 1)).astype(np.float32)
    each: Plane = values[scene.labels]
    return each


def _thickness(scene: Scene, rng: Generator) -> Plane:
    """Cells as flat or round bodies of about 1, as light has to pass them."""
    round_off: Plane = scene.dome ** rng.uniform(0.3, 1.2)
    return round_off * _each(scene, 0.2, rng)


def _fill(scene: Scene, rng: Generator) -> Plane:
    """Cells as bright areas of about 1: flat or domed, smooth or textured."""
    plane = _each(scene, rng.uniform(0.02, 0.5), rng)
    if rng.random() < 0.6:
        plane = plane * (1 - rng.uniform(0, 0.9) * (1 - scene.dome))
    if rng.random() < 0.7:
        grain = noise(scene, rng.uniform(0.03, 0.35) * scene.diameter + 0.7, rng)
        plane = plane * np.maximum(1 + rng.uniform(0, 0.4) * grain, 0)
    return scene.inside * plane


def _wall(scene: Scene, rng: Generator, thickness: float | None = None) -> Plane:
    """Outlines as lines of about 1: sharp or soft, whole or fading."""
    if thickness is None:
        thickness = rng.uniform(0.7, 0.1 * scene.diameter)
    plane: Plane = np.exp(-((scene.away / thickness) ** 2))
    where = "outside"
    if scene.inside.mean() > _CROWDED:
        where = "both"
    elif thickness < _THICK * scene.diameter:
        where = str(rng.choice(["both", "both", "inside", "outside"]))
    if where == "inside":
        plane *= scene.inside
    elif where == "outside":
        # The thick walls of neighbours fill all that lies between them.
        plane *= 1 - scene.inside
    if rng.random() < 0.5:
        fade = 1 + rng.uniform(0.2, 0.6) * noise(scene, scene.diameter, rng)
        plane *= np.clip(fade, 0, 1.5)
    return plane


def _nuclei(scene: Scene, rng: Generator) -> Plane:
    """One nucleus in each cell, a little off its middle, of about 1."""
    size = rng.uniform(0.25, 0.6) + rng.normal(0, 0.06, scene.cells + 1)
    wavy = scene.dome + 0.08 * noise(scene, 0.35 * scene.diameter, rng)
    nucleus = (wavy > size.astype(np.float32)[scene.labels]) * scene.inside
    nucleus = blur(nucleus, rng.uniform(0.5, 1.2)) * _each(scene, 0.25, rng)
    grain = noise(scene, rng.uniform(0.05, 0.2) * scene.diameter + 0.7, rng)
    return nucleus * (1 + rng.uniform(0, 0.3) * grain)


def _granules(scene: Scene, rng: Generator) -> Plane:
    """Small round spots of about 1."""
    count = int(rng.uniform(1, 16) * scene.labels.size / scene.diameter**2)
    sigma = rng.uniform(0.5, 0.05 * scene.diameter + 0.6)
    dots = spots(scene, rng.uniform(0.3, 1, count), sigma, rng)
    return dots * scene.inside if rng.random() < 0.7 else dots


def spots(scene: Scene, heights: Plane, sigma: float, rng: Generator) -> Plane:
    """Round soft spots anywhere, `sigma` pixels wide."""
    plane = np.zeros(scene.labels.shape, np.float32)
    height, width = scene.labels.shape
    count = len(heights)
    y, x = rng.integers(height, size=count), rng.integers(width, size=count)
    plane[y, x] = heights * (2 * np.pi * sigma**2)
    return blur(plane, sigma)


def _ground(scene: Scene, rng: Generator) -> Plane:
    """Background that is not quite even, of about 0."""
    coarse = rng.uniform(0.4, 2) * scene.diameter
    plane = rng.uniform(0, 0.12) * noise(scene, coarse, rng)
    if rng.random() < 0.4:
        fine = rng.uniform(0.8, 0.2 * scene.diameter)
        plane = plane + rng.uniform(0, 0.12) * noise(scene, fine, rng)
    return np.asarray(plane, np.float32)


def _sign(rng: Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


# -- looks -------------------------------------------------------------------


def _fluorescence(scene: Scene, rng: Generator) -> Plane:
    """Stained bodies on a dark ground, with light from other depths."""
    plane = _fill(scene, rng)
    if rng.random() < 0.3:
        plane = plane * (1 - rng.uniform(0.3, 1) * np.minimum(_nuclei(scene, rng), 1))
    if rng.random() < 0.3:
        plane = plane + rng.uniform(0.2, 1) * _granules(scene, rng)
    if rng.random() < 0.4:
        elsewhere = np.roll(plane[::-1], rng.integers(0, 99, 2), (0, 1))
        haze = blur(elsewhere, rng.uniform(0.15, 0.6) * scene.diameter)
        plane = plane + rng.uniform(0.1, 0.6) * haze
    return plane + 0.5 * _ground(scene, rng)


def _membrane(scene: Scene, rng: Generator) -> Plane:
    """Stained outlines; what lies between is dim."""
    plane = _wall(scene, rng) + rng.uniform(0, 0.4) * _fill(scene, rng)
    if rng.random() < 0.3:
        plane = plane + rng.uniform(0.1, 0.5) * _granules(scene, rng)
    return np.asarray(plane + 0.6 * _ground(scene, rng))


def _with_nucleus(scene: Scene, rng: Generator) -> Plane:
    """Bodies whose nuclei are brighter or darker, as under many stains."""
    plane = rng.uniform(0.2, 0.8) * _fill(scene, rng)
    plane = plane + _sign(rng) * rng.uniform(0.15, 0.6) * _nuclei(scene, rng)
    return plane + _ground(scene, rng)


def _phase(scene: Scene, rng: Generator) -> Plane:
    """Phase contrast: bright halo, shaded body, structure inside."""
    thick = _thickness(scene, rng)
    wide = blur(thick, rng.uniform(0.12, 0.45) * scene.diameter)
    plane = rng.uniform(0.3, 1.2) * (wide - thick)
    if rng.random() < 0.3:
        plane = -plane
    halo = np.exp(-scene.away / (rng.uniform(0.04, 0.2) * scene.diameter))
    plane = plane + rng.uniform(0, 0.6) * halo * (1 - scene.inside)
    plane = plane - rng.uniform(-0.1, 0.35) * scene.inside
    grain = noise(scene, rng.uniform(0.05, 0.25) * scene.diameter + 0.6, rng)
    plane = plane + rng.uniform(0, 0.2) * grain * scene.inside
    if rng.random() < 0.4:
        plane = plane + rng.uniform(-0.4, 0.5) * _granules(scene, rng)
    if rng.random() < 0.3:
        plane = plane + rng.uniform(-0.3, 0.2) * _nuclei(scene, rng)
    if rng.random() < 0.4:
        plane = plane + rng.uniform(-0.5, 0.5) * _wall(scene, rng, 1.0)
    return np.asarray(plane + _ground(scene, rng))


def _interference(scene: Scene, rng: Generator) -> Plane:
    """DIC: the slope of the thickness in one direction, as if lit from there."""
    thick = _thickness(scene, rng)
    if rng.random() < 0.6:
        thick = thick + rng.uniform(0.1, 0.5) * _nuclei(scene, rng)
    if rng.random() < 0.6:
        thick = thick + rng.uniform(0.1, 0.5) * _granules(scene, rng)
    grain = noise(scene, rng.uniform(0.06, 0.3) * scene.diameter + 0.7, rng)
    thick = thick + rng.uniform(0.02, 0.15) * grain * (0.2 + scene.inside)
    thick = blur(thick, rng.uniform(0.6, 0.05 * scene.diameter + 0.7))
    angle = rng.uniform(0, 2 * np.pi)
    dy, dx = np.gradient(thick)
    # Slopes are the steeper the smaller the cell is.
    strength = 0.15 * scene.diameter * rng.uniform(0.5, 1.5)
    plane = strength * (math.sin(angle) * dy + math.cos(angle) * dx)
    plane = plane + rng.uniform(-0.15, 0.15) * scene.inside
    return np.asarray(plane + 0.5 * _ground(scene, rng))


def _bright_field(scene: Scene, rng: Generator) -> Plane:
    """Unstained cells out of focus: fringes along the outline, little else."""
    width = rng.uniform(1.0, 0.1 * scene.diameter + 0.5)
    signed = scene.away * (2 * scene.inside - 1) / width
    fringe = np.cos(signed * np.pi / 2 + rng.uniform(0, 2 * np.pi))
    fringe = fringe * np.exp(-np.abs(signed) / rng.uniform(0.8, 2.5))
    plane = rng.uniform(0.3, 1.0) * fringe
    plane = plane + rng.uniform(-0.25, 0.25) * _fill(scene, rng)
    if rng.random() < 0.5:
        plane = plane + rng.uniform(-0.5, 0.5) * _granules(scene, rng)
    return plane + _ground(scene, rng)


def _electron(scene: Scene, rng: Generator) -> Plane:
    """EM: pale or dark bodies in thick or thin walls, structure everywhere."""
    wall = _wall(scene, rng, rng.uniform(0.03, 0.3) * scene.diameter + 0.5)
    plane = _sign(rng) * rng.uniform(0.4, 1.0) * wall
    plane = plane + rng.uniform(-0.3, 0.3) * scene.inside * _each(scene, 0.3, rng)
    for _ in range(int(rng.integers(1, 3))):
        grain = noise(scene, rng.uniform(0.04, 0.3) * scene.diameter + 0.7, rng)
        plane = plane + rng.uniform(0.03, 0.2) * grain * rng.uniform(0.2, 1)
    if rng.random() < 0.5:
        plane = plane + _sign(rng) * rng.uniform(0.1, 0.5) * _granules(scene, rng)
    return plane + _ground(scene, rng)


def _texture(scene: Scene, rng: Generator) -> Plane:
    """Cells that differ from the ground in their grain, and hardly otherwise."""
    coarse, fine = (
        noise(scene, rng.uniform(a, b) * scene.diameter + 0.7, rng)
        for a, b in ((0.1, 0.4), (0.02, 0.12))
    )
    one, two = (coarse, fine) if rng.random() < 0.5 else (fine, coarse)
    one, two = one * rng.uniform(0.4, 1), two * rng.uniform(0, 0.4)
    plane = np.where(scene.inside > 0, one, two)
    plane = plane + rng.uniform(-0.8, 0.8) * scene.inside
    plane = plane + _sign(rng) * rng.uniform(0.2, 1) * _wall(scene, rng)
    return 0.4 * np.asarray(plane, np.float32) + _ground(scene, rng)


LOOKS: dict[str, Callable[[Scene, Generator], Plane]] = {
    "fluorescence": _fluorescence,
    "membrane": _membrane,
    "with nucleus": _with_nucleus,
    "phase": _phase,
    "interference": _interference,
    "bright field": _bright_field,
    "electron": _electron,
    "texture": _texture,
}


def stains(scene: Scene, rng: Generator) -> Plane:
    """Nucleus first, then cytoplasm and membrane, which not all cells express."""
    body = _fill(scene, rng)
    if rng.random() < 0.5:
        body = body * (1 - rng.uniform(0.3, 1) * np.minimum(_nuclei(scene, rng), 1))
    planes = [_nuclei(scene, rng), body, _wall(scene, rng)]
    for plane in planes[1:]:
        if rng.random() < 0.4:
            shown = rng.random(scene.cells + 1) < rng.uniform(0.3, 0.9)
            plane *= shown.astype(np.float32)[scene.labels] * 0.9 + 0.1
    planes[1:] = planes[1:][:: rng.choice([-1, 1])]
    return np.stack([plane + 0.5 * _ground(scene, rng) for plane in planes])


def stained(scene: Scene, rng: Generator) -> Plane:
    """Two stains in colours of their own; each takes away light."""
    cells = _fill(scene, rng) if rng.random() < 0.5 else _with_nucleus(scene, rng)
    rest = 0.4 + _ground(scene, rng) + rng.uniform(0, 0.5) * _wall(scene, rng)
    colours = rng.uniform(0.05, 1, (2, 3)) * rng.uniform(0.4, 1.6, (2, 1))
    density = np.einsum("shw,sc->chw", np.stack([cells, rest]), colours)
    return np.asarray(np.exp(-np.maximum(density, 0)), np.float32)
