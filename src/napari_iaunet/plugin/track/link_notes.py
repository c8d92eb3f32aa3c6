"""What is known of links: how sure tracking was, and which ones the user has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.tracking.doubt import LEAST, doubts, find_links

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_iaunet.tracking.editing import Cell, EditedTracks

    # Rows of two cells among the detections.
    Pair = tuple[int, int]

# Columns of the Tracks layer: of the link that led to each point, 0 where none did.
SCORE, MARGIN, CHECKED = "link_score", "link_margin", "link_checked"


class LinkNotes:
    """Notes on links, by the rows of the two cells: edits leave these as they are.

    ``columns`` are those of a Tracks layer, each with a value for every cell.
    """

    def __init__(
        self, tracks: EditedTracks, columns: dict[str, NDArray[np.float64]]
    ) -> None:
        self._tracks = tracks
        links = find_links(tracks.cells, tracks.graph)
        pairs = list(zip(links.before.tolist(), links.after.tolist(), strict=True))
        nothing = np.zeros(len(tracks.cells.track))
        score, margin, checked = (
            columns.get(name, nothing)[links.after] for name in (SCORE, MARGIN, CHECKED)
        )
        self._has_scores = SCORE in columns
        self._known = {
            pairs[i]: (float(score[i]), float(margin[i]))
            for i in np.flatnonzero(score > 0)
        }
        self._checked = {pairs[i] for i in np.flatnonzero(checked > 0)}

    def check(self, pair: Pair) -> None:
        """Note that the user has accepted a link."""
        self._checked.add(pair)

    def check_cells(self, links: Iterable[tuple[Cell, Cell]]) -> None:
        """Note that the user has made links: there is no doubt of them."""
        for ends in links:
            track, frame = np.array(ends, np.int64).T
            rows = self._tracks.find(track, frame)
            if len(rows) == 2:
                self._checked.add((int(rows[0]), int(rows[1])))

    def columns(self) -> dict[str, NDArray[np.float64]]:
        """Return the columns of the Tracks layer, a value for every cell."""
        links = find_links(self._tracks.cells, self._tracks.graph)
        names = [SCORE, MARGIN] if self._has_scores else []
        names += [CHECKED] if self._checked else []
        found = {name: np.zeros(len(self._tracks.cells.track)) for name in names}
        for pair in zip(links.before.tolist(), links.after.tolist(), strict=True):
            if self._has_scores and pair in self._known:
                found[SCORE][pair[1]], found[MARGIN][pair[1]] = self._known[pair]
            if self._checked and pair in self._checked:
                found[CHECKED][pair[1]] = 1.0
        return found

    def doubtful(self) -> dict[Pair, str]:
        """Return the links that are worth a look, the worst first, and why each is."""
        cells = self._tracks.cells
        links = find_links(cells, self._tracks.graph)
        pairs = list(zip(links.before.tolist(), links.after.tolist(), strict=True))
        margin = np.full(len(pairs), np.nan)
        for i, pair in enumerate(pairs):
            if pair in self._known:
                margin[i] = self._known[pair][1]
        found = doubts(cells, links, margin)
        order = np.argsort(-found.values, kind="stable")
        return {
            pairs[i]: found.reasons[i]
            for i in order[found.values[order] > LEAST]
            if pairs[i] not in self._checked
        }
