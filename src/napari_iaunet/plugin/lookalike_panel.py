"""The Look-alikes tab.

`LookalikePanel` emits what the user wants; see its signals.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSlider,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.plugin.gallery import ThumbnailRow
from napari_iaunet.plugin.similarity_histogram import SimilarityHistogram
from napari_iaunet.plugin.weight_sliders import WeightSliders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.gallery import Thumbnail

_STEPS = 1000
# Half of the slider's handle, so that it stands below the histogram's line.
_HANDLE = 8
NOT_LIKE = "Cmd+click" if sys.platform == "darwin" else "Ctrl+click"
_ACTIONS = [
    ("Click", "look for cells like this one"),
    ("Shift+click", "this one is like it, too"),
    (f"{NOT_LIKE} or Alt+click", "this one is not like it"),
    ("Drag, scroll, double-click", "move and zoom, as always"),
]
HELP = (
    "<table cellspacing='4'>"
    + "".join(f"<tr><td><b>{a}</b></td><td>{b}</td></tr>" for a, b in _ACTIONS)
    + "</table>"
)
_GALLERY_TIP = (
    "Click: go to the cell. Shift+click: it is like the ones you look for. "
    f"{NOT_LIKE}: it is not."
)


class LookalikePanel(QScrollArea):
    """Form, examples, weights, threshold, gallery and what to do with the cells."""

    labels_picked = Signal(str)
    image_picked = Signal(str)
    all_images_toggled = Signal(bool)
    pick_toggled = Signal(bool)
    back_requested = Signal()
    forward_requested = Signal()
    clear_requested = Signal()
    cancel_requested = Signal()
    weights_changed = Signal(object)
    threshold_changed = Signal(float)
    cell_pressed = Signal(object, str)
    example_removed = Signal(object)
    extract_requested = Signal()
    save_requested = Signal()
    name_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._values: NDArray[np.float32] | None = None
        self._make_choice()
        self._make_examples()
        self._make_result()
        inner = QWidget()
        layout = QVBoxLayout(inner)
        for part in (self._lay_out_choice(), self._lay_out_examples()):
            layout.addLayout(part)
        layout.addWidget(_title("What counts"))
        layout.addWidget(self.weights)
        layout.addLayout(self._lay_out_result())
        layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._connect()
        self.set_pairs([], "", [], "")
        self.set_on(False)
        self.set_busy(False)
        self.set_result(None)
        self.set_steps(False, False)
        self.set_examples([])

    # -- what it is made of ------------------------------------------------------

    def _make_choice(self) -> None:
        self.labels, self.image = QComboBox(), QComboBox()
        self.labels.setToolTip(
            "The layer of cells. Select one in the layer list, and it is picked."
        )
        self.image.setToolTip("The image in which the cells are compared.")
        for combo in (self.labels, self.image):
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setMinimumContentsLength(12)
        self.all_images = QCheckBox("also in the other images with cells")
        self.all_images.setToolTip(
            "Search all layers of cells that lie on an open image."
        )
        self.pick_button = QPushButton()
        self.pick_button.setCheckable(True)
        self.pick_button.setToolTip("Choose with clicks on cells what to look for.")
        self.help = QToolButton()
        self.help.setText("?")
        self.help.setToolTip(HELP)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.bar = QProgressBar()
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop comparing the cells.")

    def _make_examples(self) -> None:
        self.back_button, self.forward_button = QToolButton(), QToolButton()
        self.back_button.setArrowType(Qt.ArrowType.LeftArrow)
        self.forward_button.setArrowType(Qt.ArrowType.RightArrow)
        self.back_button.setToolTip("What you looked for before.")
        self.forward_button.setToolTip("What you looked for after that.")
        self.examples = ThumbnailRow("Click: go to the cell.")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("The selected cell is no example any more.")
        self.clear_button = QPushButton("Clear")
        self.clear_button.setToolTip("No examples, and nothing shown in the viewer.")
        self.weights = WeightSliders(DEFAULT_WEIGHTS)

    def _make_result(self) -> None:
        self.histogram = SimilarityHistogram()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setToolTip("How similar a cell must be to be found.")
        self.count = QLabel()
        self.best, self.border = ThumbnailRow(_GALLERY_TIP), ThumbnailRow(_GALLERY_TIP)
        self.extract_button = QPushButton("Extract")
        self.extract_button.setToolTip(
            "A new layer with just the cells found; they keep their numbers."
        )
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("All cells with their similarity and class, CSV.")
        self.name = QComboBox()
        self.name.setEditable(True)
        self.name.lineEdit().setPlaceholderText("class, such as “dividing”")
        self.name.setToolTip(
            "What the cells found are called. Leave it empty to take the class away."
        )
        self.name.setMinimumContentsLength(10)
        self.name_button = QPushButton("Name")
        self.name_button.setToolTip(
            "Give the cells found this class, in a new layer coloured by class. "
            "Each further class goes into the same layer."
        )

    def _lay_out_choice(self) -> QLayout:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Cells", self.labels)
        form.addRow("Image", self.image)
        form.addRow("Search", self.all_images)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addLayout(_row((self.pick_button, 1), (self.help, 0)))
        layout.addWidget(self.status)
        layout.addLayout(_row((self.bar, 1), (self.cancel_button, 0)))
        return layout

    def _lay_out_examples(self) -> QLayout:
        layout = QVBoxLayout()
        layout.addLayout(
            _row(
                (_title("Examples"), 1),
                (self.back_button, 0),
                (self.forward_button, 0),
                (self.remove_button, 0),
                (self.clear_button, 0),
            )
        )
        layout.addWidget(self.examples)
        return layout

    def _lay_out_result(self) -> QLayout:
        layout = QVBoxLayout()
        layout.addWidget(_title("Found"))
        layout.addWidget(self.histogram)
        slider = _row((self.slider, 1))
        left, right = self.histogram.margins()
        slider.setContentsMargins(left - _HANDLE, 0, right - _HANDLE, 0)
        layout.addLayout(slider)
        layout.addWidget(self.count)
        layout.addLayout(_row((self.extract_button, 1), (self.save_button, 1)))
        layout.addLayout(_row((self.name, 1), (self.name_button, 0)))
        layout.addWidget(_title("Most alike"))
        layout.addWidget(self.best)
        layout.addWidget(_title("Close to the threshold"))
        layout.addWidget(self.border)
        return layout

    def _connect(self) -> None:
        self.labels.activated.connect(self._on_labels)
        self.image.activated.connect(self._on_image)
        self.all_images.toggled.connect(self.all_images_toggled)
        self.pick_button.toggled.connect(self._on_pick)
        self.help.clicked.connect(self._on_help)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.back_button.clicked.connect(self.back_requested)
        self.forward_button.clicked.connect(self.forward_requested)
        self.clear_button.clicked.connect(self.clear_requested)
        self.remove_button.clicked.connect(self._on_remove)
        self.weights.changed.connect(self.weights_changed)
        self.histogram.threshold_dragged.connect(self.set_threshold)
        self.histogram.threshold_dragged.connect(self.threshold_changed)
        self.slider.valueChanged.connect(self._on_slider)
        for row in (self.examples, self.best, self.border):
            row.pressed.connect(self.cell_pressed)
        self.examples.itemSelectionChanged.connect(self._on_selected)
        self.extract_button.clicked.connect(self.extract_requested)
        self.save_button.clicked.connect(self.save_requested)
        self.name_button.clicked.connect(self._on_name)
        self.name.lineEdit().returnPressed.connect(self._on_name)

    # -- what it shows -----------------------------------------------------------

    def set_pairs(
        self,
        labels: Sequence[tuple[str, str]],
        picked_labels: str,
        images: Sequence[tuple[str, str]],
        picked_image: str,
    ) -> None:
        """Offer layers of cells and the images under the picked one: key, name."""
        for combo, offers, picked in (
            (self.labels, labels, picked_labels),
            (self.image, images, picked_image),
        ):
            combo.clear()
            for key, name in offers:
                combo.addItem(name, key)
            combo.setCurrentIndex(combo.findData(picked))
        self.pick_button.setEnabled(bool(images))

    def set_on(self, on: bool) -> None:
        """Show whether clicks pick cells, without emitting ``pick_toggled``."""
        self.pick_button.blockSignals(True)
        self.pick_button.setChecked(on)
        self.pick_button.blockSignals(False)
        self.pick_button.setText(f"Pick cells: {'on' if on else 'off'}")

    def say(self, text: str) -> None:
        """Show a line of text."""
        self.status.setText(text)

    def set_busy(self, busy: bool) -> None:
        """Show that cells are being compared, or no longer."""
        self.bar.setRange(0, 0)
        self.bar.setVisible(busy)
        self.cancel_button.setVisible(busy)
        self.cancel_button.setEnabled(busy)

    def set_progress(self, done: int, total: int) -> None:
        """Show how far the comparison is; a single step moves to and fro."""
        self.bar.setRange(0, total if done else 0)
        self.bar.setValue(done)

    def set_examples(self, examples: Sequence[Thumbnail]) -> None:
        """Show likes and unlikes."""
        self.examples.set_thumbnails(examples)
        self.clear_button.setEnabled(bool(examples))
        self._on_selected()

    def set_steps(self, back: bool, forward: bool) -> None:
        """Allow to go back and forward."""
        self.back_button.setEnabled(back)
        self.forward_button.setEnabled(forward)

    def set_result(self, values: NDArray[np.float32] | None) -> None:
        """Show similarities, sorted from the lowest; None while there are none."""
        self._values = values
        for widget in (self.histogram, self.slider, self.extract_button):
            widget.setEnabled(values is not None)
        for widget in (self.save_button, self.name, self.name_button):
            widget.setEnabled(values is not None)
        if values is not None:
            self.histogram.set_values(values)
        else:
            self.set_gallery([], [])
        self._show_count()

    def set_threshold(self, threshold: float) -> None:
        """Move slider and line, without emitting ``threshold_changed``."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(threshold * _STEPS))
        self.slider.blockSignals(False)
        self.histogram.set_threshold(threshold)
        self._show_count()

    @property
    def threshold(self) -> float:
        """How similar a cell must be to be found."""
        return self.histogram.threshold

    def set_gallery(
        self, best: Sequence[Thumbnail], border: Sequence[Thumbnail]
    ) -> None:
        """Show the cells most alike, and those next to the threshold."""
        self.best.set_thumbnails(best)
        self.border.set_thumbnails(border)

    def set_classes(self, names: Sequence[str]) -> None:
        """Offer names of classes; what is being typed stays."""
        text = self.name.currentText()
        self.name.clear()
        self.name.addItems(names)
        self.name.setCurrentText(text)

    def _show_count(self) -> None:
        if self._values is None:
            self.count.setText("")
            return
        total = self._values.size
        # In float32, as the cells themselves are compared.
        found = total - int(self._values.searchsorted(np.float32(self.threshold)))
        self.count.setText(
            f"{found:,} of {total:,} cell{'' if total == 1 else 's'} "
            f"from {self.threshold:.3f}"
        )

    # -- what the user does ------------------------------------------------------

    def _on_labels(self) -> None:
        self.labels_picked.emit(self.labels.currentData())

    def _on_image(self) -> None:
        self.image_picked.emit(self.image.currentData())

    def _on_pick(self, on: bool) -> None:
        self.set_on(on)
        self.pick_toggled.emit(on)

    def _on_help(self) -> None:
        QToolTip.showText(self.help.mapToGlobal(QPoint(0, 0)), HELP, self.help)

    def _on_slider(self, value: int) -> None:
        self.histogram.set_threshold(value / _STEPS)
        self._show_count()
        self.threshold_changed.emit(self.threshold)

    def _on_selected(self) -> None:
        self.remove_button.setEnabled(self.examples.selected() is not None)

    def _on_remove(self) -> None:
        selected = self.examples.selected()
        if selected is not None:
            self.example_removed.emit(selected.key)

    def _on_name(self) -> None:
        if self.name_button.isEnabled():
            self.name_requested.emit(self.name.currentText().strip())


def _row(*widgets: tuple[QWidget, int]) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget, stretch in widgets:
        row.addWidget(widget, stretch)
    return row


def _title(text: str) -> QLabel:
    label = QLabel(f"<b>{text}</b>")
    label.setTextFormat(Qt.TextFormat.RichText)
    return label
