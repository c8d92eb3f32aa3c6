"""What happens in the Review tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_iaunet.errors import IAUNetError
from napari_iaunet.io.write import write_picture
from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.layers.disk import why_not
from napari_iaunet.plugin.layers.features import numbers_of
from napari_iaunet.plugin.layers.find import selected_layer
from napari_iaunet.plugin.review import edits
from napari_iaunet.plugin.review.cells import ReviewedCells
from napari_iaunet.plugin.review.clean_controller import CleanController
from napari_iaunet.plugin.review.filtered_view import FilteredView
from napari_iaunet.plugin.review.picture import picture_of
from napari_iaunet.plugin.review.walk_controller import WalkController
from napari_iaunet.plugin.widgets.saving import ask_where
from napari_iaunet.segmentation.filtering import passing
from napari_iaunet.segmentation.survey import Survey

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.review.panel import ReviewPanel
    from napari_iaunet.segmentation.filtering import Range, Values

_LARGE = (
    "{:,} cells on the disk. Go through them one by one; to filter them or clean them "
    "up, they must be in memory."
)


class ReviewController(QObject):
    """Keeps the Review tab, the viewer's layers and the job in step."""

    def __init__(
        self,
        session: Session,
        panel: ReviewPanel,
        jobs: Jobs,
        clean_jobs: Jobs,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._panel, self.jobs = session.viewer, panel, jobs
        self._own_changes, self._logs = session.own_changes, logs
        self._cells = ReviewedCells(session, jobs, logs, self)
        self._view = FilteredView(self._viewer, self._own_changes)
        self._walk = WalkController(session, panel.walk, self._cells, logs, self)
        self._clean = CleanController(panel.clean, self._cells, logs, clean_jobs, self)
        self._values: Values | None = None
        self._is_in = False
        self._connections = Connections(
            *layer_list(self._viewer, self._on_layers, self._on_selection),
            (panel.cells_picked, self._cells.pick),
            (panel.picture_requested, self._on_picture),
            (panel.filter.ranges_changed, self._on_ranges),
            (panel.filter.apply_requested, self._on_apply),
            (self._cells.changed, self._on_cells),
            (self._cells.failed, self._on_failure),
            (self._walk.failed, self._on_failure),
            (self._clean.failed, self._on_failure),
        )
        self._on_layers()

    def teardown(self) -> None:
        """Leave the viewer as it was, and disconnect from everything."""
        self.leave()
        self._connections.clear()
        self._walk.teardown()
        self._clean.teardown()
        self._cells.teardown()

    def enter(self) -> None:
        """Show what is known of the cells as they are now."""
        self._is_in = True
        self._on_selection()
        self._look_over()

    def leave(self) -> None:
        """Show the cells as they were shown before."""
        self._is_in = False
        self._walk.switch_off()
        self._clean.stop()
        self._view.remove()
        self._cells.stop()

    # -- which cells -------------------------------------------------------------

    def _on_layers(self, event: object = None) -> None:
        if self._own_changes:
            return
        if self._view.is_closed:
            self._view.remove()
            self._panel.filter.reset()
        self._cells.update()
        self._panel.set_cells(self._cells.offers(), self._cells.key)
        self._logs.find_layers()

    def _on_selection(self, event: object = None) -> None:
        """Pick the layer of cells that is selected in the layer list."""
        layer = selected_layer(self._viewer, Labels)
        if layer is None or self._own_changes:
            return
        self._cells.pick(str(layer.unique_id))
        if self._is_in and (reason := why_not(layer)):
            self._panel.say(reason)

    def _look_over(self) -> None:
        if self._is_in and self._cells.layer is not None:
            self._panel.say("Looking at the cells…")
            self._cells.watch()

    def _on_cells(self) -> None:
        """Show another layer, or another survey of it."""
        found, layer = self._cells.found, self._cells.layer
        self._panel.set_cells(self._cells.offers(), self._cells.key)
        if found is None or layer is None:
            self._view.remove()
            self._values = None
            self._panel.filter.reset()
            self._panel.filter.set_values(None)
            self._walk.update()
            self._clean.update()
            self._look_over()
            return
        cells = found.cells
        if not isinstance(cells, Survey):
            self._show_large(len(cells))
            return
        self._values = {
            "score": numbers_of(layer, "score", cells.label_ids),
            "area": cells.area.astype(np.float64),
            "border": cells.border.astype(np.float64),
        }
        self._panel.say("" if len(cells) else "There is no cell in this layer.")
        self._panel.filter.set_values(self._values if len(cells) else None)
        self._on_ranges(self._panel.filter.ranges)
        self._walk.update()
        self._clean.update()

    def _show_large(self, count: int) -> None:
        """Offer what needs no more than the pixels of one cell in memory."""
        self._view.remove()
        self._values = None
        self._panel.filter.reset()
        self._panel.filter.set_values(None)
        self._panel.say(_LARGE.format(count))
        self._walk.update()
        self._clean.update()

    # -- the filter --------------------------------------------------------------

    def _on_ranges(self, ranges: dict[str, Range]) -> None:
        """Show the cells that pass, and say how many these are."""
        found, layer = self._cells.found, self._cells.layer
        if found is None or layer is None or not isinstance(found.cells, Survey):
            return
        if self._values is None:
            return
        passed = passing(self._values, ranges)
        total = len(passed)
        text = f"{np.count_nonzero(passed):,} of {total:,} cell{'s' * (total != 1)}"
        self._panel.filter.set_count(text if total else "")
        if ranges:
            self._view.show(layer, found.cells, passed)
        else:
            self._view.remove()

    def _on_apply(self) -> None:
        """Delete the cells that do not pass."""
        found, layer = self._cells.found, self._cells.layer
        ranges = self._panel.filter.ranges
        if found is None or layer is None or self._values is None or not ranges:
            return
        gone = np.flatnonzero(~passing(self._values, ranges))
        if gone.size:
            log = self._logs.of(layer)
            self._do(lambda: edits.delete(log, found.cells, gone, _notes(ranges)))
        self._panel.filter.reset()
        self._view.remove()

    # -- the picture -------------------------------------------------------------

    def _on_picture(self) -> None:
        """Ask for a file, and write what the viewer shows into it."""
        layer = self._cells.layer
        if layer is None:
            return
        file = ask_where(
            self._panel, "Save picture", f"{layer.name}.png", "Pictures (*.png)", ".png"
        )
        if file is None:
            return
        try:
            write_picture(file.with_suffix(".png"), picture_of(self._viewer, layer))
        except IAUNetError as error:
            self._on_failure(f"The picture could not be written: {error}")
        else:
            self._panel.say(f"Saved {file.name}.")

    def _do(self, edit: Any) -> bool:
        """Do an edit; False, and a message, if it cannot be done."""
        try:
            edit()
        except IAUNetError as error:
            self._on_failure(str(error))
            return False
        self._cells.survey()
        return True

    def _on_failure(self, message: str) -> None:
        self._panel.say(message)
        show_error(message)


def _notes(ranges: dict[str, Range]) -> dict[str, Any]:
    """Return what the metadata keep of a filter."""
    ends = {name: [round(end, 3) for end in pair] for name, pair in ranges.items()}
    return {"filter": ends}
