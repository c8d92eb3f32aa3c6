"""What happens in the summary of the Batch tab."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_iaunet.errors import IAUNetError
from napari_iaunet.io.name_pattern import NamePattern
from napari_iaunet.plugin.batch import summary_job
from napari_iaunet.plugin.batch.summary_panel import PLATE
from napari_iaunet.plugin.batch.summary_plot import can_draw_svg, picture_of
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.widgets.saving import ask_where

if TYPE_CHECKING:
    from napari_iaunet.plugin.batch.controller import BatchController
    from napari_iaunet.plugin.batch.panel import BatchPanel, Naming
    from napari_iaunet.plugin.batch.summary_job import Summarised
    from napari_iaunet.plugin.core.jobs import Jobs

_NOTHING = "No image is done yet: press Segment all."
_READING = "Reading the tables of the images"
_PNG, _SVG = "Picture (*.png)", "Drawing (*.svg)"


class SummaryController(QObject):
    """Keeps the summary as the tables, the pattern and the choice are.

    ``jobs`` read and count, ``save_jobs`` write.
    """

    def __init__(
        self,
        batch_panel: BatchPanel,
        naming: Naming,
        batch: BatchController,
        jobs: Jobs,
        save_jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._panel, self._batch = batch_panel.chart, batch
        panel = self._panel
        self._choice = panel.choice
        self.jobs, self.save_jobs = jobs, save_jobs
        self._tables = summary_job.Tables()
        self._shown: Summarised | None = None
        self._is_by_chosen = False
        # Brings the plot into view once there is room for it below the list.
        self._reveal = QTimer(self)
        self._reveal.setSingleShot(True)
        self._is_new = False
        self._connections = Connections(
            (panel.opened, self._on_opened),
            (panel.form.edited, self._on_edited),
            (self._reveal.timeout, batch_panel.reveal_chart),
            (panel.picture_requested, self._on_picture),
            (panel.numbers_requested, self._on_numbers),
            (naming.events.pattern, self._on_changed),
            (batch_panel.removed, self._on_changed),
            (batch.list_jobs.succeeded, self._on_changed),
            *(
                (ended, self._on_changed)
                for its in (batch.jobs, batch.view_jobs)
                for ended in (its.succeeded, its.failed, its.cancelled)
            ),
        )
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_summarised,
            failed=self._on_failure,
            progressed=self._on_progress,
        )
        self._connections.add_jobs(
            save_jobs, succeeded=self._on_saved, failed=self._on_failure
        )

    def teardown(self) -> None:
        """Disconnect from everything, and stop the jobs."""
        self._reveal.stop()
        self._connections.clear()

    # -- what is shown ---------------------------------------------------------------

    def _on_opened(self, on: bool) -> None:
        """Begin with what the user has changed in the image on view."""
        self._is_new = on
        if not on:
            self.jobs.close()
            self._tables.clear()
        elif not self._batch.keep_opened():
            self._refresh(_READING)

    def _on_edited(self, name: str) -> None:
        self._is_by_chosen = self._is_by_chosen or name == "by"
        self._refresh()

    def _on_changed(self, *_: object) -> None:
        self._refresh()

    def _refresh(self, description: str = "") -> None:
        if not self._panel.is_open:
            return
        text = self._batch.record.pattern.strip()
        try:
            pattern = NamePattern(text) if text else None
        except IAUNetError:  # it is being typed, and the tab says what it lacks
            return
        choice = self._choice
        by = choice.by if self._is_by_chosen else None
        asked = summary_job.Asked(choice.measure, by, choice.kind == PLATE, pattern)
        record = self._batch.record
        work = partial(summary_job.summarise_all, self._tables, record, asked)
        self.jobs.start(work, description)

    def _on_progress(self, done: int, total: int) -> None:
        if total and self._shown is None:
            self._panel.tell(f"{_READING}: {done:,} of {total:,}")

    def _on_summarised(self, found: Summarised) -> None:
        self._shown, choice = found, self._choice
        summary, has_wells = found.summary, found.well is not None
        on_plate = has_wells and choice.kind == PLATE
        choice.measure = summary.measure
        if not on_plate:
            self._is_by_chosen = self._is_by_chosen and choice.by == summary.by
            choice.by = summary.by
        self._panel.offer(found.measures, found.groupings, has_wells=has_wells)
        self._panel.set_summary(summary, on_plate)
        nothing = " ".join(summary.notes) or _NOTHING
        self._panel.tell("" if summary.groups else nothing)
        if self._is_new:
            self._is_new = False
            self._reveal.start(0)

    def _on_failure(self, message: str) -> None:
        self._panel.tell(message)
        show_error(message)

    # -- what is saved ---------------------------------------------------------------

    def _on_picture(self) -> None:
        kinds = f"{_PNG};;{_SVG}" if can_draw_svg() else _PNG
        path = self._ask("Save picture", kinds, ".png")
        if path is None or self._shown is None:
            return
        kind = path.suffix.lower()
        if kind not in (".png", ".svg") or (kind == ".svg" and not can_draw_svg()):
            either = "PNG or SVG" if can_draw_svg() else "PNG"
            show_error(
                f"{path.name} cannot be written: a picture is saved as {either}."
            )
            return
        on_plate = self._choice.kind == PLATE and self._shown.well is not None
        family = self._panel.font().family()
        draw = partial(picture_of, self._shown.summary, on_plate, kind, family)
        work = partial(summary_job.save_picture, path, draw)
        self.save_jobs.start(work, "")

    def _on_numbers(self) -> None:
        path = self._ask("Save numbers", "Table (*.csv)", ".csv")
        if path is not None and self._shown is not None:
            work = partial(summary_job.save_numbers, path, self._shown.summary)
            self.save_jobs.start(work, "")

    def _ask(self, title: str, kinds: str, ending: str) -> Path | None:
        """Ask for a file that is none of the images."""
        if self._shown is None or not self._shown.summary.groups:
            return None
        summary = self._shown.summary
        parts = ("summary", summary.measure, *([summary.by] if summary.by else []))
        name = re.sub(r"[^\w-]+", "_", "_".join(parts)) + ending
        folder = Path(self._shown.folder or Path.home())
        path = ask_where(self._panel, title, str(folder / name), kinds, ending)
        if path is not None and str(path.absolute()) in self._batch.record.images:
            show_error(f"{path.name} is one of the images: choose another name.")
            return None
        return path

    def _on_saved(self, path: Path) -> None:
        self._panel.tell(f"Saved: {path}.")
