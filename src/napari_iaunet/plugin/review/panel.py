"""The Review tab.

`ReviewPanel` emits ``cells_picked`` with a layer's key, and ``picture_requested``; its
sections have signals of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.review.clean_panel import CleanSection
from napari_iaunet.plugin.review.filter_panel import FilterSection
from napari_iaunet.plugin.review.pair_panel import PairOptions, PairSection
from napari_iaunet.plugin.review.walk_panel import WalkSection
from napari_iaunet.plugin.widgets.forms import Rows, fill, picker, title
from napari_iaunet.plugin.widgets.plain import plain_label

if TYPE_CHECKING:
    from qtpy.QtGui import QKeyEvent

    from napari_iaunet.plugin.widgets.forms import Offers

NO_CELLS = (
    "Press Segment first, or open a layer of cells. Layers that are read only or "
    "computed cannot be reviewed."
)


class ReviewPanel(QScrollArea):
    """Which cells, which of them to keep, and one after the other."""

    cells_picked = Signal(str)
    picture_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Review")
        self.cells = picker("Cells")
        self.cells.setToolTip("The layer of cells that is reviewed.")
        self.status = plain_label()
        self.filter = FilterSection()
        self.walk = WalkSection()
        self.clean = CleanSection()
        self.picture_button = QPushButton("Save picture…")
        self.picture_button.setToolTip(
            "Save what the viewer shows as PNG, with the cells as outlines and a scale "
            "bar."
        )
        self.pair_options = PairOptions()
        self.pair = PairSection(self.pair_options)
        form = Rows()
        form.addRow("Cells", self.cells)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.addLayout(form)
        layout.addWidget(self.status)
        layout.addWidget(self.filter)
        for section in (self.walk, self.clean, self.pair):
            layout.addSpacing(6)
            layout.addWidget(section)
        layout.addSpacing(6)
        layout.addWidget(title("To keep"))
        layout.addWidget(self.picture_button)
        layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.cells.activated.connect(self._on_cells)
        self.picture_button.clicked.connect(lambda: self.picture_requested.emit())

    def set_cells(self, offers: Offers, picked: str) -> None:
        """Offer layers of cells as key and name."""
        fill(self.cells, offers, picked)
        self.picture_button.setEnabled(bool(offers))
        if not offers:
            self.say(NO_CELLS)

    def say(self, text: str) -> None:
        """Show a line of text."""
        self.status.setText(text)
        self.status.setVisible(bool(text))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the keys of a review also while a button of the tab has the focus."""
        key = event.text().upper()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        name = f"Shift+{key}" if shift else key
        if self.walk.button.isChecked() and name in self.walk.buttons:
            self.walk.pressed.emit(name)
        else:
            super().keyPressEvent(event)

    def _on_cells(self) -> None:
        self.cells_picked.emit(self.cells.currentData() or "")
