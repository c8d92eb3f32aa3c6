"""What happens in the Batch tab."""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_iaunet.commands.common_table import COMMON_TABLE
from napari_iaunet.errors import IAUNetError
from napari_iaunet.io.name_pattern import NamePattern
from napari_iaunet.plugin.batch import job
from napari_iaunet.plugin.batch.panel import Row
from napari_iaunet.plugin.batch.record import DONE, FAILED, RUNNING, WAITING, Record
from napari_iaunet.plugin.batch.view import OpenedImage
from napari_iaunet.plugin.core import devices
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error, show_info, show_warning
from napari_iaunet.plugin.core.pace import Pace, with_time
from napari_iaunet.plugin.core.segmenters import model_written
from napari_iaunet.plugin.core.turns import Turns
from napari_iaunet.plugin.widgets.saving import ask_where
from napari_iaunet.segmentation.columns import EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iaunet.plugin.batch.panel import BatchPanel, Naming
    from napari_iaunet.plugin.batch.reading import Reading
    from napari_iaunet.plugin.batch.record import Entry
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session

# Notes on what was added that are shown one by one.
_TOLD = 4
_SECOND = (
    "Another napari is using your list of images. This is a list of its own; it is "
    "added to yours the next time you start napari."
)
_NO_IMAGES = "Add images or a folder first."
_NO_MODEL = "No model is installed: choose one in the Segment tab."
_ALL_DONE = "All images are done with these settings."
_ALL_SEEN = "All images that are done have been looked at."
_STOPPED = "Cancelled. What is done stays: press Segment all to go on."
_NO_TABLE = "The table was not saved"
_CLOSED = "The cells of {} were closed; changes of them were not written."


class BatchController(QObject):
    """Keeps the list, the jobs and the image that is looked at in step.

    ``jobs`` segment, ``view_jobs`` open and write one image, ``list_jobs`` look for
    images and write the table of all, and ``save_jobs`` write the list.
    """

    def __init__(
        self,
        session: Session,
        panel: BatchPanel,
        naming: Naming,
        reading: Reading,
        jobs: Jobs,
        view_jobs: Jobs,
        list_jobs: Jobs,
        save_jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel = session, panel
        self._naming, self._reading = naming, reading
        self._viewer, self._settings = session.viewer, session.settings
        self.jobs, self.view_jobs = jobs, view_jobs
        self.list_jobs, self.save_jobs = list_jobs, save_jobs
        self.record = Record.load()
        naming.pattern = self.record.pattern
        reading.set(self.record.reading)
        if reading.kept:  # nothing that counts is out of sight
            panel.reading.open()
        self._opened: OpenedImage | None = None
        self.turns = Turns(self)  # in which layers come and go
        self._names: dict[str, str] = {}
        self._shown: dict[str, Entry] = {}
        self._classifier = ""
        self._pace = Pace()
        # Waits for what was changed in the image on view to be written.
        self._table: Callable[..., object] | None = None
        # What `list_jobs` are to do next, each with its description.
        self._list_queue: list[tuple[Callable[..., object], str]] = []
        self._connections = Connections(
            (panel.added, self._on_added),
            (panel.removed, self._on_removed),
            (panel.picked, self._enable),
            (panel.run_requested, self._on_run),
            (panel.cancel_requested, jobs.cancel),
            (panel.open_requested, self._on_open),
            (panel.next_requested, self._on_next),
            (panel.looked_at, self._on_looked_at),
            (panel.table_requested, self._on_table),
            (panel.classifier_picked, self._on_classifier),
            (naming.events.pattern, self._on_pattern),
            (reading.events, self._on_reading),
            (self._settings.changed, self._show),
            (self._viewer.layers.events.removed, self._on_layer_removed),
        )
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=self._on_cancelled,
            progressed=self._on_progress,
        )
        self._connections.add_jobs(
            view_jobs,
            succeeded=self._on_exchanged,
            failed=self._on_view_failure,
            cancelled=partial(self._on_view_ended, ""),
        )
        self._connections.add_jobs(
            list_jobs,
            succeeded=self._on_listed,
            failed=self._on_list_failure,
            cancelled=self._on_list_cancelled,
        )
        self._connections.add_jobs(
            save_jobs, succeeded=lambda _: self._save(), failed=show_error
        )
        if self.record.is_second:
            panel.notice.setText(_SECOND)
        panel.notice.setVisible(self.record.is_second)
        self._show_list()

    def teardown(self) -> None:
        """Write what was changed, and disconnect from everything."""
        changed = self._changed()
        self._connections.clear()
        self._list_queue.clear()
        self.turns.stop()
        self._opened = None
        if self.record.images or not self.record.is_saved:
            self._try(self.record.save)
        if changed is not None:
            write = partial(job.exchange, self.record, changed, "")
            self._try(partial(write, progress=lambda *_: None))
        self.record.close()

    # -- the list --------------------------------------------------------------------

    def _on_added(self, paths: list[str]) -> None:
        self._panel.summary.setText("Looking for images…")
        self._do_next(partial(job.find, list(paths)), "Looking for images")

    def _do_next(self, work: Callable[..., object], description: str) -> None:
        """Do something with the list once all is done that was asked for before."""
        self._list_queue.append((work, description))
        self._go_on()

    def _go_on(self) -> None:
        if self._list_queue and not self.list_jobs.is_running:
            work, description = self._list_queue.pop(0)
            self.list_jobs.start(work, description)

    def _on_listed(self, outcome: job.FoundImages | job.SavedTable) -> None:
        if isinstance(outcome, job.SavedTable):
            told = f"Saved the cells of {_images(outcome.images)}: {outcome.path}."
            self._panel.example.setText(told)
        else:
            for note in outcome.notes[:_TOLD]:
                show_warning(note)
            more = len(outcome.notes) - _TOLD
            if more > 0:
                show_warning(f"Left out, too, of what you added: {more:,} more.")
            self.record.add(outcome.images)
            self._save()
            self._show_list()
        self._go_on()

    def _on_list_failure(self, message: str) -> None:
        show_error(message)
        self._on_list_cancelled()

    def _on_list_cancelled(self) -> None:
        self._show()
        self._go_on()

    def _on_removed(self, images: list[str]) -> None:
        self.record.remove(images)
        self._save()
        self._show_list()

    def _save(self) -> None:
        """Have the list written, and once more if it changes meanwhile."""
        if not (self.record.is_saved or self.save_jobs.is_running):
            self.save_jobs.start(partial(job.save, self.record), "")

    def _try(self, change: Callable[[], object]) -> bool:
        """Change something on the disk; say why if that cannot be done."""
        try:
            change()
        except IAUNetError as error:
            show_error(str(error))
            return False
        return True

    # -- segmenting ------------------------------------------------------------------

    def _on_run(self) -> None:
        try:
            how = self._how()
        except IAUNetError as error:
            self._panel.reading.open()
            show_error(str(error))
            return
        self._pace, self.record.queue = Pace(), []
        self._panel.run.set_busy(True, "Loading the model…")
        segmenters, written = self._session.segmenters, model_written(how.model)
        work = partial(job.segment_all, segmenters, self.record, how, written)
        self.jobs.start(work, f"Segmenting {_images(len(self.record.images))}")

    def _how(self) -> job.How:
        settings = self._settings
        return job.How(
            settings.model,
            settings.device,
            None if settings.estimate else settings.diameter,
            self._columns,
            self._reading.read_as(),
            self._classifier,
        )

    @property
    def _columns(self) -> tuple[str, ...]:
        """Groups of columns of the tables.

        What the model sees of each cell cannot be compared between two images.
        """
        return tuple(name for name in self._settings.columns if name != EMBEDDING)

    def _on_reading(self, *_: object) -> None:
        """Keep how files are read, or say what is wrong with it."""
        self.record.reading, wrong = self._reading.kept, ""
        try:
            self._reading.read_as()
        except IAUNetError as error:
            wrong = str(error)
        self._panel.reading.tell(wrong)

    def _on_classifier(self, path: str) -> None:
        """Take a classifier for the images from now on; "" for none."""
        from napari_iaunet.identity.classifier import Classifier

        if not path or self._try(lambda: Classifier.load(path)):
            self._classifier = path
        self._panel.set_classifier(self._classifier)
        self._show()

    def _on_progress(self, done: int, total: int) -> None:
        if self._show_changes():
            self._show_state()
        queue = self.record.queue
        if not total or not queue:
            return
        at = min(done * len(queue) // total, len(queue) - 1)
        text = f"Image {at + 1:,} of {len(queue):,}: {Path(queue[at]).name}"
        text = with_time(text, self._pace.left(done, total))
        self._panel.run.set_progress(done, total, text)

    def _on_success(self, images: list[str]) -> None:
        self._settings.offer_devices(devices.found_devices())
        counts = Counter(self.record.entry(image).state for image in images)
        text, failed = f"{counts[DONE]:,} done", counts[FAILED]
        if failed:
            text += f", {failed:,} failed"
            show_warning(f"{failed:,} of {_images(len(images))} failed; see the list.")
        self._panel.run.set_busy(False, f"{text}." if images else _ALL_DONE)
        self._show()

    def _on_failure(self, message: str) -> None:
        self.record.settle()
        self._panel.run.set_busy(False, message)
        show_error(message)
        self._show()

    def _on_cancelled(self) -> None:
        self.record.settle()
        self._panel.run.set_busy(False, _STOPPED)
        self._show()

    # -- looking at one --------------------------------------------------------------

    def _changed(self) -> job.Changed | None:
        return None if self._opened is None else self._opened.changed(self._columns)

    def _on_open(self, image: str) -> None:
        """Write what was changed in the image on view, and open another one."""
        if not self._is_free or image == self.record.opened:
            return
        changed = self._changed()
        if self._opened is not None:
            self._opened.lock(True)
        work = partial(job.exchange, self.record, changed, image)
        self._panel.viewing.setText(f"Opening {Path(image).name}…" if image else "")
        self.view_jobs.start(work, f"Opening {Path(image).name}" if image else "")
        self._enable()

    def _on_next(self) -> None:
        if not self._is_free:
            return
        opened = self.record.opened
        if opened:
            self.record.change(opened, looked_at=True)
            self._save()
        following = self._unseen(opened)
        if following or opened:
            self._on_open(following)
        if not following:
            show_info(_ALL_SEEN)
        self._show()

    def _unseen(self, after: str) -> str:
        """Return the next image to be looked at, from the first one again; "": none."""
        images = self.record.images
        begin = images.index(after) + 1 if after in images else 0
        entries = ((i, self.record.entry(i)) for i in images[begin:] + images[:begin])
        unseen = (i for i, e in entries if e.state == DONE and not e.looked_at)
        return next(unseen, "")

    def _on_exchanged(self, stored: job.Stored | job.Kept | None) -> None:
        if isinstance(stored, job.Kept):
            if self._opened is not None:
                self._opened.stored = stored.stored
                self._opened.lock(False)
            self._show()
            self._write_table()
            return
        former, self._opened = self._opened, None
        self.record.opened = "" if stored is None else stored.image
        self._panel.viewing.setText("")
        steps, opened = [] if former is None else former.closing(), None
        if stored is not None:
            opened = OpenedImage(self._viewer, stored)
            steps += opened.adding()
        self.turns.start(steps, partial(self._on_laid_out, opened))
        self._show()

    def _on_laid_out(self, opened: OpenedImage | None) -> None:
        """Let the user work with the image on view, if all of its layers are there."""
        if opened is None or opened.is_closed:
            self.record.opened = ""
        else:
            self._opened, image = opened, opened.stored.image
            self._panel.choose(image)
            self._panel.viewing.setText(f"On view: {Path(image).name}")
            self._viewer.reset_view()
        self._show()

    def _on_view_failure(self, message: str) -> None:
        show_error(message)
        self._on_view_ended(message)

    def _on_view_ended(self, message: str) -> None:
        """Leave the image on view to the user again: nothing came of the job."""
        if self._opened is not None:
            self._opened.lock(False)
        if self._table is not None:
            self._table = None
            why = f"{_NO_TABLE}: {message}" if message else f"{_NO_TABLE}."
            self._panel.example.setText(why)
        else:
            self._panel.viewing.setText(message)
        self._show()

    def _on_layer_removed(self, event: object = None) -> None:
        if self._opened is not None and self._opened.is_closed:
            name = Path(self.record.opened).name
            self._opened, self.record.opened = None, ""
            self._panel.viewing.setText(_CLOSED.format(name))
            self._show()

    def _on_looked_at(self, images: list[str]) -> None:
        """Say that images were looked at; that they were not, if all of them were."""
        done = [i for i in images if self.record.entry(i).state == DONE]
        seen = all(self.record.entry(image).looked_at for image in done)
        for image in done:
            self.record.change(image, looked_at=not seen)
        self._save()
        self._show()

    # -- the table -------------------------------------------------------------------

    def _on_pattern(self, pattern: str) -> None:
        self.record.pattern = pattern
        self._show_example()

    def _pattern(self) -> NamePattern | None:
        text = self._naming.pattern.strip()
        return NamePattern(text) if text else None

    def _show_example(self) -> None:
        """Show what the pattern makes of the first name, or what is wrong with it."""
        text = ""
        try:
            pattern = self._pattern()
        except IAUNetError as error:
            text, pattern = str(error), None
        if pattern is not None and self.record.images:
            images = [Path(image) for image in self.record.images]
            others = [path.name for path in images if pattern.of(path) is None]
            columns = pattern.of(images[0]) or {}
            told = [", ".join(f"{name} = {value}" for name, value in columns.items())]
            if others:
                more = ", …" if len(others) > 1 else ""
                of = f"{len(others):,} of {len(images):,} names"
                told.append(f"The pattern does not fit {of}: {others[0]}{more}")
            text = ". ".join(part for part in told if part)
        self._panel.example.setText(text)

    def _on_table(self) -> None:
        try:
            pattern = self._pattern()
        except IAUNetError as error:
            show_error(str(error))
            return
        folder = Path(_folder_of(self.record.images) or Path.home())
        kinds = "Table (*.csv)"
        suggested = str(folder / COMMON_TABLE)
        path = ask_where(self._panel, "Save table", suggested, kinds, ".csv")
        if path is None:
            return
        self._table = partial(job.write_all, self.record, path, pattern)
        if not self.keep_opened():
            self._write_table()

    def keep_opened(self) -> bool:
        """Have what was changed in the image on view written, if that can be.

        Returns whether ``view_jobs`` are about to do so.
        """
        changed = None if self.view_jobs.is_running else self._changed()
        if changed is None or self._opened is None:
            return self.view_jobs.is_running
        self._opened.lock(True)
        work = partial(job.keep, self.record, changed)
        name = Path(changed.stored.image).name
        self.view_jobs.start(work, f"Writing the cells of {name}")
        self._enable()
        return True

    def _write_table(self) -> None:
        """Write the table that was asked for, if one was."""
        work, self._table = self._table, None
        if work is not None:
            self._do_next(work, "Writing the table of all cells")

    # -- what is shown ---------------------------------------------------------------

    def _show_list(self) -> None:
        """Show which images there are."""
        images = self.record.images
        self._names = _short(images)
        self._shown = {image: self.record.entry(image) for image in images}
        self._panel.set_rows([self._row(image) for image in images])
        self._show()
        self._show_example()

    def _show(self, event: object = None) -> None:
        """Show what has become of the images, and what can be done."""
        self._show_changes()
        self._show_state()

    def _show_changes(self) -> bool:
        """Show what has become of the images; whether anything has."""
        entries, changed = self._shown, False
        for image in self.record.images:
            entry = self.record.entry(image)
            if entry is not entries[image]:
                entries[image], changed = entry, True
                self._panel.set_row(self._row(image))
        return changed

    def _show_state(self) -> None:
        images = self.record.images
        self._panel.summary.setText(_summary(list(self._shown.values())))
        hint = "" if images else _NO_IMAGES
        if images and not self._settings.model:
            hint = _NO_MODEL
        self._panel.run.set_ready(not hint, hint)
        self._enable()

    def _row(self, image: str) -> Row:
        entry = self._shown[image]
        status = entry.state
        if entry.state == DONE:
            cells = "1 cell" if entry.cells == 1 else f"{entry.cells:,} cells"
            seen = "looked at" if entry.looked_at else "done"
            status = f"{seen}, {cells}"
        elif entry.state == FAILED:
            status = f"failed: {_of_it(entry.why, image)}"
        about = "\n".join(text for text in (image, entry.why) if text)
        return Row(image, self._names[image], status, about)

    @property
    def _is_free(self) -> bool:
        """Whether no image is being opened or written."""
        return not (self.view_jobs.is_running or self.turns.is_running)

    def _enable(self) -> None:
        chosen = self._panel.chosen
        why = self._shown[chosen[0]].why if len(chosen) == 1 else ""
        self._panel.about.setText(why)
        done = {i for i, entry in self._shown.items() if entry.state == DONE}
        is_free = self._is_free
        can_open = len(chosen) == 1 and chosen[0] in done
        self._panel.set_possible(
            remove=bool(chosen),
            open_=is_free and can_open and chosen[0] != self.record.opened,
            next_=is_free and bool(self.record.opened or self._unseen("")),
            looked=any(image in done for image in chosen),
            table=is_free and bool(done),
        )


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count:,} images"


def _of_it(why: str, image: str) -> str:
    """Say why beside the name of an image, where there is little room for it."""
    for begin in (f"The file {image} ", f"{image} "):
        if why.startswith(begin):
            why = f"it {why.removeprefix(begin)}"
    return why.replace(image, Path(image).name)


def _summary(entries: list[Entry]) -> str:
    if not entries:
        return ""
    counts = Counter(entry.state for entry in entries)
    states = (DONE, FAILED, RUNNING, WAITING)
    parts = [f"{counts[state]:,} {state}" for state in states if counts[state]]
    seen = sum(entry.looked_at for entry in entries)
    parts += [f"{seen:,} looked at"] if seen else []
    return f"{_images(len(entries))}: {', '.join(parts)}"


def _folder_of(images: list[str]) -> str | None:
    """Return the folder that all images share, if there is one."""
    try:
        return os.path.commonpath({os.path.dirname(image) for image in images})  # noqa: PTH120 - of thousands
    except ValueError:  # no images, or several disks of Windows
        return None


def _short(images: list[str]) -> dict[str, str]:
    """Return the path of each image from the folder that all of them share."""
    folder = _folder_of(images)
    if folder is None:
        return {image: image for image in images}
    begin = len(os.path.join(folder, ""))  # noqa: PTH118 - ends in a slash
    return {image: image[begin:].replace(os.sep, "/") for image in images}
