"""The head of a tab that compares cells: which cells, and how far the work is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QLayout,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_iaunet.plugin.widgets.buttons import HelpButton, ModeButton, push_button
from napari_iaunet.plugin.widgets.forms import Rows, fill, picker, side_by_side
from napari_iaunet.plugin.widgets.plain import plain_label
from napari_iaunet.plugin.widgets.run_bar import show_progress

if TYPE_CHECKING:
    from collections.abc import Sequence


class ChoicePanel(QScrollArea):
    """Offers layers of cells and their images, and a mode of the mouse or the keys.

    Parameters
    ----------
    name : str
        Of the tab.
    mode, mode_tip : str
        Text and explanation of the button that switches the mode on.
    everywhere_tip : str
        What it means that all images count.
    gestures : str
        What the mouse and the keys do in the mode.
    """

    labels_picked = Signal(str)
    image_picked = Signal(str)
    all_images_toggled = Signal(bool)
    pick_toggled = Signal(bool)
    cancel_requested = Signal()

    def __init__(
        self, name: str, mode: str, mode_tip: str, everywhere_tip: str, gestures: str
    ) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.labels, self.image = picker("Layer of cells"), picker("Image")
        self.labels.setToolTip(
            "The layer of cells. Select one in the layer list, and it is picked."
        )
        self.image.setToolTip("The image in which the cells are compared.")
        self.all_images = QCheckBox("also in the other images")
        self.all_images.setToolTip(everywhere_tip)
        self.pick_button = ModeButton(mode, mode_tip)
        self.help = HelpButton(gestures)
        self.status = plain_label()
        self.bar = QProgressBar()
        self.bar.setAccessibleName("Progress of the comparison")
        self.cancel_button = push_button("Cancel", "Stop comparing the cells.")
        self.labels.activated.connect(self._on_labels)
        self.image.activated.connect(self._on_image)
        self.all_images.toggled.connect(self.all_images_toggled)
        self.pick_button.toggled.connect(self.pick_toggled)
        self.cancel_button.clicked.connect(self.cancel_requested)

    def _lay_out(self, *parts: QLayout | QWidget) -> None:
        """Put the choice above other parts, and all of it into the scroll area."""
        form = Rows()
        form.addRow("Cells", self.labels)
        form.addRow("Image", self.image)
        form.addRow("Search", self.all_images)
        head = QVBoxLayout()
        head.addLayout(form)
        head.addLayout(side_by_side((self.pick_button, 1), (self.help, 0)))
        head.addWidget(self.status)
        head.addLayout(side_by_side((self.bar, 1), (self.cancel_button, 0)))
        inner = QWidget()
        layout = QVBoxLayout(inner)
        for part in (head, *parts):
            if isinstance(part, QLayout):
                layout.addLayout(part)
            else:
                layout.addWidget(part)
        layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

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
        """Show whether the mode is on, without emitting ``pick_toggled``."""
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

    # -- what the user does ------------------------------------------------------

    def _on_labels(self) -> None:
        self.labels_picked.emit(self.labels.currentData())

    def _on_image(self) -> None:
        self.image_picked.emit(self.image.currentData())
