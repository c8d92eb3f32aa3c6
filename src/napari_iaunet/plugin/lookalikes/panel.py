"""The Look-alikes tab.

`LookalikePanel` emits what the user wants; see its signals.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.plugin.lookalikes.gallery import ThumbnailRow
from napari_iaunet.plugin.lookalikes.results_panel import FoundSection
from napari_iaunet.plugin.lookalikes.weight_sliders import WeightSliders
from napari_iaunet.plugin.widgets.buttons import HelpButton, ModeButton, table_of
from napari_iaunet.plugin.widgets.forms import Rows, fill, picker, side_by_side, title
from napari_iaunet.plugin.widgets.plain import plain_label
from napari_iaunet.plugin.widgets.run_bar import show_progress

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


class LookalikePanel(QScrollArea):
    """Which cells, examples, what counts, and what was found."""

    labels_picked = Signal(str)
    image_picked = Signal(str)
    all_images_toggled = Signal(bool)
    pick_toggled = Signal(bool)
    back_requested = Signal()
    forward_requested = Signal()
    clear_requested = Signal()
    cancel_requested = Signal()
    weights_changed = Signal(object)
    cell_pressed = Signal(object, str)
    example_removed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Look-alikes")
        self._make_choice()
        self._make_examples()
        self.found = FoundSection(_GALLERY_TIP)
        inner = QWidget()
        layout = QVBoxLayout(inner)
        for part in (self._lay_out_choice(), self._lay_out_examples()):
            layout.addLayout(part)
        layout.addWidget(title("What counts"))
        layout.addWidget(self.weights)
        layout.addWidget(self.found)
        layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._connect()
        self.set_pairs([], "", [], "")
        self.set_busy(False)
        self.set_steps(False, False)
        self.set_examples([])

    # -- what it is made of ------------------------------------------------------

    def _make_choice(self) -> None:
        self.labels, self.image = picker("Layer of cells"), picker("Image")
        self.labels.setToolTip(
            "The layer of cells. Select one in the layer list, and it is picked."
        )
        self.image.setToolTip("The image in which the cells are compared.")
        self.all_images = QCheckBox("also in the other images")
        self.all_images.setToolTip(
            "Search all layers of cells that lie on an open image."
        )
        self.pick_button = ModeButton(
            "Pick cells", "Choose with clicks on cells what to look for."
        )
        self.help = HelpButton(HELP)
        self.status = plain_label()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the comparison")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop comparing the cells.")

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

    def _lay_out_choice(self) -> QLayout:
        form = Rows()
        form.addRow("Cells", self.labels)
        form.addRow("Image", self.image)
        form.addRow("Search", self.all_images)
        layout = QVBoxLayout()
        layout.addLayout(form)
        layout.addLayout(side_by_side((self.pick_button, 1), (self.help, 0)))
        layout.addWidget(self.status)
        layout.addLayout(side_by_side((self.bar, 1), (self.cancel_button, 0)))
        return layout

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
        self.labels.activated.connect(self._on_labels)
        self.image.activated.connect(self._on_image)
        self.all_images.toggled.connect(self.all_images_toggled)
        self.pick_button.toggled.connect(self.pick_toggled)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.back_button.clicked.connect(self.back_requested)
        self.forward_button.clicked.connect(self.forward_requested)
        self.clear_button.clicked.connect(self.clear_requested)
        self.remove_button.clicked.connect(self._on_remove)
        self.weights.changed.connect(self.weights_changed)
        self.examples.pressed.connect(self.cell_pressed)
        self.found.cell_pressed.connect(self.cell_pressed)
        self.examples.itemSelectionChanged.connect(self._on_selected)

    # -- what it shows -----------------------------------------------------------

    def set_pairs(
        self,
        labels: Sequence[tuple[str, str]],
        picked_labels: str,
        images: Sequence[tuple[str, str]],
        picked_image: str,
    ) -> None:
        """Offer layers of cells and the images under the picked one: key, name."""
        fill(self.labels, labels, picked_labels)
        fill(self.image, images, picked_image)
        self.pick_button.setEnabled(bool(images))

    def set_on(self, on: bool) -> None:
        """Show whether clicks pick cells, without emitting ``pick_toggled``."""
        self.pick_button.set_on(on)

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
        """Show how far the comparison is, as for `show_progress`."""
        show_progress(self.bar, done, total)

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

    def _on_labels(self) -> None:
        self.labels_picked.emit(self.labels.currentData())

    def _on_image(self) -> None:
        self.image_picked.emit(self.image.currentData())

    def _on_selected(self) -> None:
        self.remove_button.setEnabled(self.examples.selected() is not None)

    def _on_remove(self) -> None:
        selected = self.examples.selected()
        if selected is not None:
            self.example_removed.emit(selected.key)
