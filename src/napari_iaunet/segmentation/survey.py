"""Where every cell of a label image lies, how large it is, and what is odd about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from napari_iaunet.segmentation.measure import row_bands, row_image

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Pixels for one that label ids may be apart for counting them to be the quickest.
_SPARSE = 4
# Cells between two reports of progress.
_REPORT = 200


@dataclass(frozen=True, eq=False)
class CellPlaces:
    """Where the cells of a label image lie, rows sorted by label id.

    Attributes
    ----------
    label_ids : (N,) int64
    area : (N,) int64
        Pixels, in all planes.
    border : (N,) int64
        Pixels between the cell and the next border of rows or columns; 0 if it
        touches it.
    plane : (N,) int64
        The plane, of the flattened stack, that shows most of the cell.
    box : (N, 4) int64
        Top, left, bottom and right of the cell in that plane; the last two are beyond.
    """

    label_ids: NDArray[np.int64]
    area: NDArray[np.int64]
    border: NDArray[np.int64]
    plane: NDArray[np.int64]
    box: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label_ids)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the label image."""
        raise NotImplementedError

    def mask(self, row: int) -> NDArray[np.bool_]:
        """Return which pixels of a cell's box, in its plane, are the cell's."""
        raise NotImplementedError

    def pixels_of(self, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], ...]:
        """Return where all pixels of some cells are, an array (P,) for each axis."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Survey(CellPlaces):
    """The cells of a label image in memory.

    Attributes
    ----------
    index : (Y, X) or stack of planes, int32
        0 for background, else a cell's row + 1.
    """

    index: NDArray[np.int32]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the label image."""
        return self.index.shape

    def mask(self, row: int) -> NDArray[np.bool_]:
        """Return which pixels of a cell's box, in its plane, are the cell's."""
        top, left, bottom, right = self.box[row].tolist()
        planes = self.index.reshape(-1, *self.index.shape[-2:])
        box = planes[int(self.plane[row]), top:bottom, left:right]
        return np.asarray(box == row + 1)

    def pixels_of(self, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], ...]:
        """Return where cells are; a single one is not searched for everywhere."""
        if rows.size == 1:
            row = int(rows[0])
            y, x = np.nonzero(self.mask(row))
            if y.size == self.area[row]:  # no part of it is in another plane
                plane = np.unravel_index(int(self.plane[row]), self.shape[:-2])
                top, left = self.box[row, :2].tolist()
                return (*(np.full(y.size, int(p)) for p in plane), y + top, x + left)
        chosen = np.zeros(len(self) + 1, bool)
        chosen[rows + 1] = True
        return np.nonzero(chosen[self.index])


def survey(
    labels: NDArray[np.integer[Any]], progress: Callable[[int, int], None] | None = None
) -> Survey:
    """Find the cells of a label image.

    Parameters
    ----------
    labels : (Y, X) or stack of planes, int
        0, and whatever is below, is background.
    progress : callable, optional
        Called as ``progress(done, total)`` with planes; raising in it stops the work.
    """
    label_ids = label_ids_of(labels)
    count = len(label_ids)
    index = row_image(labels, label_ids)
    planes = index.reshape(-1, *index.shape[-2:])
    area, most, where = (np.zeros(count, np.int64) for _ in range(3))
    border = np.full(count, max(index.shape[-2:]), np.int64)
    box = np.zeros((count, 4), np.int64)
    for number, plane in enumerate(planes):
        if progress is not None:
            progress(number, len(planes))
        rows, here, boxes = in_plane(plane, count)
        area[rows] += here
        border[rows] = np.minimum(border[rows], to_border(boxes, plane.shape))
        larger = here > most[rows]
        most[rows[larger]], where[rows[larger]] = here[larger], number
        box[rows[larger]] = boxes[larger]
    return Survey(label_ids, area, border, where, box, index)


def label_ids_of(labels: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return the label ids above 0, sorted."""
    highest = int(labels.max(initial=0))
    flat = labels.reshape(-1, labels.shape[-1])
    bands = [flat[rows] for rows in row_bands(flat.shape)]
    if highest > _SPARSE * labels.size:
        found = np.unique(np.concatenate([np.unique(band) for band in bands]))
    else:
        used = np.zeros(highest + 1, bool)
        for band in bands:
            used[np.maximum(band, 0)] = True
        found = np.flatnonzero(used)
    return found[found > 0].astype(np.int64)


def in_plane(
    plane: NDArray[np.int32], count: int
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the cells in a plane, their areas there and their boxes."""
    areas = np.bincount(plane.ravel(), minlength=count + 1)[1:]
    rows = np.flatnonzero(areas)
    found = ndimage.find_objects(plane, count)
    boxes = [
        (y.start, x.start, y.stop, x.stop) for y, x in (found[row] for row in rows)
    ]
    return rows, areas[rows], np.array(boxes, np.int64).reshape(-1, 4)


def to_border(boxes: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Pixels between boxes, (N, 4), and the next border of a plane."""
    beyond = np.asarray(shape) - boxes[:, 2:]
    return np.asarray(np.concatenate([boxes[:, :2], beyond], 1).min(1, initial=1 << 40))


def solidities(
    cells: CellPlaces,
    progress: Callable[[int, int], None] | None = None,
    known: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return which share of its convex hull each cell fills, (N,) in (0, 1].

    Of a cell in several planes the one that shows most of it counts. What is known
    already, (N,), NaN elsewhere, is not measured again.
    """
    found = np.full(len(cells), np.nan) if known is None else known.copy()
    missing = np.flatnonzero(np.isnan(found))
    for number, row in enumerate(missing.tolist()):
        if progress is not None and number % _REPORT == 0:
            progress(number, len(missing))
        found[row] = solidity_of(cells.mask(row))
    return found


def solidity_of(mask: NDArray[np.bool_]) -> float:
    """Share of the hull around the middles of the outer sides of a mask's pixels."""
    if min(mask.shape) < 2:
        return 1.0
    rows = np.flatnonzero(mask.any(1))
    first = mask.argmax(1)[rows]
    last = mask.shape[1] - 1 - mask[:, ::-1].argmax(1)[rows]
    points = np.concatenate(
        [
            np.stack([rows + down, ends + right], 1)
            for ends, side in ((first, -0.5), (last, 0.5))
            for down, right in ((0.0, side), (-0.5, 0.0), (0.5, 0.0))
        ]
    )
    try:
        hull = float(ConvexHull(points).volume)  # in two dimensions, the area
    except QhullError:  # all in one line
        return 1.0
    return min(1.0, np.count_nonzero(mask) / hull)
