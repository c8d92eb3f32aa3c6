"""Cells of successive planes become cells in time or in depth.

Every cell of a plane is compared with the cells around the place where it is expected
in the next one; the assignment with the largest sum of scores is taken (Jaqaman et al.,
2008, doi:10.1038/nmeth.1237, without their second pass). A score rests on the overlap
of the masks, on the distance, on the areas and on the identity: how much both look
alike. A cell in one plane is called a detection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from napari_iaunet.identity.properties import area_and_centroid
from napari_iaunet.segmentation.measure import median_diameter
from napari_iaunet.tracking.margins import margins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class LinkSettings:
    """How cells of two planes are compared.

    The values were chosen by the fewest identity switches on films with known truth,
    made of cells of training images as `benchmarks` makes them of others.

    Attributes
    ----------
    overlap, identity, area : float
        Weights of the IoU, of the cosine of the embeddings and of the smaller over
        the larger area; the distance, in diameters, is taken off.
    least : float
        Least score of a link.
    reach : float
        Cells farther from where they are expected than this, in diameters, are not
        compared.
    momentum : float
        Share of its last step that a cell is expected to make again.
    gap : int
        Planes that a cell may be missing in.
    divisions : bool
        Whether cells divide.
    """

    overlap: float = 3.0
    identity: float = 2.0
    area: float = 2.0
    least: float = 0.5
    reach: float = 2.0
    momentum: float = 0.8
    gap: int = 2
    divisions: bool = True


TIME = LinkSettings()
# In depth cells neither move nor divide.
DEPTH = LinkSettings(momentum=0.0, gap=0, divisions=False, reach=1.0)

# Two detections are taken for daughters if they look like the two halves of a cell.
# Wider limits find more divisions, and more that are none: a cell that comes into view
# beside another one.
# Each daughter is smaller than her mother, by area and by the IoU with her.
_LARGEST_DAUGHTER, _LARGEST_SHARE = 0.8, 0.6
# Both together are about as large as she was; she may have rounded up before, and
# daughters spread after.
_BOTH_DAUGHTERS = (0.6, 1.5)
# The smaller over the larger one's area: halves, not a cell and a fragment.
_LEAST_ALIKE = 0.5
# Two halves that touch are 1.4 of the mother's radii apart; they may have moved on by
# as much again. Their common centroid lies within her outline.
_FARTHEST_APART, _FARTHEST_AWAY = 3.0, 1.0


class Linked(NamedTuple):
    """Cells that keep their id from plane to plane.

    Attributes
    ----------
    table : (n + 1,) int32
        Final id of every label of the planes; 0 for 0.
    tracks : (n, 4) float64
        Id, plane, y and x in pixels of every detection, sorted by id and plane.
    parents : dict of int -> int
        The cell that each daughter of a division came from.
    links : (n, 2) float64
        Score of the link that led to each row of ``tracks``, and its margin: what the
        sum of scores would lose without it, see `margins`. Zeros where none did.
    """

    table: NDArray[np.int32]
    tracks: NDArray[np.float64]
    parents: dict[int, int]
    links: NDArray[np.float64]


class _Detections(NamedTuple):
    """Cells of one plane, one row each."""

    labels: NDArray[np.int64]
    centroid: NDArray[np.float64]
    area: NDArray[np.float64]
    vectors: NDArray[np.float32]
    plane: NDArray[np.integer[Any]]


@dataclass
class _Track:
    """A cell that may go on: its last detection and the step that led there."""

    number: int
    label: int
    centroid: NDArray[np.float64]
    step: NDArray[np.float64]
    area: float
    vector: NDArray[np.float32]
    seen: int


def link(
    planes: Iterable[NDArray[np.integer[Any]]],
    vectors: NDArray[np.float32],
    settings: LinkSettings | None = None,
    progress: Callable[[int], None] | None = None,
) -> Linked:
    """Link the cells of successive planes.

    Parameters
    ----------
    planes : iterable of (Y, X) int
        Labels 1..n, each of them in one plane only; 0 is background.
    vectors : (n, D) float32
        Embeddings of unit length; row i belongs to label i + 1.
    settings : LinkSettings, optional
    progress : callable, optional
        Called with the number of planes done; raising in it stops the work.
    """
    linker = _Linker(len(vectors), settings or LinkSettings())
    for index, plane in enumerate(planes):
        linker.add(index, _detections(plane, vectors))
        if progress:
            progress(index + 1)
    return linker.result()


def _detections(
    plane: NDArray[np.integer[Any]], vectors: NDArray[np.float32]
) -> _Detections:
    y, x = np.nonzero(plane)
    labels, row = np.unique(plane[y, x], return_inverse=True)
    area, centroid = area_and_centroid(row, y, x, len(labels))
    labels = labels.astype(np.int64)
    return _Detections(labels, centroid, area, vectors[labels - 1], plane)


class _Linker:
    """Goes from plane to plane and keeps the tracks that may go on."""

    def __init__(self, count: int, settings: LinkSettings) -> None:
        self.settings = settings
        self.table = np.zeros(count + 1, np.int32)
        self.rows: list[tuple[float, ...]] = []
        self.links: list[tuple[float, float]] = []
        self.parents: dict[int, int] = {}
        self.open: list[_Track] = []
        self.numbers = 0
        self._last: _Detections | None = None
        self._overlaps: dict[int, float] = {}
        self._links: dict[int, tuple[float, float]] = {}

    def add(self, index: int, here: _Detections) -> None:
        """Link one more plane."""
        self._links = {}
        pairs = self._match(index, here)
        mothers = self._divisions(here, pairs) if self.settings.divisions else {}
        going_on: list[_Track] = []
        for row in range(len(here.labels)):
            before = pairs.get(row)
            step = np.zeros(2)
            if before is None or row in mothers:
                self.numbers += 1
                number = self.numbers
                if row in mothers:
                    self.parents[number] = mothers[row].number
            else:
                number = before.number
                step = (here.centroid[row] - before.centroid) / (index - before.seen)
            self.table[here.labels[row]] = number
            self.rows.append((number, index, *here.centroid[row]))
            self.links.append(self._links.get(row, (0.0, 0.0)))
            label, area = int(here.labels[row]), float(here.area[row])
            seen = here.centroid[row], step, area, here.vectors[row], index
            going_on.append(_Track(number, label, *seen))
        done = {track.number for track in pairs.values()}
        done |= {mother.number for mother in mothers.values()}
        oldest = index - self.settings.gap
        missed = [t for t in self.open if t.number not in done and t.seen >= oldest]
        self.open, self._last = going_on + missed, here

    def result(self) -> Linked:
        rows = np.array(self.rows, np.float64).reshape(-1, 4)
        order = np.lexsort((rows[:, 1], rows[:, 0]))
        links = np.array(self.links, np.float64).reshape(-1, 2)
        return Linked(self.table, rows[order], self.parents, links[order])

    # -- matching ---------------------------------------------------------------------

    def _match(self, index: int, here: _Detections) -> dict[int, _Track]:
        """Best assignment of the detections of a plane to tracks: row -> track."""
        if not self.open or not len(here.labels):
            return {}
        momentum = self.settings.momentum
        expected = np.stack(
            [t.centroid + momentum * (index - t.seen) * t.step for t in self.open]
        )
        area = np.array([track.area for track in self.open])
        areas = np.concatenate([area, here.area]).astype(np.int64)
        size = median_diameter(areas) or 1.0
        tree = cKDTree(here.centroid)
        near = tree.query_ball_point(expected, self.settings.reach * size)
        first = np.repeat(np.arange(len(near)), [len(n) for n in near])
        if not len(first):
            return {}
        second = np.concatenate([np.array(n, np.int64) for n in near if n])
        overlap = self._overlap(here, expected, first, second)
        score = overlap * self.settings.overlap
        score += self._likeness(here, expected, area, size, first, second)
        assigned = self._assign(score, first, second)
        known = {
            (int(track), int(row)): float(iou)
            for track, row, iou in zip(first, second, overlap, strict=True)
        }
        self._overlaps = {row: known[track, row] for track, row in assigned}
        of = {
            (int(track), int(row)): float(value)
            for track, row, value in zip(first, second, score, strict=True)
        }
        found = margins(score, first, second, assigned, self.settings.least)
        self._links = {pair[1]: (of[pair], margin) for pair, margin in found.items()}
        return {row: self.open[track] for track, row in assigned}

    def _likeness(
        self,
        here: _Detections,
        expected: NDArray[np.float64],
        area: NDArray[np.float64],
        size: float,
        first: NDArray[np.int64],
        second: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        settings = self.settings
        vectors = np.stack([track.vector for track in self.open])
        identity = (vectors[first] * here.vectors[second]).sum(1)
        areas = area[first], here.area[second]
        distance = (
            np.linalg.norm(expected[first] - here.centroid[second], axis=1) / size
        )
        scores: NDArray[np.float64] = (
            settings.identity * identity
            + settings.area * np.minimum(*areas) / np.maximum(*areas)
            - distance
        )
        return scores

    def _overlap(
        self,
        here: _Detections,
        expected: NDArray[np.float64],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """IoU of each pair, when every mask is moved to where it is expected."""
        assert self._last is not None
        last = self._last
        row_of = np.full(int(last.plane.max()) + 1, -1)
        centroid = np.zeros((len(self.open), 2))
        for row, track in enumerate(self.open):
            centroid[row] = track.centroid
            if track.label < len(row_of):
                row_of[track.label] = row
        y, x = np.nonzero(last.plane)
        track = row_of[last.plane[y, x]]
        y, x, track = (v[track >= 0] for v in (y, x, track))
        shift = np.rint(expected - centroid).astype(np.int64)
        y, x = y + shift[track, 0], x + shift[track, 1]
        inside = (y >= 0) & (x >= 0)
        inside &= (y < here.plane.shape[0]) & (x < here.plane.shape[1])
        y, x, track = y[inside], x[inside], track[inside]
        other = here.plane[y, x]
        track, other = track[other > 0], other[other > 0]
        column = np.searchsorted(here.labels, other)
        shared = coo_array(
            (np.ones(len(track)), (track, column)), (len(self.open), len(here.labels))
        ).tocsr()
        found = np.asarray(shared[first, second]).ravel()
        area = np.array([t.area for t in self.open])[first] + here.area[second]
        iou: NDArray[np.float64] = found / np.maximum(area - found, 1)
        return iou

    def _assign(
        self,
        score: NDArray[np.float64],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
    ) -> list[tuple[int, int]]:
        """Find the assignment with the largest sum of scores above the least one."""
        good = score > self.settings.least
        first, second, score = first[good], second[good], score[good]
        if not len(first):
            return []
        tracks, row = np.unique(first, return_inverse=True)
        rows, column = np.unique(second, return_inverse=True)
        # Each track may also go to a stand-in of its own: then it is not linked.
        count, alone = len(tracks), np.arange(len(tracks))
        worst = float(score.max()) + 1
        cost = np.concatenate(
            [worst - score, np.full(count, worst - self.settings.least)]
        )
        # Some versions of SciPy match by numbers of 32 bits only.
        where = (
            np.concatenate([row, alone]).astype(np.int32),
            np.concatenate([column, len(rows) + alone]).astype(np.int32),
        )
        graph = coo_array((cost, where), (count, len(rows) + count)).tocsr()
        chosen = zip(*min_weight_full_bipartite_matching(graph), strict=True)
        return [(int(tracks[i]), int(rows[j])) for i, j in chosen if j < len(rows)]

    # -- divisions --------------------------------------------------------------------

    def _divisions(
        self, here: _Detections, pairs: dict[int, _Track]
    ) -> dict[int, _Track]:
        """Mothers of detections: of an unlinked one and of its sister."""
        fresh = [row for row in range(len(here.labels)) if row not in pairs]
        linked = np.array(list(pairs), np.int64)
        if not fresh or not linked.size:
            return {}
        area = np.array([pairs[row].area for row in linked])
        centroid = np.stack([pairs[row].centroid for row in linked])
        covers = np.array([self._overlaps[row] for row in linked])
        may_divide = here.area[linked] < _LARGEST_DAUGHTER * area
        may_divide &= covers < _LARGEST_SHARE
        mothers: dict[int, _Track] = {}
        for row in fresh:
            away = _distance_of_sisters(here, row, linked, area, centroid)
            away[~may_divide | np.isin(linked, list(mothers))] = np.inf
            best = int(away.argmin())
            if np.isfinite(away[best]):
                mothers[row] = mothers[linked[best]] = pairs[linked[best]]
        return mothers


def _distance_of_sisters(
    here: _Detections,
    row: int,
    sisters: NDArray[np.int64],
    area: NDArray[np.float64],
    centroid: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Distance of two daughters' common centroid from the mother's, in her radii.

    One daughter is in a row, the other one in one of the rows `sisters` (n,); area (n,)
    and centroid (n, 2) are the mothers'. Infinite where the two cannot be daughters.
    """
    one, other = here.area[row], here.area[sisters]
    both = one + other
    common = here.centroid[sisters] * other[:, None] + here.centroid[row] * one
    radius = np.sqrt(area / np.pi)
    away = np.linalg.norm(common / both[:, None] - centroid, axis=1) / radius
    apart = np.linalg.norm(here.centroid[sisters] - here.centroid[row], axis=1) / radius
    possible = (both > _BOTH_DAUGHTERS[0] * area) & (both < _BOTH_DAUGHTERS[1] * area)
    possible &= np.minimum(one, other) > _LEAST_ALIKE * np.maximum(one, other)
    possible &= (apart < _FARTHEST_APART) & (away < _FARTHEST_AWAY)
    return np.where(possible, away, np.inf)
