"""The Classes tab.

`ClassPanel` emits what the user wants; see its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QLayout,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_iaunet.plugin.lookalikes.choice_panel import ChoicePanel
from napari_iaunet.plugin.widgets.buttons import push_button, table_of
from napari_iaunet.plugin.widgets.forms import title
from napari_iaunet.plugin.widgets.plain import plain, plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.identity.confusion import Confusion
    from napari_iaunet.plugin.classes.examples import CellClass

HELP = table_of(
    [
        ("1 to 9", "the cell under the mouse is of this class"),
        ("0", "it is no example any more"),
        ("Click", "it is of the class that is selected below"),
        ("N", "go to the cell whose class is most doubtful"),
        ("Drag, scroll, double-click", "move and zoom, as always"),
    ]
)
_KEY, _NAME, _EXAMPLES, _CELLS = range(4)
_SWATCH = 14  # pixels
_MOST_ROWS = 9
_LEAST_WIDTH = 120  # pixels; wider tables scroll


class ClassPanel(ChoicePanel):
    """Which cells, classes with their examples, how sure they are, and what to keep."""

    class_added = Signal()
    class_renamed = Signal(str, str)
    colour_requested = Signal(str)
    classes_merged = Signal(object)
    class_removed = Signal(str)
    undo_requested = Signal()
    next_requested = Signal()
    keep_requested = Signal()
    save_requested = Signal()
    load_requested = Signal()
    export_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__(
            "Classes",
            "Give classes",
            "Point at cells, and press the key of their class.",
            "Classes of all layers of cells on an open image.",
            HELP,
        )
        self._names: list[str] = []
        self._make_legend()
        self._make_outcome()
        self._lay_out(self._lay_out_legend(), self._lay_out_outcome())
        self._connect()
        self.set_pairs([], "", [], "")
        self.set_busy(False)
        self.set_classes([], {}, {})
        self.set_outcome(None)
        self.set_undo(False)

    # -- what it is made of ------------------------------------------------------

    def _make_legend(self) -> None:
        self.legend = QTableWidget(0, 4)
        self.legend.setAccessibleName("Classes of cells")
        self.legend.setHorizontalHeaderLabels(["Key", "Class", "Examples", "Cells"])
        self.legend.verticalHeader().hide()
        head = self.legend.horizontalHeader()
        for column in (_KEY, _EXAMPLES, _CELLS):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        rows = QAbstractItemView.SelectionBehavior.SelectRows
        self.legend.setSelectionBehavior(rows)
        self.legend.setToolTip("Double-click a name to change it.")
        self.add_button = push_button("Add", "One more class.")
        self.colour_button = push_button("Colour…", "Another colour of this class.")
        self.merge_button = push_button(
            "Merge", "The selected classes become one, named like the first."
        )
        self.remove_button = push_button(
            "Remove", "Without this class, and without its examples."
        )
        self.undo_button = push_button("Undo", "Take the last change back.")

    def _make_outcome(self) -> None:
        self.accuracy = plain_label()
        self.confusion = QTableWidget(0, 0)
        self.confusion.setAccessibleName("What examples were taken for")
        self.confusion.setToolTip(
            "Examples that were left out, by the keys of their classes: rows are what "
            "they are, columns what they were taken for."
        )
        self.confusion.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        for table in (self.legend, self.confusion):
            for head in (table.horizontalHeader(), table.verticalHeader()):
                head.setAccessibleName(f"Head of “{table.accessibleName()}”")
            table.setMinimumWidth(_LEAST_WIDTH)
        self.next_button = push_button(
            "Next doubtful", "Go to the cell whose class is most doubtful (N)."
        )
        self.keep_button = push_button(
            "Keep classes",
            "Write class and probability into the table of the cells, and add a layer "
            "of classes beside them.",
        )
        self.save_button = push_button(
            "Save…", "The classifier as one file, to be used on other images."
        )
        self.load_button = push_button(
            "Load…", "Give these cells the classes of a classifier."
        )
        self.semantic_button = push_button(
            "Semantic…", "Label images whose numbers are classes."
        )
        self.panoptic_button = push_button(
            "Panoptic…", "Cells and their classes, as COCO panoptic has them."
        )

    def _lay_out_legend(self) -> QLayout:
        layout = QVBoxLayout()
        layout.addWidget(title("Classes"))
        layout.addWidget(self.legend)
        rows = (
            (self.add_button, self.remove_button),
            (self.merge_button, self.colour_button),
            (self.undo_button, self.next_button),
        )
        layout.addLayout(_grid(rows))
        return layout

    def _lay_out_outcome(self) -> QLayout:
        layout = QVBoxLayout()
        layout.addWidget(title("How sure"))
        layout.addWidget(self.accuracy)
        layout.addWidget(self.confusion)
        layout.addWidget(self.keep_button)
        layout.addWidget(title("Classifier"))
        layout.addLayout(_grid([(self.save_button, self.load_button)]))
        layout.addWidget(title("Images of classes"))
        layout.addLayout(_grid([(self.semantic_button, self.panoptic_button)]))
        return layout

    def _connect(self) -> None:
        self.legend.itemChanged.connect(self._on_item)
        self.legend.itemSelectionChanged.connect(self._on_selected)
        for button, signal in (
            (self.add_button, self.class_added),
            (self.undo_button, self.undo_requested),
            (self.next_button, self.next_requested),
            (self.keep_button, self.keep_requested),
            (self.save_button, self.save_requested),
            (self.load_button, self.load_requested),
        ):
            button.clicked.connect(signal)
        self.colour_button.clicked.connect(self._on_colour)
        self.merge_button.clicked.connect(self._on_merge)
        self.remove_button.clicked.connect(self._on_remove)
        self.semantic_button.clicked.connect(self._on_semantic)
        self.panoptic_button.clicked.connect(self._on_panoptic)

    # -- what it shows -----------------------------------------------------------

    def set_pairs(
        self,
        labels: Sequence[tuple[str, str]],
        picked_labels: str,
        images: Sequence[tuple[str, str]],
        picked_image: str,
    ) -> None:
        """Offer layers and images; with an image, a classifier can be loaded, too."""
        super().set_pairs(labels, picked_labels, images, picked_image)
        self.load_button.setEnabled(bool(images))

    def set_classes(
        self,
        classes: Sequence[CellClass],
        examples: dict[str, int],
        cells: dict[str, int],
    ) -> None:
        """Show classes, how many examples each has, and how many cells."""
        selected = self.selected()
        self._names = [one.name for one in classes]
        self.legend.blockSignals(True)
        self.legend.setRowCount(len(classes))
        for row, one in enumerate(classes):
            texts = (
                str(row + 1) if row < _MOST_ROWS else "",
                one.name,
                f"{examples.get(one.name, 0):,}",
                f"{cells[one.name]:,}" if one.name in cells else "",
            )
            for column, text in enumerate(texts):
                self.legend.setItem(row, column, _item(text, column))
            self.legend.item(row, _NAME).setIcon(_swatch(one.colour))
        self.legend.clearSelection()
        self.legend.blockSignals(False)
        self._select([name for name in selected if name in self._names])
        _fit_height(self.legend)

    def selected(self) -> list[str]:
        """Return the names of the selected classes, in their order."""
        rows = sorted({index.row() for index in self.legend.selectedIndexes()})
        return [self._names[row] for row in rows if row < len(self._names)]

    def set_outcome(self, confusion: Confusion | None) -> None:
        """Show what examples that were left out were taken for; None: not known."""
        for button in (
            *(self.next_button, self.keep_button, self.save_button),
            *(self.semantic_button, self.panoptic_button),
        ):
            button.setEnabled(confusion is not None)
        self.confusion.setVisible(
            confusion is not None and bool(confusion.counts.any())
        )
        if confusion is None:
            self.accuracy.setText("Give examples of at least two classes.")
            return
        if not confusion.counts.any():
            self.accuracy.setText("Give each class two examples to see how sure it is.")
            return
        self.accuracy.setText(
            f"{100 * confusion.accuracy:.0f} % of the examples of a class are found "
            "by the others, in the mean."
        )
        self._show_confusion(confusion)

    def set_undo(self, on: bool) -> None:
        """Allow to take the last change back."""
        self.undo_button.setEnabled(on)

    def _show_confusion(self, confusion: Confusion) -> None:
        """Show the counts by the keys of the classes, in the order of the legend."""
        known = list(map(str, confusion.names))
        names = [name for name in self._names if name in known]
        place = [known.index(name) for name in names]
        keys = [str(self._names.index(name) + 1) for name in names]
        table = self.confusion
        table.setRowCount(len(names))
        table.setColumnCount(len(names))
        table.setHorizontalHeaderLabels(keys)
        table.setVerticalHeaderLabels(keys)
        for (row, column), count in np.ndenumerate(confusion.counts[place][:, place]):
            item = _item(str(count) if count else "·", _EXAMPLES)
            item.setToolTip(
                plain(f"{count} of “{names[row]}” taken for “{names[column]}”")
            )
            if row == column:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            table.setItem(row, column, item)
        table.resizeColumnsToContents()
        _fit_height(table)

    def _select(self, names: Sequence[str]) -> None:
        model = self.legend.selectionModel()
        kind = model.SelectionFlag.Select | model.SelectionFlag.Rows
        for name in names:
            model.select(self.legend.model().index(self._names.index(name), 0), kind)
        self._on_selected()

    # -- what the user does ------------------------------------------------------

    def _on_item(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME and item.text() != self._names[item.row()]:
            self.class_renamed.emit(self._names[item.row()], item.text())

    def _on_selected(self) -> None:
        count = len(self.selected())
        self.colour_button.setEnabled(count == 1)
        self.remove_button.setEnabled(count == 1)
        self.merge_button.setEnabled(count > 1)

    def _on_colour(self) -> None:
        self.colour_requested.emit(self.selected()[0])

    def _on_merge(self) -> None:
        self.classes_merged.emit(self.selected())

    def _on_remove(self) -> None:
        self.class_removed.emit(self.selected()[0])

    def _on_semantic(self) -> None:
        self.export_requested.emit("semantic")

    def _on_panoptic(self) -> None:
        self.export_requested.emit("panoptic")


def _grid(rows: Sequence[Sequence[QPushButton]]) -> QGridLayout:
    """Put buttons into columns of one width."""
    grid = QGridLayout()
    for row, buttons in enumerate(rows):
        for column, button in enumerate(buttons):
            grid.addWidget(button, row, column)
            grid.setColumnStretch(column, 1)
    return grid


def _item(text: str, column: int) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    if column != _NAME:
        item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
        item.setTextAlignment(
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        )
    return item


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)


def _fit_height(table: QTableWidget) -> None:
    """Make a table as high as its rows; above nine it scrolls."""
    rows = min(max(table.rowCount(), 2), _MOST_ROWS)
    height = table.horizontalHeader().sizeHint().height() + 2 * table.frameWidth()
    bar = table.horizontalScrollBar().sizeHint().height()
    table.setFixedHeight(
        height + rows * table.verticalHeader().defaultSectionSize() + bar
    )
