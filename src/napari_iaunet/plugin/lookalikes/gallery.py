"""Rows of small pictures of cells.

`ThumbnailRow` emits ``pressed`` with what a picture stands for and what the
modifier keys mean: "show", "like" or "unlike".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QListView, QListWidget, QListWidgetItem

from napari_iaunet.plugin.widgets.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from qtpy.QtGui import QMouseEvent

_SIDE, _FRAME, _GAP, _MARK = 48, 3, 4, 15
_KEY = Qt.ItemDataRole.UserRole


class Thumbnail(NamedTuple):
    """A picture of a cell."""

    key: Any  # what it stands for
    pixels: NDArray[np.uint8]  # (S, S) or (S, S, 3)
    text: str  # shown when the mouse is over it
    frame: str = ""  # a colour; "" for no frame
    mark: str = ""  # one sign that says what the frame does; "" for none


class ThumbnailRow(QListWidget):
    """One row of pictures that scrolls sideways."""

    pressed = Signal(object, str)

    def __init__(self, name: str, tip: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._shown: list[Thumbnail] = []
        self.setToolTip(tip)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setSpacing(1)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(_SIDE, _SIDE))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(_SIDE + 2 * _GAP + bar + 2 * self.frameWidth() + 2)

    @property
    def thumbnails(self) -> list[Thumbnail]:
        """The pictures shown."""
        return self._shown

    def set_thumbnails(self, thumbnails: Sequence[Thumbnail]) -> None:
        """Show other pictures; the place of the scroll bar stays if it can."""
        place = self.horizontalScrollBar().value()
        self.clear()
        self._shown = list(thumbnails)
        for i, thumbnail in enumerate(self._shown):
            item = QListWidgetItem(_icon(thumbnail), "")
            item.setData(_KEY, i)
            item.setToolTip(plain(thumbnail.text))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, thumbnail.text)
            item.setSizeHint(QSize(_SIDE + _GAP, _SIDE + _GAP))
            self.addItem(item)
        self.horizontalScrollBar().setValue(place)

    def selected(self) -> Thumbnail | None:
        """Return the picture that is selected."""
        item = self.currentItem()
        return None if item is None else self._shown[item.data(_KEY)]

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Say which picture was pressed, and with which keys."""
        super().mouseReleaseEvent(event)
        item = self.itemAt(event.position().toPoint())
        if item is None or event.button() != Qt.MouseButton.LeftButton:
            return
        keys, kind = event.modifiers(), "show"
        if keys & Qt.KeyboardModifier.ShiftModifier:
            kind = "like"
        elif keys & (
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        ):
            kind = "unlike"
        self.pressed.emit(self._shown[item.data(_KEY)].key, kind)


def _icon(thumbnail: Thumbnail) -> QIcon:
    pixels = np.ascontiguousarray(thumbnail.pixels)
    height, width = pixels.shape[:2]
    formats = QImage.Format
    kind = formats.Format_RGB888 if pixels.ndim == 3 else formats.Format_Grayscale8
    image = QImage(pixels.tobytes(), width, height, pixels.strides[0], kind)
    pixmap = QPixmap.fromImage(image.copy()).scaled(
        _SIDE,
        _SIDE,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )
    if thumbnail.frame:
        painter = QPainter(pixmap)
        painter.setPen(QPen(QColor(thumbnail.frame), _FRAME))
        painter.drawRect(pixmap.rect().adjusted(1, 1, -2, -2))
        if thumbnail.mark:
            corner = QRect(0, 0, _MARK, _MARK)
            painter.fillRect(corner, QColor("black"))
            painter.setPen(QColor("white"))
            painter.drawText(corner, Qt.AlignmentFlag.AlignCenter, thumbnail.mark)
        painter.end()
    icon = QIcon(pixmap)
    # Selected pictures are not to be tinted.
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon
