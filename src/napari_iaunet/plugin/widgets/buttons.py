"""Buttons: plain ones, those for a mode of the mouse, and what explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QPushButton, QToolButton, QToolTip

if TYPE_CHECKING:
    from collections.abc import Iterable


def push_button(text: str, tip: str) -> QPushButton:
    """Make a button with a tooltip."""
    button = QPushButton(text)
    button.setToolTip(tip)
    return button


class ModeButton(QPushButton):
    """A button that stays pressed, and says whether its mode is on."""

    def __init__(self, mode: str, tip: str) -> None:
        super().__init__()
        self._mode = mode
        self.setCheckable(True)
        self.setToolTip(tip)
        self.toggled.connect(self._show)
        self._show(False)

    def set_on(self, on: bool) -> None:
        """Show whether the mode is on, without emitting ``toggled``."""
        self.blockSignals(True)
        self.setChecked(on)
        self.blockSignals(False)
        self._show(on)

    def _show(self, on: bool) -> None:
        self.setText(f"{self._mode}: {'on' if on else 'off'}")


class HelpButton(QToolButton):
    """A question mark with a tooltip, which a click shows, too.

    If it is checkable, the same stands elsewhere, and a click folds that away.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setText("?")
        self.setAccessibleName("What mouse and keys do")
        self.setToolTip(text)
        self.clicked.connect(self._on_clicked)

    def _on_clicked(self) -> None:
        if self.isCheckable():  # it folds something
            return
        QToolTip.showText(self.mapToGlobal(QPoint(0, 0)), self.toolTip(), self)


def table_of(actions: Iterable[tuple[str, str]]) -> str:
    """Return what keys and clicks do as a table for a tooltip."""
    rows = "".join(
        f"<tr><td width='50%'><b>{a}</b></td><td>{b}</td></tr>" for a, b in actions
    )
    return f"<table cellspacing='4'>{rows}</table>"
