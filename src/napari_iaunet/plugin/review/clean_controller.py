"""What happens when all cells are cleaned up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.review import edits
from napari_iaunet.plugin.review.clean_panel import BORDER, FILL, RENUMBER, SMOOTH
from napari_iaunet.segmentation.cleaning import fill_holes, smooth_outlines
from napari_iaunet.segmentation.survey import Survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.review.cells import ReviewedCells
    from napari_iaunet.plugin.review.clean_panel import CleanSection

_OUTLINES = {FILL: fill_holes, SMOOTH: smooth_outlines}
_WORKING = "Working…"
_NOTHING = "Nothing to change."


class CleanController(QObject):
    """Does each thing as one step of undo; outlines are changed in a job."""

    failed = Signal(str)

    def __init__(
        self,
        section: CleanSection,
        cells: ReviewedCells,
        logs: EditLogs,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._section, self._cells, self._logs = section, cells, logs
        self.jobs = jobs
        self._asked: Survey | None = None
        self._connections = Connections((section.requested, self._on_requested))
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=partial(section.say, ""),
            progressed=self._on_progress,
        )

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._connections.clear()

    def stop(self) -> None:
        """Stop what is being done."""
        self.jobs.close()
        self._asked = None
        self._section.say("")

    def update(self) -> None:
        """Allow what can be done with the cells as they are now."""
        cells = self._all_cells()
        ready = cells is not None and len(cells) > 0 and self._asked is None
        self._section.set_ready(ready)

    def _all_cells(self) -> Survey | None:
        """Return the cells, if all their pixels are in memory."""
        found = self._cells.found
        cells = None if found is None else found.cells
        return cells if isinstance(cells, Survey) else None

    def _on_requested(self, what: str) -> None:
        cells, layer = self._all_cells(), self._cells.layer
        if cells is None or layer is None:
            return
        if what in _OUTLINES:
            self._asked = cells
            self._section.set_ready(False)
            self._section.say(_WORKING)
            work = partial(_OUTLINES[what], cells.index)
            self.jobs.start(work, f"Cleaning up {layer.name}")
            return
        log = self._logs.of(layer)
        if what == BORDER:
            rows = np.flatnonzero(cells.border == 0)
            self._do(partial(edits.delete, log, cells, rows), rows.size)
        elif what == RENUMBER:
            label_ids = cells.label_ids
            moved = int((label_ids != np.arange(1, len(label_ids) + 1)).sum())
            self._do(partial(edits.renumber, log, cells), moved)

    def _on_progress(self, done: int, total: int) -> None:
        if total:
            self._section.say(f"{_WORKING} {100 * done // total} %")

    def _on_success(self, index: NDArray[np.int32]) -> None:
        asked, self._asked = self._asked, None
        layer = self._cells.layer
        if asked is None or layer is None:
            return
        before = asked.index
        where = np.nonzero(before != index)
        changed = np.union1d(before[where], index[where])
        log = self._logs.of(layer)
        write = partial(edits.reshape, log, asked, index)
        self._do(write, int((changed > 0).sum()))

    def _do(self, edit: Callable[[], None], count: int) -> None:
        """Do an edit of so many cells, and say so."""
        text = _NOTHING
        if count:
            try:
                edit()
            except IAUNetError as error:
                self._on_failure(str(error))
                return
            text = f"{count:,} cell{'' if count == 1 else 's'} changed."
            self._cells.survey()
        self._section.say(text)
        self.update()

    def _on_failure(self, message: str) -> None:
        self._asked = None
        self._section.say("")
        self.update()
        self.failed.emit(message)
