"""The section "Filter" of the Review tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_iaunet.plugin.review.range_row import RangeRow
from napari_iaunet.plugin.widgets.forms import side_by_side, title
from napari_iaunet.plugin.widgets.plain import plain_label
from napari_iaunet.segmentation.filtering import PROPERTIES, scale_of

if TYPE_CHECKING:
    from napari_iaunet.segmentation.filtering import Range, Values


class FilterSection(QWidget):
    """A range for each property, how many cells pass, and what to do with them.

    ``ranges_changed`` gives the ranges by the names of the properties, those that let
    all cells pass left out.
    """

    ranges_changed = Signal(object)
    apply_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.rows = {name: RangeRow(about) for name, about in PROPERTIES.items()}
        self.count = plain_label()
        self.reset_button = QPushButton("Show all")
        self.reset_button.setToolTip("Widen all ranges again.")
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip(
            "Delete the cells that are not shown from their layer. Ctrl+Z in the "
            "selected layer brings them back."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title("Filter"))
        for row in self.rows.values():
            layout.addWidget(row)
            row.changed.connect(self._on_changed)
        layout.addWidget(self.count)
        layout.addLayout(side_by_side((self.reset_button, 1), (self.apply_button, 1)))
        self.reset_button.clicked.connect(self._on_reset)
        self.apply_button.clicked.connect(self.apply_requested)
        self.set_values(None)

    def set_values(self, values: Values | None) -> None:
        """Show what is known of all cells, by property; None without cells."""
        for name, row in self.rows.items():
            if values is None:
                row.set_values(None, None)
            else:
                about = PROPERTIES[name]
                scale = scale_of(values[name], about.power, about.step)
                row.set_values(values[name], scale)
        if values is None:
            self.set_count("")
        self._refresh()

    @property
    def ranges(self) -> dict[str, Range]:
        """The ranges by the names of the properties."""
        found = {name: row.range for name, row in self.rows.items()}
        return {name: ends for name, ends in found.items() if ends is not None}

    def reset(self) -> None:
        """Let all cells pass, without emitting ``ranges_changed``."""
        for row in self.rows.values():
            row.reset()
        self._refresh()

    def set_count(self, text: str) -> None:
        """Say how many cells pass."""
        self.count.setText(text)

    def _refresh(self) -> None:
        filtered = bool(self.ranges)
        self.apply_button.setEnabled(filtered)
        self.reset_button.setEnabled(filtered)

    def _on_changed(self) -> None:
        self._refresh()
        self.ranges_changed.emit(self.ranges)

    def _on_reset(self) -> None:
        self.reset()
        self.ranges_changed.emit({})
