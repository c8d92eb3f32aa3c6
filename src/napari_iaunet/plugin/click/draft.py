"""The cell that the user is clicking together, before it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.view_state import ViewState
    from napari_iaunet.segmentation.click import ClickedCell

    Point = tuple[float, float]
    # Clicks (y, x), and 1 (inside) or 0 (outside) for each -> their cell.
    Answer = Callable[[Sequence[Point], Sequence[int]], ClickedCell]


class Click(NamedTuple):
    """One click on an image.

    Attributes
    ----------
    view : ViewState
    pixel : (float, float)
        (y, x) in pixels of the image.
    kind : str
        "cell", "add" or "take"; "keep" for the key that was pressed after others.
    """

    view: ViewState
    pixel: Point
    kind: str


@dataclass(frozen=True)
class Draft:
    """Clicks, and the cell that they make.

    Attributes
    ----------
    view : ViewState
    label_id : int
        Of the cell that is recreated; 0 for a new one.
    points : tuple of (y, x)
    labels : tuple of int
        1 inside of the cell, 0 outside.
    cell : ClickedCell
    """

    view: ViewState
    label_id: int
    points: tuple[Point, ...]
    labels: tuple[int, ...]
    cell: ClickedCell

    @classmethod
    def start(
        cls,
        view: ViewState,
        label_id: int,
        points: Sequence[Point],
        labels: Sequence[int],
        answer: Answer,
    ) -> Draft:
        """Make a draft of one or more clicks."""
        cell = answer(points, labels)
        return cls(view, label_id, tuple(points), tuple(labels), cell)

    def add(self, point: Point, label: int, answer: Answer) -> Draft:
        """Return the draft after one more click."""
        points, labels = (*self.points, point), (*self.labels, label)
        return Draft.start(self.view, self.label_id, points, labels, answer)

    @property
    def points_inside(self) -> list[Point]:
        """Clicks inside of the cell."""
        return [p for p, yes in zip(self.points, self.labels, strict=True) if yes]

    def holds(self, point: Point) -> bool:
        """Whether a point (y, x) lies in the cell."""
        y, x = (round(p) - c for p, c in zip(point, self.cell.corner, strict=True))
        height, width = self.cell.mask.shape
        return 0 <= y < height and 0 <= x < width and bool(self.cell.mask[y, x])

    def continues_with(self, click: Click) -> bool:
        """Whether a click belongs to the draft and does not begin the next one."""
        return self.view.plane == click.view.plane and (
            click.kind != "cell" or self.holds(click.pixel)
        )


def spare(
    cell: ClickedCell,
    labels: NDArray[np.integer],
    label_id: int,
    inside: Sequence[Point],
) -> NDArray[np.bool_]:
    """Take the pixels of other cells out of a cell.

    What this cuts off stays only if a click lies in it.

    Parameters
    ----------
    cell : ClickedCell
    labels : (y, x) int
        The cells that are there already, in the cell's box.
    label_id : int
        Of the cell itself; 0 if it is a new one.
    inside : sequence of (y, x)
        Clicks, in pixels of the image.

    Returns
    -------
    (y, x) bool
    """
    free = cell.mask & ((labels == 0) | (labels == label_id))
    if np.array_equal(free, cell.mask):  # a box as small as the cell
        return free
    pieces, count = ndimage.label(free)
    kept = np.zeros(count + 1, bool)
    for y, x in np.round(np.asarray(inside) - cell.corner).astype(int):
        if 0 <= y < free.shape[0] and 0 <= x < free.shape[1]:
            kept[pieces[y, x]] = True
    kept[0] = False
    spared: NDArray[np.bool_] = kept[pieces]
    return spared


def divide(
    cell: NDArray[np.bool_],
    first: NDArray[np.bool_],
    second: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Split a cell by two masks; every pixel goes to one of both parts.

    Parameters
    ----------
    cell, first, second : (y, x) bool
        Each mask holds a pixel of the cell that the other one does not hold.

    Returns
    -------
    (y, x) bool
        The second part.
    """
    first, second = first & ~second & cell, second & ~first & cell
    distance = [ndimage.distance_transform_edt(~part) for part in (first, second)]
    part: NDArray[np.bool_] = cell & (distance[1] < distance[0])
    return part


def deepest(mask: NDArray[np.bool_], away_from: tuple[int, int]) -> tuple[int, int]:
    """Return the pixel deepest in a mask, among those not near to a point of it."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    grid = np.indices(mask.shape)
    apart = np.hypot(grid[0] - away_from[0], grid[1] - away_from[1])
    worth = np.where(mask, np.minimum(depth, apart), -1)
    y, x = np.unravel_index(int(np.argmax(worth)), mask.shape)
    return int(y), int(x)
