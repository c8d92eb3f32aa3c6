"""How imagined cells lie, and what each is shaped like.

A shape is an implicit function of the coordinates along and across a cell, for many
cells at once: below 1 is inside. Ranges were chosen by looking at what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Plane = NDArray[np.floating[Any]]


class Cells(NamedTuple):
    """Cells as ellipses; what they really look like comes later.

    Attributes
    ----------
    centres : (N, 2) float32
        (y, x) in pixels.
    angle : (N,) float32
        Direction of the long axis, in radians from the x axis towards y.
    long, short : (N,) float32
        Half the length and half the width, in pixels.
    """

    centres: Plane
    angle: Plane
    long: Plane
    short: Plane


# -- where cells lie ---------------------------------------------------------


def _ellipses(centres: Plane, diameter: float, aspect: float, rng: Generator) -> Cells:
    """Give placed cells a size and a direction, which many images share."""
    count = len(centres)
    size = diameter / 2 * np.exp(rng.normal(0, rng.uniform(0.02, 0.3), count))
    ratio = np.maximum(1, aspect * np.exp(rng.normal(0, 0.2, count)))
    angle = rng.uniform(0, np.pi, count)
    if rng.random() < 0.5:
        angle = rng.uniform(0, np.pi) + rng.normal(0, rng.uniform(0.05, 0.5), count)
    return _cells(centres, angle, size * np.sqrt(ratio), size / np.sqrt(ratio))


def _cells(*parts: Plane) -> Cells:
    return Cells(*(np.asarray(part, np.float32) for part in parts))


def scattered(side: int, diameter: float, aspect: float, rng: Generator) -> Cells:
    """Cells here and there, from a few to a crowd, alone or in groups."""
    tries = int(rng.uniform(0.1, 1.6) * (side / diameter) ** 2) + 2
    centres = rng.uniform(-diameter / 2, side + diameter / 2, (tries, 2))
    if rng.random() < 0.4:
        groups = rng.uniform(0, side, (int(rng.integers(2, 7)), 2))
        pulled = groups[rng.integers(len(groups), size=tries)]
        centres = pulled + rng.normal(0, rng.uniform(1, 2.5) * diameter, (tries, 2))
    apart = _apart(centres, diameter * rng.uniform(0.55, 1.0))
    return _ellipses(apart, diameter, aspect, rng)


def _apart(centres: Plane, least: float) -> Plane:
    """Leave out each centre that is too near to an earlier one."""
    gaps = centres[:, None] - centres[None]
    near = np.einsum("ijk,ijk->ij", gaps, gaps) < least**2
    kept = np.zeros(len(centres), bool)
    for i in range(len(centres)):
        kept[i] = not (near[i] & kept).any()
    return centres[kept]


def lattice(side: int, diameter: float, aspect: float, rng: Generator) -> Cells:
    """Cells side by side, all over the plane: a disturbed, stretched honeycomb."""
    angle = rng.uniform(0, np.pi)
    reach = side * 0.75 + 2 * diameter * aspect
    step = diameter * np.array([1 / np.sqrt(aspect), np.sqrt(aspect)])
    rows, columns = (int(np.ceil(reach / s)) for s in step)
    v, u = np.mgrid[-rows : rows + 1, -columns : columns + 1].astype(np.float64)
    u = u + np.where(v % 2 == 0, 0.0, 0.5)
    places = np.stack([v.ravel(), u.ravel()], 1)
    places += rng.normal(0, rng.uniform(0.05, 0.3), places.shape)
    v, u = (places * step).T
    y = np.sin(angle) * u + np.cos(angle) * v + side / 2
    x = np.cos(angle) * u - np.sin(angle) * v + side / 2
    seen = np.minimum(y, x) > -1.2 * diameter * aspect
    seen &= np.maximum(y, x) < side + 1.2 * diameter * aspect
    centres = np.stack([y, x], 1)[seen]
    count = len(centres)
    size = diameter / 2 * np.exp(rng.normal(0, rng.uniform(0, 0.25), count))
    turned = angle + rng.normal(0, 0.05, count)
    long, short = size * np.sqrt(aspect), size / np.sqrt(aspect)
    return _cells(centres, turned, long, short)


def budding(side: int, diameter: float, aspect: float, rng: Generator) -> Cells:
    """Clusters that grow cell by cell on the surface of others; some are buds."""
    start = rng.uniform(0, side, (int(rng.integers(1, 6)), 2))
    centres, radii = list(start), [diameter / 2] * len(start)
    most = int(rng.uniform(0.1, 0.9) * (side / diameter) ** 2) + 2
    for _ in range(3 * most):
        if len(centres) >= most:
            break
        mother = rng.integers(len(centres))
        radius = diameter / 2 * (rng.uniform(0.35, 0.8) if rng.random() < 0.3 else 1)
        radius *= np.exp(rng.normal(0, 0.12))
        turn = rng.uniform(0, 2 * np.pi)
        reach = (radii[mother] + radius) * rng.uniform(0.9, 1.0)
        place = centres[mother] + reach * np.array([np.sin(turn), np.cos(turn)])
        gaps = np.linalg.norm(np.asarray(centres) - place, axis=1)
        if (gaps > 0.85 * (np.asarray(radii) + radius)).all():
            centres.append(place)
            radii.append(radius)
    cells = _ellipses(np.asarray(centres), diameter, aspect, rng)
    size = np.asarray(radii) / (diameter / 2)
    return cells._replace(
        long=np.float32(size) * cells.long, short=np.float32(size) * cells.short
    )


def chains(side: int, diameter: float, aspect: float, rng: Generator) -> Cells:
    """Cells in rows along winding lines."""
    long, short = diameter / 2 * np.sqrt(aspect), diameter / 2 / np.sqrt(aspect)
    lines = int(rng.uniform(0.15, 0.9) * side / (3 * short)) + 1
    bend = rng.uniform(0.05, 0.4)
    places, angles = [], []
    for _ in range(lines):
        links = int(rng.integers(3, 16))
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, bend, links))
        length = 2 * long * rng.uniform(0.88, 1.05)
        steps = length * np.stack([np.sin(turns), np.cos(turns)], 1)
        # The next cell lies half a step of its own and half of the last one away.
        ahead = np.cumsum(steps, 0) - steps / 2
        places.append(rng.uniform(0, side, 2) + ahead - ahead[links // 2])
        angles.append(turns)
    centres = np.concatenate(places)
    count = len(centres)
    size = np.exp(rng.normal(0, 0.08, count))
    return _cells(centres, np.concatenate(angles), long * size, short * size)


# -- what cells are shaped like ----------------------------------------------


def per_cell(values: Plane) -> Plane:
    """(N,) values as (N, 1, 1), to go with windows."""
    return np.asarray(values, np.float32)[:, None, None]


def _bent(u: Plane, v: Plane, cells: Cells, bend: float, rng: Generator) -> Plane:
    """Bend the long axis into an arc: new distance from it."""
    curve = rng.normal(0, bend, len(cells.long)) / cells.long
    return v + per_cell(curve) * (u * u - per_cell(cells.long**2) / 3)


def blob(u: Plane, v: Plane, cells: Cells, rng: Generator) -> Plane:
    """Ellipse with a wavy outline."""
    u, v = u / per_cell(cells.long), v / per_cell(cells.short)
    depth = np.sqrt(u * u + v * v)
    strength = rng.uniform(0, 0.09)
    around = np.arctan2(v, u)
    for waves in (2, 3, 5):
        height = rng.normal(0, strength / np.sqrt(waves / 2), len(u))
        phase = rng.uniform(0, 2 * np.pi, len(u))
        depth *= 1 + per_cell(height) * np.cos(waves * around + per_cell(phase))
    return depth


def box(u: Plane, v: Plane, cells: Cells, rng: Generator) -> Plane:
    """Something between an ellipse and a rectangle."""
    power = np.float32(rng.uniform(2.2, 5.0))
    u, v = np.abs(u / per_cell(cells.long)), np.abs(v / per_cell(cells.short))
    return ((u**power + v**power) ** (1 / power)) * np.float32(1.1)


def rod(u: Plane, v: Plane, cells: Cells, rng: Generator) -> Plane:
    """Straight or bent rod with round ends, some with a waist where it divides."""
    if rng.random() < 0.6:
        v = _bent(u, v, cells, rng.choice([0.05, 0.2, 0.6]), rng)
    beyond = np.maximum(np.abs(u) - per_cell(cells.long - cells.short), 0)
    width = per_cell(cells.short)
    if rng.random() < 0.4:
        waist = rng.uniform(0, 0.35, len(u)) * (rng.random(len(u)) < 0.5)
        width = width * (1 - per_cell(waist) * np.exp(-((u / width) ** 2)))
    return np.sqrt(beyond * beyond + v * v) / width


def spindle(u: Plane, v: Plane, cells: Cells, rng: Generator) -> Plane:
    """Long cell with pointed ends."""
    v = _bent(u, v, cells, 0.25, rng)
    along = np.minimum(np.abs(u) / per_cell(cells.long), 1)
    taper = 1 - along ** np.float32(rng.uniform(1.2, 2.5))
    width = per_cell(cells.short) * np.maximum(taper, np.float32(0.05))
    return np.sqrt(along**2 + (v / width) ** 2)


def spread(u: Plane, v: Plane, cells: Cells, rng: Generator) -> Plane:
    """Flat body with protrusions that grow thinner outwards, as adherent cells have."""
    body = blob(u, v, cells, rng) * np.float32(1.15)
    count = len(u)
    for _ in range(int(rng.integers(1, 5))):
        turn = rng.uniform(0, 2 * np.pi, count)
        reach = per_cell(cells.long * rng.uniform(1.0, 1.9, count))
        sin, cos = per_cell(np.sin(turn)), per_cell(np.cos(turn))
        along, across = cos * u + sin * v, cos * v - sin * u
        across = across + per_cell(rng.normal(0, 0.15, count)) * along**2 / reach
        share = along / reach
        width = per_cell(cells.short * rng.uniform(0.25, 0.6, count)) * (
            1.05 - np.clip(share, 0, 1)
        )
        arm = np.maximum(np.abs(across) / width, np.where(share > 0, share, 9))
        body = np.minimum(body, arm)
    return body


def nearest(u: Plane, v: Plane, cells: Cells, rng: Generator) -> Plane:
    """Distance to the centre, by which the plane is divided among the cells."""
    size = np.exp(rng.normal(0, rng.uniform(0, 0.12), len(u)))
    u, v = u / per_cell(cells.long * size), v / per_cell(cells.short * size)
    return np.sqrt(u * u + v * v) / np.float32(1.3)
