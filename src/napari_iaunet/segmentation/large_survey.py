"""Where every cell of a label image lies that memory does not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.segmentation.measure import row_image
from napari_iaunet.segmentation.survey import (
    CellPlaces,
    in_plane,
    label_ids_of,
    solidities,
    solidity_of,
    to_border,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    Progress = Callable[[int, int], None]
    # Plane of the flattened stack, first row and first column.
    Place = tuple[int, int, int]

# Rows and columns of a tile, about: 16 MB of int32.
_SIDE = 2048


class TileCells(NamedTuple):
    """What one tile shows of cells: label ids, areas, boxes as in `CellPlaces`."""

    label_ids: NDArray[np.int64]
    area: NDArray[np.int64]
    box: NDArray[np.int64]
    # Of cells that end within the tile; NaN for others, None if nobody asked.
    solidity: NDArray[np.float64] | None
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class LargeSurvey(CellPlaces):
    """The cells of a label image that is read part by part.

    Attributes
    ----------
    labels : array, or what is like one
        As it was surveyed; it may have changed since.
    tiles : mapping of (plane, row, column) to TileCells
        What was found in each tile.
    part_rows, part_planes : (P,) int64
        Of the parts that tiles show, which cell each is of, and its plane. Sorted by
        cell.
    part_boxes : (P, 4) int64
    """

    labels: Any
    tiles: Mapping[Place, TileCells]
    part_rows: NDArray[np.int64]
    part_planes: NDArray[np.int64]
    part_boxes: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the label image."""
        return tuple(self.labels.shape)

    def mask(self, row: int) -> NDArray[np.bool_]:
        """Return which pixels of a cell's box, in its plane, are the cell's."""
        pixels = self._read(int(self.plane[row]), self.box[row])
        return np.asarray(pixels == self.label_ids[row])

    def pixels_of(self, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], ...]:
        """Return where all pixels of some cells are, an array (P,) for each axis."""
        found: list[tuple[NDArray[np.intp], ...]] = []
        for row in rows.tolist():
            first, last = np.searchsorted(self.part_rows, [row, row + 1])
            for part in range(int(first), int(last)):
                plane, box = int(self.part_planes[part]), self.part_boxes[part]
                held = self._read(plane, box) == self.label_ids[row]
                y, x = np.nonzero(held)
                place = np.unravel_index(plane, self.shape[:-2])
                at = (np.full(y.size, int(p)) for p in place)
                found.append((*at, y + int(box[0]), x + int(box[1])))
        if not found:
            return tuple(np.zeros(0, np.intp) for _ in self.shape)
        return tuple(np.concatenate(axis) for axis in zip(*found, strict=True))

    def _read(self, plane: int, box: NDArray[np.int64]) -> NDArray[Any]:
        return _read(self.labels, plane, *box.tolist())


def survey_large(
    labels: Any,
    chunk: int = 1,
    *,
    shapes: bool = False,
    known: Mapping[Place, TileCells] | None = None,
    progress: Progress | None = None,
) -> tuple[LargeSurvey, NDArray[np.float64] | None]:
    """Find the cells of a label image part by part.

    Parameters
    ----------
    labels : (Y, X) or stack of planes, int
        An array, or what is like one; 0, and whatever is below, is background.
    chunk : int
        Rows and columns that come from the disk together.
    shapes : bool
        Whether to measure shapes, too.
    known : mapping of (plane, row, column) to TileCells, optional
        Tiles of a former survey that have not changed; they are not read.
    progress : callable, optional
        Called as ``progress(done, total)`` with tiles; raising in it stops the work.

    Returns
    -------
    LargeSurvey
    (N,) float64 or None
        Which share of its convex hull each cell fills; None if nobody asked.
    """
    known, tiles = known or {}, {}
    places = list(_places(labels.shape, chunk))
    for number, (place, ends) in enumerate(places):
        if progress is not None:
            progress(number, len(places))
        tile = known.get(place)
        if tile is None or (shapes and tile.solidity is None):
            tile = _tile(labels, place, ends, shapes)
        tiles[place] = tile
    found, solidity = _together(labels, tiles)
    if not shapes:
        return found, None
    return found, solidities(found, None, solidity)


def untouched(
    survey: LargeSurvey, boxes: list[tuple[slice, ...]]
) -> dict[Place, TileCells]:
    """Return the tiles of a survey that no box of its label image touches."""
    stack = survey.shape[:-2]
    kept = dict(survey.tiles)
    for *place, rows, columns in boxes:
        planes = (
            np.ravel_multi_index(
                np.ix_(*(np.arange(part.start, part.stop) for part in place)), stack
            )
            if stack
            else np.zeros(1, int)
        )
        held = {int(plane) for plane in np.ravel(planes)}
        for plane, y, x in list(kept):
            height, width = kept[plane, y, x].shape
            if (
                plane in held
                and rows.start < y + height
                and y < rows.stop
                and columns.start < x + width
                and x < columns.stop
            ):
                del kept[plane, y, x]
    return kept


def _places(
    shape: tuple[int, ...], chunk: int
) -> Iterator[tuple[Place, tuple[int, int]]]:
    """Yield where tiles begin, and the rows and columns where they end."""
    *stack, height, width = shape
    side = chunk * max(1, _SIDE // chunk)
    for plane in range(int(np.prod(stack, dtype=int))):
        for y in range(0, height, side):
            for x in range(0, width, side):
                yield (plane, y, x), (min(y + side, height), min(x + side, width))


def _read(
    labels: Any, plane: int, top: int, left: int, bottom: int, right: int
) -> NDArray[Any]:
    place = np.unravel_index(plane, labels.shape[:-2]) if labels.ndim > 2 else ()
    at = tuple(int(p) for p in place)
    return np.asarray(labels[(*at, slice(top, bottom), slice(left, right))])


def _tile(labels: Any, place: Place, ends: tuple[int, int], shapes: bool) -> TileCells:
    plane, y, x = place
    pixels = _read(labels, plane, y, x, *ends)
    label_ids = label_ids_of(pixels)
    index = row_image(pixels, label_ids)
    _, area, box = in_plane(index, len(label_ids))
    solidity = None
    if shapes:
        solidity = np.full(len(label_ids), np.nan)
        for row in np.flatnonzero(to_border(box, index.shape) > 0).tolist():
            top, left, bottom, right = box[row].tolist()
            inside = index[top:bottom, left:right] == row + 1
            solidity[row] = solidity_of(inside)
    moved = box + np.array([y, x, y, x])
    return TileCells(label_ids, area, moved, solidity, (ends[0] - y, ends[1] - x))


def _together(
    labels: Any, tiles: Mapping[Place, TileCells]
) -> tuple[LargeSurvey, NDArray[np.float64]]:
    """Put together what tiles show of the same cells."""
    found = list(tiles.values())
    ids = np.concatenate([np.zeros(0, np.int64), *(t.label_ids for t in found)])
    label_ids, rows = np.unique(ids, return_inverse=True)
    count = len(label_ids)
    counts = [len(tile.label_ids) for tile in found]
    planes = np.repeat([place[0] for place in tiles], counts).astype(np.int64)
    areas = np.concatenate([np.zeros(0, np.int64), *(t.area for t in found)])
    boxes = np.concatenate([np.zeros((0, 4), np.int64), *(t.box for t in found)])
    order = np.lexsort((planes, rows))
    rows, planes = rows[order].astype(np.int64), planes[order]
    areas, boxes = areas[order], boxes[order]
    # In each plane the parts of a cell are one box.
    begins = np.flatnonzero(
        np.r_[True, (np.diff(rows) != 0) | (np.diff(planes) != 0)][: len(rows)]
    )
    owner, plane = rows[begins], planes[begins]
    if len(begins):
        here = np.add.reduceat(areas, begins)
        low = np.minimum.reduceat(boxes[:, :2], begins, 0)
        high = np.maximum.reduceat(boxes[:, 2:], begins, 0)
    else:
        here, low, high = np.zeros(0, np.int64), boxes[:, :2], boxes[:, 2:]
    box = np.concatenate([low, high], 1)
    border = np.full(count, max(labels.shape[-2:]), np.int64)
    np.minimum.at(border, owner, to_border(box, tuple(labels.shape[-2:])))
    area = np.bincount(owner, here, count).astype(np.int64)
    # The plane that shows most of a cell, the first of equal ones.
    best = np.lexsort((plane, -here, owner))
    first = best[np.searchsorted(owner[best], np.arange(count))]
    solidity = np.full(count, np.nan)
    alone = np.bincount(rows, minlength=count) == 1
    if all(tile.solidity is not None for tile in found) and count:
        known = np.concatenate([tile.solidity for tile in found])[order]
        single = alone[rows]
        solidity[rows[single]] = known[single]
    survey = LargeSurvey(
        label_ids,
        area,
        border,
        plane[first],
        box[first],
        labels,
        tiles,
        rows,
        planes,
        boxes,
    )
    return survey, solidity
