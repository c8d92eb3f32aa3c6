"""Keep, delete, join and split cells, and measure what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click.draft import divide, spare
from napari_iaunet.plugin.layers.geometry import plane_of_labels
from napari_iaunet.segmentation.measure import measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.draft import Draft
    from napari_iaunet.segmentation.click import ClickedCell

    Corner = tuple[int, int]
    from napari.layers import Image

    from napari_iaunet.plugin.click.undo import EditLog
    from napari_iaunet.plugin.layers.views import View


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


class LabelsPlane:
    """The plane of a Labels layer that lies on a plane of an image.

    Parameters
    ----------
    log : EditLog
        Of the layer.
    index : tuple of int or slice
        The plane in the layer's data; slices for rows and columns.
    """

    def __init__(self, log: EditLog, index: tuple[int | slice, ...]) -> None:
        self.log, self.layer = log, log.layer
        self._index = index

    @property
    def labels(self) -> NDArray[np.integer]:
        """The plane's cells, (Y, X) int; not to be written to."""
        plane: NDArray[np.integer] = self.layer.data[self._index]
        return plane

    def at(self, point: tuple[float, float]) -> int:
        """Return the number of the cell at a point, 0 for none."""
        y, x = (round(p) for p in point)
        return int(self.labels[y, x])

    def box(
        self, corner: tuple[int, int], shape: tuple[int, ...]
    ) -> NDArray[np.integer]:
        """Return a copy of a part of the plane."""
        (y, x), (height, width) = corner, shape
        return self.labels[y : y + height, x : x + width].copy()

    def find(self, *numbers: int) -> tuple[tuple[int, int], NDArray[np.integer]] | None:
        """Return corner and copy of the smallest box that holds cells, if any."""
        held = self.labels == numbers[0]
        for number in numbers[1:]:  # np.isin takes ten times as long
            held |= self.labels == number
        rows, columns = (np.flatnonzero(held.any(axis)) for axis in (1, 0))
        if rows.size == 0:
            return None
        corner = (int(rows[0]), int(columns[0]))
        shape = (int(rows[-1]) + 1 - corner[0], int(columns[-1]) + 1 - corner[1])
        return corner, self.box(corner, shape)

    def write(self, corner: tuple[int, int], labels: NDArray[np.integer]) -> bool:
        """Write a part of the plane, as one step of undo; False if nothing changed.

        Raises
        ------
        ImageError
            If the layer is not to be edited.
        """
        if not self.layer.editable:
            msg = (
                f"The layer “{self.layer.name}” cannot be edited. Choose another layer."
            )
            raise ImageError(msg)
        rows, columns = np.nonzero(self.box(corner, labels.shape) != labels)
        if rows.size == 0:
            return False
        places = iter((rows + corner[0], columns + corner[1]))
        indices = tuple(
            next(places) if isinstance(i, slice) else np.full(rows.size, i)
            for i in self._index
        )
        self.log.write(indices, labels[rows, columns])
        return True


def lies_on(
    layer: Labels, image: Image, channel_axis: int | None, point: tuple[float, ...]
) -> bool:
    """Whether a layer can be written to, and its pixels are those of an image.

    Parameters
    ----------
    layer : Labels
    image : Image
    channel_axis : int or None
        Of the image.
    point : tuple of float
        Any place in the viewer.
    """
    return (
        _is_in_memory(layer)
        and plane_of_labels(layer, image, channel_axis, point) is not None
    )


def find_plane(
    log: EditLog, image: Image, channel_axis: int | None, view: View
) -> LabelsPlane | None:
    """Return the plane of a Labels layer that lies on an image's plane.

    None if there is no such plane, or the layer does not lie on the image.
    """
    layer = log.layer
    if not _is_in_memory(layer):
        return None
    place = plane_of_labels(layer, image, channel_axis, view.point)
    if place is None:
        return None
    inside = all(
        isinstance(i, slice) or 0 <= i < n
        for i, n in zip(place, layer.data.shape, strict=True)
    )
    return LabelsPlane(log, place) if inside else None


def _is_in_memory(layer: Labels) -> bool:
    """Whether the pixels of a layer can be written to one by one."""
    data = layer.data
    return (
        not layer.multiscale and isinstance(data, np.ndarray) and data.flags.writeable
    )
