"""Which links of tracks are worth a second look, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from napari_iaunet.segmentation.measure import median_diameter
from napari_iaunet.tracking.linking import TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.tracking.detections import Detections
    from napari_iaunet.tracking.editing import Graph

# The limits were chosen on films with known truth and on the frames of yeast that
# `benchmarks` has: of 2,686 links, 30 of them wrong, the 150 most doubtful ones hold 28
# wrong ones by these limits, 27 by the margin alone, 16 by the score, and 18 where
# only places, gaps and areas are known.
_SURE = 3.0  # margin of a link, see `margins`, from which on there is no doubt
# The same by places, in diameters: how much nearer the cell is than the next choice.
_SURE_BY_PLACE = 0.5
# The smaller over the larger area, where doubt begins and where it is greatest.
_CHANGED, _MOST_CHANGED = 0.7, 0.2
# Of links over a gap, nearly half were wrong; of those to daughters, one in fourteen,
# but a wrong division is worth more than a look.
_OVER_A_GAP = _DIVISION = 0.5
# Even the worst is not beyond doubt: two reasons are more than one.
_MOST = 0.95
# What is less doubtful is not shown: 191 of those links are, with 28 of the wrong ones.
LEAST = 0.3


class Links(NamedTuple):
    """Links between cells, from frame to frame of a track or across a division.

    Attributes
    ----------
    before, after : (L,) int
        Rows of the two cells among the detections.
    divides : (L,) bool
        Whether the second is a daughter of the first.
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    divides: NDArray[np.bool_]


class LinkDoubts(NamedTuple):
    """How doubtful links are, 0 to 1, (L,), and why, in words."""

    values: NDArray[np.float64]
    reasons: list[str]


def find_links(cells: Detections, graph: Graph) -> Links:
    """Return all links of tracks, and those of divisions behind them."""
    order = np.lexsort((cells.frame, cells.track))
    track = cells.track[order]
    same = np.flatnonzero(track[1:] == track[:-1])
    names, begins = np.unique(track, return_index=True)
    ends = np.append(begins[1:], len(track)) - 1
    first = dict(zip(names.tolist(), order[begins].tolist(), strict=True))
    last = dict(zip(names.tolist(), order[ends[: len(names)]].tolist(), strict=True))
    born = [
        (last[mother], first[daughter])
        for daughter, mothers in graph.items()
        for mother in mothers
        if daughter in first and mother in last
    ]
    births = np.array(born, np.intp).reshape(-1, 2)
    return Links(
        np.concatenate([order[same], births[:, 0]]),
        np.concatenate([order[same + 1], births[:, 1]]),
        np.arange(len(same) + len(births)) >= len(same),
    )


def doubts(
    cells: Detections, links: Links, margin: NDArray[np.float64] | None = None
) -> LinkDoubts:
    """Judge links by what else their cells could be linked to, by gaps and by areas.

    Parameters
    ----------
    cells : Detections
    links : Links
    margin : (L,) float, optional
        What tracking knows of each link, see `napari_iaunet.tracking.margins`; NaN
        where it knows nothing. Then the places of the cells tell.
    """
    if margin is None:
        margin = np.full(len(links.after), np.nan)
    away, rival = _by_place(cells, links)
    known = ~np.isnan(margin)
    nearer = np.where(np.isfinite(rival), rival - away, _SURE_BY_PLACE)
    choice = np.where(
        known, _between(-margin, -_SURE, 0), _between(-nearer, -_SURE_BY_PLACE, 0)
    )
    area = cells.area[links.before], cells.area[links.after]
    ratio = np.where(links.divides, 1.0, np.minimum(*area) / np.maximum(*area))
    gap = cells.frame[links.after] - cells.frame[links.before] - 1
    parts = (
        # A daughter is always one of two choices.
        np.where(links.divides, _DIVISION, choice),
        _between(-ratio, -_CHANGED, -_MOST_CHANGED),
        np.where(gap > 0, _OVER_A_GAP, 0.0),
    )
    values = 1 - np.prod([1 - part for part in parts], axis=0)
    larger = np.where(area[1] > area[0], area[1] / area[0], -area[0] / area[1])
    reasons = [
        _words(*row)
        for row in zip(
            links.divides.tolist(),
            (choice > LEAST).tolist(),
            gap.tolist(),
            (ratio < _CHANGED).tolist(),
            larger.tolist(),
            strict=True,
        )
    ]
    return LinkDoubts(values, reasons)


def _words(divides: bool, unsure: bool, gap: int, changed: bool, times: float) -> str:
    found = []
    if divides:
        found.append("a division")
    elif unsure:
        found.append("another cell would fit nearly as well")
    if gap > 0:
        frames = "a frame" if gap == 1 else f"{gap} frames"
        found.append(f"the cell was missing for {frames}")
    if changed:
        word = "larger" if times > 0 else "smaller"
        found.append(f"it is {abs(times):.1f} times {word} at once")
    return "; ".join(found) or "nothing odd"


def _between(
    values: NDArray[np.float64], least: float, most: float
) -> NDArray[np.float64]:
    """Rise from 0 at the least value to `_MOST` at the other."""
    return _MOST * np.clip((values - least) / (most - least), 0, 1)


def _by_place(
    cells: Detections, links: Links
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far cells are from where they were expected, and the next choice is.

    That is another cell near there, or another track that was expected near the cell;
    infinite if there is none. Both are (L,), in diameters.
    """
    size = median_diameter(cells.area) or 1.0
    gap = (cells.frame[links.after] - cells.frame[links.before])[:, None]
    moved = (cells.centre[links.after] - cells.centre[links.before]) / gap
    step = np.zeros((len(cells.track), 2))
    step[links.after[~links.divides]] = moved[~links.divides]
    expected = cells.centre[links.before] + TIME.momentum * gap * step[links.before]
    found = cells.centre[links.after]
    rival = np.full(len(found), np.inf)
    in_frame, own = _grouped(cells.frame), _grouped(cells.frame[links.after])
    for frame, chosen in own.items():
        here = in_frame[frame]
        distance, which = _nearest(cells.centre[here], expected[chosen])
        others = here[which] != links.after[chosen][:, None]
        rival[chosen] = np.where(others, distance, np.inf).min(1)
        distance, which = _nearest(expected[chosen], found[chosen])
        others = which != np.arange(len(chosen))[:, None]
        distance = np.where(others, distance, np.inf).min(1)
        rival[chosen] = np.minimum(rival[chosen], distance)
    return np.linalg.norm(expected - found, axis=1) / size, rival / size


def _nearest(
    points: NDArray[np.float64], to: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return distances and rows (K, 2) of the two points nearest to others (K, 2)."""
    distance, row = cKDTree(points).query(to, k=2)
    return distance, np.minimum(row, len(points) - 1)


def _grouped(frames: NDArray[np.int64]) -> dict[int, NDArray[np.intp]]:
    """Return the rows of each frame."""
    order = np.argsort(frames, kind="stable")
    names, begins = np.unique(frames[order], return_index=True)
    parts: Sequence[NDArray[np.intp]] = np.split(order, begins[1:])
    return dict(zip(names.tolist(), parts, strict=len(names) > 0))
