"""Search the cells of one or several label images for those that resemble examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.ranking import compare, relative

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

Cells = TypeVar("Cells", bound=DescribedCells)


class CellRef(NamedTuple):
    """A cell of a label image: the key of that, or of its layer, and the label."""

    layer: str
    label: int


class Query(NamedTuple):
    """Examples of what is looked for, and of what is not."""

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


class Ranking(Generic[Cells]):
    """Ranks the cells of one or several label images together.

    Rows go through all label images, by whose keys the cells are, in the order given.
    """

    def __init__(self, parts: Mapping[str, Cells]) -> None:
        self.parts = dict(parts)
        ends = np.cumsum([0, *map(len, self.parts.values())]).tolist()
        self.rows = {
            key: slice(a, b)
            for key, a, b in zip(self.parts, ends[:-1], ends[1:], strict=True)
        }
        self._cells = DescribedCells.joined(list(self.parts.values()))
        self._known: tuple[dict[str, float], NDArray[np.float32]] | None = None

    @property
    def cells(self) -> DescribedCells:
        """All cells as those of one image."""
        return self._cells

    def row(self, cell: CellRef) -> int | None:
        """Return the row of a cell; None if there is no such cell."""
        part = self.parts.get(cell.layer)
        row = None if part is None else part.row(cell.label)
        return None if row is None else self.rows[cell.layer].start + row

    def cell(self, row: int) -> CellRef:
        """Return the cell of a row."""
        key = next(key for key, rows in self.rows.items() if row < rows.stop)
        return CellRef(key, int(self._cells.label_ids[row]))

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

        What `similarity` computes from the cells, except that the vectors are kept
        for the next query.

        Raises
        ------
        ImageError
            If there is no like, or nothing counts.
        """
        vectors = self.vectors(weights)
        likes, unlikes = (
            [row for c in cells if (row := self.row(c)) is not None] for cells in query
        )
        return compare(vectors, likes, unlikes)

    def vectors(self, weights: Mapping[str, float]) -> NDArray[np.float32]:
        """Return what cells are compared by, (N, D), as `relative` gives it.

        It is kept for the next time.

        Raises
        ------
        ImageError
            If nothing counts.
        """
        known = self._known  # another thread may ask at the same time
        if known is None or known[0] != dict(weights):
            known = dict(weights), relative(self._cells.vectors(weights))
            self._known = known
        return known[1]


def suggest_threshold(values: NDArray[np.float32]) -> float:
    """Return a threshold to start from: halfway from the most to the best."""
    return float(np.median(values) + values.max()) / 2


def threshold_for(values: NDArray[np.float32], count: int) -> float:
    """Return a threshold from which on so many cells are found."""
    if count <= 0:
        return 1.0
    return float(np.sort(values)[-min(count, len(values))])


def best_and_uncertain(
    values: NDArray[np.float32], threshold: float, count: int
) -> tuple[list[int], list[int]]:
    """Return rows of the cells most alike, and of those next to the threshold.

    `count` of each, if there are so many, the most alike first.
    """
    best, uncertain = (
        _smallest(cost, count) for cost in (-values, np.abs(values - threshold))
    )
    order = np.argsort(-values[uncertain], kind="stable")
    return best.tolist(), uncertain[order].tolist()


def _smallest(cost: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Return where the smallest values are, in their order."""
    some = np.argpartition(cost, min(count, len(cost)) - 1)[:count]
    rows: NDArray[np.intp] = some[np.argsort(cost[some], kind="stable")]
    return rows
