"""A user who shows a cell, and corrects it by clicks until it is good enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    # Arguments of `Segmenter.click` -> the mask.
    Clicks = Callable[..., Mask]

ENOUGH = 0.85
MOST_PROMPTS = 20


@dataclass
class Simulated:
    """What simulated users got: for each cell, the IoU after each of their prompts."""

    found: list[list[float]] = field(default_factory=list)

    def after(self, count: int) -> NDArray[np.float64]:
        """IoU of each cell after so many prompts, or fewer if they were enough."""
        return np.array([ious[:count][-1] for ious in self.found])

    def prompts(self) -> NDArray[np.int64]:
        """Prompts that each cell took, all of them if it was never good enough."""
        enough = [ious[-1] >= ENOUGH for ious in self.found]
        return np.where(enough, [len(ious) for ious in self.found], MOST_PROMPTS)

    def missed(self) -> float:
        """Share of the cells that were never good enough."""
        return float(np.mean([ious[-1] < ENOUGH for ious in self.found]))


def overlap(one: Mask, other: Mask) -> float:
    return float((one & other).sum() / max(int((one | other).sum()), 1))


def simulate(
    click: Clicks,
    cell: Mask,
    place: Callable[[Mask, Mask], tuple[int, int]],
    simulated: Simulated,
    points: Sequence[tuple[int, int]] = (),
    **shape: Any,
) -> Mask:
    """Correct a mask by clicks until it is good enough or patience ends.

    Returns the mask after the first prompt: the points inside of the cell, or a shape
    as a keyword of `Segmenter.click`.
    """
    points, labels = list(points), [1] * len(points)
    found: list[float] = []
    first = None
    while True:
        mask = click(points, labels, **shape)
        first = mask if first is None else first
        found.append(overlap(mask, cell))
        if found[-1] >= ENOUGH or len(found) == MOST_PROMPTS:
            break
        y, x = place(cell & ~mask, mask & ~cell)
        points.append((y, x))
        labels.append(int(cell[y, x]))
    simulated.found.append(found)
    return first


def deepest(missing: Mask, excess: Mask) -> tuple[int, int]:
    """Pixel farthest from the border of what is missing, or too much; the first one."""
    depth = max(_depth(missing), _depth(excess), key=lambda depth: float(depth.max()))
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(y), int(x)


def middle_of_largest(missing: Mask, excess: Mask) -> tuple[int, int]:
    """Deepest pixel of the largest connected error; the middle one of several."""
    largest = max(
        _largest_part(missing), _largest_part(excess), key=lambda part: int(part.sum())
    )
    depth = np.where(largest, _depth(largest), 0)
    deepest = np.argwhere(depth == depth.max())
    away = np.linalg.norm(deepest - np.argwhere(largest).mean(axis=0), axis=1)
    y, x = deepest[away.argmin()]
    return int(y), int(x)


def _largest_part(error: Mask) -> Mask:
    from skimage.measure import label

    parts = label(error, connectivity=1)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    largest: Mask = error & (parts == sizes.argmax())
    return largest


def _depth(error: Mask) -> NDArray[np.float64]:
    from scipy.ndimage import distance_transform_edt

    depth: NDArray[np.float64] = distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1]
    return depth
