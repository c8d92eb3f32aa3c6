"""How a summary is drawn: groups of images beneath one another, or wells on a plate.

Groups are rows, so that their names can be read in a narrow dock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import (
    QColor,
    QFontMetrics,
    QPainter,
    QPen,
)

from napari_iaunet.plugin.widgets.axes import (
    TICK,
    draw_axis_below,
    fitting_axis,
)
from napari_iaunet.segmentation.summary import (
    COUNT,
    EACH_IMAGE,
    label_of,
    n_cells,
    n_images,
    plates_of,
    tell,
    well_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iaunet.segmentation.summary import Group, Plate, Summary

# Pixels between parts of the plot, and on both sides of the names of groups.
GAP, _PAD = 8, 2
# Up to so many groups have a second line for their numbers; rows of more than so many
# groups become narrower, in the dock and in a file.
_TWO_LINES, _MOST_ROWS, MOST_SAVED = 12, 40, 200
# More rows would be thinner than a pixel, and have the window wait for them.
_MOST_DRAWN = 500
# Maps beneath one another; the saved numbers have all.
_MOST_PLATES = 24
# Names of groups take this share of the width at most.
_NAMES = 0.38
# Told apart by people who see few colours, on dark and on light: blue and orange.
_ON_DARK, _ON_LIGHT = ("#56b4e9", "#f0a020"), ("#0072b2", "#c04a00")
# From the least to the largest: the brightness alone tells it.
_VIRIDIS = np.array(
    [
        *((68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140)),
        *((40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37)),
    ],
    float,
)
_BAR, _LARGEST_WELL = 10, 44
# An axis that begins near 0, seen from its other end, begins there.
_NEAR = 0.35


@dataclass(frozen=True)
class Look:
    """Colours of a plot: lines and text, dots, and the line of the median."""

    ink: QColor
    dots: QColor
    median: QColor

    @classmethod
    def beside(cls, ink: QColor) -> Look:
        """Return what can be seen where text of a colour can."""
        dots, median = _ON_DARK if ink.lightness() > 127 else _ON_LIGHT
        return cls(ink, QColor(dots), QColor(median))

    def faint(self, alpha: int) -> QColor:
        """Return the ink, let through by what is below."""
        return QColor(self.ink.red(), self.ink.green(), self.ink.blue(), alpha)


# -- groups ----------------------------------------------------------------------------


class GroupsPlot:
    """Where dots, boxes and texts of groups are in a plot of some width."""

    def __init__(
        self,
        summary: Summary,
        width: int,
        metrics: QFontMetrics,
        most_rows: int = _MOST_ROWS,
    ) -> None:
        whole, summary = summary, replace(summary, groups=summary.groups[:_MOST_DRAWN])
        self.summary, self._width, self._metrics = summary, width, metrics
        self._line = line = metrics.height()
        count = len(summary.groups)
        self._two_lines = count <= _TWO_LINES and bool(self._n(summary.groups[0]))
        step = 2.0 * line + 8 if self._two_lines else 1.35 * line
        self._step = min(step, most_rows * 1.35 * line / count)
        names = [group.title for group in summary.groups]
        texts = [self._head, *names]
        if self._two_lines:
            texts += [self._n(group) for group in summary.groups]
        widest = max(map(metrics.horizontalAdvance, texts)) + 2 * _PAD
        self._names = min(widest, _NAMES * width)
        left, length = self._names + GAP, width - self._names - 2 * GAP
        self.axis = fitting_axis(
            *_ends(summary), length, _advance(metrics), whole=summary.measure == COUNT
        )
        right = metrics.horizontalAdvance(self.axis.texts[-1]) / 2 + 1
        length = width - left - right
        self._area = QRectF(left, line + 4, length, self._step * count)
        self._caption = _Caption(_about_groups(whole, self._two_lines), metrics)
        self._below = self._area.bottom() + TICK + 2 * line + GAP
        self.height = math.ceil(self._below + self._caption.height(width)) + 2

    @property
    def _head(self) -> str:
        return self.summary.by or "image"

    def _n(self, group: Group) -> str:
        if self.summary.by != EACH_IMAGE:
            return f"n = {len(group.images):,}; {group.cells:,}"
        return "" if self.summary.measure == COUNT else f"n = {group.cells:,}"

    def told_at(self, place: QPointF) -> str:
        """Return in words what is at a place; "" if that is nothing."""
        row = math.floor((place.y() - self._area.top()) / self._step)
        groups = self.summary.groups
        return tell(self.summary, groups[row]) if 0 <= row < len(groups) else ""

    def draw(self, painter: QPainter, look: Look) -> None:
        """Draw all of it."""
        self._draw_frame(painter, look)
        every = math.ceil(self._line / self._step)
        for i, group in enumerate(self.summary.groups):
            middle = self._area.top() + (i + 0.5) * self._step
            if i % every == 0:
                self._draw_name(painter, look, group, middle)
            if self.summary.measure != COUNT:
                self._draw_box(painter, look, group, middle)
            if self.summary.measure == COUNT or self.summary.by != EACH_IMAGE:
                self._draw_dots(painter, look, group, middle)
        self._caption.draw(painter, look, QPointF(0, self._below), self._width)

    def _x(self, value: float) -> float:
        return self._area.left() + self.axis.place(value) * self._area.width()

    def _draw_frame(self, painter: QPainter, look: Look) -> None:
        painter.setPen(QPen(look.faint(45), 1))
        for tick in self.axis.ticks:
            x = self._x(tick)
            painter.drawLine(
                QPointF(x, self._area.top()), QPointF(x, self._area.bottom())
            )
        painter.setPen(QPen(look.ink, 1))
        painter.drawLine(self._area.topLeft(), self._area.bottomLeft())
        painter.drawLine(self._area.bottomLeft(), self._area.bottomRight())
        head = QRectF(0, 0, self._names, self._line)
        self._draw_text(painter, look.faint(170), head, self._head)
        name = label_of(self.summary.measure)
        draw_axis_below(painter, self._area, self.axis, name, look.ink)

    def _draw_name(
        self, painter: QPainter, look: Look, group: Group, middle: float
    ) -> None:
        line = self._line
        top = middle - (line if self._two_lines else line / 2)
        place = QRectF(0, top, self._names, line)
        self._draw_text(painter, look.ink, place, group.title)
        if self._two_lines:
            below = place.translated(0, line)
            self._draw_text(painter, look.faint(170), below, self._n(group))

    def _draw_text(
        self, painter: QPainter, ink: QColor, place: QRectF, text: str
    ) -> None:
        painter.setPen(QPen(ink))
        how = Qt.TextElideMode.ElideMiddle
        place = place.adjusted(_PAD, 0, -_PAD, 0)
        shown = self._metrics.elidedText(text, how, math.ceil(place.width()))
        flags = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, flags, shown)

    def _draw_box(
        self, painter: QPainter, look: Look, group: Group, middle: float
    ) -> None:
        spread, half = group.spread, min(0.3 * self._step, 11.0)
        low, lower, median, upper, high = map(self._x, spread[:5])
        painter.setPen(QPen(look.ink, 1))
        for one, other in ((low, lower), (upper, high)):
            painter.drawLine(QPointF(one, middle), QPointF(other, middle))
        for end in (low, high):
            self._draw_upright(painter, end, middle, half / 2)
        painter.setBrush(look.faint(40))
        painter.drawRect(QRectF(lower, middle - half, upper - lower, 2 * half))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(look.median, 3))
        self._draw_upright(painter, median, middle, half)

    def _draw_dots(
        self, painter: QPainter, look: Look, group: Group, middle: float
    ) -> None:
        if self.summary.measure == COUNT and len(group.images) > 1:
            painter.setPen(QPen(look.median, 3))
            x, half = self._x(group.spread.median), min(0.4 * self._step, 14.0)
            self._draw_upright(painter, x, middle, half)
        radius = 3.0 if self._step > 12 else max(1.0, self._step / 4)
        painter.setPen(QPen(look.ink, 0.5))
        painter.setBrush(look.dots)
        for i, value in enumerate(group.medians.tolist()):
            aside = ((i + 1) * 0.618 % 1 - 0.5) * 0.5 * self._step
            y = middle + (aside if len(group.images) > 1 else 0.0)
            painter.drawEllipse(QPointF(self._x(value), y), radius, radius)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    @staticmethod
    def _draw_upright(painter: QPainter, x: float, middle: float, half: float) -> None:
        painter.drawLine(QPointF(x, middle - half), QPointF(x, middle + half))


def _ends(summary: Summary) -> tuple[float, float]:
    """Return the values between which all is drawn."""
    spreads = [group.spread for group in summary.groups]
    medians = np.concatenate([group.medians for group in summary.groups])
    low, high = float(medians.min()), float(medians.max())
    if summary.measure != COUNT:
        low = min(low, *(spread.low for spread in spreads))
        high = max(high, *(spread.high for spread in spreads))
    if low >= 0 and (low < _NEAR * high or summary.measure == COUNT):
        low = 0.0
    return low, high


def _about_groups(summary: Summary, has_n: bool) -> str:
    told = [f"{n_images(summary.images)}, {n_cells(summary.cells)}."]
    is_each = summary.by == EACH_IMAGE
    if summary.measure != COUNT:
        of = "the cells" if is_each else "all cells"
        told.append(f"Box: median and quartiles of {of}, whiskers 5 to 95\u00a0%.")
        told += [] if is_each else ["Dots: medians of the images."]
    elif not is_each:
        told.append("Dots: images. Line: their median.")
    if has_n:
        told.append("n: cells." if is_each else "n: images; cells.")
    if len(summary.groups) > _MOST_DRAWN:
        of = "images" if is_each else "groups"
        told.append(f"Drawn are the first {_MOST_DRAWN} {of}; the numbers have all.")
    return " ".join([*told, *summary.notes])


# -- plates ----------------------------------------------------------------------------


class PlatePlot:
    """Where wells, their colours and what these mean are in a plot of some width.

    Plates stand beneath one another, in the same colours.
    """

    def __init__(
        self,
        summary: Summary,
        plates: Sequence[Plate],
        width: int,
        metrics: QFontMetrics,
    ) -> None:
        self.summary, self._metrics = summary, metrics
        self.plates = plates[:_MOST_PLATES]
        self._width, self._line = width, metrics.height()
        rows, columns = plates[0].values.shape
        left = metrics.horizontalAdvance("M") + 6
        self.well = min((width - left - 1) / columns, _LARGEST_WELL)
        left = max(left, (width - columns * self.well) / 2)
        size = columns * self.well, rows * self.well
        self._areas, top = [], 0.0
        for plate in self.plates:
            top += self._line * (2 if plate.name else 1)
            self._areas.append(QRectF(left, top, *size))
            top = self._areas[-1].bottom() + GAP
        self._bar = QRectF(left + 2 * GAP, top, size[0] - 4 * GAP, _BAR)
        every = np.concatenate([plate.values.ravel() for plate in self.plates])
        values = every[np.isfinite(every)]
        ends = float(values.min()), float(values.max())
        self.axis = fitting_axis(*ends, self._bar.width(), _advance(metrics))
        told = [f"{n_images(summary.images)}, {n_cells(summary.cells)}."]
        more = len(plates) - len(self.plates)
        told += [f"{more:,} more plates are not drawn."] if more else []
        self._caption = _Caption(" ".join([*told, *summary.notes]), metrics)
        widest = max(metrics.horizontalAdvance(_in_well(value)) for value in values)
        self._has_numbers = widest + 4 <= self.well
        self._below = self._bar.bottom() + TICK + 2 * self._line + GAP
        self.height = math.ceil(self._below + self._caption.height(width)) + 2

    def told_at(self, place: QPointF) -> str:
        """Return in words what is at a place; "" if that is nothing."""
        for plate, area in zip(self.plates, self._areas, strict=True):
            row = math.floor((place.y() - area.top()) / self.well)
            column = math.floor((place.x() - area.left()) / self.well)
            for group in self.summary.groups:
                here = group.plate == plate.name
                if here and well_of(group.name) == (row, column):
                    return tell(self.summary, group)
        return ""

    def draw(self, painter: QPainter, look: Look) -> None:
        """Draw all of it."""
        for plate, area in zip(self.plates, self._areas, strict=True):
            self._draw_names(painter, look, plate, area)
            for (row, column), value in np.ndenumerate(plate.values):
                corner = area.topLeft() + QPointF(column * self.well, row * self.well)
                self._draw_well(painter, look, corner, value)
        painter.setPen(Qt.PenStyle.NoPen)
        parts = 64
        for i in range(parts):
            wide = self._bar.width() / parts
            left = self._bar.left() + i * wide
            part = QRectF(left, self._bar.top(), wide + 0.5, _BAR)
            painter.fillRect(part, _colour((i + 0.5) / parts))
        of = label_of(self.summary.measure)
        name = f"{of}, median" if self.summary.measure != COUNT else "cells per image"
        draw_axis_below(painter, self._bar, self.axis, name, look.ink)
        self._caption.draw(painter, look, QPointF(0, self._below), self._width)

    def _draw_names(
        self, painter: QPainter, look: Look, plate: Plate, area: QRectF
    ) -> None:
        rows, columns = plate.values.shape
        painter.setPen(QPen(look.ink))
        above = area.top() - self._line
        place = QRectF(area.left(), above - self._line, area.width(), self._line)
        wanted, how = int(area.width()), Qt.TextElideMode.ElideMiddle
        shown = self._metrics.elidedText(plate.name, how, wanted)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, shown)
        wide = self._metrics.horizontalAdvance(str(columns)) + 3
        every = math.ceil(wide / self.well)
        for column in range(0, columns, every):
            x = area.left() + (column + 0.5) * self.well
            place = QRectF(x - wide, above, 2 * wide, self._line)
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, str(column + 1))
        every = math.ceil((self._metrics.ascent() - 1) / self.well)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for row in range(0, rows, every):
            y = area.top() + (row + 0.5) * self.well
            place = QRectF(0, y - self._line, area.left() - 4, 2 * self._line)
            painter.drawText(place, right, chr(ord("A") + row))

    def _draw_well(
        self, painter: QPainter, look: Look, corner: QPointF, value: float
    ) -> None:
        well = self.well
        place = QRectF(corner.x() + 0.5, corner.y() + 0.5, well - 1, well - 1)
        if np.isnan(value):
            painter.setPen(QPen(look.faint(60), 1))
            painter.drawRect(place.adjusted(0.5, 0.5, -0.5, -0.5))
            return
        colour = _colour(self.axis.place(value))
        painter.fillRect(place, colour)
        if self._has_numbers:
            bright = 0.3 * colour.red() + 0.6 * colour.green() + 0.1 * colour.blue()
            painter.setPen(QPen(QColor("black" if bright > 120 else "white")))
            painter.drawText(place, Qt.AlignmentFlag.AlignCenter, _in_well(value))


def _in_well(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _colour(share: float) -> QColor:
    """Return the colour of a place on the bar, 0 (left) to 1."""
    places = np.linspace(0, 1, len(_VIRIDIS))
    return QColor(*(round(np.interp(share, places, c)) for c in _VIRIDIS.T))


# -- both ------------------------------------------------------------------------------


class _Caption:
    """Sentences below a plot, in lines as long as it is wide."""

    def __init__(self, text: str, metrics: QFontMetrics) -> None:
        self._text, self._metrics = text, metrics

    def height(self, width: float) -> float:
        most = QRectF(0, 0, width, 1e5).toRect()
        return float(
            self._metrics.boundingRect(most, int(_WRAPPED), self._text).height()
        )

    def draw(
        self, painter: QPainter, look: Look, corner: QPointF, width: float
    ) -> None:
        painter.setPen(QPen(look.faint(200)))
        place = QRectF(corner.x(), corner.y(), width, self.height(width) + 2)
        painter.drawText(place, int(_WRAPPED), self._text)


_WRAPPED = Qt.TextFlag.TextWordWrap.value


def _advance(metrics: QFontMetrics) -> Callable[[str], float]:
    return lambda text: float(metrics.horizontalAdvance(text))


def lay_out(
    summary: Summary,
    on_plate: bool,
    width: int,
    metrics: QFontMetrics,
    most_rows: int = _MOST_ROWS,
) -> GroupsPlot | PlatePlot:
    """Return the plot of a summary that has groups."""
    plates = plates_of(summary) if on_plate else ()
    if plates:
        return PlatePlot(summary, plates, width, metrics)
    return GroupsPlot(summary, width, metrics, most_rows)
