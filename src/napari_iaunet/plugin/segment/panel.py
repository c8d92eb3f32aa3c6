"""The Segment tab.

`SegmentPanel` emits ``segment_requested`` with a `SegmentChoice`,
``cancel_requested``, ``device_changed`` with the name of a device, and ``changed``
whenever `SegmentPanel.choice` may have.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.core.settings import SegmentChoice, split_axes
from napari_iaunet.plugin.segment.channel_picker import ChannelPicker
from napari_iaunet.plugin.widgets.forms import Picker
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_iaunet.model.registry import ModelInfo
    from napari_iaunet.plugin.layers.images import ImageInfo

_NO_IMAGE = "Open an image first: drop a file onto the window."
_NO_MODEL = "No model is installed: choose a model's folder with the … button."
_NO_CHANNEL = "Tick at least one channel."
_FIRST_DIAMETER = 30.0


class SegmentPanel(QWidget):
    """Form, buttons and progress; knows neither viewer nor layers."""

    segment_requested = Signal(object)
    cancel_requested = Signal()
    device_changed = Signal(str)
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._images: list[ImageInfo] = []
        self.image = Picker()
        self.image.setToolTip("The image whose cells are to be found.")
        self.stack = Picker()
        self.stack.setToolTip(
            "Find cells in every plane of a time series or volume, each plane on "
            "its own, or only in the one that you see."
        )
        self.model = Picker()
        self.browse = QPushButton("…")
        self.browse.setFixedWidth(32)
        self.browse.setToolTip("Use a model from a folder.")
        self.device = Picker()
        self.device.setToolTip(
            "Automatic takes the graphics card (GPU) if there is one that can be "
            "used, else the processor (CPU)."
        )
        self.diameter = QDoubleSpinBox()
        self.diameter.setRange(1, 10_000)
        self.diameter.setDecimals(1)
        self.diameter.setSuffix(" px")
        self.diameter.setValue(_FIRST_DIAMETER)
        self.diameter.setToolTip(
            "How wide a typical cell is, in pixels. If cells come out in pieces, "
            "make it larger; if several are taken for one, make it smaller."
        )
        self.estimate = QCheckBox("estimate")
        self.estimate.setChecked(True)
        self.estimate.setToolTip("Let the model find out how wide the cells are.")
        self.run = RunBar("Segment", "Find the cells; they become a new layer.")
        self._lay_out()
        self._connect()
        self._on_image()

    def _lay_out(self) -> None:
        self._form = form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Image", self.image)
        self.channel_picker = ChannelPicker(form)
        form.addRow("Planes", self.stack)
        form.addRow("Model", _side_by_side(self.model, self.browse))
        form.addRow("Device", self.device)
        form.addRow("Cell diameter", _side_by_side(self.diameter, self.estimate))
        self._sections = layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addSpacing(6)
        layout.addWidget(self.run)
        layout.addStretch(1)

    def _connect(self) -> None:
        self.image.currentIndexChanged.connect(self._on_image)
        self.channel_picker.changed.connect(self._refresh)
        self.model.currentIndexChanged.connect(self._refresh)
        self.browse.clicked.connect(self._on_browse)
        self.device.activated.connect(self._on_device)
        self.device.currentIndexChanged.connect(self.changed)
        self.diameter.valueChanged.connect(self.changed)
        self.estimate.toggled.connect(self._refresh)
        self.run.start_requested.connect(self._on_start)
        self.run.cancel_requested.connect(self.cancel_requested)

    def add_section(self, section: QWidget) -> None:
        """Add a widget at the end of the tab."""
        self._sections.insertWidget(self._sections.count() - 1, section)

    @property
    def current_image(self) -> ImageInfo | None:
        """The image that is picked."""
        index = self.image.currentIndex()
        return self._images[index] if 0 <= index < len(self._images) else None

    def set_images(self, images: Sequence[ImageInfo]) -> None:
        """Offer images, the topmost last; the former one stays picked if it can."""
        former = self.current_image
        picked = former.key if former else None
        self._images = list(images)[::-1]
        self.image.blockSignals(True)
        self.image.clear()
        for info in self._images:
            self.image.addItem(info.name)
        keys = [info.key for info in self._images]
        self.image.setCurrentIndex(keys.index(picked) if picked in keys else 0)
        self.image.blockSignals(False)
        self._on_image()

    def pick_image(self, key: str) -> None:
        """Pick an image by its key."""
        keys = [info.key for info in self._images]
        if key in keys:
            self.image.setCurrentIndex(keys.index(key))

    def set_models(self, models: Sequence[ModelInfo]) -> None:
        """Offer models; the former one stays picked if it can, else the first."""
        former = self.model.currentData()
        self.model.clear()
        for info in models:
            self._add_model(info.name, info.name, info.description)
        self.model.setCurrentIndex(max(0, self.model.findData(former)))
        self._refresh()

    def set_devices(self, devices: Mapping[str, str], picked: str) -> None:
        """Offer devices, given as name: text, and pick one."""
        self.device.clear()
        for name, text in devices.items():
            self.device.addItem(text, name)
        self.device.setCurrentIndex(max(0, self.device.findData(picked)))

    def set_diameter(self, diameter: float) -> None:
        """Show the diameter that was estimated."""
        self.diameter.setValue(diameter)

    def choice(self) -> SegmentChoice | None:
        """Return what the user wants; None without an image."""
        image = self.current_image
        if image is None:
            return None
        return SegmentChoice(
            image=image.key,
            together_with=self.channel_picker.together_with,
            channel_axis=self.channel_picker.channel_axis,
            channels=self.channel_picker.channels,
            whole_stack=self.stack.currentIndex() == 0 or self._n_planes() is None,
            model=self.model.currentData(),
            device=self.device.currentData(),
            diameter=None if self.estimate.isChecked() else self.diameter.value(),
        )

    def _n_planes(self) -> int | None:
        """Planes of the stack; None if the image is a single plane."""
        image = self.current_image
        if image is None:
            return None
        axis = self.channel_picker.channel_axis
        stack, _ = split_axes(len(image.shape), axis)
        return math.prod(image.shape[a] for a in stack) if stack else None

    def _add_model(self, name: str, text: str, tip: str) -> None:
        self.model.addItem(text, name)
        self.model.setItemData(self.model.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)

    def _on_image(self) -> None:
        image = self.current_image
        others = [] if image is None else [i for i in self._images if i != image]
        self.channel_picker.show_image(image, others)
        self._refresh()

    def _on_browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            index = self.model.findData(folder)
            if index < 0:
                self._add_model(folder, Path(folder).name, folder)
                index = self.model.count() - 1
            self.model.setCurrentIndex(index)

    def _on_device(self) -> None:
        self.device_changed.emit(self.device.currentData())

    def _on_start(self) -> None:
        choice = self.choice()
        if choice is not None:
            self.segment_requested.emit(choice)

    def _refresh(self) -> None:
        """Show what applies to the image, and whether it can be segmented."""
        planes = self._n_planes()
        self._form.setRowVisible(self.stack, planes is not None)
        if planes is not None:
            index = max(0, self.stack.currentIndex())
            self.stack.clear()
            self.stack.addItems([f"all {planes} planes", "only the plane on view"])
            self.stack.setCurrentIndex(index)
        self.diameter.setEnabled(not self.estimate.isChecked())
        tip = self.model.currentData(Qt.ItemDataRole.ToolTipRole)
        self.model.setToolTip(tip or "What finds the cells.")
        if self.current_image is None:
            hint = _NO_IMAGE
        elif self.model.count() == 0:
            hint = _NO_MODEL
        elif self.channel_picker.channels == ():
            hint = _NO_CHANNEL
        else:
            hint = ""
        self.run.set_ready(not hint, hint)
        self.changed.emit()


def _side_by_side(wide: QWidget, narrow: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(wide, 1)
    row.addWidget(narrow)
    return row
