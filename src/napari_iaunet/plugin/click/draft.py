"""The cell that the user is making, before it is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_iaunet.segmentation.masks import deepest
from napari_iaunet.segmentation.prompts import Prompts, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iaunet.plugin.layers.view_state import ViewState
    from napari_iaunet.segmentation.click import ClickedCell

    Point = tuple[float, float]
    # Prompts, in pixels of the image -> their cell.
    Answer = Callable[[Prompts], ClickedCell]

# A line is a lasso if it ends so near to its start, as a share of how far it was away.
_BACK = 0.5
# A box or lasso is for the draft if it shares more than this with it, as a share of the
# smaller one; else it begins the next cell.
_SAME = 0.5


class Click(NamedTuple):
    """One click on an image, or one line drawn on it."""

    view: ViewState
    # (y, x) in pixels of the image; of a box or lasso, its middle.
    pixel: Point
    # "cell", "add", "take", "box" or "lasso"; "keep" for the key that was pressed after
    # others.
    kind: str
    # The line; of a box its first and last place, empty for a click.
    line: tuple[Point, ...] = ()

    @classmethod
    def drawn(cls, view: ViewState, kind: str, line: Sequence[Point]) -> Click:
        """Make a step of a line; "around" means a box or a lasso, as it is drawn."""
        if kind != "around":
            return cls(view, line[0], kind, tuple(line))
        kind, places = outline(line)
        low, high = np.min(places, axis=0), np.max(places, axis=0)
        y, x = (low + high) / 2
        corners = [(float(y), float(x)) for y, x in (low, high)]
        ends = corners if kind == "box" else places
        return cls(view, (float(y), float(x)), kind, tuple(ends))

    @property
    def places(self) -> tuple[Point, ...]:
        """All pixels that it names."""
        return self.line or (self.pixel,)

    @property
    def is_frame(self) -> bool:
        """Whether it goes around a cell."""
        return self.kind in ("box", "lasso")

    def added_to(self, prompts: Prompts) -> Prompts:
        """Return prompts with one more; a frame takes the place of a former one."""
        if self.kind == "box":
            (y0, x0), (y1, x1) = self.line
            return replace(prompts, box=(y0, x0, y1, x1), lasso=None)
        if self.kind == "lasso":
            return replace(prompts, box=None, lasso=self.line)
        label = 0 if self.kind == "take" else 1
        if self.line:
            return replace(prompts, scribbles=[*prompts.scribbles, (self.line, label)])
        return replace(
            prompts,
            points=[*prompts.points, self.pixel],
            labels=[*(prompts.labels or ()), label],
        )


def outline(line: Sequence[Point]) -> tuple[str, list[Point]]:
    """Return whether a line around a cell is a "box" or a "lasso", and its corners.

    It is a lasso if it comes back, and else a box from its first to its last place.
    """
    away = np.linalg.norm(np.subtract(line, line[0]), axis=1)
    if len(line) > 2 and away[-1] < _BACK * away.max():
        return "lasso", list(line)
    (y0, x0), (y1, x1) = line[0], line[-1]
    return "box", [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]


@dataclass(frozen=True)
class Draft:
    """Prompts, and the cell that they make."""

    view: ViewState
    label_id: int  # of the cell that is recreated; 0 for a new one
    seed: Point  # (y, x) of a pixel of the cell that is recreated
    prompts: Prompts
    cell: ClickedCell

    @classmethod
    def start(
        cls,
        view: ViewState,
        label_id: int,
        seed: Point,
        prompts: Prompts,
        answer: Answer,
    ) -> Draft:
        """Make a draft of one or more prompts."""
        return cls(view, label_id, seed, prompts, answer(prompts))

    def add(self, click: Click, answer: Answer) -> Draft:
        """Return the draft after one more click or line."""
        prompts = click.added_to(self.prompts)
        return replace(self, prompts=prompts, cell=answer(prompts))

    @property
    def points_inside(self) -> list[Point]:
        """Clicks inside of the cell, and places of the lines on it."""
        return self.prompts.inside

    @property
    def seeds(self) -> list[Point]:
        """Points in the cell that is recreated, none of a new one."""
        return [self.seed, *self.prompts.clicks_inside] if self.label_id else []

    @property
    def middle(self) -> Point:
        """The deepest pixel of the cell."""
        far = self.cell.mask.shape[0] + self.cell.mask.shape[1]
        y, x = deepest(self.cell.mask, (-far, -far))
        return float(y + self.cell.corner[0]), float(x + self.cell.corner[1])

    def holds(self, point: Point) -> bool:
        """Whether a point (y, x) lies in the cell."""
        y, x = (round(p) - c for p, c in zip(point, self.cell.corner, strict=True))
        height, width = self.cell.mask.shape
        return 0 <= y < height and 0 <= x < width and bool(self.cell.mask[y, x])

    def continues_with(self, click: Click) -> bool:
        """Whether a click or line is for the draft and does not begin the next one."""
        if self.view.plane != click.view.plane:
            return False
        if click.is_frame:
            return self._fits(click)
        return click.kind != "cell" or self.holds(click.pixel)

    def _fits(self, frame: Click) -> bool:
        """Whether a box or lasso is drawn around this very cell."""
        places = np.asarray(frame.line) - self.cell.corner
        box = frame.kind == "box"
        region = Region(places, None) if box else Region(None, places)
        mask = self.cell.mask
        shared = np.count_nonzero(region.mask(mask.shape) & mask)
        size = min(float(mask.sum()), float(np.ptp(places, axis=0).prod()))
        return bool(shared > _SAME * size)
