"""The section "Clean up" of the Review tab."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_iaunet.plugin.widgets.forms import title
from napari_iaunet.plugin.widgets.plain import plain_label

FILL, SMOOTH, BORDER, RENUMBER = "fill", "smooth", "border", "renumber"
_BUTTONS = {
    FILL: ("Fill holes", "Give background that a cell encloses to the cell."),
    SMOOTH: ("Smooth", "Take bumps and frays from the outlines of all cells."),
    BORDER: ("Remove at border", "Delete all cells that touch the image's border."),
    RENUMBER: ("Renumber", "Number the cells 1, 2, 3, … without gaps."),
}
_UNDO = " One step: Ctrl+Z in the selected layer undoes it."


class CleanSection(QWidget):
    """A button for each thing that can be done to all cells, and a line of text.

    ``requested`` says which.
    """

    requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.buttons = {key: QPushButton(text) for key, (text, _) in _BUTTONS.items()}
        self.status = plain_label()
        self.status.hide()
        grid = QGridLayout()
        for i, (key, button) in enumerate(self.buttons.items()):
            button.setToolTip(_BUTTONS[key][1] + _UNDO)
            button.clicked.connect(lambda _=False, key=key: self.requested.emit(key))
            grid.addWidget(button, i // 2, i % 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title("Clean up"))
        layout.addLayout(grid)
        layout.addWidget(self.status)
        self.set_ready(False)

    def set_ready(self, ready: bool) -> None:
        """Allow to clean up."""
        for button in self.buttons.values():
            button.setEnabled(ready)

    def say(self, text: str) -> None:
        """Show a line of text."""
        self.status.setText(text)
        self.status.setVisible(bool(text))
