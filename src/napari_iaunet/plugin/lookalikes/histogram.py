"""How many cells are how similar, and a threshold to drag.

`SimilarityHistogram` emits ``threshold_dragged`` with a similarity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent

# In pixels of the screen; bins some four pixels wide in a dock of usual width.
_BINS = 80
_HEIGHT = 130
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_GAP = 4
# The bars of what is found and of the rest, and the threshold: told apart on dark and
# on light themes.
_ABOVE, _BELOW, _LINE = "#fde725", "#6c5a8e", "#ff9f1c"


class SimilarityHistogram(QWidget):
    """Bars of the numbers of cells, on a logarithmic scale, and a line."""

    threshold_dragged = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._counts: NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self._threshold = 0.5
        self.setFixedHeight(_HEIGHT)
        self.setMinimumWidth(160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("Drag the line: cells to the right of it are found.")

    @property
    def threshold(self) -> float:
        """Where the line is."""
        return self._threshold

    def set_values(self, values: NDArray[np.float32]) -> None:
        """Show how many cells are how similar, (N,) in [0, 1]."""
        self._counts = np.histogram(values, _BINS, (0, 1))[0]
        self.update()

    def set_threshold(self, threshold: float) -> None:
        """Move the line."""
        self._threshold = threshold
        self.update()

    def x_of(self, similarity: float) -> float:
        """Return where a similarity is, in pixels from the left."""
        area = self._area()
        return float(area.left() + similarity * area.width())

    def margins(self) -> tuple[int, int]:
        """Return how far the axis is from the left and the right edge."""
        area = self._area()
        return round(area.left()), round(self.width() - area.right())

    def _area(self) -> QRectF:
        """Where the bars are."""
        metrics = self.fontMetrics()
        left = metrics.horizontalAdvance("10,000") + metrics.height() + 2 * _GAP
        right = metrics.horizontalAdvance("1.00") // 2 + _GAP
        bottom = 2 * metrics.height() + 2 * _GAP
        top = metrics.height() // 2 + 1
        size = self.width() - left - right, self.height() - top - bottom
        return QRectF(left, top, *size)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the line to the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the line follow."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position().x())

    def _drag(self, x: float) -> None:
        area = self._area()
        share = (x - area.left()) / max(area.width(), 1)
        self.set_threshold(min(max(share, 0.0), 1.0))
        self.threshold_dragged.emit(self._threshold)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw axes, bars and line."""
        painter = QPainter(self)
        area = self._area()
        top = self._top()
        self._draw_bars(painter, area, top)
        painter.setPen(QPen(self._ink(), 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.drawLine(area.topLeft(), area.bottomLeft())
        self._draw_labels(painter, area, top)
        painter.setPen(QPen(QColor(_LINE), 2))
        x = self.x_of(self._threshold)
        painter.drawLine(QPointF(x, area.top() - 4), QPointF(x, area.bottom()))
        painter.end()

    def _top(self) -> float:
        """Logarithm of the number at the top of the axis."""
        return float(max(np.ceil(np.log10(max(self._counts.max(), 1))), 1.0))

    def _height(self, count: int, top: float) -> float:
        """Height of a bar as a share; a single cell can be seen, too."""
        return float(0.06 + 0.94 * np.log10(count) / top) if count else 0.0

    def _draw_bars(self, painter: QPainter, area: QRectF, top: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        wide = area.width() / _BINS
        for i, count in enumerate(self._counts.tolist()):
            height = area.height() * self._height(count, top)
            bar = QRectF(area.left() + i * wide, area.bottom() - height, wide, height)
            above = (i + 0.5) / _BINS >= self._threshold
            painter.fillRect(bar, QColor(_ABOVE if above else _BELOW))

    def _draw_labels(self, painter: QPainter, area: QRectF, top: float) -> None:
        metrics, right = self.fontMetrics(), Qt.AlignmentFlag.AlignRight
        center = Qt.AlignmentFlag.AlignCenter
        line = metrics.height()
        for tick in _TICKS:
            text = f"{tick:g}"
            place = QRectF(self.x_of(tick) - 30, area.bottom() + 2, 60, line)
            painter.drawText(place, center, text)
        bottom = QRectF(area.left(), area.bottom() + line + 2, area.width(), line)
        painter.drawText(bottom, center, "similarity")
        step = max(1, round(top / 3))
        for power in range(0, int(top) + 1, step):
            y = area.bottom() - area.height() * self._height(10**power, top)
            place = QRectF(0, y - line / 2, area.left() - _GAP, line)
            painter.drawText(
                place, right | Qt.AlignmentFlag.AlignVCenter, f"{10**power:,}"
            )
            painter.drawLine(QPointF(area.left() - 3, y), QPointF(area.left(), y))
        painter.save()
        painter.translate(0, area.bottom())
        painter.rotate(-90)
        painter.drawText(QRectF(0, 0, area.height(), line), center, "cells")
        painter.restore()

    def _ink(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)
