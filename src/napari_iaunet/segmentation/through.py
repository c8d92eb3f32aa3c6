"""A cell of one plane of a stack, found again on the planes beside it.

What a click finds on the next plane, near where the cell is expected, is compared with
the cell as it was: by the pixel-to-cell head of the identity branch, which says whether
pixels of two places belong to one cell, and by the overlap. The best is the cell,
unless it is too unlike: then the cell has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_iaunet.errors import ImageError
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation.click import ClickedCell, EncodedImage
from napari_iaunet.segmentation.queries import find_peaks, smoothed
from napari_iaunet.segmentation.recognise import holds, likeness, overlap, see
from napari_iaunet.segmentation.region import seen_around
from napari_iaunet.segmentation.scale import scale_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.inference.fields import FieldImage
    from napari_iaunet.inference.progress import PlaneProgress, Progress
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.queries import SameCell
    from napari_iaunet.segmentation.recognise import SeenCell

    Point = tuple[float, float]
    # Clicks at pixels of a part of a plane, and whether they are inside -> their cell.
    Answer = Callable[[EncodedImage, Sequence[Point], Sequence[int]], ClickedCell]

# Least overlap (IoU) and recognition together, each at most 1, of a cell and what it is
# taken for. Chosen on single steps in the films and frames of yeast that `python -m
# benchmarks through` follows cells in: at most 2 cells in 100 are less like themselves
# on the next plane, and no neighbour was as like.
LEAST = 1.0
# Share of its last step that a cell is expected to make again, as in time series; in
# depth, where cells hardly move, it is nearly nothing.
_MOMENTUM = 0.8
# Clicks are tried within this distance of where the cell is expected, in its own
# diameters, the nearest first, at most so many: a cell that moves farther between two
# planes cannot be told from its neighbours.
_REACH, _MOST = 1.5, 8
# They are tried on peaks of the centre map and on foreground that are lower than those
# of the automatic way, since a cell is expected here. Of a cell that was faint before,
# half as faint will do.
_PEAK, _FOREGROUND, _FAINTER = 0.15, 0.3, 0.5
# Where the first mask is another than what one click finds there, since somebody has
# corrected it, so many clicks at most say what differs, each where the difference is
# deeper than this, in pixels: they go with the cell from plane to plane.
_CORRECTIONS, _DEEP = 4, 1.5


def check_cell(mask: Any, shape: tuple[int, int]) -> ClickedCell:
    """Return a cell of its mask on a plane of a shape; ImageError if it is none."""
    given = np.asarray(mask).astype(bool)
    if given.shape != shape or not given.any():
        raise ImageError(
            f"The mask has the shape {given.shape} and {np.count_nonzero(given)} "
            f"pixels: it must hold a cell of a plane of {shape} pixels."
        )
    rows, columns = (np.flatnonzero(given.any(axis)) for axis in (1, 0))
    (top, bottom), (left, right) = rows[[0, -1]], columns[[0, -1]]
    cut = given[top : bottom + 1, left : right + 1]
    return ClickedCell((int(top), int(left)), cut)


def ways_from(
    plane: int, shape: tuple[int, ...], between: tuple[int, int] | None
) -> list[range]:
    """Return the planes behind a plane, and before it, between two of a stack.

    Raises ImageError if the stack has another shape than (T,) or (Z,), or no such
    plane.
    """
    if len(shape) != 1:
        raise ImageError(
            "A cell can be followed through one series or one volume only: this image "
            f"has {len(shape)} axes of planes."
        )
    first, last = between or (0, shape[0] - 1)
    if not 0 <= first <= plane <= last < shape[0]:
        raise ImageError(f"There is no plane {plane} among {shape[0]}, from 0 on.")
    return [range(plane + 1, last + 1), range(plane - 1, first - 1, -1)]


class FollowedCell(NamedTuple):
    """A cell on one plane of a stack.

    Attributes
    ----------
    plane : int
    cell : ClickedCell
        In pixels of the plane.
    """

    plane: int
    cell: ClickedCell


class _Corrections(NamedTuple):
    """Clicks that make one cell of what one click finds: (P, 2) from its middle."""

    places: NDArray[np.float64]
    inside: list[int]


class CellFollower:
    """Takes one cell from plane to plane.

    Parameters
    ----------
    planes : Planes
        With one stack axis.
    diameter : float
        Of the stack's cells, in pixels.
    known : float
        The network's cell diameter, in its own pixels.
    fields : callable
        The network, as `Backend.fields`. It sees no augmented versions: the outlines
        of films with known truth got no better by them.
    answer : callable
        What a click finds.
    same_cell : callable
        As for `decode`.
    """

    def __init__(
        self,
        planes: Planes,
        diameter: float,
        known: float,
        fields: Callable[[NDArray[np.float32], Progress | None], FieldImage],
        answer: Answer,
        same_cell: SameCell,
    ) -> None:
        self._planes, self._shape = planes, planes.plane_shape
        self._diameter, self._known = diameter, known
        self._fields, self._answer, self._same_cell = fields, answer, same_cell

    def follow(
        self,
        cell: ClickedCell,
        start: int,
        ways: Sequence[Sequence[int]],
        steps: PlaneProgress,
    ) -> Iterator[FollowedCell]:
        """Find a cell of a plane on others, one after the other, until it ends.

        Each way is planes that begin beside the plane ``start``.
        """
        steps.wait(0, 1)
        part, corner = self._part(start, cell, np.zeros(2))
        first = see(cell, part, corner, self._known)
        corrections = self._corrections(first, part, corner)
        done = 0
        for planes in ways:
            seen, step = first, np.zeros(2)
            for plane in planes:
                expected = _MOMENTUM * step
                part, corner = self._part(plane, seen.cell, expected)
                found = self._best(seen, expected, part, corner)
                if found is None:
                    break
                if corrections.inside:
                    found = self._corrected(
                        found, seen, expected, corrections, part, corner
                    )
                step, seen = found.middle - seen.middle, found
                yield FollowedCell(plane, found.cell)
                steps.plane += 1
                steps(0, 1)
            done += len(planes)
            steps.plane = done
            steps(0, 1)

    def _part(
        self, plane: int, cell: ClickedCell, step: NDArray[np.float64]
    ) -> tuple[EncodedImage, NDArray[np.int64]]:
        """Encode what is around a cell after a step; also the part's first pixel."""
        low = np.asarray(cell.corner) + np.rint(step).astype(int)
        high = low + cell.mask.shape
        size = max(self._diameter, float(np.max(cell.mask.shape)))
        low, high = (np.clip(end, 0, self._shape) for end in (low, high))
        rows, columns = seen_around(low, high, self._shape, size) or (
            slice(0, self._shape[0]),
            slice(0, self._shape[1]),
        )
        part = self._planes.plane(plane).part(rows, columns)
        scale = scale_for(self._diameter, self._known, self._shape)
        fields = self._fields(rescale(part[0], scale), None)
        encoded = EncodedImage(fields, part.plane_shape, self._diameter)
        return encoded, np.array([rows.start, columns.start])

    def _best(
        self,
        before: SeenCell,
        step: NDArray[np.float64],
        part: EncodedImage,
        corner: NDArray[np.int64],
    ) -> SeenCell | None:
        """Return what is most like a cell, where it is expected; None if nothing is."""
        found: list[SeenCell] = []
        for place in self._places(before, before.middle + step - corner, part):
            if any(holds(other.cell, place + corner) for other in found):
                continue
            cell = self._clicked(part, corner, [place], [1])
            if cell is not None:
                found.append(see(cell, part, corner, self._known))
        scores = [likeness(before, step, cell, self._same_cell) for cell in found]
        best = int(np.argmax(scores)) if scores else -1
        return found[best] if scores and scores[best] >= LEAST else None

    def _clicked(
        self,
        part: EncodedImage,
        corner: NDArray[np.int64],
        places: Sequence[NDArray[np.float64]],
        inside: Sequence[int],
    ) -> ClickedCell | None:
        """Return the cell of clicks at pixels (y, x) of a part; None without any."""
        points = [(float(y), float(x)) for y, x in places]
        try:
            cell = self._answer(part, points, inside)
        except ImageError:  # nothing of it is left, or one pixel is in and outside
            return None
        top, left = (int(c) for c in np.add(cell.corner, corner))
        return cell._replace(corner=(top, left))

    def _corrections(
        self, seen: SeenCell, part: EncodedImage, corner: NDArray[np.int64]
    ) -> _Corrections:
        """Find the clicks by which a cell differs from what one click finds."""
        shape = part.shape
        local = seen.cell._replace(corner=_pair(seen.cell.corner - corner))
        wanted = local.in_image(shape)
        places, inside = [_deepest(wanted)[0]], [1]
        while len(places) <= _CORRECTIONS:
            cell = self._clicked(part, np.zeros(2, int), places, inside)
            found = np.zeros(shape, bool) if cell is None else cell.in_image(shape)
            missing, excess = _deepest(wanted & ~found), _deepest(found & ~wanted)
            place, depth = max(missing, excess, key=lambda error: error[1])
            if depth <= _DEEP:
                break
            places.append(place)
            inside.append(int(wanted[tuple(place.astype(int))]))
        if len(places) == 1:
            inside = []
        return _Corrections(np.array(places) + corner - seen.middle, inside)

    def _corrected(
        self,
        found: SeenCell,
        before: SeenCell,
        step: NDArray[np.float64],
        corrections: _Corrections,
        part: EncodedImage,
        corner: NDArray[np.int64],
    ) -> SeenCell:
        """Return a cell after the corrections, if it is more like before then."""
        places = corrections.places + before.middle + step - corner
        on_it = np.all((places > 0) & (places < np.subtract(part.shape, 1)), axis=1)
        inside = np.array(corrections.inside)[on_it].tolist()
        if 1 not in inside:
            return found
        cell = self._clicked(part, corner, list(places[on_it]), inside)
        if cell is None:
            return found
        corrected = see(cell, part, corner, self._known)
        overlaps = (
            overlap(before.cell, np.rint(step), c.cell) for c in (corrected, found)
        )
        return corrected if next(overlaps) > next(overlaps) else found

    def _places(
        self, before: SeenCell, expected: NDArray[np.float64], part: EncodedImage
    ) -> list[NDArray[np.float64]]:
        """Return pixels of a part where the cell may be, the likeliest first."""
        foreground = part.fields.foreground.numpy()
        least = min(_FOREGROUND, _FAINTER * before.foreground)
        peaks = find_peaks(smoothed(part.fields.centre), foreground > least, _PEAK)
        places = np.stack(np.divmod(peaks, foreground.shape[1]), 1)
        places = (places + 0.5) / part.factor - 0.5
        middle = np.clip(expected, 0, np.subtract(part.shape, 1))
        places = np.concatenate([middle[None], places])
        away = np.linalg.norm(places - expected, axis=1)
        pixels = tuple(np.rint(part.to_network(places)).astype(int).T)
        kept = (away < _REACH * before.size) & (foreground[pixels] > least)
        order = np.argsort(away[kept], kind="stable")[:_MOST]
        return list(places[kept][order])


def _deepest(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Return the deepest pixel (y, x) of a mask, and how deep it is, in pixels."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    place = np.unravel_index(int(depth.argmax()), mask.shape)
    return np.array(place, np.float64), float(depth.max())


def _pair(place: NDArray[np.int64]) -> tuple[int, int]:
    return int(place[0]), int(place[1])
