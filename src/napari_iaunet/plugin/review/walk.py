"""One cell after the other, in an order that may change on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class Walk:
    """Where one is among cells, by their label ids, and where one came from.

    Attributes
    ----------
    current : int
        Label id of the cell that is looked at; 0 for none.
    """

    def __init__(self) -> None:
        self.current = 0
        self._order: list[int] = []
        self._place: dict[int, int] = {}
        self._at = -1
        self._past: list[int] = []

    def set_order(self, label_ids: Sequence[int]) -> None:
        """Go through cells in another order, on from the one that is looked at."""
        self._order = list(label_ids)
        self._place = {label_id: i for i, label_id in enumerate(self._order)}
        if self.current in self._place:
            self._at = self._place[self.current]
        else:
            self.current = 0
            self._at = min(self._at, len(self._order)) - (self._at >= 0)

    def leave_out(self, label_id: int) -> None:
        """Let go of a cell that is gone."""
        self.set_order([other for other in self._order if other != label_id])

    def go_on(self, accepted: Collection[int]) -> int:
        """Go to the next cell among those accepted, round and round; 0 without one."""
        count = len(self._order)
        for step in range(1, count + 1):
            label_id = self._order[(self._at + step) % count]
            if label_id in accepted and label_id != self.current:
                if self.current:
                    self._past.append(self.current)
                self._go(label_id)
                return label_id
        return 0

    def go_back(self) -> int:
        """Go to the cell before; 0 if there is none."""
        while self._past:
            label_id = self._past.pop()
            if label_id in self._place:
                self._go(label_id)
                return label_id
        return 0

    def go_to(self, label_id: int) -> bool:
        """Go to a cell; False if it is not among them."""
        known = label_id in self._place
        if known:
            self._go(label_id)
        return known

    def _go(self, label_id: int) -> None:
        self.current, self._at = label_id, self._place[label_id]
