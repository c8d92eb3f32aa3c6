"""Combo boxes that long names do not widen."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox


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
