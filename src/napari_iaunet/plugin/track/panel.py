"""The Track tab.

`TrackPanel` emits ``cells_picked`` and ``image_picked`` with a layer's key,
``track_requested`` with a `TrackChoice`, and ``cancel_requested``; what its part
`edit` emits is said there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psygnal import SignalGroupDescriptor
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_iaunet.plugin.track.edit_panel import EditSection
from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.plugin.widgets.forms import Form
from napari_iaunet.plugin.widgets.run_bar import RunBar

if TYPE_CHECKING:
    from napari_iaunet.plugin.widgets.forms import Offers

_NO_CELLS = (
    "Open a time series or a volume and press Segment first: then every cell gets one "
    "label in all planes here."
)


@dataclass(frozen=True)
class TrackChoice:
    """How cells are to be tracked."""

    mode: str  # "time" or "depth"
    tracks: bool  # whether a Tracks layer is wanted


@dataclass(eq=False)
class TrackOptions:
    """What the form of the tab shows."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    cells: str = shown(
        "", "Cells", "Cells of a stack, found plane by plane.", choices=()
    )
    image: str = shown(
        "",
        "Image",
        "The image in which the cells are compared by their appearance.",
        choices=(),
    )
    mode: str = shown(
        "time",
        "Track them",
        "Through time, cells move, divide and may be missing in a "
        "plane. Through depth they stay, and their detections become one cell.",
        choices=(("time", "through time"), ("depth", "through depth")),
    )
    tracks: bool = shown(
        True,
        "Tracks",
        "Add a Tracks layer; divisions join mother and daughters.",
        text="also draw their tracks",
    )


class TrackPanel(QWidget):
    """Which cells, through what, and how far it is."""

    cells_picked = Signal(str)
    image_picked = Signal(str)
    track_requested = Signal(object)
    cancel_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.options = TrackOptions()
        self.form = Form(self.options)
        self.run = RunBar(
            "Track", "Give each cell one label in all planes, in a new layer."
        )
        self.edit = EditSection()
        layout = QVBoxLayout(self)
        layout.addLayout(self.form)
        layout.addSpacing(6)
        layout.addWidget(self.run)
        layout.addWidget(self.edit)
        layout.addStretch(1)
        self.form.edited.connect(self._on_edited)
        self.run.start_requested.connect(self._on_start)
        self.run.cancel_requested.connect(self.cancel_requested)
        self.set_pairs([], "", [], "")

    def set_pairs(
        self, cells: Offers, picked_cells: str, images: Offers, picked_image: str
    ) -> None:
        """Offer layers of cells and the images under the picked one: key, name."""
        self.options.cells, self.options.image = picked_cells, picked_image
        self.form.offer("cells", cells)
        self.form.offer("image", images)
        self.run.set_ready(bool(images), "" if images else _NO_CELLS)

    def _on_edited(self, name: str) -> None:
        if name == "cells":
            self.cells_picked.emit(self.options.cells)
        elif name == "image":
            self.image_picked.emit(self.options.image)
        elif name == "mode":
            self.form.show_row("tracks", self.options.mode == "time")

    def _on_start(self) -> None:
        mode = self.options.mode
        tracks = mode == "time" and self.options.tracks
        self.track_requested.emit(TrackChoice(mode, tracks))
