"""Keep, delete, join and split cells, and measure what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click.plane import Plane
from napari_iaunet.plugin.layers.features import LOOKED_AT, move_places
from napari_iaunet.plugin.layers.find import OURS
from napari_iaunet.plugin.layers.labels import check_editable, in_plane
from napari_iaunet.segmentation.cell_table import measure_cells
from napari_iaunet.segmentation.masks import divide, spare
from napari_iaunet.segmentation.region import fit_between

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.draft import Draft, Point
    from napari_iaunet.plugin.layers.undo import EditLog
    from napari_iaunet.segmentation.click import ClickedCell

    Corner = tuple[int, int]
    Box = tuple[Corner, NDArray[np.integer]]
    # A part of a plane, as it is to be.
    PlaneBox = tuple["LabelsPlane", Corner, NDArray[np.integer]]
    # Indices into the layer, one array for each axis, and label ids.
    Changes = tuple[tuple[NDArray[np.intp], ...], NDArray[np.integer]]

# Pixels of the box around cells that are changed together, at most.
_MOST = 1 << 26
NOTHING_FREE = "Nothing is left for this cell: other cells lie there already."
_TOO_WIDE = (
    "The cells, or the parts of the cell, are too far from each other to be changed "
    "together."
)


class LabelsPlane:
    """The cells of a plane of a Labels layer; each change is one step of undo.

    A change reads and compares a box around its cells only. Where a cell that is there
    already is changed, `find` looks for all its parts: in the whole plane if that is
    small and in memory, else around the place that it was clicked at, and in a coarser
    look at the plane.

    ``index`` is the plane in the layer's data, with slices for rows and columns;
    ``number`` that in the image's stack. ``pixels`` gives those of the image that are
    to be measured, (C, y, x), by the corner and shape of their box.
    """

    def __init__(
        self,
        log: EditLog,
        index: tuple[int | slice, ...],
        pixels: Callable[[Corner, tuple[int, ...]], NDArray[Any]],
        number: int | None,
    ) -> None:
        self.log, self.layer = log, log.layer
        self._index, self._pixels, self._number = index, pixels, number
        self._labels = Plane(log.pixels, log.coarse, index)

    def at(self, point: Point) -> int:
        """Return the label id of the cell at a point, 0 for none."""
        y, x = (round(p) for p in point)
        return int(self.box((y, x), (1, 1))[0, 0])

    def box(self, corner: Corner, shape: tuple[int, ...]) -> NDArray[np.integer]:
        """Return a copy of a part of the plane."""
        return self._labels.box(corner, shape)

    def find(self, *places: tuple[int, Sequence[Point]]) -> Box | None:
        """Return corner and copy of the smallest box that holds cells, if any.

        Each cell is given by its label id and points in it. Raises `ImageError` if the
        box would be too large to be handled at once.
        """
        ends = self._labels.ends(places)
        if ends is None:
            return None
        (top, left), (bottom, right) = ends
        if (bottom - top) * (right - left) > _MOST:
            raise ImageError(_TOO_WIDE)
        return (top, left), self.box((top, left), (bottom - top, right - left))

    # -- changes -----------------------------------------------------------------

    def keep(self, draft: Draft) -> int:
        """Write a draft; return the cell's label id, 0 if nothing of it is free.

        Raises `ImageError` if the layer cannot take it.
        """
        label_id = draft.label_id or self.log.next_label_id()
        box = self.with_cell(draft.cell, label_id, draft.points_inside, draft.seeds)
        if box is None:
            return 0
        self._write_and_measure(*box, label_id)
        return label_id

    def with_cell(
        self,
        cell: ClickedCell,
        label_id: int,
        inside: Sequence[Point] = (),
        former: Sequence[Point] = (),
    ) -> Box | None:
        """Return a part of the plane in which a cell has a new mask.

        Other cells keep all pixels; None if they leave nothing. ``inside`` are clicks
        in the cell, ``former`` points in the cell as it was, none of a new one.
        """
        corner, shape = cell.corner, cell.mask.shape
        mask = spare(cell, self.box(corner, shape), label_id, inside)
        if not mask.any():
            return None
        there = self.find((label_id, former)) if former else None
        corner, shape = _around([(corner, mask), *([there] if there else [])])
        labels = self.box(corner, shape)
        labels[labels == label_id] = 0
        y, x = np.subtract(cell.corner, corner)
        labels[y : y + mask.shape[0], x : x + mask.shape[1]][mask] = label_id
        return corner, labels

    def without_cell(self, label_id: int, former: Sequence[Point]) -> Box | None:
        """Return a part of the plane in which a cell is gone; None if it was."""
        found = self.find((label_id, former))
        if found is not None:
            found[1][found[1] == label_id] = 0
        return found

    def add(self, corner: Corner, labels: NDArray[np.int32]) -> int:
        """Write cells, labelled 1..N, where no others are; return how many.

        A cell of which others leave less than half is none. Raises `ImageError` if the
        layer cannot take them.
        """
        there = self.box(corner, labels.shape)
        fitted = fit_between(labels, there > 0)
        count = int(fitted.max(initial=0))
        if count:
            first = self.log.next_label_id(count)
            added = np.where(fitted > 0, fitted.astype(np.int64) + (first - 1), there)
            self._write_and_measure(corner, added, *range(first, first + count))
        return count

    def remove(self, label_id: int, point: Point) -> None:
        """Delete a cell that has a point."""
        found = self.without_cell(label_id, [point])
        if found is not None:
            self._write_and_measure(*found, label_id)

    def join(self, first: tuple[int, Point], second: tuple[int, Point]) -> None:
        """Give the pixels of the second cell to the first: label id and a point each.

        Raises `ImageError` if they are too far apart.
        """
        found = self.find(*((label_id, [point]) for label_id, point in (first, second)))
        if found is not None:
            corner, labels = found
            labels[labels == second[0]] = first[0]
            self._write_and_measure(corner, labels, first[0], second[0])

    def split(
        self,
        label_id: int,
        points: Sequence[Point],
        first: ClickedCell,
        second: ClickedCell,
    ) -> int:
        """Split a cell, with some points, by two masks.

        Return the label id of the second part. Raises `ImageError` if the layer cannot
        take it.
        """
        found = self.find((label_id, points))
        if found is None:
            raise ImageError("The cell is gone. Press the key again to split another.")
        corner, labels = found
        masks = [_within(cell, corner, labels.shape) for cell in (first, second)]
        part = divide(labels == label_id, *masks)
        new = self.log.next_label_id()
        labels[part] = new
        self._write_and_measure(corner, labels, label_id, new)
        return new

    def write(self, corner: Corner, labels: NDArray[np.integer]) -> bool:
        """Write a part of the plane, as one step of undo; False if nothing changed.

        Raises `ImageError` if the layer is not to be edited.
        """
        check_editable(self.layer)
        where, values = self.changes(corner, labels)
        if values.size:
            self.log.write(where, values)
        return bool(values.size)

    def changes(self, corner: Corner, labels: NDArray[np.integer]) -> Changes:
        """Return where in the layer a part differs from the plane, and its values."""
        rows, columns = np.nonzero(self.box(corner, labels.shape) != labels)
        where = in_plane(self._index, rows + corner[0], columns + corner[1])
        return where, labels[rows, columns]

    def _write_and_measure(
        self, corner: Corner, labels: NDArray[np.integer], *label_ids: int
    ) -> None:
        """Write cells into the layer, and what is measured of them into its table."""
        if self.write(corner, labels):
            self.measure(corner, labels, *label_ids)

    def measure(
        self, corner: Corner, labels: NDArray[np.integer], *label_ids: int
    ) -> None:
        """Bring the table of the layer up to date for cells that were changed last."""
        rows: dict[int, dict[str, Any] | None] = dict.fromkeys(label_ids)
        labels = np.where(np.isin(labels, label_ids), labels, 0)
        if labels.any():
            table = self._measured(corner, labels)
            for i, label_id in enumerate(table.pop("label")):
                row = {key: column[i] for key, column in table.items()}
                seen = {"plane": self._number, LOOKED_AT: True}
                rows[int(label_id)] = {**row, **seen}
        self.log.describe(rows)

    def _measured(
        self, corner: Corner, labels: NDArray[np.integer]
    ) -> dict[str, NDArray[Any]]:
        """Measure cells as those of the layer were; the table takes what it has."""
        about = self.layer.metadata.get(OURS, {})
        size = about.get("pixel_size")
        table = measure_cells(
            labels,
            self._pixels(corner, labels.shape),
            channel_axis=0,
            pixel_size=size,
            channel_names=about.get("channel_names"),
        )
        move_places(table, corner, size)
        return table


def write_planes(log: EditLog, parts: Sequence[PlaneBox]) -> bool:
    """Write parts of several planes as one step of undo; False if nothing changed.

    Raises `ImageError` if the layer is not to be edited.
    """
    check_editable(log.layer)
    changes = [plane.changes(corner, labels) for plane, corner, labels in parts]
    if not any(values.size for _, values in changes):
        return False
    axes = zip(*(where for where, _ in changes), strict=True)
    where = tuple(np.concatenate(places) for places in axes)
    log.write(where, np.concatenate([values for _, values in changes]))
    return True


def _around(boxes: Sequence[tuple[Corner, NDArray[Any]]]) -> tuple[Corner, Corner]:
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
