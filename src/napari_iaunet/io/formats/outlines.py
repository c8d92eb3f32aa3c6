"""Outlines of cells along the sides of their pixels, and cells from outlines.

Corners lie where four pixels meet: pixel (0, 0) has the corners (0, 0) and (1, 1). So
an outline holds exactly the pixels of its cell, and a cell comes back as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ring = NDArray[Any]


class Polygon(NamedTuple):
    """One piece of a cell.

    Attributes
    ----------
    exterior : (N, 2) array
        Corners (x, y); the first one is not repeated. Pixels that touch by a corner
        only are two pieces. The signed area is above 0.
    holes : list of (N, 2) array
        The signed area of each is below 0.
    """

    exterior: Ring
    holes: list[Ring]

    @property
    def rings(self) -> list[Ring]:
        """The exterior, then the holes."""
        return [self.exterior, *self.holes]


class Outline(NamedTuple):
    """A cell in one plane: its pieces, the one furthest up first."""

    label: int
    polygons: list[Polygon]

    @property
    def rings(self) -> list[Ring]:
        """All rings of all pieces."""
        return [ring for polygon in self.polygons for ring in polygon.rings]


# -- from labels -----------------------------------------------------------------------


def outlines_of(labels: NDArray[Any]) -> list[Outline]:
    """Return the outlines of the cells of a plane, sorted by label.

    Parameters
    ----------
    labels : (Y, X) int or bool
        0 is background.
    """
    from skimage.measure import label

    stored = labels.astype(np.uint8) if labels.dtype == np.bool_ else labels
    pieces = label(stored, background=0, connectivity=1)
    polygons: dict[int, Polygon] = {}
    holes: list[tuple[int, Ring]] = []
    for piece, ring in _rings(pieces):
        if signed_area(ring) > 0:
            polygons[piece] = Polygon(ring, [])
        else:
            holes.append((piece, ring))
    for piece, ring in holes:
        polygons[piece].holes.append(ring)
    where = np.flatnonzero(pieces)
    owner = np.zeros(int(pieces.max(initial=0)) + 1, stored.dtype)
    owner[pieces.ravel()[where]] = stored.ravel()[where]
    cells: dict[int, list[Polygon]] = {}
    for piece in sorted(polygons):
        cells.setdefault(int(owner[piece]), []).append(polygons[piece])
    return [Outline(label_id, cells[label_id]) for label_id in sorted(cells)]


def signed_area(ring: Ring) -> float:
    """Return the area within a ring (N, 2): below 0 if it runs around a hole."""
    x, y = np.asarray(ring, np.float64).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _rings(pieces: NDArray[Any]) -> Iterator[tuple[int, Ring]]:
    """Give the piece and the corners (x, y) of every ring, none of which meets itself.

    As one sees it, with y pointing down, the inside lies on the right of each side.
    """
    corners = _corners(pieces)
    if not corners.size:
        return
    following = _following(corners).tolist()
    piece, y, x = corners[:, 0].tolist(), corners[:, 1].tolist(), corners[:, 2].tolist()
    seen = [False] * len(piece)
    for first in range(len(piece)):
        if seen[first]:
            continue
        ring, at = [], first
        while not seen[at]:
            seen[at] = True
            ring.append((x[at], y[at]))
            at = following[at]
        for simple in _simple(ring):
            yield piece[first], np.array(simple, np.int64)


def _corners(pieces: NDArray[Any]) -> NDArray[np.int64]:
    """Return a row for each corner of each piece.

    A point at which a piece touches itself by a corner is in there twice.

    Returns
    -------
    (N, 6)
        Piece, y, x, whether its sides lead down and right (1) or up and left (-1), and
        whether the ring leaves it along a row (1) or a column (0).
    """
    padded = np.pad(pieces, 1)
    upper, lower = padded[:-1], padded[1:]
    # The four pixels around each point, by whether they lie below, and on the right.
    around = {
        (1, 1): lower[:, 1:],
        (1, -1): lower[:, :-1],
        (-1, 1): upper[:, 1:],
        (-1, -1): upper[:, :-1],
    }
    found = []
    for (down, right), pixel in around.items():
        beside, above = around[down, -right], around[-down, right]
        opposite = around[-down, -right]
        convex = (pixel != 0) & (beside != pixel) & (above != pixel)
        concave = (beside != 0) & (beside == above) & (beside == opposite)
        concave &= pixel != beside
        for corner, owner, turn in ((convex, pixel, 1), (concave, beside, -1)):
            y, x = np.nonzero(corner)
            along_row = int(down * right == turn)
            sides = [np.full(len(y), value) for value in (down, right, along_row)]
            found.append(np.stack([owner[y, x], y, x, *sides], axis=1))
    return np.concatenate(found).astype(np.int64)


def _following(corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each corner the number of the next one of its ring."""
    piece, y, x, down, right, along_row = corners.T
    # Sorted along a row, every second side of a piece's border is a real one.
    rows = np.lexsort((right, x, y, piece)).reshape(-1, 2)
    columns = np.lexsort((down, y, x, piece)).reshape(-1, 2)
    partners = []
    for pairs in (columns, rows):
        partner = np.empty(len(corners), np.int64)
        partner[pairs] = pairs[:, ::-1]
        partners.append(partner)
    return np.where(along_row == 1, partners[1], partners[0])


def _simple(ring: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Cut a ring where it meets itself."""
    if len(set(ring)) == len(ring):
        yield ring
        return
    path: list[tuple[int, int]] = []
    for point in ring:
        if point in path:
            start = path.index(point)
            yield path[start:]
            del path[start:]
        path.append(point)
    yield path


# -- to labels -------------------------------------------------------------------------


def draw(plane: NDArray[Any], rings: Sequence[Ring], label: int) -> None:
    """Give a label to the pixels of a plane (Y, X) whose centre lies within rings.

    What lies within two of the rings is a hole.
    """
    points = np.concatenate(rings)
    size = np.array(plane.shape[::-1])
    first = np.clip(np.floor(points.min(axis=0)), 0, size).astype(int)
    last = np.clip(np.ceil(points.max(axis=0)), 0, size).astype(int)
    if (last <= first).any():
        return
    inside = _within([ring - first for ring in rings], tuple((last - first)[::-1]))
    plane[first[1] : last[1], first[0] : last[0]][inside] = label


def _within(rings: Sequence[Ring], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Whether the centres of pixels lie within an odd number of rings."""
    x0, y0 = np.concatenate(rings).astype(np.float64).T
    x1, y1 = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]).T
    # Rows whose middle each side crosses.
    first, last = (
        np.clip(np.ceil(edge(y0, y1) - 0.5), 0, shape[0]).astype(np.int64)
        for edge in (np.minimum, np.maximum)
    )
    count = last - first
    side = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(side)) - np.repeat(np.cumsum(count) - count - first, count)
    share = (row + 0.5 - y0[side]) / (y1[side] - y0[side])
    crossing = x0[side] + share * (x1[side] - x0[side])
    column = np.clip(np.ceil(crossing - 0.5), 0, shape[1]).astype(np.int64)
    width = shape[1] + 1
    crossed = np.bincount(row * width + column, minlength=shape[0] * width)
    inside = np.cumsum(crossed.reshape(shape[0], width), axis=1) % 2 == 1
    return np.asarray(inside[:, :-1])
