"""Combo boxes that long names do not widen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

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
