"""What the Batch tab shows of all cells together: a choice, its plot, and two buttons.

`SummaryPanel` emits what the user wants; it knows neither files nor tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psygnal import SignalGroupDescriptor
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_iaunet.plugin.batch.summary_plot import SummaryPlot
from napari_iaunet.plugin.widgets.buttons import push_button
from napari_iaunet.plugin.widgets.fields import shown
from napari_iaunet.plugin.widgets.forms import Form, side_by_side
from napari_iaunet.plugin.widgets.plain import plain_label
from napari_iaunet.segmentation.summary import COUNT, EACH_IMAGE, label_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.segmentation.summary import Summary

GROUPS, PLATE = "groups", "plate"
_EACH = "each image"


@dataclass(eq=False)
class SummaryChoice:
    """What is summarised, and how it is drawn."""

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()
    measure: str = shown(
        COUNT,
        "Measure",
        "The number of cells, or what is measured of each: a column of the tables.",
        choices=(),
    )
    by: str = shown(
        EACH_IMAGE,
        "Group by",
        "Images that belong together: by a column that the pattern makes of their "
        "names, or each on its own.",
        choices=(),
    )
    kind: str = shown(
        GROUPS,
        "Draw as",
        "Groups beneath one another, or the wells as they lie on their plate.",
        choices=((GROUPS, "rows"), (PLATE, "map of the plate")),
    )


class SummaryPanel(QWidget):
    """Opened by its button, which stands elsewhere."""

    opened = Signal(bool)
    picture_requested = Signal()
    numbers_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice = SummaryChoice()
        self.button = push_button(
            "Summary", "Numbers and measures of all cells in one plot, by condition."
        )
        self.button.setCheckable(True)
        self.form = Form(self.choice)
        self.form.show_row("kind", False)
        self.plot = SummaryPlot()
        self.message = plain_label()
        self.picture_button = push_button(
            "Save picture…", "Save the plot as a PNG or SVG file."
        )
        self.numbers_button = push_button(
            "Save numbers…", "Save what the plot shows as a table (CSV)."
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(self.form)
        layout.addWidget(self.plot)
        layout.addWidget(self.message)
        buttons = (self.picture_button, self.numbers_button)
        layout.addLayout(side_by_side(*((button, 1) for button in buttons)))
        self.set_summary(None, False)
        self.hide()
        self.button.toggled.connect(self.setVisible)
        self.button.toggled.connect(self.opened)
        self.picture_button.clicked.connect(lambda: self.picture_requested.emit())
        self.numbers_button.clicked.connect(lambda: self.numbers_requested.emit())

    @property
    def is_open(self) -> bool:
        """Whether the user wants to see it."""
        return self.button.isChecked()

    def offer(
        self, measures: Sequence[str], groupings: Sequence[str], *, has_wells: bool
    ) -> None:
        """Offer what can be chosen."""
        self.form.offer("measure", [(key, label_of(key)) for key in measures])
        self.form.offer("by", [(key, key or _EACH) for key in groupings])
        self.form.show_row("kind", has_wells)
        self.form["by"].setEnabled(not has_wells or self.choice.kind != PLATE)

    def set_summary(self, summary: Summary | None, on_plate: bool) -> None:
        """Draw a summary; nothing if it is of nothing."""
        self.plot.set_summary(summary, on_plate)
        is_drawn = self.plot.plot is not None
        self.plot.setVisible(is_drawn)
        for button in (self.picture_button, self.numbers_button):
            button.setEnabled(is_drawn)

    def tell(self, text: str) -> None:
        """Say something below the plot."""
        self.message.setText(text)
        self.message.setVisible(bool(text))
