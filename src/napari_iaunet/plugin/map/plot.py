"""Cells as points, which mouse and keys choose.

`MapPlot` emits ``chosen`` with rows of cells and how they are meant: "only" these,
these and "more", or without these, "less". ``asked`` comes with the cell that is to be
shown in the viewer, ``pointed`` with the one that mouse or keys are at, -1 for none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_iaunet.identity.lasso import nearest_row, next_row, rows_inside
from napari_iaunet.plugin.map.view import View

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QHideEvent, QPaintEvent, QResizeEvent, QShowEvent

    from napari_iaunet.plugin.map.canvas import PointCanvas

# In pixels of the screen: how far the mouse moves within a click, how near to a point
# it must be, from corner to corner of a lasso, and of the plot.
_TREMOR, _REACH, _CORNER = 4, 8, 3
_WIDTH, _USUAL_WIDTH, _HEIGHT, _GAP = 200, 260, 320, 3
_ZOOM = 1.25
# Where cells are chosen, the others are faint.
_FAINT, _LARGER = 0.22, 1.5
_LEFT = Qt.MouseButton.LeftButton
_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, 1),
    Qt.Key.Key_Down: (0, -1),
}


class MapPlot(QWidget):
    """Points, the names of both axes, and a lasso."""

    chosen = Signal(object, str)
    asked = Signal(int)
    pointed = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.canvas: PointCanvas | None = None
        self._places = np.zeros((0, 2), np.float32)
        self._names = ("", "")
        self._colours = np.zeros((0, 4), np.float32)
        self._chosen = np.zeros(0, bool)
        self._order = np.zeros(0, np.intp)
        self._mark: int | None = None
        self._view, self._is_fitted = View(), True
        self._path: list[tuple[float, float]] = []
        self._from: QPointF | None = None
        self.setMinimumSize(_WIDTH, _HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    # -- what it shows -----------------------------------------------------------

    def set_points(self, places: NDArray[np.float32], names: tuple[str, str]) -> None:
        """Show cells at places (N, 2); the names are those of the axes."""
        self._places, self._names = places, names
        # Else the last cells would hide the others where many lie close together.
        self._order = np.random.default_rng(0).permutation(len(places))
        self._colours = np.ones((len(places), 4), np.float32)
        self._chosen = np.zeros(len(places), bool)
        self._mark = None
        self.fit()
        self.update()

    def set_colours(
        self, colours: NDArray[np.float32], chosen: NDArray[np.bool_]
    ) -> None:
        """Show the colours of the cells (N, 4), and which of them are chosen (N,)."""
        self._colours, self._chosen = colours, chosen
        self._draw()

    def set_mark(self, row: int | None) -> None:
        """Draw a ring round a cell; None: round none."""
        if row != self._mark:
            self._mark = row
            self._draw_mark()

    def fit(self) -> None:
        """Show all cells."""
        self._is_fitted = True
        self._look(self._view.fitted(self._places))
        self._draw()

    @property
    def view(self) -> View:
        """What is seen."""
        return self._view

    def describe(self, text: str) -> None:
        """Say to those who cannot see it what it shows."""
        if self.canvas is not None:
            self.canvas.native.setAccessibleDescription(text)

    # -- the canvas --------------------------------------------------------------

    def close_canvas(self) -> None:
        """Let go of OpenGL; it is made again when the plot is shown."""
        canvas, self.canvas = self.canvas, None
        if canvas is not None:
            canvas.native.removeEventFilter(self)
            canvas.close()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Make the canvas; again where the dock has got a window of its own.

        What OpenGL holds belongs to one window.
        """
        if self.canvas is not None and not self.canvas.is_at_home:
            self.close_canvas()
        if self.canvas is None:
            self._make_canvas()
        super().showEvent(event)

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Forget a lasso that was not finished."""
        self._path, self._from = [], None
        super().hideEvent(event)

    def _make_canvas(self) -> None:
        # vispy's start is left to those who look at a map.
        from napari_iaunet.plugin.map.canvas import PointCanvas

        self.canvas = PointCanvas(self)
        native = self.canvas.native
        native.setAccessibleName("Map of the cells")
        native.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        native.setMouseTracking(True)
        native.installEventFilter(self)
        self._arrange()
        native.show()
        self._paint_theme()
        self._draw()
        self._draw_mark()

    def changeEvent(self, event: QEvent | None) -> None:
        """Take the colours of another theme."""
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
        ):
            self._paint_theme()

    def _paint_theme(self) -> None:
        if self.canvas is None:
            return
        paper, ink = (
            self.palette().color(role).getRgbF()
            for role in (QPalette.ColorRole.Window, QPalette.ColorRole.WindowText)
        )
        self.canvas.set_theme(tuple(paper), tuple(ink))

    # -- drawing -----------------------------------------------------------------

    def sizeHint(self) -> QSize:
        """Ask for no more width than the other tabs do; it takes what there is."""
        return QSize(_USUAL_WIDTH, _HEIGHT)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Give the canvas its place."""
        super().resizeEvent(event)
        self._arrange()

    def _margin(self) -> int:
        return self.fontMetrics().height() + 2 * _GAP

    def _arrange(self) -> None:
        margin = self._margin()
        wide, high = self.width() - margin - 1, self.height() - margin - 1
        if self.canvas is not None:
            self.canvas.native.setGeometry(margin, 1, max(wide, 1), max(high, 1))
        size = (float(max(wide, 1)), float(max(high, 1)))
        if size != self._view.size:
            self._look(self._view.resized(size))
            if self._is_fitted:
                self.fit()

    def _look(self, view: View) -> None:
        self._view = view
        if self.canvas is not None:
            self.canvas.set_view(view)

    def _draw(self) -> None:
        if self.canvas is None or len(self._colours) != len(self._places):
            return
        order = self._order
        chosen = self._chosen[order]
        colours = self._colours[order]
        larger = np.ones(len(order), np.float32)
        if chosen.any():  # on top of the others
            order = np.concatenate([order[~chosen], order[chosen]])
            count = int(np.count_nonzero(~chosen))
            colours = self._colours[order]
            colours[:count, 3] *= _FAINT
            larger[count:] = _LARGER
        size = float(np.clip(9 - 1.5 * np.log10(max(len(order), 1)), 2.0, 7.0))
        self.canvas.set_points(self._places[order], colours, larger, size)

    def _draw_mark(self) -> None:
        if self.canvas is not None:
            row = self._mark
            self.canvas.set_mark(None if row is None else self._places[row])

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw the names of the axes, and a frame that tells who hears the keys."""
        painter = QPainter(self)
        margin, metrics = self._margin(), self.fontMetrics()
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        frame = QRectF(margin - 0.5, 0.5, self.width() - margin, self.height() - margin)
        has_keys = self.canvas is not None and self.canvas.native.hasFocus()
        faint = QColor(ink)
        faint.setAlphaF(1.0 if has_keys else 0.4)
        painter.setPen(QPen(faint, 1))
        painter.drawRect(frame)
        painter.setPen(ink)
        center, middle = Qt.AlignmentFlag.AlignCenter, Qt.TextElideMode.ElideMiddle
        text = metrics.elidedText(self._names[0], middle, int(frame.width()))
        below = QRectF(frame.left(), frame.bottom() + 1, frame.width(), margin - 1)
        painter.drawText(below, center, text)
        painter.translate(0, frame.bottom())
        painter.rotate(-90)
        text = metrics.elidedText(self._names[1], middle, int(frame.height()))
        painter.drawText(QRectF(0, 0, frame.height(), margin - 1), center, text)
        painter.end()

    # -- mouse and keys ----------------------------------------------------------

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Hear the mouse and the keys of the canvas."""
        kinds = QEvent.Type
        handlers: dict[QEvent.Type, Any] = {
            kinds.MouseButtonPress: self._on_press,
            kinds.MouseMove: self._on_move,
            kinds.MouseButtonRelease: self._on_release,
            kinds.MouseButtonDblClick: self._on_double,
            kinds.Wheel: self._on_wheel,
            kinds.KeyPress: self._on_key,
        }
        if event is None:
            return False
        if event.type() in (kinds.FocusIn, kinds.FocusOut):
            self.update()
        elif event.type() == kinds.Leave:
            self._point(None)
        handler = handlers.get(event.type())
        return bool(handler(event)) if handler is not None else False

    def _on_press(self, event: Any) -> bool:
        if event.button() == _LEFT:
            place = event.position()
            self._path = [(place.x(), place.y())]
        else:
            self._from = event.position()
        if self.canvas is not None:
            self.canvas.native.setFocus(Qt.FocusReason.MouseFocusReason)
        return True

    def _on_move(self, event: Any) -> bool:
        place = event.position()
        if self._from is not None:
            apart = place - self._from
            self._from, self._is_fitted = place, False
            self._look(self._view.moved(apart.x(), apart.y()))
        elif self._path:
            last = self._path[-1]
            if np.hypot(place.x() - last[0], place.y() - last[1]) >= _CORNER:
                self._path.append((place.x(), place.y()))
                if self.canvas is not None:
                    self.canvas.set_lasso(self._view.on_map(self._path))
        else:
            self._point(self._row_at(place))
        return True

    def _on_release(self, event: Any) -> bool:
        self._from = None
        path, self._path = np.array(self._path), []
        if not len(path) or event.button() != _LEFT:
            return True
        if self.canvas is not None:
            self.canvas.set_lasso(np.zeros((0, 2)))
        kind = _kind(event.modifiers())
        if np.ptp(path, axis=0).max() < _TREMOR:
            row = self._row_at(event.position())
            rows = np.array([] if row is None else [row], np.intp)
        else:
            rows = rows_inside(self._places, self._view.on_map(path))
        self.chosen.emit(rows, kind)
        return True

    def _on_double(self, event: Any) -> bool:
        row = self._row_at(event.position())
        if row is not None:
            self.asked.emit(row)
        return True

    def _on_wheel(self, event: Any) -> bool:
        place = event.position()
        turned = event.angleDelta().y() / 120
        self._zoom(_ZOOM**turned, (place.x(), place.y()))
        return True

    def _zoom(self, factor: float, at: tuple[float, float] | None = None) -> None:
        self._is_fitted = False
        self._look(self._view.zoomed(factor, at))

    def _on_key(self, event: Any) -> bool:
        key = event.key()
        if key in _ARROWS and len(self._places):
            self._point(self._next(_ARROWS[key]))
        elif key == Qt.Key.Key_Space and self._mark is not None:
            kind = _kind(event.modifiers())
            self.chosen.emit(np.array([self._mark], np.intp), kind)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._mark is not None:
            self.asked.emit(self._mark)
        elif key == Qt.Key.Key_Escape:
            self.chosen.emit(np.zeros(0, np.intp), "only")
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._zoom(_ZOOM)
        elif key == Qt.Key.Key_Minus:
            self._zoom(1 / _ZOOM)
        elif key in (Qt.Key.Key_0, Qt.Key.Key_Home):
            self.fit()
        else:
            return False
        return True

    def _next(self, towards: tuple[int, int]) -> int:
        """Return the next cell from the mark, the first from the middle."""
        if self._mark is None:
            row = nearest_row(self._places, self._view.centre, np.inf)
            return 0 if row is None else row
        return next_row(self._places, self._mark, towards)

    def _row_at(self, place: QPointF) -> int | None:
        at = self._view.on_map((place.x(), place.y()))
        return nearest_row(self._places, at.tolist(), _REACH / self._view.scale)

    def _point(self, row: int | None) -> None:
        if row != self._mark:
            self.set_mark(row)
            self.pointed.emit(-1 if row is None else row)


def _kind(modifiers: Qt.KeyboardModifier) -> str:
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return "more"
    less = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    return "less" if modifiers & less else "only"
