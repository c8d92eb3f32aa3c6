"""Keep, delete, join and split cells, and measure what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click_draft import divide, spare
from napari_iaunet.segmentation.measure import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.plugin.click_draft import Draft
    from napari_iaunet.plugin.label_edits import LabelsPlane
    from napari_iaunet.segmentation.click import ClickedCell

    Corner = tuple[int, int]


@dataclass(frozen=True)
class CellEdits:
    """Changes of the cells of one plane; each is one step of undo.

    Attributes
    ----------
    plane : LabelsPlane
    pixels : callable
        Corner and shape of a box -> (C, y, x) pixels of the image, to be measured.
    number : int or None
        Of the plane in the whole stack.
    """

    plane: LabelsPlane
    pixels: Callable[[Corner, tuple[int, ...]], NDArray[Any]]
    number: int | None

    def keep(self, draft: Draft) -> int:
        """Write a draft; return the cell's number, 0 if nothing of it is free.

        Raises
        ------
        ImageError
            If the layer cannot take it.
        """
        corner, mask = draft.cell.corner, draft.cell.mask
        there = self.plane.box(corner, mask.shape)
        mask = spare(draft.cell, there, draft.number, draft.inside)
        if not mask.any():
            return 0
        number = draft.number or self.plane.log.next_number()
        former = self.plane.find(number) if draft.number else None
        corner, shape = _around([(corner, mask)] + ([former] if former else []))
        labels = self.plane.box(corner, shape)
        labels[labels == number] = 0
        y, x = (a - b for a, b in zip(draft.cell.corner, corner, strict=True))
        labels[y : y + mask.shape[0], x : x + mask.shape[1]][mask] = number
        self._write(corner, labels, number)
        return number

    def remove(self, number: int) -> None:
        """Delete a cell."""
        found = self.plane.find(number)
        if found is not None:
            corner, labels = found
            labels[labels == number] = 0
            self._write(corner, labels, number)

    def join(self, first: int, second: int) -> None:
        """Give the pixels of the second cell to the first."""
        found = self.plane.find(first, second)
        if found is not None:
            corner, labels = found
            labels[labels == second] = first
            self._write(corner, labels, first, second)

    def split(self, number: int, first: ClickedCell, second: ClickedCell) -> int:
        """Split a cell by two masks; return the number of the second part.

        Raises
        ------
        ImageError
            If the layer cannot take it.
        """
        found = self.plane.find(number)
        if found is None:
            raise ImageError("The cell is gone. Press the key again to split another.")
        corner, labels = found
        masks = [_within(cell, corner, labels.shape) for cell in (first, second)]
        part = divide(labels == number, *masks)
        new = self.plane.log.next_number()
        labels[part] = new
        self._write(corner, labels, number, new)
        return new

    def _write(
        self, corner: Corner, labels: NDArray[np.integer], *numbers: int
    ) -> None:
        """Write cells into the layer, and what is measured of them into its table."""
        if self.plane.write(corner, labels):
            self.plane.log.describe(self._measure(corner, labels, *numbers))

    def _measure(
        self, corner: Corner, labels: NDArray[np.integer], *numbers: int
    ) -> dict[int, dict[str, Any] | None]:
        """Return the rows of cells, which lie in a box, for the layer's table."""
        rows: dict[int, dict[str, Any] | None] = dict.fromkeys(numbers)
        labels = np.where(np.isin(labels, numbers), labels, 0)
        if labels.any():
            table = measure(labels, self.pixels(corner, labels.shape), channel_axis=0)
            for i, number in enumerate(table["label"]):
                row = {key: table[key][i] for key in ("area", "mean_intensity")}
                rows[int(number)] = {**row, "plane": self.number}
        return rows


def _around(boxes: list[tuple[Corner, NDArray[Any]]]) -> tuple[Corner, Corner]:
    """Corner and shape of the box around several boxes."""
    low = np.min([corner for corner, _ in boxes], axis=0)
    high = np.max([np.add(corner, box.shape) for corner, box in boxes], axis=0)
    height, width = high - low
    return (int(low[0]), int(low[1])), (int(height), int(width))


def _within(
    cell: ClickedCell, corner: Corner, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Return the part of a cell that lies in a box."""
    out = np.zeros(shape, bool)
    low = np.maximum(cell.corner, corner)
    high = np.minimum(np.add(cell.corner, cell.mask.shape), np.add(corner, shape))
    if (high > low).all():
        (a, b), (c, d) = low - corner, high - corner
        (e, f), (g, h) = low - cell.corner, high - cell.corner
        out[a:c, b:d] = cell.mask[e:g, f:h]
    return out
