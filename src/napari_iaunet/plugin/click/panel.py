"""The section "Click to segment" of the Segment tab.

`ClickPanel` emits ``toggled`` with True or False and ``target_picked`` with the key
of a layer, "" for a new one; ``unfolded`` says whether gestures are listed.
``through_requested`` and ``stop_requested`` begin and end to follow a cell through a
stack, ``rest_requested`` and ``rest_stopped`` to find others like one, of which
``least_changed`` says how sure they must be.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QFrame,
    QProgressBar,
    QSlider,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.core.shortcuts import Command, shortcuts
from napari_iaunet.plugin.widgets.buttons import (
    HelpButton,
    ModeButton,
    push_button,
    table_of,
)
from napari_iaunet.plugin.widgets.forms import Rows, fill, pick, picker, side_by_side
from napari_iaunet.plugin.widgets.plain import plain_label
from napari_iaunet.plugin.widgets.run_bar import show_progress

if TYPE_CHECKING:
    from collections.abc import Sequence

KEEP, DROP, REMOVE, JOIN, SPLIT = "K", "Escape", "D", "J", "S"
THROUGH, REST = "T", "R"
UNDO, REDO = "Ctrl+Z", "Ctrl+Shift+Z"

_CTRL = "Cmd" if sys.platform == "darwin" else "Ctrl"
_ACTIONS = [
    ("Click", "the cell here; a cell of the layer is recreated"),
    ("Shift+click", "also this part"),
    (f"{_CTRL}+click", "not this part"),
    ("Shift+drag", "a stroke on the cell: all of it is inside"),
    (f"{_CTRL}+drag", "a stroke on the background: none of it is inside"),
    (
        f"{_CTRL}+Shift+drag",
        "a box from corner to corner; or once around the cell, a lasso",
    ),
    (KEEP, "keep the cell; so does a click on the next one"),
    ("Esc", "drop it, or the line that is being drawn"),
    (REMOVE, "delete the cell under the cursor"),
    (JOIN, "join two cells: press it over one, then over the other"),
    (SPLIT, "split a cell: press it, then click each of its two parts"),
    (
        THROUGH,
        "follow the cell, or the one under the cursor, through the planes of a stack",
    ),
    (REST, "find the rest: others on view like the cell, or the one under the cursor"),
    (f"{_CTRL}+Z, {_CTRL}+Shift+Z", "undo, redo"),
    ("Drag, scroll, double-click", "move and zoom, as always"),
]
COMMANDS = {
    KEEP: Command("click_keep", KEEP, "Click to segment: keep the cell"),
    REMOVE: Command("click_delete", REMOVE, "Click to segment: delete a cell"),
    JOIN: Command("click_join", JOIN, "Click to segment: join two cells"),
    SPLIT: Command("click_split", SPLIT, "Click to segment: split a cell"),
    THROUGH: Command("click_through", THROUGH, "Click to segment: follow the cell"),
    REST: Command("click_rest", REST, "Click to segment: find the rest"),
}

_THROUGH, _STOP = "Follow through the stack", "Stop following"
_THROUGH_TIP = (
    "Find the cell that is being made on the planes before and behind{}; over a cell "
    "of the layer, the key follows that one. One undo takes it all back."
)

_REST, _STOP_REST = "Find the rest", "Stop searching"
_REST_TIP = (
    "Find other cells on view like the one that is being made{}, also where Segment "
    "finds none; over a cell of the layer, the key takes that one. What is found is "
    "shown first."
)
_SURE_TIP = (
    "How sure the cells must be that are shown: to the left more of them, to the right "
    "fewer that are wrong."
)
_STEPS = 100
_LIST_HEIGHT = 90  # Pixels: five of the gestures, the others by scrolling.
# As `LEAST_SURE` of what finds them, which loads torch.
_LEAST_SURE = 0.5


def gestures() -> list[tuple[str, str]]:
    """Return what mouse and keys do, with the keys as they are now."""
    found = [(key_now(does), text) for does, text in _ACTIONS]
    return [(does, text) for does, text in found if does]


def key_now(usual: str) -> str:
    """Return what a key is now, "" if the user has taken it away."""
    return shortcuts().now(usual, COMMANDS)


class ClickPanel(QWidget):
    """A button that stays pressed, the layer to write into, and a line of text."""

    toggled = Signal(bool)
    unfolded = Signal(bool)
    target_picked = Signal(str)
    through_requested = Signal()
    stop_requested = Signal()
    rest_requested = Signal()
    rest_stopped = Signal()
    least_changed = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self.button = ModeButton(
            "Click to segment", "Make and correct cells with clicks on the image."
        )
        self.help = HelpButton("")
        self.help.setCheckable(True)
        self.help.setChecked(True)
        self.gestures = QTextBrowser()  # it scrolls where the dock is low
        self.gestures.setFrameShape(QFrame.Shape.NoFrame)
        self.gestures.setStyleSheet("background: transparent;")
        self.gestures.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys are the viewer's
        self.gestures.setAccessibleName("What mouse and keys do")
        self.gestures.setMinimumHeight(_LIST_HEIGHT)
        self.gestures.hide()
        self.target = picker("Layer that gets the cells")
        self.target.setToolTip(
            "The layer that gets the cells. It must lie on the image and have its "
            "size. Select a layer of cells in the layer list, and it is picked. "
            "Of a layer on the disk (zarr), the file is changed. Layers that are read "
            "only or computed cannot be clicked into and are not offered."
        )
        self.through = push_button(_THROUGH, "")
        self._follows = False
        self.rest = push_button(_REST, "")
        self._searches = False
        self.sure = QSlider(Qt.Orientation.Horizontal)
        self.sure.setRange(0, _STEPS)
        self.sure.setToolTip(_SURE_TIP)
        self.sure.setAccessibleName("How sure the cells must be")
        self.sure.setValue(round(_STEPS * _LEAST_SURE))
        self.status = plain_label()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the preparation")
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        self._sure = QWidget()  # the slider and what it is for
        self._lay_out()
        self.set_through(can=False)
        self.set_rest(can=False)
        self.button.toggled.connect(self.toggled)
        self.button.toggled.connect(self._show_gestures)
        self.help.clicked.connect(self._on_help)
        self.target.activated.connect(self._on_target)
        self.through.clicked.connect(self._on_through)
        self.rest.clicked.connect(self._on_rest)
        self.sure.valueChanged.connect(self._on_sure)
        self.set_targets([])
        shortcuts().changed.connect(self._show_keys)
        self._show_keys()

    def _show_keys(self) -> None:
        self.help.setToolTip(table_of(gestures()))
        self.gestures.setHtml(table_of(gestures()))
        tips = (self.through, THROUGH, _THROUGH_TIP), (self.rest, REST, _REST_TIP)
        for button, usual, tip in tips:
            key = key_now(usual)
            button.setToolTip(tip.format(f" ({key})" if key else ""))

    def _lay_out(self) -> None:
        form = Rows()
        form.addRow("Into", self.target)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addSpacing(6)
        layout.addLayout(side_by_side((self.button, 1), (self.help, 0)))
        layout.addLayout(form)
        layout.addWidget(self.through)
        layout.addWidget(self.rest)
        sure = Rows()
        self._sure.setLayout(sure)
        sure.setContentsMargins(0, 0, 0, 0)
        sure.addRow("How sure", self.sure)
        layout.addWidget(self._sure)
        layout.addWidget(self.status)
        layout.addWidget(self.bar)
        layout.addWidget(self.gestures)

    def set_ready(self, ready: bool) -> None:
        """Allow to switch on."""
        self.button.setEnabled(ready)

    def set_on(self, on: bool) -> None:
        """Show whether clicks make cells, without emitting ``toggled``."""
        self.button.set_on(on)
        self._show_gestures()

    def unfold(self, unfolded: bool) -> None:
        """List what mouse and keys do while clicks make cells, or do not."""
        self.help.setChecked(unfolded)
        self._show_gestures()

    def _show_gestures(self) -> None:
        self.gestures.setVisible(self.button.isChecked() and self.help.isChecked())

    def _on_help(self, unfolded: bool) -> None:
        self._show_gestures()
        self.unfolded.emit(unfolded)

    def set_targets(self, targets: Sequence[tuple[str, str]]) -> None:
        """Offer layers as (key, name); the former one stays picked if it can."""
        picked = self.target_key if self.target_key in dict(targets) else ""
        fill(self.target, [("", "New layer"), *targets], picked)

    def offers(self, key: str) -> bool:
        """Whether a layer is offered."""
        return bool(self.target.findData(key) >= 0)

    def pick_target(self, key: str) -> bool:
        """Pick a layer by its key; False if it is not offered."""
        offered = self.offers(key)
        if offered:
            pick(self.target, key)
        return offered

    @property
    def target_key(self) -> str:
        """Key of the layer that gets the cells, "" for a new one."""
        return self.target.currentData() or ""

    def set_through(self, *, can: bool, follows: bool = False) -> None:
        """Allow to follow a cell; or to stop, while one is followed."""
        self._follows = follows
        self.through.setText(_STOP if follows else _THROUGH)
        self.through.setEnabled(can or follows)

    def set_rest(
        self, *, can: bool, searches: bool = False, found: bool = False
    ) -> None:
        """Allow to find cells like one, or to stop; show the slider if some are."""
        self._searches = searches
        self.rest.setText(_STOP_REST if searches else _REST)
        self.rest.setEnabled(can or searches)
        self._sure.setVisible(found)

    @property
    def least_sure(self) -> float:
        """How sure cells must be to be shown, from 0 to 1."""
        return float(self.sure.value()) / _STEPS

    def say(self, text: str) -> None:
        """Show a line of text."""
        self.status.setText(text)

    def set_progress(self, done: int, total: int) -> None:
        """Show how far the image is prepared, as for `show_progress`."""
        show_progress(self.bar, done, total)
        self.bar.show()

    def hide_progress(self) -> None:
        """Show that nothing is waited for."""
        self.bar.hide()

    def _on_through(self) -> None:
        (self.stop_requested if self._follows else self.through_requested).emit()

    def _on_rest(self) -> None:
        (self.rest_stopped if self._searches else self.rest_requested).emit()

    def _on_sure(self) -> None:
        self.least_changed.emit(self.least_sure)

    def _on_target(self) -> None:
        self.target_picked.emit(self.target_key)
