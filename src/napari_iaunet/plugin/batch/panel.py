"""The Batch tab: the list, and what is done with it.

`BatchPanel` emits what the user wants; see its signals. Images go by their keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from psygnal import SignalGroupDescriptor
from qtpy.QtCore import QCoreApplication, QEvent, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QHeaderView,
    QScrollArea,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.identity.classifier_file import SUFFIX
from napari_iaunet.plugin.batch.summary_panel import SummaryPanel
from napari_iaunet.plugin.widgets.buttons import push_button
from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.plugin.widgets.forms import (
    Form,
    Rows,
    fill,
    picker,
    side_by_side,
    title,
)
from napari_iaunet.plugin.widgets.plain import plain, plain_label
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent

    from napari_iaunet.plugin.batch.reading import Reading

_KINDS = "Images (*.tif *.tiff *.png *.jpg *.jpeg)"
_SETTINGS = "Model, device, cell diameter and columns are those of the Segment tab."
_LIKE = "{condition}_{well}_{field}"
# What is read where nothing is typed.
_USUAL = {
    "series": "the largest, or the first",
    "channel_axis": "as the file says",
    "planes": "as the file says",
}
# What stands for another file among the classifiers.
_CHOOSE = "?"
# Rows of the list that are always on view.
_ROWS = 6


@dataclass(eq=False)
class Naming:
    """How columns of the table are taken from the names of the images."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    pattern: str = shown(
        "",
        "Pattern",
        "How the names of the files are made, like {condition}_{well}_{field}: each "
        "part in braces becomes a column. {} is a part without a column. With a slash "
        "the pattern covers the folders, too: {day}/{well}.",
    )


@dataclass(frozen=True)
class Row:
    """An image as the list shows it.

    Attributes
    ----------
    key : str
        Identifies the image.
    name, status : str
    about : str
        More of both, for who asks.
    """

    key: str
    name: str
    status: str
    about: str = ""


class BatchPanel(QScrollArea):
    """List, buttons and progress; knows neither viewer nor files."""

    added = Signal(list)  # paths of files and folders
    removed = Signal(list)
    picked = Signal()
    run_requested = Signal()
    cancel_requested = Signal()
    open_requested = Signal(str)
    next_requested = Signal()
    looked_at = Signal(list)
    table_requested = Signal()
    classifier_picked = Signal(str)  # its file; "" for none

    def __init__(self, naming: Naming, reading: Reading) -> None:
        super().__init__()
        self.setAccessibleName("Batch")
        self.files_button = push_button("Add files…", "Add TIFF, PNG or JPEG images.")
        self.folder_button = push_button(
            "Add folder…",
            "Add the images of a folder; also an OME-Zarr image, or all images of an "
            "OME-Zarr plate.",
        )
        self.remove_button = push_button(
            "Remove", "Take the chosen images off the list. All files stay."
        )
        self.list = _make_list()
        self.list.setToolTip("Drop files and folders here to add them.")
        self._items: dict[str, QTreeWidgetItem] = {}
        self._keys: list[str] = []  # of the rows, in their order
        self.notice, self.summary, self.about, self.viewing, self.example = (
            plain_label() for _ in range(5)
        )
        self.reading = ReadingSection(reading)
        self.classifier = picker("Classifier")
        self.classifier.setToolTip(
            "Give the cells classes, too, by a file that the Classes tab has saved."
        )
        self.set_classifier("")
        self.run = RunBar("Segment all", "Find the cells of all images of the list.")
        self.open_button = push_button("Open", "Open the chosen image with its cells.")
        self.next_button = push_button(
            "Next",
            "This image has been looked at: write what you have changed, and open the "
            "next one.",
        )
        self.looked_button = push_button(
            "Looked at",
            "Say that you have looked at the chosen images, or that you have not. "
            "Cells that were looked at are not made anew.",
        )
        self.form = Form(naming)
        self.form["pattern"].setPlaceholderText(_LIKE)
        self.table_button = push_button(
            "Save table…", "Write the cells of all images that are done as one table."
        )
        self.chart = SummaryPanel()
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.addLayout(side_by_side((self.files_button, 1), (self.folder_button, 1)))
        layout.addWidget(self.notice)
        layout.addWidget(self.list, 1)
        layout.addLayout(side_by_side((self.summary, 1), (self.remove_button, 0)))
        layout.addWidget(self.about)
        layout.addSpacing(6)
        settings = plain_label()
        settings.setText(_SETTINGS)
        layout.addWidget(settings)
        layout.addWidget(self.reading.button)
        layout.addWidget(self.reading)
        classes = Rows()
        classes.addRow("Classifier", self.classifier)
        layout.addLayout(classes)
        layout.addWidget(self.run)
        layout.addWidget(title("Look at the cells"))
        buttons = (self.open_button, self.next_button, self.looked_button)
        layout.addLayout(side_by_side(*((button, 1) for button in buttons)))
        layout.addWidget(self.viewing)
        layout.addSpacing(6)
        layout.addWidget(title("One table of all cells"))
        layout.addLayout(self.form)
        layout.addWidget(self.example)
        table_and_chart = ((self.table_button, 1), (self.chart.button, 1))
        layout.addLayout(side_by_side(*table_and_chart))
        layout.addWidget(self.chart)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAcceptDrops(True)
        self.form["pattern"].setAcceptDrops(False)  # files would become text there

    def _connect(self) -> None:
        self.files_button.clicked.connect(self._on_files)
        self.folder_button.clicked.connect(self._on_folder)
        self.remove_button.clicked.connect(lambda: self.removed.emit(self.chosen))
        self.list.itemSelectionChanged.connect(self.picked)
        self.list.itemDoubleClicked.connect(self._on_open)
        self.classifier.activated.connect(self._on_classifier)
        self.run.start_requested.connect(self.run_requested)
        self.run.cancel_requested.connect(self.cancel_requested)
        self.open_button.clicked.connect(self._on_open)
        self.next_button.clicked.connect(lambda: self.next_requested.emit())
        self.looked_button.clicked.connect(lambda: self.looked_at.emit(self.chosen))
        self.table_button.clicked.connect(lambda: self.table_requested.emit())

    def set_classifier(self, path: str) -> None:
        """Show which classifier gives the cells classes; "" for none."""
        offers = [("", "none"), *([(path, Path(path).name)] if path else [])]
        fill(self.classifier, [*offers, (_CHOOSE, "Choose a file…")], path)

    def _on_classifier(self) -> None:
        picked, former = self.classifier.currentData(), self.classifier.itemData(1)
        if picked == _CHOOSE:
            self.set_classifier("" if former == _CHOOSE else former)
            picked, _ = QFileDialog.getOpenFileName(
                self, "Classifier", "", f"Classifiers (*{SUFFIX})"
            )
            if not picked:
                return
        self.classifier_picked.emit(picked)

    @property
    def chosen(self) -> list[str]:
        """Keys of the images that are chosen in the list, in its order."""
        rows = sorted(i.row() for i in self.list.selectionModel().selectedRows())
        return [self._keys[row] for row in rows]

    def choose(self, key: str) -> None:
        """Choose an image in the list, and bring it into view."""
        if key in self._items:
            self.list.setCurrentItem(self._items[key])

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show other images; those that are chosen stay chosen."""
        chosen = set(self.chosen)
        self.list.blockSignals(True)
        self.list.clear()
        self._items = {row.key: QTreeWidgetItem() for row in rows}
        self._keys = list(self._items)
        for row in rows:
            self.set_row(row)
        self.list.addTopLevelItems(list(self._items.values()))
        for key in chosen & self._items.keys():
            self._items[key].setSelected(True)
        self.list.blockSignals(False)

    def set_row(self, row: Row) -> None:
        """Show what has become of an image of the list."""
        item = self._items[row.key]
        for column, text in enumerate((row.name, row.status)):
            item.setText(column, text)
            item.setToolTip(column, plain(row.about))

    def reveal_chart(self) -> None:
        """Bring the summary into view; of one that is too high, its beginning."""
        # What has just been shown has no room yet: layouts follow in their turn.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        self.ensureWidgetVisible(self.chart)
        self.ensureWidgetVisible(self.chart.button)

    def set_possible(
        self, *, remove: bool, open_: bool, next_: bool, looked: bool, table: bool
    ) -> None:
        """Enable what can be done."""
        self.about.setVisible(bool(self.about.text()))
        self.remove_button.setEnabled(remove)
        self.open_button.setEnabled(open_)
        self.next_button.setEnabled(next_)
        self.looked_button.setEnabled(looked)
        self.table_button.setEnabled(table)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Let files and folders be dropped wherever the mouse is in the tab."""
        if event.mimeData().hasUrls():
            event.setDropAction(Qt.DropAction.CopyAction)  # none is moved away
            event.accept()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        """Go on as `dragEnterEvent` has begun."""
        self.dragEnterEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped; napari does not get to open it as layers."""
        self.dragEnterEvent(event)
        urls = event.mimeData().urls()
        paths = [url.toLocalFile() or url.toString() for url in urls]
        if paths:
            self.added.emit(paths)

    def _on_open(self, *_: object) -> None:
        if self.open_button.isEnabled() and self.chosen:
            self.open_requested.emit(self.chosen[0])

    def _on_files(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Add images", "", _KINDS)
        if paths:
            self.added.emit(paths)

    def _on_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, "Add the images of a folder, an OME-Zarr image or a plate"
        )
        if folder:
            self.added.emit([folder])


class ReadingSection(QWidget):
    """How files are read; opened by its button, which stands elsewhere."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self.button = push_button(
            "How files are read",
            "Which image of files that hold several, and which axes are channels and "
            "planes, where the files do not say it right.",
        )
        self.button.setCheckable(True)
        self.form = Form(reading)
        for name, usual in _USUAL.items():
            self.form[name].setPlaceholderText(usual)
            self.form[name].setAcceptDrops(False)  # files would become text there
        self.message = plain_label()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self.form)
        layout.addWidget(self.message)
        self.tell("")
        self.hide()
        self.button.toggled.connect(self.setVisible)

    def tell(self, text: str) -> None:
        """Say what is wrong with what is typed; nothing: "" ."""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def open(self) -> None:
        """Show what is typed."""
        self.button.setChecked(True)


def _make_list() -> QTreeWidget:
    rows = QTreeWidget()
    rows.setAccessibleName("Images")
    rows.setHeaderLabels(["Image", "Status"])
    rows.setRootIsDecorated(False)
    rows.setUniformRowHeights(True)
    rows.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
    rows.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    header = rows.header()
    header.setAccessibleName("Columns of the images")
    header.setStretchLastSection(False)
    for column in (0, 1):
        header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
    rows.setMinimumHeight((_ROWS + 2) * rows.fontMetrics().height())
    return rows
