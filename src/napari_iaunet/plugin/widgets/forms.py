"""Combo boxes that long names do not widen."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def offer(self, offers: Sequence[tuple[str, str]], picked: str) -> None:
        """Offer other things, given as key and text, and pick one by its key."""
        self.clear()
        for key, text in offers:
            self.addItem(text, key)
        self.setCurrentIndex(self.findData(picked))


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
