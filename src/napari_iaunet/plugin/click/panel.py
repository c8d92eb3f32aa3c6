"""The section "Click to segment" of the Segment tab.

`ClickPanel` emits ``toggled`` with True or False and ``target_picked`` with the key
of a layer, "" for a new one.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.widgets.forms import Picker

if TYPE_CHECKING:
    from collections.abc import Sequence

KEEP, DROP, REMOVE, JOIN, SPLIT = "K", "Escape", "D", "J", "S"
UNDO, REDO = "Ctrl+Z", "Ctrl+Shift+Z"

_CTRL = "Cmd" if sys.platform == "darwin" else "Ctrl"
_ACTIONS = [
    ("Click", "the cell here; a cell of the layer is recreated"),
    ("Shift+click", "also this part"),
    (f"{_CTRL}+click", "not this part"),
    (KEEP, "keep the cell; so does a click on the next one"),
    ("Esc", "drop it"),
    (REMOVE, "delete the cell under the cursor"),
    (JOIN, "join two cells: press it over one, then over the other"),
    (SPLIT, "split a cell: press it, then click each of its two parts"),
    (f"{_CTRL}+Z, {_CTRL}+Shift+Z", "undo, redo"),
    ("Drag, scroll, double-click", "move and zoom, as always"),
]
HELP = (
    "<table cellspacing='4'>"
    + "".join(f"<tr><td><b>{a}</b></td><td>{b}</td></tr>" for a, b in _ACTIONS)
    + "</table>"
)


class ClickPanel(QWidget):
    """A button that stays pressed, the layer to write into, and a line of text."""

    toggled = Signal(bool)
    target_picked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton()
        self.button.setCheckable(True)
        self.button.setToolTip("Make and correct cells with clicks on the image.")
        self.help = QToolButton()
        self.help.setText("?")
        self.help.setToolTip(HELP)
        self.target = Picker()
        self.target.setToolTip(
            "The layer that gets the cells. It must lie on the image and have its "
            "size. Select a layer of cells in the layer list, and it is picked. "
            "Layers that are on disk, read only or in several resolutions cannot "
            "be clicked into and are not offered."
        )
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.bar = QProgressBar()
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        self._lay_out()
        self.button.toggled.connect(self._on_toggled)
        self.help.clicked.connect(self._on_help)
        self.target.activated.connect(self._on_target)
        self._show_state()
        self.set_targets([])

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.help)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Into", self.target)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addSpacing(6)
        layout.addLayout(buttons)
        layout.addLayout(form)
        layout.addWidget(self.status)
        layout.addWidget(self.bar)

    def set_ready(self, ready: bool) -> None:
        """Allow to switch on."""
        self.button.setEnabled(ready)

    def set_on(self, on: bool) -> None:
        """Show whether clicks make cells, without emitting ``toggled``."""
        self.button.blockSignals(True)
        self.button.setChecked(on)
        self.button.blockSignals(False)
        self._show_state()

    def set_targets(self, targets: Sequence[tuple[str, str]]) -> None:
        """Offer layers as (key, name); the former one stays picked if it can."""
        picked = self.target_key if self.target_key in dict(targets) else ""
        self.target.offer([("", "New layer"), *targets], picked)

    def offers(self, key: str) -> bool:
        """Whether a layer is offered."""
        return bool(self.target.findData(key) >= 0)

    def pick_target(self, key: str) -> bool:
        """Pick a layer by its key; False if it is not offered."""
        offered = self.offers(key)
        if offered:
            self.target.pick(key)
        return offered

    @property
    def target_key(self) -> str:
        """Key of the layer that gets the cells, "" for a new one."""
        return self.target.currentData() or ""

    def say(self, text: str) -> None:
        """Show a line of text."""
        self.status.setText(text)

    def set_progress(self, done: int, total: int) -> None:
        """Show how far the image is read; of a single step only that it is at work."""
        self.bar.setRange(0, total if total > 1 else 0)
        self.bar.setValue(done)
        self.bar.show()

    def hide_progress(self) -> None:
        """Show that nothing is waited for."""
        self.bar.hide()

    def _show_state(self) -> None:
        on = self.button.isChecked()
        self.button.setText(f"Click to segment: {'on' if on else 'off'}")

    def _on_toggled(self, on: bool) -> None:
        self._show_state()
        self.toggled.emit(on)

    def _on_target(self) -> None:
        self.target_picked.emit(self.target_key)

    def _on_help(self) -> None:
        QToolTip.showText(self.help.mapToGlobal(QPoint(0, 0)), HELP, self.help)
