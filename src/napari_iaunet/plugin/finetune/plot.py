"""How a training goes: losses above, average precision below, over seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_iaunet.plugin.widgets.axes import Axis, draw_axis_below, round_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

    Points = list[tuple[float, float]]

_HEIGHT = 260
_GAP = 6
# Told apart by brightness, by the style of the line and by marks as well.
_TRAINING, _HELD_OUT, _AP = "#8d9db6", "#ff9f1c", "#5ec962"
_SOLID, _DASHED, _DOTTED = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
)
# Half the side of a mark, and how far two of them are apart at least, in pixels.
_MARK, _APART = 3.0, 14.0
# The loss of one step jumps; its mean over about so many steps is shown.
_SMOOTH = 12
# Of the band around a curve, of 255: what lies under it is seen.
_FAINT = 50


class Curve(NamedTuple):
    """A line of a plot, and its name in the legend."""

    name: str
    colour: str
    points: Points
    style: Qt.PenStyle = _SOLID
    mark: str = ""  # "circle" or "square"


class TrainingPlot(QWidget):
    """Two plots above one another with one axis of time."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(_HEIGHT)
        self.setMinimumWidth(200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Above: the loss, the lower the better. Below: average precision (AP) on "
            "the held-out cells, the higher the better. The band shows where it may "
            "lie by chance, as only so many cells are held out: if all of it lies "
            "above the dotted line, the model is better than the start."
        )
        self.clear()

    def clear(self) -> None:
        """Remove all curves."""
        self.training: Points = []
        self.held_out: Points = []
        self.precision: Points = []
        self.bands: list[tuple[float, float]] = []  # lowest and highest precision
        self.start: float | None = None
        self._mean: float | None = None
        self.update()

    def add_step(self, seconds: float, loss: float) -> None:
        """Add the loss of a step, unless that step came to nothing."""
        if not math.isfinite(loss):
            return
        weight = max(1 / _SMOOTH, 1 / (len(self.training) + 1))
        mean = loss if self._mean is None else self._mean
        self._mean = mean + weight * (loss - mean)
        self.training.append((seconds, self._mean))
        self.update()

    def add_validation(
        self,
        seconds: float,
        ap: float,
        start: float,
        loss: float | None,
        difference: tuple[float, float] | None = None,
    ) -> None:
        """Add what was measured on the held-out cells.

        Between the ends of the difference lies, of so many cells, what the AP is above
        the start's.
        """
        low, high = difference or (ap - start, ap - start)
        self.precision.append((seconds, ap))
        self.bands.append((start + low, start + high))
        self.start = start
        if loss is not None and math.isfinite(loss):
            self.held_out.append((seconds, loss))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw both plots."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        upper, lower = self._areas()
        losses = [
            Curve("training", _TRAINING, self.training),
            Curve("held out", _HELD_OUT, self.held_out, _DASHED, "circle"),
        ]
        precision = [Curve("held out", _AP, self.precision, mark="square")]
        right = round_up(
            max([x for c in (*losses, *precision) for x, _ in c.points] or [0]), 10.0
        )
        top = round_up(max([y for c in losses for _, y in c.points] or [0]), 0.1)
        self._draw_axes(painter, upper, "loss", top)
        self._draw_axes(painter, lower, "AP at IoU 0.5", 1.0)
        self._draw_time(painter, lower, right)
        self._draw_bands(painter, lower, right)
        for area, curves, highest in ((upper, losses, top), (lower, precision, 1.0)):
            for curve in curves:
                self._draw_curve(painter, area, curve, right, highest)
            self._draw_legend(painter, area, curves)
        if self.start is not None:
            self._draw_start(painter, lower, self.start)
        painter.end()

    def _areas(self) -> tuple[QRectF, QRectF]:
        metrics = self.fontMetrics()
        line = metrics.height()
        left = metrics.horizontalAdvance("0.00") + line + 2 * _GAP
        width = self.width() - left - _GAP - metrics.horizontalAdvance("00") / 2
        height = (self.height() - 2 * line - 2 * _GAP - 2 * line) / 2
        upper = QRectF(left, line, width, height)
        return upper, upper.translated(0, height + line)

    def _draw_axes(
        self, painter: QPainter, area: QRectF, name: str, highest: float
    ) -> None:
        line = self.fontMetrics().height()
        painter.setPen(QPen(self._ink(), 1))
        painter.drawLine(area.topLeft(), area.bottomLeft())
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            place = QRectF(0, y - line / 2, area.left() - _GAP, line)
            painter.drawText(place, flags, f"{share * highest:.2g}")
            painter.drawLine(QPointF(area.left() - 3, y), QPointF(area.left(), y))
        painter.save()
        painter.translate(0, area.bottom())
        painter.rotate(-90)
        place = QRectF(-line, 0, area.height() + 2 * line, line)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, name)
        painter.restore()

    def _draw_time(self, painter: QPainter, area: QRectF, right: float) -> None:
        # 10 and 50 are divided by five, 20 and 40 by four.
        parts = 5 if str(right)[0] in "15" else 4
        ticks = tuple(np.linspace(0, right, parts + 1).tolist())
        axis = Axis(0.0, right, ticks, tuple(f"{tick:g}" for tick in ticks))
        draw_axis_below(painter, area, axis, "seconds of training", self._ink())

    def _draw_curve(
        self,
        painter: QPainter,
        area: QRectF,
        curve: Curve,
        right: float,
        highest: float,
    ) -> None:
        points = [
            QPointF(
                area.left() + x / right * area.width(),
                area.bottom() - min(y / highest, 1.0) * area.height(),
            )
            for x, y in _thinned(curve.points, int(area.width()))
        ]
        painter.setPen(_pen(curve))
        painter.drawPolyline(QPolygonF(points))
        last = -_APART
        for point in points if curve.mark else ():
            if point.x() - last >= _APART:
                _draw_mark(painter, curve, point)
                last = point.x()

    def _draw_bands(self, painter: QPainter, area: QRectF, right: float) -> None:
        """Draw the band in which the AP may lie."""

        def place(seconds: float, ap: float) -> QPointF:
            share = min(max(ap, 0.0), 1.0)
            x = area.left() + seconds / right * area.width()
            return QPointF(x, area.bottom() - share * area.height())

        seconds = [x for x, _ in self.precision]
        ends = list(zip(seconds, self.bands, strict=True))
        upper = [place(x, high) for x, (_, high) in ends]
        lower = [place(x, low) for x, (low, _) in reversed(ends)]
        colour = QColor(_AP)
        colour.setAlpha(_FAINT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF(upper + lower))

    def _draw_start(self, painter: QPainter, area: QRectF, start: float) -> None:
        y = area.bottom() - start * area.height()
        painter.setPen(QPen(self._ink(), 1, _DOTTED))
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))

    def _draw_legend(
        self, painter: QPainter, area: QRectF, curves: Sequence[Curve]
    ) -> None:
        metrics = self.fontMetrics()
        entries = [(c, _pen(c)) for c in curves if c.points]
        if self.start is not None and len(curves) == 1:
            entries.append((Curve("start", "", []), QPen(self._ink(), 1, _DOTTED)))
        x = area.right()
        for curve, pen in reversed(entries):
            wide = metrics.horizontalAdvance(curve.name)
            x -= wide
            middle = area.top() - metrics.height() / 2
            painter.setPen(self._ink())
            place = QRectF(x, area.top() - metrics.height(), wide + 2, metrics.height())
            painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, curve.name)
            painter.setPen(pen)
            painter.drawLine(QPointF(x - 30, middle), QPointF(x - 4, middle))
            _draw_mark(painter, curve, QPointF(x - 17, middle))
            x -= 42

    def _ink(self) -> QColor:
        return self.palette().color(QPalette.ColorRole.WindowText)


def _pen(curve: Curve) -> QPen:
    return QPen(QColor(curve.colour), 2, curve.style)


def _draw_mark(painter: QPainter, curve: Curve, place: QPointF) -> None:
    """Draw the mark of a curve, if it has one."""
    if not curve.mark:
        return
    box = QRectF(place.x() - _MARK, place.y() - _MARK, 2 * _MARK, 2 * _MARK)
    painter.setPen(QPen(QColor(curve.colour), 1))
    painter.setBrush(QColor(curve.colour))
    draw = painter.drawEllipse if curve.mark == "circle" else painter.drawRect
    draw(box)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _thinned(points: Points, most: int) -> Points:
    """Keep about as many points as there are pixels."""
    return points[:: max(1, len(points) // max(most, 1))] + points[-1:]
