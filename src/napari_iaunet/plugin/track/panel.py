"""The Follow tab.

`FollowPanel` emits ``cells_picked`` and ``image_picked`` with a layer's key,
``follow_requested`` with a `FollowChoice`, and ``cancel_requested``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QVBoxLayout, QWidget

from napari_iaunet.plugin.widgets.forms import Picker
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from collections.abc import Sequence

    Offers = Sequence[tuple[str, str]]

_NO_CELLS = (
    "Open a time series or a volume and press Segment first: then every cell gets one "
    "number in all planes here."
)
_WAYS = (("through time", "time"), ("through depth", "depth"))


@dataclass(frozen=True)
class FollowChoice:
    """How cells are to be followed.

    Attributes
    ----------
    way : str
        "time" or "depth".
    tracks : bool
        Whether a Tracks layer is wanted.
    """

    way: str
    tracks: bool


class FollowPanel(QWidget):
    """Which cells, through what, and how far it is."""

    cells_picked = Signal(str)
    image_picked = Signal(str)
    follow_requested = Signal(object)
    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.cells, self.image, self.way = Picker(), Picker(), Picker()
        self.cells.setToolTip("Cells of a stack, found plane by plane.")
        self.image.setToolTip("The image whose looks tell the cells from each other.")
        for text, way in _WAYS:
            self.way.addItem(text, way)
        self.way.setToolTip(
            "Through time, cells move, divide and may be missing in a plane. Through "
            "depth they stay, and their sections become one cell."
        )
        self.tracks = QCheckBox("also draw their paths")
        self.tracks.setChecked(True)
        self.tracks.setToolTip(
            "Add a Tracks layer; divisions join mother and daughters."
        )
        self.run = RunBar(
            "Follow", "Give each cell one number in all planes, in a new layer."
        )
        self._form = form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Cells", self.cells)
        form.addRow("Image", self.image)
        form.addRow("Follow them", self.way)
        form.addRow("Tracks", self.tracks)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addSpacing(6)
        layout.addWidget(self.run)
        layout.addStretch(1)
        self.cells.activated.connect(self._on_cells)
        self.image.activated.connect(self._on_image)
        self.way.currentIndexChanged.connect(self._on_way)
        self.run.start_requested.connect(self._on_start)
        self.run.cancel_requested.connect(self.cancel_requested)
        self.set_pairs([], "", [], "")

    def set_pairs(
        self, cells: Offers, picked_cells: str, images: Offers, picked_image: str
    ) -> None:
        """Offer layers of cells and the images under the picked one: key, name."""
        self.cells.offer(cells, picked_cells)
        self.image.offer(images, picked_image)
        self.run.set_ready(bool(images), "" if images else _NO_CELLS)

    def _on_cells(self) -> None:
        self.cells_picked.emit(self.cells.currentData())

    def _on_image(self) -> None:
        self.image_picked.emit(self.image.currentData())

    def _on_way(self) -> None:
        self._form.setRowVisible(self.tracks, self.way.currentData() == "time")

    def _on_start(self) -> None:
        way = self.way.currentData()
        tracks = way == "time" and self.tracks.isChecked()
        self.follow_requested.emit(FollowChoice(way, tracks))
