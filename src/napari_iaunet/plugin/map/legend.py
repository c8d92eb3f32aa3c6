"""A bar of colours with its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPalette
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

_BAR, _GAP, _WIDTH = 12, 3, 160  # pixels


class ColourBar(QWidget):
    """Tells which colour stands for which value."""

    def __init__(self) -> None:
        super().__init__()
        self._colours: Sequence[str] = ()
        self._limits, self._title = (0.0, 1.0), ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colours of the map")

    def show_scale(
        self, title: str, colours: Sequence[str], limits: tuple[float, float]
    ) -> None:
        """Show colours from the lowest to the highest, and the values of both."""
        self._title, self._colours, self._limits = title, colours, limits
        low, high = self.texts()
        self.setAccessibleDescription(f"{title}: from {low} to {high}")
        self.setToolTip("The few cells beyond the ends have the colours of the ends.")
        self.update()

    def texts(self) -> tuple[str, str]:
        """Return both values as they are written."""
        low, high = (f"{v:,.0f}" if abs(v) >= 1e3 else f"{v:.3g}" for v in self._limits)
        return low, high

    def sizeHint(self) -> QSize:
        """Ask for the bar, a line of text for the values, and one for the name."""
        line = self.fontMetrics().height()
        return QSize(_WIDTH, _BAR + 2 * line + 2 * _GAP)

    def minimumSizeHint(self) -> QSize:
        """Ask for the same at least."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the bar, the values of its ends and what they are of."""
        painter = QPainter(self)
        line = self.fontMetrics().height()
        wide = self.width()
        shades = QLinearGradient(0, 0, wide, 0)
        for i, colour in enumerate(self._colours):
            shades.setColorAt(i / max(len(self._colours) - 1, 1), QColor(colour))
        painter.fillRect(QRectF(0, 0, wide, _BAR), shades)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        low, high = self.texts()
        row = QRectF(0, _BAR + _GAP, wide, line)
        painter.drawText(row, Qt.AlignmentFlag.AlignLeft, low)
        painter.drawText(row, Qt.AlignmentFlag.AlignRight, high)
        below = QRectF(0, _BAR + line + _GAP, wide, line)
        text = self.fontMetrics().elidedText(
            self._title, Qt.TextElideMode.ElideMiddle, wide
        )
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
