"""The section "Edit tracks" of the Track tab.

`EditSection` emits ``toggled`` with True or False, ``cells_picked`` with a layer's key,
and ``pressed`` with a key of the keyboard, `UNDO` or `REDO`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_iaunet.plugin.core.shortcuts import Command, shortcuts
from napari_iaunet.plugin.track.gestures import CUT, DIVIDE, JOIN, SWAP, UNDIVIDE
from napari_iaunet.plugin.widgets.buttons import HelpButton, ModeButton, table_of
from napari_iaunet.plugin.widgets.forms import Rows, fill, picker, side_by_side, title
from napari_iaunet.plugin.widgets.plain import plain_label

if TYPE_CHECKING:
    from napari_iaunet.plugin.widgets.forms import Offers

NEXT, BACK, ACCEPT = "N", "Shift+N", "A"
UNDO, REDO, ESCAPE = "Ctrl+Z", "Ctrl+Shift+Z", "Escape"
MODES = {
    JOIN: ("Join", "One cell has two tracks: click it on both."),
    CUT: ("Cut", "A track goes on with another cell: click that cell."),
    SWAP: ("Swap", "Two tracks change places from this frame on: click both cells."),
    DIVIDE: ("Division", "Click a mother, then her two daughters in the next frame."),
    UNDIVIDE: ("No division", "Take a division away: click the mother or a daughter."),
}
_STEPS = {
    UNDO: ("Undo", "Undo the last change of the cells and their tracks."),
    REDO: ("Redo", "Undo the last undo."),
}
DOUBTS = {
    BACK: ("Back", "The doubtful link before."),
    NEXT: ("Next doubtful link", "The link that most likely is wrong; then the next."),
    ACCEPT: ("Accept", "This link is right: it is not shown again."),
}
COMMANDS = {
    JOIN: Command("track_join", JOIN, "Edit tracks: join two tracks"),
    CUT: Command("track_cut", CUT, "Edit tracks: cut a track"),
    SWAP: Command("track_swap", SWAP, "Edit tracks: swap two tracks"),
    DIVIDE: Command("track_divide", DIVIDE, "Edit tracks: mark a division"),
    UNDIVIDE: Command("track_undivide", UNDIVIDE, "Edit tracks: take a division away"),
    NEXT: Command("track_next", NEXT, "Edit tracks: the next doubtful link"),
    BACK: Command("track_back", BACK, "Edit tracks: the doubtful link before"),
    ACCEPT: Command("track_accept", ACCEPT, "Edit tracks: accept the link"),
}
HELP = [
    (JOIN, "join two tracks: click a cell of each, the second in a later frame"),
    (CUT, "cut a track: what is clicked has a new number from this frame on"),
    (SWAP, "swap two tracks from this frame on: click a cell of each"),
    (DIVIDE, "mark a division: click the mother, then both daughters one frame later"),
    (UNDIVIDE, "take a division away: click the mother or a daughter"),
    ("Esc", "leave it: clicks do nothing any more"),
    (NEXT, "the next doubtful link"),
    (BACK, "the doubtful link before"),
    (ACCEPT, "accept the link: it is not shown again"),
    (f"{UNDO}, {REDO}", "undo, redo"),
]
_NO_CELLS = "Open cells of a film: a Labels layer with frames, in memory."


def _now(usual: str) -> str:
    """Return what a key is now, "" if the user has taken it away."""
    return shortcuts().now(usual, COMMANDS)


class EditSection(QWidget):
    """A button for each mode, and a line that says what the next click does."""

    toggled = Signal(bool)
    cells_picked = Signal(str)
    pressed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.button = ModeButton(
            "Edit tracks", "Mend tracks with clicks on the cells of a film."
        )
        self.help = HelpButton("")
        self.cells = picker("Layer whose tracks are edited")
        self.cells.setToolTip(
            "Cells that have one label in all frames, of Track or of another program. "
            "Their Tracks layer is changed with them; if there is none, it is made."
        )
        self.modes = {key: QPushButton(text) for key, (text, _) in MODES.items()}
        self.steps = {key: QPushButton(text) for key, (text, _) in _STEPS.items()}
        self.doubts = {key: QPushButton(text) for key, (text, _) in DOUBTS.items()}
        self.status, self.doubt = plain_label(), plain_label()
        for key, button in {**self.modes, **self.steps, **self.doubts}.items():
            button.clicked.connect(lambda _=False, key=key: self.pressed.emit(key))
        for button in self.modes.values():
            button.setCheckable(True)
        self._lay_out()
        self.button.toggled.connect(self.toggled)
        self.cells.activated.connect(self._on_cells)
        shortcuts().changed.connect(self._show_keys)
        self._show_keys()
        self.set_on(False)
        self.set_doubt("")
        self.set_cells([], "")

    def _lay_out(self) -> None:
        form = Rows()
        form.addRow("Tracks of", self.cells)
        grid = QGridLayout()
        for i, button in enumerate([*self.modes.values()]):
            grid.addWidget(button, i // 2, i % 2)
        steps = side_by_side(*((button, 1) for button in self.steps.values()))
        grid.addLayout(steps, 2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addSpacing(6)
        layout.addWidget(title("Mend tracks"))
        layout.addLayout(form)
        layout.addLayout(side_by_side((self.button, 1), (self.help, 0)))
        layout.addWidget(self.status)
        layout.addLayout(grid)
        layout.addWidget(self.doubt)
        row = [self.doubts[BACK], self.doubts[ACCEPT]]
        layout.addWidget(self.doubts[NEXT])
        layout.addLayout(side_by_side(*((button, 1) for button in row)))

    def _show_keys(self) -> None:
        rows = [(_now(key), text) for key, text in HELP]
        self.help.setToolTip(table_of(row for row in rows if row[0]))
        tips = {**MODES, **_STEPS, **DOUBTS}
        for usual, button in {**self.modes, **self.steps, **self.doubts}.items():
            key = _now(usual)
            button.setToolTip(tips[usual][1] + (f" ({key})" if key else ""))

    def set_cells(self, cells: Offers, picked: str) -> None:
        """Offer layers of cells: key, name."""
        fill(self.cells, cells, picked)
        self.button.setEnabled(bool(cells))
        if not self.button.isChecked():
            self.status.setText("" if cells else _NO_CELLS)

    def set_on(self, on: bool, *, ready: bool = False) -> None:
        """Show whether tracks are edited, and allow it once they are known."""
        self.button.set_on(on)
        for button in (*self.modes.values(), *self.steps.values()):
            button.setEnabled(on and ready)
        for key in (NEXT, BACK):
            self.doubts[key].setEnabled(on and ready)
        if not on:
            self.set_mode("", "" if self.cells.count() else _NO_CELLS)

    def set_mode(self, mode: str, text: str) -> None:
        """Show which mode is on, and say what the next click does."""
        for key, button in self.modes.items():
            button.setChecked(key == mode)
        self.status.setText(text)

    def set_doubt(self, text: str, is_one: bool = False) -> None:
        """Say which link is doubtful, and why; allow to accept it if there is one."""
        self.doubt.setText(text)
        self.doubts[ACCEPT].setEnabled(is_one)

    def _on_cells(self) -> None:
        self.cells_picked.emit(self.cells.currentData() or "")
