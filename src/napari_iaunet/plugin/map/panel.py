"""The Map tab.

`MapPanel` emits what the user wants; see its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLayout,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from napari_iaunet.plugin.lookalikes.choice_panel import ChoicePanel
from napari_iaunet.plugin.map.legend import ColourBar
from napari_iaunet.plugin.map.plot import MapPlot
from napari_iaunet.plugin.widgets.buttons import push_button, table_of
from napari_iaunet.plugin.widgets.forms import (
    Rows,
    fill,
    narrow,
    pick,
    picker,
    side_by_side,
    title,
)
from napari_iaunet.plugin.widgets.plain import plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.plugin.map.colouring import Colouring

HELP = table_of(
    [
        ("Drag in the map", "choose the cells within"),
        ("Click in the map", "choose one cell; beside all: none"),
        ("Shift", "these cells, too"),
        ("Ctrl or Alt", "without these cells"),
        ("Double-click in the map", "bring the cell to the middle of the viewer"),
        ("Scroll, right-drag", "zoom and move the map"),
        ("Arrow keys", "go from cell to cell; Space chooses, Enter shows it"),
        ("+, -, 0, Esc", "zoom, the whole map, choose none"),
        ("Click in the image", "choose the cell, while “Pick cells” is on"),
    ]
)
_NAME, _CELLS = range(2)
_SWATCH = 14  # pixels
_MOST_ROWS = 6
_LEAST_WIDTH = 120  # pixels; wider tables scroll
_MOST_CELLS = 1_000_000


class MapPanel(ChoicePanel):
    """Which cells, their map, what its colours mean, and what to do with some."""

    map_requested = Signal()
    basis_picked = Signal(str)
    layout_picked = Signal(str)
    colour_picked = Signal(str)
    cells_chosen = Signal(object, str)
    cell_asked = Signal(int)
    cell_pointed = Signal(int)
    names_chosen = Signal(object)
    name_changed = Signal(int, str)
    class_requested = Signal(str)
    groups_requested = Signal(int)
    group_classes_requested = Signal()
    column_requested = Signal()
    undo_requested = Signal()

    def __init__(self) -> None:
        super().__init__(
            "Map",
            "Pick cells",
            "Click cells in the image to choose them.",
            "All layers of cells on an open image are on one map.",
            HELP,
        )
        self._names: tuple[str, ...] = ()
        self._make_map()
        self._make_actions()
        self._lay_out(self._lay_out_map(), self._lay_out_actions())
        self._connect()
        self.set_pairs([], "", [], "")
        self.set_busy(False)
        self.set_note("")
        self.set_colouring(None, named=False)
        self.set_chosen(0, 0)
        self.set_groups(0)
        self.set_undo(False)

    # -- what it is made of ------------------------------------------------------

    def _make_map(self) -> None:
        self.basis = picker("What cells are compared by")
        self.basis.setToolTip("Cells that are alike in it lie close to each other.")
        self.layout_choice = picker("How the map is made")
        self.layout_choice.setToolTip(
            "Principal axes are there at once. UMAP takes longer, and shows more kinds "
            "of cells apart from each other."
        )
        self.colour = picker("What the colours of the map tell")
        self.colour.setToolTip("The cells have these colours in the viewer, too.")
        self.plot = MapPlot()
        self.fit_button = push_button("Whole map", "Show all cells on the map (0).")
        self.bar_of_colours = ColourBar()
        self.legend = QTableWidget(0, 2)
        self.legend.setAccessibleName("Colours of the map")
        self.legend.setHorizontalHeaderLabels(["Colour", "Cells"])
        self.legend.verticalHeader().hide()
        head = self.legend.horizontalHeader()
        head.setSectionResizeMode(_CELLS, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        for part in (head, self.legend.verticalHeader()):
            part.setAccessibleName("Head of “Colours of the map”")
        rows = QAbstractItemView.SelectionBehavior.SelectRows
        self.legend.setSelectionBehavior(rows)
        self.legend.setMinimumWidth(_LEAST_WIDTH)
        self.no_colours, self.note = plain_label(), plain_label()
        self.make_button = push_button(
            "Make the map", "Compare the cells, and draw each as a point."
        )
        self.count, self.about = plain_label(), plain_label()

    def _make_actions(self) -> None:
        self.class_name = QComboBox()
        self.class_name.setEditable(True)
        self.class_name.setAccessibleName("Class of the chosen cells")
        self.class_name.lineEdit().setPlaceholderText("class")
        self.class_name.setToolTip("A class of the Classes tab, or a new one.")
        narrow(self.class_name, 7)
        self.class_button = push_button(
            "Add to class",
            "Make the chosen cells examples of this class in the Classes tab; of many, "
            "some.",
        )
        self.clear_button = push_button("Choose none", "No cell is chosen (Esc).")
        self.smallest = QSpinBox()
        self.smallest.setRange(2, _MOST_CELLS)
        self.smallest.setAccessibleName("Cells that a group has at least")
        self.smallest.setToolTip(
            "Cells that a group has at least: more of them give fewer groups."
        )
        self.groups_button = push_button(
            "Find groups",
            "Find crowds of cells that are alike. Cells by themselves are in none.",
        )
        self.groups = plain_label()
        self.classes_button = push_button(
            "Make classes",
            "Each group becomes a class of the Classes tab, with some of its cells as "
            "examples.",
        )
        self.column_button = push_button(
            "Keep as column", "Write the groups into the table of the cells."
        )
        self.undo_button = push_button("Undo", "Take the last column back.")

    def _lay_out_map(self) -> QLayout:
        form = Rows()
        form.addRow("Alike in", self.basis)
        form.addRow("Made by", self.layout_choice)
        form.addRow("Colour", self.colour)
        layout = QVBoxLayout()
        layout.addWidget(title("Map"))
        layout.addLayout(form)
        layout.addWidget(self.note)
        layout.addWidget(self.make_button)
        layout.addWidget(self.plot)
        layout.addWidget(self.about)
        layout.addWidget(self.bar_of_colours)
        layout.addWidget(self.legend)
        layout.addWidget(self.no_colours)
        return layout

    def _lay_out_actions(self) -> QLayout:
        layout = QVBoxLayout()
        layout.addWidget(title("Chosen cells"))
        layout.addWidget(self.count)
        layout.addLayout(side_by_side((self.clear_button, 1), (self.fit_button, 1)))
        layout.addLayout(side_by_side((self.class_name, 1), (self.class_button, 0)))
        layout.addWidget(title("Groups"))
        form = Rows()
        form.addRow("At least", self.smallest)
        layout.addLayout(form)
        layout.addWidget(self.groups_button)
        layout.addWidget(self.groups)
        buttons = ((self.classes_button, 1), (self.column_button, 1))
        layout.addLayout(side_by_side(*buttons))
        layout.addWidget(self.undo_button)
        return layout

    def _connect(self) -> None:
        self.make_button.clicked.connect(self.map_requested)
        self.basis.activated.connect(self._on_basis)
        self.layout_choice.activated.connect(self._on_layout)
        self.colour.activated.connect(self._on_colour)
        self.plot.chosen.connect(self.cells_chosen)
        self.plot.asked.connect(self.cell_asked)
        self.plot.pointed.connect(self.cell_pointed)
        self.fit_button.clicked.connect(self.plot.fit)
        self.legend.itemSelectionChanged.connect(self._on_selected)
        self.legend.itemChanged.connect(self._on_item)
        self.clear_button.clicked.connect(self._on_clear)
        self.class_button.clicked.connect(self._on_class)
        self.class_name.lineEdit().returnPressed.connect(self._on_class)
        self.class_name.editTextChanged.connect(self._enable_class)
        self.groups_button.clicked.connect(self._on_groups)
        self.classes_button.clicked.connect(self.group_classes_requested)
        self.column_button.clicked.connect(self.column_requested)
        self.undo_button.clicked.connect(self.undo_requested)

    # -- what it shows -----------------------------------------------------------

    def set_pairs(
        self,
        labels: Sequence[tuple[str, str]],
        picked_labels: str,
        images: Sequence[tuple[str, str]],
        picked_image: str,
    ) -> None:
        """Offer layers and images; with an image, a map can be made."""
        super().set_pairs(labels, picked_labels, images, picked_image)
        self.make_button.setEnabled(bool(images))

    def offer(
        self,
        bases: Sequence[tuple[str, str]],
        basis: str,
        layouts: Sequence[tuple[str, str]],
        layout: str,
    ) -> None:
        """Offer what cells are compared by, and how the map is made: key, text."""
        fill(self.basis, bases, basis)
        fill(self.layout_choice, layouts, layout)

    def pick_layout(self, key: str) -> None:
        """Show how the map is made."""
        pick(self.layout_choice, key)

    def set_note(self, text: str) -> None:
        """Say something of how the map is made."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def offer_map(self, on: bool) -> None:
        """Let the user have the map made, as there is none."""
        self.make_button.setVisible(on)

    def offer_colours(self, offers: Sequence[tuple[str, str]], picked: str) -> None:
        """Offer what the colours may tell, as key and text."""
        fill(self.colour, offers, picked)

    def offer_classes(self, names: Sequence[str]) -> None:
        """Offer names of classes; what is being typed stays."""
        text = self.class_name.currentText()
        self.class_name.clear()
        self.class_name.addItems(names)
        self.class_name.setCurrentText(text)

    def set_colouring(self, colouring: Colouring | None, *, named: bool) -> None:
        """Show what the colours mean; ``named``: the user may change the names."""
        is_scale = colouring is not None and colouring.limits is not None
        has_names = colouring is not None and bool(colouring.names)
        self.bar_of_colours.setVisible(is_scale)
        self.legend.setVisible(has_names)
        self.no_colours.setText("" if colouring is None else colouring.missing)
        self.no_colours.setVisible(bool(self.no_colours.text()))
        if colouring is None:
            return
        if colouring.limits is not None:
            # The last one is the gray of cells without a value.
            colours = colouring.colours[:-1:10]
            self.bar_of_colours.show_scale(colouring.title, colours, colouring.limits)
        if has_names:
            self._show_names(colouring, named)

    def _show_names(self, colouring: Colouring, named: bool) -> None:
        same = self._names == colouring.names
        selected = {index.row() for index in self.legend.selectedIndexes()}
        self._names = colouring.names
        self.legend.blockSignals(True)
        head = [colouring.title[:1].upper() + colouring.title[1:], "Cells"]
        self.legend.setHorizontalHeaderLabels(head)
        self.legend.setToolTip(
            "Select a row to choose its cells."
            + (" Double-click a name to change it." if named else "")
        )
        self.legend.setRowCount(len(colouring.names))
        rows = zip(colouring.names, colouring.colours, colouring.counts, strict=True)
        for row, (name, colour, count) in enumerate(rows):
            item = QTableWidgetItem(_swatch(colour), name)
            if not named:
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
            self.legend.setItem(row, _NAME, item)
            number = QTableWidgetItem(f"{count:,}")
            number.setFlags(number.flags() & ~Qt.ItemFlag.ItemIsEditable)
            number.setTextAlignment(
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            )
            self.legend.setItem(row, _CELLS, number)
        if not same and selected:
            self.legend.clearSelection()
        self.legend.blockSignals(False)
        _fit_height(self.legend)

    def forget_names(self) -> None:
        """Select no row of the legend, as other cells were chosen."""
        self.legend.blockSignals(True)
        self.legend.clearSelection()
        self.legend.blockSignals(False)

    def set_chosen(self, chosen: int, total: int) -> None:
        """Say how many cells are chosen."""
        self._is_chosen = chosen > 0
        cells = f"{total:,} cell{'' if total == 1 else 's'}"
        text = f"{chosen:,} of {cells}" if chosen else f"None of {cells}"
        self.count.setText(text if total else "")
        self.plot.describe(text)
        self.clear_button.setEnabled(self._is_chosen)
        self.fit_button.setEnabled(total > 0)
        self.groups_button.setEnabled(total > 0)
        self._enable_class()

    def set_about(self, text: str) -> None:
        """Tell of the cell that mouse or keys are at."""
        self.about.setText(text or " ")

    def set_groups(self, count: int, text: str = "") -> None:
        """Say which groups were found."""
        self.groups.setText(text)
        self.groups.setVisible(bool(text))
        for button in (self.classes_button, self.column_button):
            button.setEnabled(count > 0)

    def suggest_smallest(self, cells: int) -> None:
        """Begin with a least number of cells in a group."""
        self.smallest.setValue(cells)
        self.smallest.setSuffix(" cells")

    def set_undo(self, on: bool) -> None:
        """Allow to take the last column back."""
        self.undo_button.setEnabled(on)

    def _enable_class(self, text: object = None) -> None:
        named = bool(self.class_name.currentText().strip())
        self.class_button.setEnabled(self._is_chosen and named)

    # -- what the user does ------------------------------------------------------

    def _on_basis(self) -> None:
        self.basis_picked.emit(self.basis.currentData())

    def _on_layout(self) -> None:
        self.layout_picked.emit(self.layout_choice.currentData())

    def _on_colour(self) -> None:
        self.colour_picked.emit(self.colour.currentData())

    def _on_selected(self) -> None:
        rows = sorted({index.row() for index in self.legend.selectedIndexes()})
        self.names_chosen.emit(rows)

    def _on_item(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME and item.text() != self._names[item.row()]:
            self.name_changed.emit(item.row(), item.text())

    def _on_clear(self) -> None:
        self.cells_chosen.emit([], "only")

    def _on_class(self) -> None:
        if self.class_button.isEnabled():
            self.class_requested.emit(self.class_name.currentText().strip())

    def _on_groups(self) -> None:
        self.groups_requested.emit(self.smallest.value())


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(_SWATCH, _SWATCH)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)


def _fit_height(table: QTableWidget) -> None:
    """Make a table as high as its rows; above six it scrolls."""
    rows = min(max(table.rowCount(), 1), _MOST_ROWS)
    height = table.horizontalHeader().sizeHint().height() + 2 * table.frameWidth()
    table.setFixedHeight(height + rows * table.verticalHeader().defaultSectionSize())
