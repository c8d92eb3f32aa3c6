"""A range to choose on a histogram, and as two numbers for keys and exact values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QSizePolicy,
    QWidget,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent, QPaintEvent

    from napari_iaunet.segmentation.filtering import Property, Scale

# In pixels of the screen; some three to a bar in a narrow dock.
_BINS, _HEIGHT, _GAP = 60, 52, 5
# What passes, the rest, and the two lines: told apart on dark and on light themes.
_INSIDE, _OUTSIDE, _LINE = "#fde725", "#6c5a8e", "#ff9f1c"
# The lowest bar as a share of the highest, so that a single cell can be seen.
_LEAST = 0.06


class RangeHistogram(QWidget):
    """Bars of the numbers of cells, by their logarithm, and two lines to drag.

    ``dragged`` gives both places, 0 (left) to 1.
    """

    dragged = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self._counts: NDArray[np.int64] = np.zeros(_BINS, np.int64)
        self._ends = [0.0, 1.0]
        self._held = 0
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.SplitHCursor)

    def set_counts(self, counts: NDArray[np.int64]) -> None:
        """Show bars, as many as `bins` says."""
        self._counts = counts
        self.update()

    @property
    def bins(self) -> int:
        """How many bars there are."""
        return _BINS

    def set_ends(self, low: float, high: float) -> None:
        """Move the lines."""
        self._ends = [low, high]
        self.update()

    def x_of(self, place: float) -> float:
        """Return where a place is, in pixels from the left."""
        return _GAP + place * (self.width() - 2 * _GAP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the nearer line to the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            place = self._place(event)
            away = [abs(place - end) for end in self._ends]
            # Of two lines at one place, the one that can come here.
            beyond = away[0] == away[1] and place > self._ends[1]
            self._held = 1 if away[1] < away[0] or beyond else 0
            self._drag(place)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Let the line follow."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(self._place(event))

    def _place(self, event: QMouseEvent) -> float:
        wide = max(self.width() - 2 * _GAP, 1)
        return min(max((event.position().x() - _GAP) / wide, 0.0), 1.0)

    def _drag(self, place: float) -> None:
        low, high = self._ends
        self._ends[self._held] = min(place, high) if not self._held else max(place, low)
        self.update()
        self.dragged.emit(*self._ends)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw bars, axis and lines."""
        painter = QPainter(self)
        floor, tall = self.height() - 1.0, self.height() - 4.0
        top = np.log1p(max(int(self._counts.max(initial=0)), 1))
        wide = (self.width() - 2 * _GAP) / _BINS
        low, high = self._ends
        on = self.isEnabled()
        for i, count in enumerate(self._counts.tolist()):
            if not count:
                continue
            height = tall * (_LEAST + (1 - _LEAST) * np.log1p(count) / top)
            inside = on and low <= (i + 0.5) / _BINS <= high
            bar = QRectF(_GAP + i * wide, floor - height, wide, height)
            painter.fillRect(bar, QColor(_INSIDE if inside else _OUTSIDE))
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.WindowText), 1))
        painter.drawLine(QPointF(_GAP, floor), QPointF(self.width() - _GAP, floor))
        if on:
            painter.setPen(QPen(QColor(_LINE), 2))
            for end in self._ends:
                x = self.x_of(end)
                painter.drawLine(QPointF(x, 0), QPointF(x, floor))
        painter.end()


class RangeRow(QWidget):
    """Label, histogram and the two ends of a range of one property.

    ``changed`` comes when the user has changed the range.
    """

    changed = Signal()

    def __init__(self, about: Property) -> None:
        super().__init__()
        self._about = about
        self._scale: Scale | None = None
        self.histogram = RangeHistogram()
        self.low, self.high = self._end("least"), self._end("most")
        tip = f"{about.tooltip} Drag the lines: cells between them stay."
        label, to = QLabel(about.label), QLabel("to")
        for widget in (self.histogram, self.low, self.high, label):
            widget.setToolTip(tip)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(2)
        grid.addWidget(label, 0, 0, 1, 3)
        grid.addWidget(self.histogram, 1, 0, 1, 3)
        grid.addWidget(self.low, 2, 0)
        grid.addWidget(to, 2, 1)
        grid.addWidget(self.high, 2, 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(2, 1)
        self.histogram.dragged.connect(self._on_dragged)
        self.low.valueChanged.connect(self._on_low)
        self.high.valueChanged.connect(self._on_high)
        self.setEnabled(False)

    def _end(self, which: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setAccessibleName(f"{self._about.label}: {which}")
        spin.setDecimals(self._about.decimals)
        spin.setSingleStep(self._about.step)
        spin.setSuffix(self._about.unit)
        spin.setKeyboardTracking(False)
        # As wide as its place: the largest area would else widen the dock.
        spin.setMinimumWidth(60)
        spin.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        return spin

    def set_values(
        self, values: NDArray[np.float64] | None, scale: Scale | None
    ) -> None:
        """Show the values of all cells; what was chosen stays as far as it can."""
        former = self.range
        self._scale = scale
        known = values is not None and scale is not None
        self.setEnabled(known)
        if values is None or scale is None:
            self.histogram.set_counts(np.zeros(self.histogram.bins, np.int64))
            return
        self.histogram.set_counts(scale.histogram(values, self.histogram.bins))
        for spin in (self.low, self.high):
            spin.blockSignals(True)
            spin.setRange(scale.low, scale.high)
            spin.blockSignals(False)
        low, high = former or (scale.low, scale.high)
        self.set_range(low, high)

    def set_range(self, low: float, high: float) -> None:
        """Choose a range, without emitting ``changed``."""
        for spin, value in ((self.low, low), (self.high, high)):
            spin.blockSignals(True)
            spin.setValue(value)
            spin.blockSignals(False)
        self._show()

    def reset(self) -> None:
        """Let all cells stay, without emitting ``changed``."""
        if self._scale is not None:
            self.set_range(self._scale.low, self._scale.high)

    @property
    def range(self) -> tuple[float, float] | None:
        """Least and most; None if all cells stay."""
        scale = self._scale
        if scale is None:
            return None
        low, high = self.low.value(), self.high.value()
        half = self._about.step / 2
        if low - scale.low < half and scale.high - high < half:
            return None
        # What is shown rounded holds what was counted.
        tiny = half * 1e-3
        return low - tiny, high + tiny

    def _show(self) -> None:
        if self._scale is not None:
            ends = (self._scale.place(s.value()) for s in (self.low, self.high))
            self.histogram.set_ends(*ends)

    def _on_dragged(self, low: float, high: float) -> None:
        if self._scale is not None:
            self.set_range(self._scale.value(low), self._scale.value(high))
            self.changed.emit()

    def _on_low(self, value: float) -> None:
        self.set_range(value, max(value, self.high.value()))
        self.changed.emit()

    def _on_high(self, value: float) -> None:
        self.set_range(min(value, self.low.value()), value)
        self.changed.emit()
