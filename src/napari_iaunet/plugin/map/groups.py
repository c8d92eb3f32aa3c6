"""Groups of cells, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Colours are numbers of 8 bits in the viewer.
_MOST = 200


@dataclass(frozen=True)
class Groups:
    """Groups that were found among cells.

    Attributes
    ----------
    numbers : (N,) int64
        Of each cell's group, from 1; 0 for none.
    names : tuple of str
        The first is that of group 1.
    """

    numbers: NDArray[np.int64]
    names: tuple[str, ...] = ()

    @staticmethod
    def of(numbers: NDArray[np.int64]) -> Groups:
        """Return groups with names to begin with, as many as can be shown.

        The first ones are the largest.
        """
        numbers = np.where(numbers > _MOST, 0, numbers)
        count = int(numbers.max(initial=0))
        return Groups(numbers, tuple(f"group {i}" for i in range(1, count + 1)))

    @property
    def words(self) -> NDArray[np.object_]:
        """The name of each cell's group (N,), "" for none."""
        words: NDArray[Any] = np.array(["", *self.names], object)[self.numbers]
        return words

    @property
    def rows(self) -> dict[str, NDArray[np.intp]]:
        """The rows of the cells of each group, by its name."""
        named = enumerate(self.names, 1)
        return {name: np.flatnonzero(self.numbers == i) for i, name in named}

    def renamed(self, place: int, name: str) -> Groups:
        """Return them with another name of one; groups of one name become one."""
        name = name.strip()
        if not name or place >= len(self.names):
            return self
        names = [*self.names]
        names[place] = name
        kept = list(dict.fromkeys(names))
        number = np.array([0, *(kept.index(n) + 1 for n in names)], np.int64)
        return replace(self, numbers=number[self.numbers], names=tuple(kept))

    def __str__(self) -> str:
        if not self.names:
            return "No group was found. Try smaller ones."
        count, alone = len(self.names), int(np.count_nonzero(self.numbers == 0))
        cells = f"{alone:,} cell{' is' if alone == 1 else 's are'} in none"
        return f"{count} group{'' if count == 1 else 's'}; {cells}."
