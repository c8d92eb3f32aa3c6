"""The section "Review" of the Review tab.

`WalkSection` emits ``toggled`` with True or False, ``pressed`` with a key, and
``show_picked`` with which cells are to be shown.
"""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.core.shortcuts import Command, shortcuts
from napari_iaunet.plugin.widgets.buttons import HelpButton, ModeButton, table_of
from napari_iaunet.plugin.widgets.forms import Rows, fill, picker, side_by_side, title
from napari_iaunet.plugin.widgets.plain import plain_label

NEXT, BACK, ACCEPT, DELETE, MARK = "N", "Shift+N", "A", "D", "Q"
UNDO = "undo"  # a button without a key of its own: Ctrl+Z is napari's
NEW, ALL, MARKED = "new", "all", "marked"
_BUTTONS = {
    BACK: ("Back", "The cell before"),
    NEXT: ("Next", "The next cell, without a word on this one"),
    ACCEPT: ("Accept", "This cell is as it should be; the next one"),
    DELETE: ("Delete", "Delete this cell; the next one"),
    MARK: ("Mark", "Come back to this cell later; the next one"),
    UNDO: ("Undo", "Undo the last change of the layer"),
}
_HELP = {
    NEXT: "the next cell",
    BACK: "the cell before",
    ACCEPT: "accept the cell: it has been looked at",
    DELETE: "delete it",
    MARK: "mark it, to come back later, or take the mark away",
}
COMMANDS = {
    NEXT: Command("review_next", NEXT, "Review: the next cell"),
    BACK: Command("review_back", BACK, "Review: the cell before"),
    ACCEPT: Command("review_accept", ACCEPT, "Review: accept the cell"),
    DELETE: Command("review_delete", DELETE, "Review: delete the cell"),
    MARK: Command("review_mark", MARK, "Review: mark the cell, or take the mark away"),
}


class WalkSection(QWidget):
    """A button that stays pressed, the cell in words, and what to do with it."""

    toggled = Signal(bool)
    pressed = Signal(str)
    show_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.button = ModeButton(
            "Review cells",
            "Go from cell to cell by keys, the most doubtful one first.",
        )
        self.help = HelpButton("")
        self.show_which = picker("Which cells are gone through")
        self.show_which.setToolTip("Which cells you go through.")
        which = [(NEW, "not looked at yet"), (ALL, "all cells"), (MARKED, "marked")]
        fill(self.show_which, which, NEW)
        self.cell, self.progress = plain_label(), plain_label()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Cells looked at")
        self.bar.setTextVisible(False)
        self.buttons = {key: QPushButton(text) for key, (text, _) in _BUTTONS.items()}
        self._lay_out()
        self.button.toggled.connect(self.toggled)
        self.show_which.activated.connect(self._on_show)
        for key, button in self.buttons.items():
            button.clicked.connect(lambda _=False, key=key: self.pressed.emit(key))
        shortcuts().changed.connect(self._show_keys)
        self._show_keys()
        self.set_ready(False)
        self.set_cell("", False)
        self.set_progress(0, 0, 0)

    def _lay_out(self) -> None:
        form = Rows()
        form.addRow("Show", self.show_which)
        grid = QGridLayout()
        for i, button in enumerate(self.buttons.values()):
            grid.addWidget(button, i // 2, i % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title("One by one"))
        layout.addLayout(side_by_side((self.button, 1), (self.help, 0)))
        layout.addLayout(form)
        layout.addWidget(self.cell)
        layout.addLayout(grid)
        layout.addWidget(self.progress)
        layout.addWidget(self.bar)

    def _show_keys(self) -> None:
        keys = {
            usual: shortcuts().key_of(command) for usual, command in COMMANDS.items()
        }
        self.help.setToolTip(table_of((keys[key], text) for key, text in _HELP.items()))
        for usual, button in self.buttons.items():
            key = keys.get(usual, "")
            button.setToolTip(_BUTTONS[usual][1] + (f" ({key})." if key else "."))

    def set_ready(self, ready: bool) -> None:
        """Allow to switch on."""
        self.button.setEnabled(ready)

    def set_on(self, on: bool) -> None:
        """Show whether cells are gone through, without emitting ``toggled``."""
        self.button.set_on(on)

    @property
    def which(self) -> str:
        """Which cells are gone through: `NEW`, `ALL` or `MARKED`."""
        return str(self.show_which.currentData())

    def set_cell(self, text: str, is_one: bool, marked: bool = False) -> None:
        """Say which cell is looked at, and allow what can be done with one."""
        self.cell.setText(text)
        on = self.button.isChecked()
        for key, button in self.buttons.items():
            button.setEnabled(on and (is_one or key in (NEXT, BACK, UNDO)))
        self.buttons[MARK].setText("Unmark" if marked else "Mark")

    def set_progress(self, done: int, total: int, marked: int) -> None:
        """Say how many cells have been looked at."""
        text = f"{done:,} of {total:,} looked at" if total else ""
        self.progress.setText(text + (f", {marked:,} marked" if marked else ""))
        self.bar.setRange(0, max(total, 1))
        self.bar.setValue(done)

    def _on_show(self) -> None:
        self.show_picked.emit(self.which)
