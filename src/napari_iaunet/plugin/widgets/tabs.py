"""Tabs that can all be seen, however narrow the dock is."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QButtonGroup, QPushButton, QTabWidget, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QResizeEvent

_GAP = 2  # between buttons, in pixels


class Tabs(QTabWidget):
    """Pages, one of which is shown; `TabButtons` choose it."""

    def __init__(self, pages: dict[str, QWidget]) -> None:
        super().__init__()
        for name, page in pages.items():
            self.addTab(page, name)
        bar = self.tabBar()
        bar.hide()
        bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    @property
    def names(self) -> list[str]:
        """The names of the pages in their order."""
        return [self.tabText(i) for i in range(self.count())]


class TabButtons(QWidget):
    """A button for each page, in as many rows as they need.

    Qt's own bar has a single row, and scrolls: some tabs would be out of sight in a
    dock as wide as napari makes it. Files that are dragged over a button come to its
    page, where they can be dropped.
    """

    def __init__(self, tabs: Tabs) -> None:
        super().__init__()
        self.buttons = [QPushButton(name, self) for name in tabs.names]
        self.setAcceptDrops(True)
        self._group = QButtonGroup(self)
        for number, button in enumerate(self.buttons):
            button.setCheckable(True)
            self._group.addButton(button, number)
        self._group.idClicked.connect(tabs.setCurrentIndex)
        tabs.currentChanged.connect(self._show)
        self._show(tabs.currentIndex())

    def _show(self, number: int) -> None:
        self.buttons[number].setChecked(True)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        """Take files, so that `dragMoveEvent` hears where they are."""
        if event is not None and event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QDragMoveEvent | None) -> None:
        """Show the page of the button that files are over."""
        if event is None:
            return
        for button in self.buttons:
            if button.geometry().contains(event.position().toPoint()):
                button.click()

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Leave files alone that are dropped on a name: napari must not open them."""
        if event is not None:
            event.acceptProposedAction()

    def minimumSizeHint(self) -> QSize:
        """One button in each row."""
        hints = [button.minimumSizeHint() for button in self.buttons]
        return QSize(max(h.width() for h in hints), max(h.height() for h in hints))

    def sizeHint(self) -> QSize:
        """As wide as need be."""
        return QSize(self.minimumSizeHint().width(), self.height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Lay the buttons out in as few rows as need be, of about the same number."""
        super().resizeEvent(event)
        least = self.minimumSizeHint()
        fitting = max(1, (self.width() + _GAP) // (least.width() + _GAP))
        rows = math.ceil(len(self.buttons) / fitting)
        side, height = self.width() + _GAP, least.height()
        for row, buttons in enumerate(_shared_out(self.buttons, rows)):
            for column, button in enumerate(buttons):
                left, right = (side * i // len(buttons) for i in (column, column + 1))
                top = row * (height + _GAP)
                button.setGeometry(left, top, right - left - _GAP, height)
        self.setFixedHeight(rows * (height + _GAP) - _GAP)


def _shared_out(buttons: list[QPushButton], rows: int) -> list[list[QPushButton]]:
    """Divide buttons into rows; the first ones have one more if need be."""
    number, more = divmod(len(buttons), rows)
    ends = [number * row + min(row, more) for row in range(rows + 1)]
    return [buttons[a:b] for a, b in itertools.pairwise(ends)]
