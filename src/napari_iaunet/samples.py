"""Images to try the program on, drawn when they are asked for.

They look like images of microscopes, take no room in the package, belong to nobody
else, and their cells are known. Every call draws the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage as ndi

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Plane = NDArray[np.float64]
    Labels = NDArray[np.int32]

# Waves around an outline, and how far each pushes it, as a share of the radius: more
# than round, less than lobed.
_WAVES, _WAVINESS = (2, 3, 4), (0.12, 0.06, 0.03)
# Pixels that the camera blurs, and its noise, as a share of the brightest cells.
_BLUR, _NOISE = 1.0, 0.02
_BRIGHTEST, _DARK = 3500, 300  # Counts of the camera.
# Places that are tried: enough to fill the image.
_TRIED = 4000


class Sample(NamedTuple):
    """An image and its cells.

    Attributes
    ----------
    image : uint16
        (Y, X), or with time or channels first.
    labels : int32
        Of the same shape without the channels; 0 is background. In a film a cell keeps
        its label id.
    """

    image: NDArray[np.uint16]
    labels: Labels


class _Nucleus(NamedTuple):
    """Where a nucleus lies, how large it is, in pixels, and its form and brightness."""

    centre: NDArray[np.float64]
    radius: float
    phases: NDArray[np.float64]
    turned: float
    bright: float


def nuclei() -> Sample:
    """Draw nuclei in fluorescence: some bright, some dim, some touching."""
    rng = np.random.default_rng(1)
    shape = (420, 560)
    drawn = [_nucleus(place, rng) for place in _places(shape, 24, rng)]
    labels = _outlines(shape, drawn)
    return Sample(_photograph(_light(labels, drawn, rng), rng), labels)


def film() -> Sample:
    """Draw a film of nuclei that move; some of them divide."""
    rng = np.random.default_rng(2)
    shape, frames = (220, 300), 12
    cells = {i: _nucleus(p, rng) for i, p in enumerate(_places(shape, 34, rng), 1)}
    speed = {i: rng.normal(0, 1.6, 2) for i in cells}
    divide = dict(zip((4, 7), rng.choice(list(cells), 2, replace=False), strict=True))
    images, labels = [], []
    for frame in range(frames):
        if frame in divide:
            _divide(divide[frame], cells, speed, rng)
        labels.append(_outlines(shape, list(cells.values()), list(cells)))
        images.append(
            _photograph(_light(labels[-1], list(cells.values()), rng, cells), rng)
        )
        for i, cell in cells.items():
            moved = np.clip(cell.centre + speed[i], 12, np.subtract(shape, 13))
            cells[i] = cell._replace(centre=moved, turned=cell.turned + 0.05)
    return Sample(np.stack(images), np.stack(labels))


def two_channels() -> Sample:
    """Draw a layer of cells: nuclei in one channel, membranes in the other."""
    rng = np.random.default_rng(3)
    shape = (360, 480)
    places = _places(shape, 38, rng, margin=-20)
    labels = _territories(shape, places, rng)
    edges = (ndi.grey_dilation(labels, 3) != labels).astype(np.float64)
    walls = ndi.gaussian_filter(edges, 1.2) * (0.7 + 0.6 * _clouds(shape, 40, rng))
    inner = [_nucleus(p, rng)._replace(radius=rng.uniform(7.5, 10)) for p in places]
    cores = _outlines(shape, inner)
    light = _light(cores, inner, rng)
    walls = walls / walls.max() + 0.05 * _clouds(shape, 9, rng)
    image = np.stack([_photograph(light, rng), _photograph(walls, rng)])
    return Sample(image, labels)


def phase_contrast() -> Sample:
    """Draw round, budding cells in phase contrast: dark rims, bright halos around."""
    rng = np.random.default_rng(4)
    shape = (360, 480)
    drawn = []
    for place in _places(shape, 44, rng):
        mother = _nucleus(place, rng)._replace(radius=rng.uniform(11, 14))
        drawn.append(mother)
        if rng.random() < 0.4:  # a bud
            angle = rng.uniform(0, 2 * np.pi)
            radius = rng.uniform(6, 8.5)
            far = (mother.radius + radius - 1.5) * np.array(
                [np.sin(angle), np.cos(angle)]
            )
            drawn.append(mother._replace(centre=place + far, radius=radius))
    labels = _outlines(shape, [d._replace(phases=d.phases * 0) for d in drawn])
    inside = ndi.distance_transform_edt(labels > 0)
    borders = (ndi.grey_dilation(labels, 3) != labels) & (labels > 0)
    rim = np.exp(-(((inside - 1.5) / 1.6) ** 2)) * (labels > 0)
    rim = np.maximum(rim, ndi.gaussian_filter(borders.astype(np.float64), 1.0) * 2)
    outside = ndi.distance_transform_edt(labels == 0)
    halo = np.exp(-(((outside - 2.5) / 2.2) ** 2)) * (labels == 0)
    grains = 0.12 * _clouds(shape, 3, rng) * (labels > 0)
    light = 0.5 - 0.38 * rim.clip(0, 1) + 0.4 * halo + grains
    return Sample(_photograph(light + 0.03 * _clouds(shape, 60, rng), rng), labels)


# -- outlines ----------------------------------------------------------------


def _places(
    shape: tuple[int, int], apart: float, rng: Generator, margin: int = 14
) -> NDArray[np.float64]:
    """Draw places at least so many pixels apart."""
    low, high = np.full(2, margin), np.subtract(shape, margin)
    wanted = rng.uniform(low, high, (_TRIED, 2))
    free = np.ones(len(wanted), bool)
    for i, place in enumerate(wanted):
        if free[i]:
            near = np.hypot(*(wanted[i + 1 :] - place).T) < apart
            free[i + 1 :] &= ~near
    return wanted[free]


def _nucleus(place: NDArray[np.float64], rng: Generator) -> _Nucleus:
    return _Nucleus(
        np.asarray(place),
        float(rng.uniform(9, 13)),
        rng.normal(0, 1, (len(_WAVES), 2)),
        float(rng.uniform(0, np.pi)),
        float(rng.uniform(0.35, 1)),
    )


def _outlines(
    shape: tuple[int, int],
    nuclei: list[_Nucleus],
    label_ids: list[int] | None = None,
) -> Labels:
    """Fill nuclei; where two overlap, each pixel belongs to the nearer one."""
    labels, depth = np.zeros(shape, np.int32), np.full(shape, 1.0)
    for label_id, one in zip(
        label_ids or range(1, len(nuclei) + 1), nuclei, strict=True
    ):
        low = np.maximum(np.floor(one.centre - 2 * one.radius), 0).astype(int)
        high = np.minimum(np.ceil(one.centre + 2 * one.radius), shape).astype(int)
        if (high <= low).any():
            continue
        box = np.s_[low[0] : high[0], low[1] : high[1]]
        y, x = np.mgrid[box]
        y, x = y - one.centre[0], x - one.centre[1]
        angle = np.arctan2(y, x) - one.turned
        reach = np.ones_like(angle)
        for wave, push, (a, b) in zip(_WAVES, _WAVINESS, one.phases, strict=True):
            reach += push * (a * np.cos(wave * angle) + b * np.sin(wave * angle))
        far = np.hypot(y, x) / (one.radius * np.clip(reach, 0.6, 1.5))
        nearer = far < depth[box]
        labels[box][nearer], depth[box][nearer] = label_id, far[nearer]
    return labels


def _territories(
    shape: tuple[int, int], places: NDArray[np.float64], rng: Generator
) -> Labels:
    """Give every pixel to the place that is nearest, by a way that is a little bent."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    y, x = (axis + 10 * (_clouds(shape, 14, rng) - 0.5) for axis in (y, x))
    away = np.full(shape, np.inf)
    labels = np.zeros(shape, np.int32)
    for label_id, (row, column) in enumerate(places, 1):
        far = np.hypot(y - row, x - column)
        nearer = far < away
        labels[nearer], away[nearer] = label_id, far[nearer]
    return labels


def _divide(
    mother: int,
    cells: dict[int, _Nucleus],
    speed: dict[int, NDArray[np.float64]],
    rng: Generator,
) -> None:
    """Put two daughters into the place of a nucleus."""
    one = cells.pop(mother)
    axis = np.array([np.sin(one.turned), np.cos(one.turned)])
    for side in (-1, 1):
        born = max(speed) + 1
        radius = one.radius * 0.75
        centre = one.centre + side * radius * 1.05 * axis
        cells[born] = _nucleus(centre, rng)._replace(radius=radius, bright=one.bright)
        speed[born] = side * 1.5 * axis


# -- light -------------------------------------------------------------------


def _clouds(shape: tuple[int, int], size: float, rng: Generator) -> Plane:
    """Draw smooth values from 0 to 1 that change over so many pixels."""
    clouds = ndi.gaussian_filter(rng.normal(size=shape), size, mode="reflect")
    return np.asarray((clouds - clouds.min()) / np.ptp(clouds))


def _light(
    labels: Labels,
    nuclei: list[_Nucleus],
    rng: Generator,
    label_ids: dict[int, _Nucleus] | None = None,
) -> Plane:
    """Let nuclei shine, unevenly, each as brightly as it is, before a dim ground."""
    bright = np.zeros(int(labels.max(initial=0)) + 1)
    for label_id, one in zip(
        label_ids or range(1, len(nuclei) + 1), nuclei, strict=True
    ):
        if label_id < bright.size:
            bright[label_id] = one.bright
    inside = ndi.distance_transform_edt(labels > 0)
    shine = bright[labels] * (0.6 + 0.5 * _clouds(labels.shape, 2.5, rng))
    glow = ndi.gaussian_filter(shine, 8) * 0.15
    return np.asarray(shine * (1 - 0.35 * np.exp(-inside / 2.5)) + glow)


def _photograph(light: Plane, rng: Generator) -> NDArray[np.uint16]:
    """Take light (Y, X) with a camera, which blurs it and adds noise."""
    seen = ndi.gaussian_filter(light, _BLUR)
    seen = seen + rng.normal(0, 1, seen.shape) * (_NOISE + 0.04 * np.sqrt(seen.clip(0)))
    counts = _DARK + (_BRIGHTEST - _DARK) * seen
    return np.asarray(counts.clip(0, 65535).astype(np.uint16))
