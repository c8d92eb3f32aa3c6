"""Combo boxes that long names do not widen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Picker(QComboBox):
    """A combo box as wide as its place, whatever it offers.

    Parameters
    ----------
    least : int
        Characters that are always shown.
    """

    def __init__(self, least: int = 12) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setMinimumContentsLength(least)

    def offer(self, offers: Sequence[tuple[Any, str]], picked: Any) -> None:
        """Offer things, given as key and text, and pick one; emits no signal."""
        if self._offers() != list(offers):
            self.blockSignals(True)
            self.clear()
            for key, text in offers:
                self.addItem(text, key)
            self.blockSignals(False)
        self.pick(picked)

    def pick(self, key: Any) -> None:
        """Pick one by its key; none if it is not offered. Emits no signal."""
        keys = [offered for offered, _ in self._offers()]
        self.blockSignals(True)
        self.setCurrentIndex(keys.index(key) if key in keys else -1)
        self.blockSignals(False)

    def _offers(self) -> list[tuple[Any, str]]:
        return [(self.itemData(i), self.itemText(i)) for i in range(self.count())]


def side_by_side(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    """Put widgets into a row; each comes with how much it stretches."""
    row = QHBoxLayout()
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row


def title(text: str) -> QLabel:
    """Make the title of a part of the tab."""
    label = QLabel(f"<b>{text}</b>")
    label.setTextFormat(Qt.TextFormat.RichText)
    return label
