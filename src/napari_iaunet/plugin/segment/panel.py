"""The Segment tab.

`SegmentPanel` shows `Settings` and changes them; it emits ``segment_requested``,
``cancel_requested`` and ``device_changed`` with the name of the device that the user
picked.
"""

from __future__ import annotations

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

from napari_iaunet.plugin.core.settings import LARGEST_DIAMETER, SMALLEST_DIAMETER
from napari_iaunet.plugin.segment.channel_picker import ChannelPicker
from napari_iaunet.plugin.widgets.forms import Picker
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.settings import Settings

_NO_IMAGE = "Open an image first: drop a file onto the window."
_NO_MODEL = "No model is installed: choose a model's folder with the … button."
_NO_CHANNEL = "Tick at least one channel."


class SegmentPanel(QWidget):
    """Form, buttons and progress; knows neither viewer nor layers.

    Parameters
    ----------
    settings : Settings
    """

    segment_requested = Signal()
    cancel_requested = Signal()
    device_changed = Signal(str)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._folders: dict[str, str] = {}
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
        self.diameter.setRange(SMALLEST_DIAMETER, LARGEST_DIAMETER)
        self.diameter.setDecimals(1)
        self.diameter.setSuffix(" px")
        self.diameter.setToolTip(
            "How wide a typical cell is, in pixels. If cells come out in pieces, "
            "make it larger; if several are taken for one, make it smaller."
        )
        self.estimate = QCheckBox("estimate")
        self.estimate.setToolTip("Let the model find out how wide the cells are.")
        self.run = RunBar("Segment", "Find the cells; they become a new layer.")
        self._lay_out()
        self._connect()
        self._show()

    def _lay_out(self) -> None:
        self._form = form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Image", self.image)
        self.channel_picker = ChannelPicker(form, self._settings)
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
        self.stack.currentIndexChanged.connect(self._on_stack)
        self.model.currentIndexChanged.connect(self._on_model)
        self.browse.clicked.connect(self._on_browse)
        self.device.activated.connect(self._on_device)
        self.diameter.valueChanged.connect(self._on_diameter)
        self.estimate.toggled.connect(self._on_estimate)
        self._settings.changed.connect(self._show)
        self.run.start_requested.connect(self.segment_requested)
        self.run.cancel_requested.connect(self.cancel_requested)

    def add_section(self, section: QWidget) -> None:
        """Add a widget at the end of the tab."""
        self._sections.insertWidget(self._sections.count() - 1, section)

    # -- what it shows -----------------------------------------------------------

    def _show_models(self) -> None:
        settings = self._settings
        tips = {info.name: info.description for info in settings.models}
        if settings.model and settings.model not in tips:
            self._folders[settings.model] = settings.model
        tips |= self._folders
        self.model.offer([(key, Path(key).name) for key in tips], settings.model)
        for i, tip in enumerate(tips.values()):
            self.model.setItemData(i, tip, Qt.ItemDataRole.ToolTipRole)

    def _show(self) -> None:
        """Show what applies to the image, and whether it can be segmented."""
        settings = self._settings
        images = [(info.key, info.name) for info in settings.images]
        self.image.offer(images, settings.image)
        self._show_models()
        self.device.offer(list(settings.devices.items()), settings.device)
        self.channel_picker.show()
        planes = settings.planes
        self._form.setRowVisible(self.stack, planes is not None)
        if planes is not None:
            offers = [(True, f"all {planes} planes"), (False, "only the plane on view")]
            self.stack.offer(offers, settings.whole_stack)
        if self.diameter.value() != settings.diameter:
            self.diameter.setValue(settings.diameter)
        self.estimate.setChecked(settings.estimate)
        self.diameter.setEnabled(not settings.estimate)
        tip = self.model.currentData(Qt.ItemDataRole.ToolTipRole)
        self.model.setToolTip(tip or "What finds the cells.")
        hint = self._missing()
        self.run.set_ready(not hint, hint)

    def _missing(self) -> str:
        settings = self._settings
        if settings.info is None:
            return _NO_IMAGE
        if not settings.model:
            return _NO_MODEL
        return _NO_CHANNEL if settings.channels == () else ""

    # -- what the user does ------------------------------------------------------

    def _on_image(self) -> None:
        self._settings.pick_image(self.image.currentData())

    def _on_stack(self) -> None:
        self._settings.whole_stack = self.stack.currentData()

    def _on_model(self) -> None:
        self._settings.model = self.model.currentData()

    def _on_browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            self._settings.model = folder

    def _on_device(self) -> None:
        self._settings.device = self.device.currentData()
        self.device_changed.emit(self._settings.device)

    def _on_diameter(self, value: float) -> None:
        self._settings.diameter = value

    def _on_estimate(self, on: bool) -> None:
        self._settings.estimate = on


def _side_by_side(wide: QWidget, narrow: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(wide, 1)
    row.addWidget(narrow)
    return row
