"""What was looked for, to go back and forward."""

from __future__ import annotations

from napari_iaunet.identity.search import Query

# More than anybody goes back; an example takes some hundred bytes.
_MOST_TARGETS = 100


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
