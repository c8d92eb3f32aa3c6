"""How much better links are than what else their cells could have been linked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def margins(
    score: NDArray[np.float64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    assigned: Sequence[tuple[int, int]],
    least: float,
) -> dict[tuple[int, int], float]:
    """Return what the sum of scores would lose without each link, at least.

    Without a link its track goes on with another cell, whose own track takes the cell
    that is free then, or none. Longer chains are not looked at: they would only lose
    less than what is told here.

    Parameters
    ----------
    score : (P,) float
        Of pairs of a track and a cell.
    first, second : (P,) int
        Track and cell of each pair.
    assigned : sequence of (track, cell)
        The pairs that are linked.
    least : float
        Score of a track that is linked to none.
    """
    wide = int(second.max(initial=0)) + 1
    code = first * wide + second
    order = np.argsort(code)
    code, value = code[order], score[order]

    def score_of(track: NDArray[np.int64], cell: NDArray[np.int64]) -> Floats:
        """Return the scores of pairs; at worst the track is linked to none."""
        place = np.minimum(np.searchsorted(code, track * wide + cell), len(code) - 1)
        known = (code[place] == track * wide + cell) & (track >= 0) & (cell >= 0)
        return np.where(known, np.maximum(value[place], least), least)

    if not assigned:
        return {}
    tracks, cells = np.array(assigned).T
    cell_of = np.full(int(first.max()) + 1, -1)
    track_of = np.full(wide, -1)
    cell_of[tracks], track_of[cells] = cells, tracks
    others = np.flatnonzero(cell_of[first] != second)
    one, there = first[others], second[others]
    here, other = cell_of[one], track_of[there]
    # A cell without a track adds nothing to the sum.
    was = score_of(one, here) + np.where(other >= 0, score_of(other, there), 0.0)
    free = np.where(here >= 0, score_of(other, here), least)
    loss = was - score[others] - np.where(other >= 0, free, 0.0)
    lost = np.full(len(cell_of), np.inf)
    lost[tracks] = score_of(tracks, cells) - least
    np.minimum.at(lost, one, loss)
    np.minimum.at(lost, other[other >= 0], loss[other >= 0])
    return {
        (int(track), int(cell)): max(float(lost[track]), 0.0)
        for track, cell in zip(tracks, cells, strict=True)
    }
