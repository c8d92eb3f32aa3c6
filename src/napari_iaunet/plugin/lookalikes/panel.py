"""The Look-alikes tab.

`LookalikePanel` emits what the user wants; see its signals.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
)

from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.plugin.lookalikes.choice_panel import ChoicePanel
from napari_iaunet.plugin.lookalikes.gallery import ThumbnailRow
from napari_iaunet.plugin.lookalikes.results_panel import FoundSection
from napari_iaunet.plugin.lookalikes.weight_sliders import WeightSliders
from napari_iaunet.plugin.widgets.buttons import table_of
from napari_iaunet.plugin.widgets.forms import side_by_side, title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.plugin.lookalikes.gallery import Thumbnail

NOT_LIKE = "Cmd+click" if sys.platform == "darwin" else "Ctrl+click"
_ACTIONS = [
    ("Click", "look for cells like this one"),
    ("Shift+click", "this one is like it, too"),
    (f"{NOT_LIKE} or Alt+click", "this one is not like it"),
    ("Drag, scroll, double-click", "move and zoom, as always"),
]
HELP = table_of(_ACTIONS)
_GALLERY_TIP = (
    "Click: go to the cell. Shift+click: it is like the ones you look for. "
    f"{NOT_LIKE}: it is not."
)


class LookalikePanel(ChoicePanel):
    """Which cells, examples, what counts, and what was found."""

    back_requested = Signal()
    forward_requested = Signal()
    clear_requested = Signal()
    weights_changed = Signal(object)
    cell_pressed = Signal(object, str)
    example_removed = Signal(object)

    def __init__(self) -> None:
        super().__init__(
            "Look-alikes",
            "Pick cells",
            "Choose with clicks on cells what to look for.",
            "Search all layers of cells that lie on an open image.",
            HELP,
        )
        self._make_examples()
        self.found = FoundSection(_GALLERY_TIP)
        self._lay_out(
            self._lay_out_examples(), title("What counts"), self.weights, self.found
        )
        self._connect()
        self.set_pairs([], "", [], "")
        self.set_busy(False)
        self.set_steps(False, False)
        self.set_examples([])

    # -- what it is made of ------------------------------------------------------

    def _make_examples(self) -> None:
        self.back_button, self.forward_button = QToolButton(), QToolButton()
        self.back_button.setArrowType(Qt.ArrowType.LeftArrow)
        self.forward_button.setArrowType(Qt.ArrowType.RightArrow)
        self.back_button.setAccessibleName("Examples before these")
        self.forward_button.setAccessibleName("Examples after these")
        self.back_button.setToolTip("What you looked for before.")
        self.forward_button.setToolTip("What you looked for after that.")
        self.examples = ThumbnailRow("Examples", "Click: go to the cell.")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("The selected cell is no example any more.")
        self.clear_button = QPushButton("Clear")
        self.clear_button.setToolTip("No examples, and nothing shown in the viewer.")
        self.weights = WeightSliders(DEFAULT_WEIGHTS)

    def _lay_out_examples(self) -> QLayout:
        layout = QVBoxLayout()
        layout.addLayout(
            side_by_side(
                (title("Examples"), 1),
                (self.back_button, 0),
                (self.forward_button, 0),
            )
        )
        layout.addWidget(self.examples)
        layout.addLayout(side_by_side((self.remove_button, 1), (self.clear_button, 1)))
        return layout

    def _connect(self) -> None:
        self.back_button.clicked.connect(self.back_requested)
        self.forward_button.clicked.connect(self.forward_requested)
        self.clear_button.clicked.connect(self.clear_requested)
        self.remove_button.clicked.connect(self._on_remove)
        self.weights.changed.connect(self.weights_changed)
        self.examples.pressed.connect(self.cell_pressed)
        self.found.cell_pressed.connect(self.cell_pressed)
        self.examples.itemSelectionChanged.connect(self._on_selected)

    # -- what it shows -----------------------------------------------------------

    def set_examples(self, examples: Sequence[Thumbnail]) -> None:
        """Show likes and unlikes."""
        self.examples.set_thumbnails(examples)
        self.clear_button.setEnabled(bool(examples))
        self._on_selected()

    def set_steps(self, back: bool, forward: bool) -> None:
        """Allow to go back and forward."""
        self.back_button.setEnabled(back)
        self.forward_button.setEnabled(forward)

    # -- what the user does ------------------------------------------------------

    def _on_selected(self) -> None:
        self.remove_button.setEnabled(self.examples.selected() is not None)

    def _on_remove(self) -> None:
        selected = self.examples.selected()
        if selected is not None:
            self.example_removed.emit(selected.key)
