"""The Segment tab.

`SegmentPanel` shows `Settings` and changes them; it emits ``segment_requested``,
``cancel_requested``, ``planes_first_requested``, and ``edited`` with the name of a
setting that the user changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_iaunet.plugin.core.settings import IN_VIEW
from napari_iaunet.plugin.segment.channel_picker import ChannelPicker
from napari_iaunet.plugin.widgets.forms import Form
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.settings import Settings

_NO_IMAGE = "Open an image first: drop a file onto the window."
_NO_MODEL = "No model is installed: choose a model's folder with the … button."
_NO_CHANNEL = "Tick at least one channel."


class SegmentPanel(QWidget):
    """Form, buttons and progress; knows neither viewer nor layers."""

    segment_requested = Signal()
    cancel_requested = Signal()
    planes_first_requested = Signal()
    edited = Signal(str)

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._folders: dict[str, str] = {}
        self.form = Form(settings)
        self.channel_picker = ChannelPicker(self.form, settings)
        self.browse = QPushButton("…")
        self.browse.setFixedWidth(32)
        self.browse.setAccessibleName("Model from a folder")
        self.browse.setToolTip("Use a model from a folder.")
        self.form.add_beside("model", self.browse)
        self.run = RunBar("Segment", "Find the cells; they become a new layer.")
        self._sections = layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addSpacing(6)
        layout.addWidget(self.run)
        layout.addStretch(1)
        self.browse.clicked.connect(self._on_browse)
        self.form.edited.connect(self.edited)
        self.channel_picker.planes_first.connect(self.planes_first_requested)
        self.run.start_requested.connect(self.segment_requested)
        self.run.cancel_requested.connect(self.cancel_requested)
        settings.changed.connect(self._show)
        self._show()

    def add_section(self, section: QWidget) -> None:
        """Add a widget at the end of the tab."""
        self._sections.insertWidget(self._sections.count() - 1, section)

    def _show(self) -> None:
        """Show what applies to the image, and whether it can be segmented."""
        settings, form = self._settings, self.form
        form.offer("image", [(info.key, info.name) for info in settings.images])
        self._show_models()
        form.offer("device", list(settings.devices.items()))
        self.channel_picker.show()
        places = [("", "the whole image"), (IN_VIEW, "only the part on view")]
        drawn = [(key, f"only inside {name}") for key, name in settings.drawn]
        form.offer("where", places + drawn)
        planes = settings.planes
        form.show_row("whole_stack", (planes or 0) > 1 and not settings.where)
        all_planes = (True, f"all {planes} planes")
        form.offer("whole_stack", [all_planes, (False, "only the plane on view")])
        form["diameter"].setEnabled(not settings.estimate)
        hint = self._missing()
        self.run.set_ready(not hint, hint)

    def _show_models(self) -> None:
        tips = {info.name: info.description for info in self._settings.models}
        model = self._settings.model
        if model and model not in tips:
            self._folders[model] = model
        tips |= self._folders
        offers = [(key, Path(key).name) for key in tips]
        self.form.offer("model", offers, list(tips.values()))
        combo = self.form["model"]
        tip = combo.currentData(Qt.ItemDataRole.ToolTipRole)
        combo.setToolTip(tip or "What finds the cells.")

    def _missing(self) -> str:
        settings = self._settings
        if settings.info is None:
            return _NO_IMAGE
        if not settings.model:
            return _NO_MODEL
        return _NO_CHANNEL if settings.channels == () else ""

    def _on_browse(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            self._settings.model = folder
            self.edited.emit("model")
