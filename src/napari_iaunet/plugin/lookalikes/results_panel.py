"""What was found, and what to do with it: the lower part of the Look-alikes tab.

`FoundSection` emits what the user wants; see its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.lookalikes.gallery import ThumbnailRow
from napari_iaunet.plugin.lookalikes.histogram import SimilarityHistogram
from napari_iaunet.plugin.widgets.forms import side_by_side, title
from napari_iaunet.plugin.widgets.plain import plain_label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.lookalikes.gallery import Thumbnail

# Of the slider: finer than its pixels.
_STEPS = 1000
# Half of the slider's handle, so that it stands below the histogram's line.
_HANDLE = 8


class FoundSection(QWidget):
    """Histogram, threshold, gallery, and buttons for the cells found."""

    threshold_changed = Signal(float)
    cell_pressed = Signal(object, str)
    extract_requested = Signal()
    save_requested = Signal()
    name_requested = Signal(str)

    def __init__(self, gallery_tip: str) -> None:
        super().__init__()
        self._values: NDArray[np.float32] | None = None
        self.best = ThumbnailRow("Most alike", gallery_tip)
        self.uncertain = ThumbnailRow("Close to the threshold", gallery_tip)
        self._make()
        self._lay_out()
        self._connect()
        self.set_values(None)

    def _make(self) -> None:
        self.histogram = SimilarityHistogram()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setAccessibleName("Threshold of the similarity")
        self.slider.setToolTip("How similar a cell must be to be found.")
        self.count = plain_label()
        self.extract_button = QPushButton("Extract")
        self.extract_button.setToolTip(
            "A new layer with just the cells found; they keep their label ids."
        )
        self.save_button = QPushButton("Save table…")
        self.save_button.setToolTip("All cells with their similarity and class, CSV.")
        self.name = QComboBox()
        self.name.setEditable(True)
        self.name.setAccessibleName("Class of the cells found")
        self.name.lineEdit().setPlaceholderText("class")
        self.name.setToolTip(
            "What the cells found are called. Leave it empty to take the class away."
        )
        self.name.setMinimumContentsLength(10)
        self.name_button = QPushButton("Name")
        self.name_button.setToolTip(
            "Give the cells found this class, in a new layer coloured by class. "
            "Each further class goes into the same layer."
        )

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title("Found"))
        layout.addWidget(self.histogram)
        slider = side_by_side((self.slider, 1))
        left, right = self.histogram.margins()
        slider.setContentsMargins(left - _HANDLE, 0, right - _HANDLE, 0)
        layout.addLayout(slider)
        layout.addWidget(self.count)
        layout.addLayout(side_by_side((self.extract_button, 1), (self.save_button, 1)))
        layout.addLayout(side_by_side((self.name, 1), (self.name_button, 0)))
        layout.addWidget(title("Most alike"))
        layout.addWidget(self.best)
        layout.addWidget(title("Close to the threshold"))
        layout.addWidget(self.uncertain)

    def _connect(self) -> None:
        self.histogram.threshold_dragged.connect(self.set_threshold)
        self.histogram.threshold_dragged.connect(self.threshold_changed)
        self.slider.valueChanged.connect(self._on_slider)
        for row in (self.best, self.uncertain):
            row.pressed.connect(self.cell_pressed)
        self.extract_button.clicked.connect(self.extract_requested)
        self.save_button.clicked.connect(self.save_requested)
        self.name_button.clicked.connect(self._on_name)
        self.name.lineEdit().returnPressed.connect(self._on_name)

    def set_values(self, values: NDArray[np.float32] | None) -> None:
        """Show similarities, sorted from the lowest; None while there are none."""
        self._values = values
        for widget in (
            *(self.histogram, self.slider, self.extract_button),
            *(self.save_button, self.name, self.name_button),
        ):
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
        self, best: Sequence[Thumbnail], uncertain: Sequence[Thumbnail]
    ) -> None:
        """Show the cells most alike, and those next to the threshold."""
        self.best.set_thumbnails(best)
        self.uncertain.set_thumbnails(uncertain)

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
            f"with similarity {self.threshold:.3f} or more"
        )

    def _on_slider(self, value: int) -> None:
        self.histogram.set_threshold(value / _STEPS)
        self._show_count()
        self.threshold_changed.emit(self.threshold)

    def _on_name(self) -> None:
        if self.name_button.isEnabled():
            self.name_requested.emit(self.name.currentText().strip())
