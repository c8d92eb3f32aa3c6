"""The plot of a summary in the dock, and the same as a file, black on white."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QBuffer, QEvent, QIODevice, QPointF, QRectF, QSize
from qtpy.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPalette,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_iaunet.io.ours import PROGRAM
from napari_iaunet.plugin.batch.summary_drawing import (
    GAP,
    MOST_SAVED,
    Look,
    lay_out,
)
from napari_iaunet.plugin.widgets.plain import plain
from napari_iaunet.segmentation.summary import describe, label_of

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent, QResizeEvent

    from napari_iaunet.plugin.batch.summary_drawing import GroupsPlot, PlatePlot
    from napari_iaunet.segmentation.summary import Summary

# Of a saved picture: width and height of text in hundredths of an inch, and pixels of
# each of these; fewer where it is very high: to fill so many holds up the window.
_WIDTH, _TEXT, _SHARP = 640, 12, 3
_HIGH, _LESS_SHARP = 1500, 2
_METRE = 100 / 0.0254


class SummaryPlot(QWidget):
    """Shows a summary, as high as it needs to be."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Plot of the summary")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(200)
        self._summary: Summary | None = None
        self._on_plate = False
        self.plot: GroupsPlot | PlatePlot | None = None

    def set_summary(self, summary: Summary | None, on_plate: bool = False) -> None:
        """Show another summary; nothing if it has no groups."""
        self._summary = summary if summary and summary.groups else None
        self._on_plate = on_plate
        told = describe(summary) if summary else ""
        self.setAccessibleDescription(told)
        self._lay_out()

    def _lay_out(self) -> None:
        self.plot = None
        if self._summary is not None:
            self.plot = lay_out(
                self._summary, self._on_plate, self.width(), self.fontMetrics()
            )
        self.setFixedHeight(0 if self.plot is None else self.plot.height)
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay it out anew for another width."""
        if event.size().width() != event.oldSize().width():
            self._lay_out()

    def event(self, event: QEvent) -> bool:
        """Tell of what the mouse points at; follow another font."""
        if event.type() == QEvent.Type.ToolTip:
            place = QPointF(event.pos())
            told = self.plot.told_at(place) if self.plot is not None else ""
            QToolTip.showText(event.globalPos(), plain(told), self)
            return True
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._lay_out()
        return bool(super().event(event))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it in the colours of napari's theme."""
        if self.plot is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        self.plot.draw(painter, Look.beside(ink))
        painter.end()


# -- pictures --------------------------------------------------------------------------


def can_draw_svg() -> bool:
    """Whether Qt is here with what writes SVG."""
    try:
        from qtpy.QtSvg import QSvgGenerator
    except ImportError:
        return False
    return bool(QSvgGenerator)


def picture_of(summary: Summary, on_plate: bool, kind: str, family: str) -> bytes:
    """Return the plot as a file, black on white; in any thread.

    Parameters
    ----------
    summary : Summary
        With at least one group.
    on_plate : bool
    kind : str
        ``".png"`` or ``".svg"``.
    family : str
        The font.
    """
    font = QFont(family)
    font.setPixelSize(_TEXT)
    margin, metrics = 2 * GAP, QFontMetrics(font)
    plot = lay_out(summary, on_plate, _WIDTH - 2 * margin, metrics, MOST_SAVED)
    size = QSize(_WIDTH, plot.height + 2 * margin)
    told = describe(summary)
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if kind == ".svg":
        from qtpy.QtSvg import QSvgGenerator

        canvas = QSvgGenerator()
        canvas.setOutputDevice(buffer)
        canvas.setResolution(100)
        canvas.setSize(size)
        canvas.setViewBox(QRectF(0, 0, size.width(), size.height()))
        canvas.setTitle(label_of(summary.measure))
        canvas.setDescription(told)
    else:
        sharp = _SHARP if size.height() < _HIGH else _LESS_SHARP
        canvas = QImage(size * sharp, QImage.Format.Format_RGB32)
        canvas.setDevicePixelRatio(sharp)
        canvas.fill(QColor("white"))
    painter = QPainter(canvas)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if kind == ".svg":
        painter.fillRect(QRectF(0, 0, size.width(), size.height()), QColor("white"))
    painter.setFont(font)
    painter.translate(margin, margin)
    plot.draw(painter, Look.beside(QColor("black")))
    painter.end()
    if kind != ".svg":
        canvas.setDotsPerMeterX(round(sharp * _METRE))
        canvas.setDotsPerMeterY(round(sharp * _METRE))
        canvas.setText("Description", told)
        canvas.setText("Software", PROGRAM)  # no image of a folder that is added
        canvas.save(buffer, "PNG")
    return bytes(buffer.data())
