"""The user's own models: rename, delete, hand on.

`ModelSection` emits what the user wants; see its signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QGridLayout,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.widgets.buttons import push_button
from napari_iaunet.plugin.widgets.forms import picker, title
from napari_iaunet.plugin.widgets.plain import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.model.registry import ModelInfo

_NONE = "none yet"


class ModelSection(QWidget):
    """A list of the user's models and four buttons."""

    rename_requested = Signal(str)
    delete_requested = Signal(str)
    export_requested = Signal(str)
    import_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.model = picker("Your model")
        self.model.setToolTip("A model that you trained or imported.")
        self.rename_button = push_button("Rename…", "Give the model another name.")
        self.delete_button = push_button("Delete…", "Delete the model from your disk.")
        self.export_button = push_button("Export…", "Write the model into a zip file.")
        self.import_button = push_button("Import…", "Take a model out of a zip file.")
        buttons = QGridLayout()
        buttons.addWidget(self.rename_button, 0, 0)
        buttons.addWidget(self.delete_button, 0, 1)
        buttons.addWidget(self.export_button, 1, 0)
        buttons.addWidget(self.import_button, 1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title("Your models"))
        layout.addWidget(self.model)
        layout.addLayout(buttons)
        for button, signal in (
            (self.rename_button, self.rename_requested),
            (self.delete_button, self.delete_requested),
            (self.export_button, self.export_requested),
        ):
            button.clicked.connect(
                lambda _=False, signal=signal: signal.emit(self.model.currentText())
            )
        self.import_button.clicked.connect(lambda: self.import_requested.emit())
        self.set_models([])

    def set_models(self, models: Sequence[ModelInfo]) -> None:
        """Show the user's models; the former one stays picked if it can."""
        former = self.model.currentText()
        self.model.clear()
        for info in models:
            self.model.addItem(info.name)
            tip = Qt.ItemDataRole.ToolTipRole
            self.model.setItemData(self.model.count() - 1, plain(info.description), tip)
        self.model.setCurrentIndex(max(0, self.model.findText(former)))
        if not models:
            self.model.addItem(_NONE)
        self.model.setEnabled(bool(models))
        for button in (self.rename_button, self.delete_button, self.export_button):
            button.setEnabled(bool(models))
