"""Names that are longer than the combo box that shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolTip,
)

from napari_iaunet.plugin.widgets.plain import plain

if TYPE_CHECKING:
    from qtpy.QtGui import QHelpEvent

_WIDEST_LIST = 700  # pixels: longer names are shortened there, too
_LIST_MARGIN = 40  # beside the names in the list: its frame and scroll bar


class WholeNames(QObject):
    """Shortens the name that a combo box shows in its middle, not at its end.

    Names of layers often begin alike. The tooltip has the whole name, and the list is
    as wide as the names are.
    """

    def __init__(self, combo: QComboBox) -> None:
        super().__init__(combo)
        self._combo = combo
        combo.view().setTextElideMode(Qt.TextElideMode.ElideMiddle)
        combo.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Paint, and show the tooltip, instead of Qt."""
        if event is not None and watched is self._combo:
            if event.type() == QEvent.Type.Paint:
                self._paint()
                return True
            if event.type() == QEvent.Type.ToolTip and self._is_shortened():
                self._tell(event)
                return True
        return bool(super().eventFilter(watched, event))

    def _paint(self) -> None:
        combo, option = self._combo, self._option()
        option.currentText = self._shortened(option)
        painter = QStylePainter(combo)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self._combo.initStyleOption(option)
        return option

    def _shortened(self, option: QStyleOptionComboBox) -> str:
        field = self._combo.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self._combo,
        )
        middle = Qt.TextElideMode.ElideMiddle
        return str(
            option.fontMetrics.elidedText(option.currentText, middle, field.width() - 4)
        )

    def _is_shortened(self) -> bool:
        option = self._option()
        return self._shortened(option) != option.currentText

    def _tell(self, event: QHelpEvent) -> None:

        text = f"{self._combo.currentText()}\n{self._combo.toolTip()}"
        QToolTip.showText(event.globalPos(), plain(text), self._combo)


def widen_list(combo: QComboBox) -> None:
    """Let the list of a combo box be as wide as what it offers."""
    names = (combo.itemText(i) for i in range(combo.count()))
    longest = max(names, key=len, default="")
    widest = combo.fontMetrics().horizontalAdvance(longest) + _LIST_MARGIN
    combo.view().setMinimumWidth(min(widest, _WIDEST_LIST))
