"""The section "Nucleus and cell together" of the Review tab.

`PairSection` emits ``picked`` with the field of a layer that was picked,
``pair_requested``, ``cancel_requested``, ``undo_requested`` and ``table_requested``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psygnal import SignalGroupDescriptor
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_iaunet.plugin.widgets.buttons import push_button
from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.plugin.widgets.forms import Form, side_by_side, title
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from napari_iaunet.plugin.widgets.forms import Offers


@dataclass(eq=False)
class PairOptions:
    """Which layers belong together, by their keys, and in which image to measure."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    nuclei: str = shown("", "Nuclei", "A layer with the nuclei.", choices=())
    cells: str = shown(
        "",
        "Whole cells",
        "A layer with the whole cells of the same image, nuclei included.",
        choices=(),
    )
    image: str = shown(
        "",
        "Measure in",
        "The image in which intensities are measured, with the channels of the Segment "
        "tab.",
        choices=(),
    )


class PairSection(QWidget):
    """Three layers to pick, what can be done with them, and how far it is."""

    picked = Signal(str)
    pair_requested = Signal()
    cancel_requested = Signal()
    undo_requested = Signal()
    table_requested = Signal()

    def __init__(self, options: PairOptions) -> None:
        super().__init__()
        self.form = Form(options)
        self.run = RunBar(
            "Pair",
            "Give each nucleus the number of its cell, and measure nucleus, cytoplasm "
            "and cell, in new layers.",
        )
        self.run.cancel_button.setToolTip("Stop. No layer is added.")
        self.undo_button = push_button("Undo", "Remove the layers of the last pairing.")
        self.table_button = push_button(
            "Save table…", "Write a row for each cell, with all of its measures."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(title("Nucleus and cell together"))
        layout.addLayout(self.form)
        layout.addWidget(self.run)
        layout.addLayout(side_by_side((self.undo_button, 1), (self.table_button, 1)))
        self.form.edited.connect(self.picked)
        self.run.start_requested.connect(self.pair_requested)
        self.run.cancel_requested.connect(self.cancel_requested)
        self.undo_button.clicked.connect(lambda: self.undo_requested.emit())
        self.table_button.clicked.connect(lambda: self.table_requested.emit())
        self.set_found(False)

    def offer(self, labels: Offers, images: Offers) -> None:
        """Offer layers of cells and images, given as key and name."""
        self.form.offer("nuclei", labels)
        self.form.offer("cells", labels)
        self.form.offer("image", images)

    def set_found(self, found: bool) -> None:
        """Say whether the layers of a pairing are there."""
        self.undo_button.setEnabled(found)
        self.table_button.setEnabled(found)
