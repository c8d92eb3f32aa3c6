"""Which cells are examples, and how much all cells resemble them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.identity.properties import APPEARANCE, as_angles, combine
from napari_iaunet.identity.ranking import similarity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from napari_iaunet.plugin.lookalikes.job import DescribedCells

_MOST_TARGETS = 100


class CellRef(NamedTuple):
    """A cell of a Labels layer.

    Attributes
    ----------
    layer : str
        The layer's ``unique_id``.
    label : int
    """

    layer: str
    label: int


class Query(NamedTuple):
    """Examples of what is looked for, and of what is not.

    Attributes
    ----------
    likes, unlikes : tuple of CellRef
    """

    likes: tuple[CellRef, ...] = ()
    unlikes: tuple[CellRef, ...] = ()

    def without(self, cell: CellRef) -> Query:
        """Return the examples but for one."""
        return Query(
            tuple(c for c in self.likes if c != cell),
            tuple(c for c in self.unlikes if c != cell),
        )

    def with_like(self, cell: CellRef) -> Query:
        """Return the examples and one more like."""
        rest = self.without(cell)
        return rest._replace(likes=(*rest.likes, cell))

    def with_unlike(self, cell: CellRef) -> Query:
        """Return the examples and one more unlike."""
        rest = self.without(cell)
        return rest._replace(unlikes=(*rest.unlikes, cell))


class Targets:
    """Queries in the order in which they were asked, to go back and forward."""

    def __init__(self) -> None:
        self._queries: list[Query] = [Query()]
        self._at = 0

    @property
    def current(self) -> Query:
        """The query that is shown."""
        return self._queries[self._at]

    @property
    def can_go_back(self) -> bool:
        """Whether there is an earlier query."""
        return self._at > 0

    @property
    def can_go_forward(self) -> bool:
        """Whether there is a later query."""
        return self._at + 1 < len(self._queries)

    def add(self, query: Query) -> None:
        """Go on to a new query; those that were gone back from are forgotten."""
        kept = [q for q in self._queries[: self._at + 1] if q != Query()]
        self._queries = [*kept[-_MOST_TARGETS + 1 :], query]
        self._at = len(self._queries) - 1

    def change(self, query: Query) -> None:
        """Put another query in place of the one that is shown."""
        self._queries[self._at] = query

    def back(self) -> None:
        """Show the query before."""
        self._at = max(self._at - 1, 0)

    def forward(self) -> None:
        """Show the query after."""
        self._at = min(self._at + 1, len(self._queries) - 1)

    def forget(self, layer: str) -> None:
        """Forget all examples of a layer."""
        self._queries = [
            Query(*(tuple(c for c in cells if c.layer != layer) for cells in query))
            for query in self._queries
        ]


class Ranking:
    """Ranks the cells of one or several layers together.

    Rows go through all layers, in the order given.

    Parameters
    ----------
    parts : mapping of str to DescribedCells
        By the key of the Labels layer.
    """

    def __init__(self, parts: Mapping[str, DescribedCells]) -> None:
        self.parts = dict(parts)
        counts = [len(part.names) for part in self.parts.values()]
        ends = np.cumsum([0, *counts]).tolist()
        self.rows = {
            key: slice(a, b)
            for key, a, b in zip(self.parts, ends[:-1], ends[1:], strict=True)
        }
        self._groups = _groups(list(self.parts.values()))
        self._weights: dict[str, float] | None = None
        self._vectors: NDArray[np.float32] | None = None

    def row(self, cell: CellRef) -> int | None:
        """Return the row of a cell; None if there is no such cell."""
        part = self.parts.get(cell.layer)
        row = None if part is None else part.row(cell.label)
        return None if row is None else self.rows[cell.layer].start + row

    def cell(self, row: int) -> CellRef:
        """Return the cell of a row."""
        for key, rows in self.rows.items():
            if rows.start <= row < rows.stop:
                return CellRef(key, int(self.parts[key].names[row - rows.start]))
        raise IndexError(row)

    def known(self, query: Query) -> Query:
        """Return the examples that exist."""
        likes, unlikes = (
            tuple(c for c in cells if self.row(c) is not None) for cells in query
        )
        return Query(likes, unlikes)

    def similarity(
        self, query: Query, weights: Mapping[str, float]
    ) -> NDArray[np.float32]:
        """Return how much each cell resembles the examples, (N,) in [0, 1].

        Raises
        ------
        ImageError
            If there is no like, or nothing counts.
        """
        if self._vectors is None or self._weights != dict(weights):
            self._vectors = combine(self._groups, weights)
            self._weights = dict(weights)
        likes, unlikes = (
            [row for c in cells if (row := self.row(c)) is not None] for cells in query
        )
        return similarity(self._vectors, likes, unlikes)

    def thumbnail(self, cell: CellRef) -> NDArray[np.uint8] | None:
        """Return the picture of a cell; None if there is no such cell."""
        part = self.parts.get(cell.layer)
        row = None if part is None else part.row(cell.label)
        return None if part is None or row is None else part.thumbnails[row]


def _groups(parts: list[DescribedCells]) -> dict[str, NDArray[np.floating[Any]]]:
    """Return unit vectors of all cells, by what they describe.

    Colour has no columns if images differ in their channels.
    """
    groups: dict[str, NDArray[np.floating[Any]]] = {
        APPEARANCE: np.concatenate([part.embeddings for part in parts])
    }
    for key in parts[0].properties:
        values = [part.properties[key] for part in parts]
        if len({v.shape[1] for v in values}) > 1:
            values = [v[:, :0] for v in values]
        groups[key] = as_angles(np.concatenate(values))
    return groups


def suggest_threshold(values: NDArray[np.float32]) -> float:
    """Return a threshold to start from: halfway from the most to the best."""
    return float(np.median(values) + values.max()) / 2


def threshold_for(values: NDArray[np.float32], count: int) -> float:
    """Return a threshold from which on so many cells are found."""
    if count <= 0:
        return 1.0
    return float(np.sort(values)[-min(count, len(values))])


def best_and_border(
    values: NDArray[np.float32], threshold: float, count: int
) -> tuple[list[int], list[int]]:
    """Return rows of the cells most alike, and of those next to the threshold.

    Parameters
    ----------
    values : (N,) float32
    threshold : float
    count : int
        How many of each, if there are so many.
    """
    best, border = -values, np.abs(values - threshold)
    rows = []
    for cost in (best, border):
        some = np.argpartition(cost, min(count, len(cost)) - 1)[:count]
        rows.append(some[np.argsort(cost[some], kind="stable")])
    chosen = rows[1][np.argsort(-values[rows[1]], kind="stable")]
    return rows[0].tolist(), chosen.tolist()
