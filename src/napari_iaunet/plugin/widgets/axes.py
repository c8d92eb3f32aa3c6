"""Axes of plots that are drawn with a QPainter."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen

if TYPE_CHECKING:
    from collections.abc import Callable

# Pixels of a tick, and between two texts of ticks.
TICK, _APART = 3, 10
_STEPS = (1, 2, 5, 10)
# An axis has so many parts at most, however wide it is.
_PARTS = 8


@dataclass(frozen=True)
class Axis:
    """The ends of an axis, and its ticks with their texts."""

    low: float
    high: float
    ticks: tuple[float, ...]
    texts: tuple[str, ...]

    def place(self, value: float) -> float:
        """Return where a value is, 0 (low) to 1."""
        return (value - self.low) / (self.high - self.low)


def round_up(value: float, least: float) -> float:
    """Round up to 1, 2, 4 or 5 times a power of ten."""
    value = max(value, least)
    power = 10.0 ** np.floor(np.log10(value))
    return float(
        next(n * power for n in (1, 2, 4, 5, 10) if n * power >= value * 0.999)
    )


def fitting_axis(
    low: float,
    high: float,
    length: float,
    advance: Callable[[str], float],
    *,
    whole: bool = False,
) -> Axis:
    """Return an axis from tick to tick, with as many ticks as have room.

    Parameters
    ----------
    low, high : float
        Values that the axis must hold.
    length : float
        Of the axis, in pixels.
    advance : callable
        Returns how many pixels of the axis a text takes.
    whole : bool
        Whether only whole numbers are of use.
    """
    span = high - low
    if not span > 0:
        span = 1.0 if whole else abs(high) or 1.0
        high = low + span
    power = 10.0 ** math.floor(math.log10(span / _PARTS))
    while True:
        for step in (n * power for n in _STEPS):
            if whole and step < 1:
                continue
            axis = _axis(low, high, step)
            parts = len(axis.ticks) - 1
            wide = max(map(advance, axis.texts)) + _APART
            if parts <= _PARTS and wide * parts <= length:
                return axis
            if parts <= 2:  # across 0 there never are fewer
                ends = slice(None, None, parts)
                return replace(axis, ticks=axis.ticks[ends], texts=axis.texts[ends])
        power *= 10


def _axis(low: float, high: float, step: float) -> Axis:
    # What is a tick but for rounding needs no further one.
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    ticks = tuple(step * i for i in range(first, last + 1))
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    large = max(abs(ticks[0]), abs(ticks[-1])) >= 1e6
    texts = tuple(
        f"{tick:.6g}" if large or decimals > 4 else f"{tick:,.{decimals}f}"
        for tick in ticks
    )
    return Axis(ticks[0], ticks[-1], ticks, texts)


def draw_axis_below(
    painter: QPainter, area: QRectF, axis: Axis, name: str, ink: QColor
) -> None:
    """Draw the texts of ticks and the name of an axis below an area."""
    line = painter.fontMetrics().height()
    painter.setPen(QPen(ink, 1))
    for tick, text in zip(axis.ticks, axis.texts, strict=True):
        x = area.left() + axis.place(tick) * area.width()
        foot = QPointF(x, area.bottom())
        painter.drawLine(foot, foot + QPointF(0, TICK))
        place = QRectF(x - 40, area.bottom() + TICK, 80, line)
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)
    place = QRectF(area.left(), area.bottom() + line + TICK, area.width(), line)
    wide = painter.fontMetrics().horizontalAdvance(name)
    if wide > place.width():  # into the margins, as far as needed
        place.adjust(place.width() - wide, 0, 0, 0)
    painter.drawText(place, Qt.AlignmentFlag.AlignCenter, name)
