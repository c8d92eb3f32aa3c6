"""What clicks do to tracks: the modes, and what is clicked in each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_iaunet.tracking.editing import Cell, EditedTracks, TrackEdit

# The keys of the modes, which stand for them.
JOIN, CUT, SWAP, DIVIDE, UNDIVIDE = "J", "S", "W", "D", "Shift+D"

# What the next click does, in each mode; the numbers of the tracks are filled in.
_NEXT = {
    JOIN: (
        "Join: click a cell of the track that ends.",
        "Join {0}: go to a later frame and click the same cell there.",
    ),
    CUT: ("Cut: click a cell. Its track gets a new number from this frame on.",),
    SWAP: (
        "Swap: click one of two cells whose tracks change places from this frame on.",
        "Swap {0}: click the other cell.",
    ),
    DIVIDE: (
        "Division: click the mother, in the last frame before she divides.",
        "Division of {0}: go to the next frame and click the first daughter.",
        "Division of {0}: click the second daughter.",
    ),
    UNDIVIDE: ("No division: click the mother, or a daughter.",),
}
OFF = "Choose below what the next clicks do."
BESIDE = "There is no cell and no track. "


@dataclass
class Gesture:
    """A mode, and the cells clicked in it so far; without a mode clicks do nothing."""

    mode: str = ""
    cells: list[Cell] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What the next click does."""
        if not self.mode:
            return OFF
        text = _NEXT[self.mode][len(self.cells)]
        return text.format(*(track for track, _ in self.cells))

    def click(self, cell: Cell) -> tuple[Cell, ...]:
        """Take a click on a cell; return all clicks of the gesture if it is complete.

        Then the next one begins.
        """
        self.cells.append(cell)
        if len(self.cells) < len(_NEXT[self.mode]):
            return ()
        cells = tuple(self.cells)
        self.cells.clear()
        return cells


def edit_of(
    tracks: EditedTracks, mode: str, cells: tuple[Cell, ...], frame: int
) -> TrackEdit:
    """Return what a complete gesture does, with a frame in view at the last click.

    Raises `ImageError` if that would not make sense.
    """
    names = [track for track, _ in cells]
    if mode == JOIN:
        return tracks.join(names[0], names[1])
    if mode == CUT:
        return tracks.cut(names[0], frame)
    if mode == SWAP:
        return tracks.swap(names[0], names[1], frame)
    if mode == DIVIDE:
        return tracks.divide(cells[0], cells[1:])
    return tracks.undivide(cells[0])
