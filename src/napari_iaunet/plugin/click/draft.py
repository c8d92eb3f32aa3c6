"""The cell that the user is clicking together, before it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iaunet.plugin.layers.view_state import ViewState
    from napari_iaunet.segmentation.click import ClickedCell

    Point = tuple[float, float]
    # Clicks (y, x), and 1 (inside) or 0 (outside) for each -> their cell.
    Answer = Callable[[Sequence[Point], Sequence[int]], ClickedCell]


class Click(NamedTuple):
    """One click on an image."""

    view: ViewState
    pixel: Point  # (y, x) in pixels of the image
    # "cell", "add" or "take"; "keep" for the key that was pressed after others.
    kind: str


@dataclass(frozen=True)
class Draft:
    """Clicks, and the cell that they make."""

    view: ViewState
    label_id: int  # of the cell that is recreated; 0 for a new one
    points: tuple[Point, ...]  # (y, x) each
    labels: tuple[int, ...]  # 1 inside of the cell, 0 outside
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
