"""Films with known truth: cells of a real image that move, turn, cross and divide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from benchmarks.common import Sample

_MARGIN = 3
# Cells of which less than this share can be seen count as missing.
_VISIBLE = 0.3


class Film(NamedTuple):
    """A time series and its truth.

    Attributes
    ----------
    images : (T, Y, X) uint8
    labels : (T, Y, X) int32
        A cell has one id in all frames; daughters of a division have new ones.
    parents : dict of int -> int
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int32]
    parents: dict[int, int]


@dataclass
class _Actor:
    """A cell on its way; lengths in pixels."""

    number: int
    picture: NDArray[np.float64]
    mask: NDArray[np.float64]
    place: NDArray[np.float64]
    velocity: NDArray[np.float64]
    size: float = 1.0
    angle: float = 0.0
    spin: float = 0.0
    phase: float = 0.0


def make_film(
    sample: Sample,
    speed: float,
    rng: Generator,
    *,
    frames: int = 20,
    noise: float = 6.0,
    divisions: float = 0.01,
) -> Film:
    """Let the cells of an image move.

    Parameters
    ----------
    sample : Sample
        Gray.
    speed : float
        Root mean square of a cell's step, in median diameters per frame.
    rng : numpy Generator
    frames : int
    noise : float
        Standard deviation, in gray values of 255.
    divisions : float
        Probability that a cell divides, per frame.
    """
    image = sample.image.astype(np.float64)
    image = image.mean(-1) if image.ndim == 3 else image
    low, high = np.percentile(image, (1, 99.8))
    image = ((image - low) / (high - low)).clip(0, 1.2) * 200
    background = float(np.median(image[sample.labels == 0]))
    actors = _cast(image - background, sample.labels, rng)
    diameters = [2 * np.sqrt(actor.mask.sum() / np.pi) for actor in actors]
    step = speed * float(np.median(diameters))
    for actor in actors:
        actor.velocity = rng.normal(0, step / np.sqrt(2), 2)
    parents: dict[int, int] = {}
    count = max(actor.number for actor in actors)
    pictures, truths = [], []
    for _ in range(frames):
        picture, truth = _draw(actors, image.shape, background)
        picture += rng.normal(0, noise, picture.shape)
        pictures.append(picture.clip(0, 255).astype(np.uint8))
        truths.append(truth)
        actors, count = _move(actors, image.shape, step, divisions, count, parents, rng)
    return Film(np.stack(pictures), np.stack(truths), parents)


def _cast(
    image: NDArray[np.float64], labels: NDArray[Any], rng: Generator
) -> list[_Actor]:
    actors = []
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        sides = zip(box, labels.shape, strict=True)
        if any(part.start == 0 or part.stop == length for part, length in sides):
            continue  # the border cuts it
        mask = np.pad((labels[box] == number).astype(float), _MARGIN)
        picture = np.pad(image[box] * (labels[box] == number), _MARGIN)
        middle = [(part.start + part.stop - 1) / 2 for part in box]
        phase, spin = rng.uniform(0, 2 * np.pi), rng.normal(0, 0.08)
        place, still = np.array(middle), np.zeros(2)
        actors.append(
            _Actor(number, picture, mask, place, still, spin=spin, phase=phase)
        )
    return actors


def _draw(
    actors: list[_Actor], shape: tuple[int, ...], background: float
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    picture = np.full(shape, background)
    truth = np.zeros(shape, np.int32)
    whole: dict[int, int] = {}
    for actor in actors:
        corner, bright, mask = _turned(actor)
        low = np.maximum(corner, 0)
        high = np.minimum(corner + mask.shape, shape)
        if (low >= high).any():
            continue
        here = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        part = tuple(
            slice(a - c, b - c) for a, b, c in zip(low, high, corner, strict=True)
        )
        alpha, shown = mask[part].clip(0, 1), background + bright[part]
        picture[here] = picture[here] * (1 - alpha) + alpha * shown
        whole[actor.number] = int((mask > 0.5).sum())
        truth[here][alpha > 0.5] = actor.number
    area = np.bincount(truth.ravel())
    for number, pixels in whole.items():
        seen = area[number] if number < len(area) else 0
        if seen < _VISIBLE * pixels:
            truth[truth == number] = 0
    return picture, truth


def _turned(
    actor: _Actor,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Corner, brightness and mask of a cell as it is now."""
    side = int(np.ceil(np.hypot(*actor.mask.shape))) + 2
    cos, sin = np.cos(actor.angle), np.sin(actor.angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) / actor.size
    corner = np.floor(actor.place - side / 2).astype(np.int64)
    middle = (np.array(actor.mask.shape) - 1) / 2
    offset = middle - matrix @ (actor.place - corner)
    bright, mask = (
        ndimage.affine_transform(values, matrix, offset, (side, side), order=1)
        for values in (actor.picture, actor.mask)
    )
    return corner, bright * (1 + 0.15 * np.sin(actor.phase)), mask


def _move(
    actors: list[_Actor],
    shape: tuple[int, ...],
    step: float,
    divisions: float,
    count: int,
    parents: dict[int, int],
    rng: Generator,
) -> tuple[list[_Actor], int]:
    moved = []
    for actor in actors:
        # A velocity that changes slowly, of constant root mean square.
        change = rng.normal(0, step / np.sqrt(2), 2)
        actor.velocity = 0.8 * actor.velocity + 0.6 * change
        actor.place = actor.place + actor.velocity
        for axis in range(2):
            if not 5 < actor.place[axis] < shape[axis] - 6:
                actor.velocity[axis] *= -1
                actor.place[axis] = np.clip(actor.place[axis], 5, shape[axis] - 6)
        actor.angle += actor.spin
        actor.phase += 0.3
        if actor.size > 0.9 and rng.random() < divisions:
            for side in (-1, 1):
                count += 1
                parents[count] = actor.number
                moved.append(_daughter(actor, count, side, step))
        else:
            moved.append(actor)
    return moved, count


def _daughter(mother: _Actor, number: int, side: int, step: float) -> _Actor:
    radius = np.sqrt(mother.mask.sum() / np.pi) * mother.size
    away = side * np.array([np.sin(mother.angle), np.cos(mother.angle)])
    return replace(
        mother,
        number=number,
        place=mother.place + 0.7 * radius * away,
        velocity=0.5 * mother.velocity + 0.3 * step * away,
        size=mother.size * 0.7,
    )
