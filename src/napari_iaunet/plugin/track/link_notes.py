"""What is known of links: how sure tracking was, and which ones the user has seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.tracking.doubt import LEAST, doubts, find_links

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from napari_iaunet.tracking.doubt import Links
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
        nothing = np.zeros(len(tracks.cells.track))
        self._score, self._margin, checked = (
            columns.get(name, nothing) for name in (SCORE, MARGIN, CHECKED)
        )
        self._has_scores = SCORE in columns
        # The cell that each score leads from; -1 where there is none.
        self._from = np.where(self._score > 0, self._before(links), -1)
        seen = checked[links.after] > 0
        pairs = links.before[seen].tolist(), links.after[seen].tolist()
        self._checked = set(zip(*pairs, strict=True))

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
        before = self._before(find_links(self._tracks.cells, self._tracks.graph))
        found = {}
        if self._has_scores:
            same = (before == self._from) & (before >= 0)
            found[SCORE] = np.where(same, self._score, 0.0)
            found[MARGIN] = np.where(same, self._margin, 0.0)
        if self._checked:
            found[CHECKED] = np.zeros(len(before))
            for first, second in self._checked:
                found[CHECKED][second] = float(before[second] == first)
        return found

    def doubtful(self) -> dict[Pair, str]:
        """Return the links that are worth a look, the worst first, and why each is."""
        cells = self._tracks.cells
        links = find_links(cells, self._tracks.graph)
        known = self._from[links.after] == links.before
        margin = np.where(known, self._margin[links.after], np.nan)
        found = doubts(cells, links, margin)
        order = np.argsort(-found.values, kind="stable")
        worst = {
            (int(links.before[i]), int(links.after[i])): found.reasons[i]
            for i in order[found.values[order] > LEAST]
        }
        return {pair: why for pair, why in worst.items() if pair not in self._checked}

    def _before(self, links: Links) -> NDArray[np.intp]:
        """Return the row of the cell before each cell, -1 where there is none."""
        before = np.full(len(self._tracks.cells.track), -1)
        before[links.after] = links.before
        return before
