"""Background jobs: the only place that starts a worker."""

from __future__ import annotations

import io
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

from napari.qt.threading import create_worker
from napari.utils import progress as activity_bar
from qtpy.QtCore import QObject, Qt, Signal

from napari_iaunet.errors import (
    Cancelled,
    IAUNetError,
    is_lack_of_memory,
)
from napari_iaunet.plugin.core.notify import unmarked

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_BETWEEN_REPORTS = 0.05
_UNEXPECTED = (
    "Something went wrong that is not your image's fault ({}). "
    "The details are in the terminal; please report them."
)
_NO_MEMORY = (
    "There is not enough memory. Close other programs, choose the plane on view "
    "instead of the whole stack, or crop the image."
)


class _TaskSignals(QObject):
    progressed = Signal(object, int, int)
    done = Signal(object)


class _Task:
    """A function, run once in a worker thread; it tells how it ended.

    napari keeps finished workers in its task list, and errors in workers' functions
    may vanish there, so a task lets go of its function and its value, and never
    raises.
    """

    def __init__(self, function: Callable[[_Task], Any], description: str) -> None:
        self.signals = _TaskSignals()
        self.value: Any = None
        self.message = ""
        self.cancelled = False
        self.stop = threading.Event()
        self.worker_stops: Callable[[], bool] = self.stop.is_set
        self._function: Callable[[_Task], Any] | None = function
        self._description = description
        self.counts = False  # whether it has come to what it counts
        self._reported = 0.0

    def __repr__(self) -> str:
        return self._description

    def __call__(self) -> None:
        try:
            self.progress(0, 0)
            assert self._function is not None
            self.value = self._function(self)
            self.cancelled = self.stop.is_set() or self.worker_stops()
        except Cancelled:
            self.cancelled = True
        except Exception as error:  # noqa: BLE001 - shown to the user below
            self.message = explain(error)
        finally:
            self._function = None
            if self.stop.is_set():  # nobody waits for it any more
                self.value = None
            self.worker_stops = self.stop.is_set
            self.signals.done.emit(self)

    def progress(self, done: int, total: int) -> None:
        """Report progress from the worker thread, or end the job there."""
        if self.stop.is_set() or self.worker_stops():
            raise Cancelled
        self.counts = self.counts or total > 0
        now = time.monotonic()
        if done >= total or now - self._reported > _BETWEEN_REPORTS:
            self._reported = now
            self.signals.progressed.emit(self, done, total)


def explain(error: BaseException) -> str:
    """Return what a user is told about an error; the rest goes to the log."""
    if isinstance(error, IAUNetError):
        return str(error)
    log.error("A background job failed", exc_info=error)
    if is_lack_of_memory(error):
        return _NO_MEMORY
    reason = f"{type(error).__name__}: {error}".strip().rstrip(".:")
    return _UNEXPECTED.format(" ".join(reason.split())[:200])


class Jobs(QObject):
    """One background job at a time.

    ``start`` runs a function in a thread. Its outcome arrives as exactly one of
    ``succeeded``, ``failed`` and ``cancelled``, in the GUI thread, unless a newer
    job was started meanwhile or the jobs were closed.

    A job stops at its next report. ``cancelled`` does not wait for that where
    ``abandons`` is true, since the job changes nothing; with ``load_first`` only while
    nothing is counted yet: a library or a model is loaded, for the next job as well.
    """

    # Whether napari is drawing a bar, and processes events meanwhile. Reports of any
    # job are among them: each would draw again, one inside the other, without end.
    _is_drawing: ClassVar[bool] = False
    progressed = Signal(int, int)
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(
        self,
        parent: QObject | None = None,
        *,
        load_first: bool = False,
        abandons: bool = False,
    ) -> None:
        super().__init__(parent)
        self._load_first, self.abandons = load_first, abandons
        self._task: _Task | None = None
        self._bar: activity_bar | None = None

    @property
    def is_running(self) -> bool:
        """Whether the outcome of a job is awaited."""
        return self._task is not None

    def start(
        self,
        function: Callable[..., Any],
        description: str,
    ) -> None:
        """Run ``function(progress=...)`` in a thread.

        It must touch neither the viewer nor a layer; ``progress(done, total)`` raises
        `Cancelled` in it once the job is cancelled. napari shows the description in
        its list of running tasks; a job without one is over in a moment, and not shown.
        """
        self.close()
        task = _Task(lambda task: function(progress=task.progress), description)
        queued = Qt.ConnectionType.QueuedConnection
        task.signals.progressed.connect(self._on_progress, queued)
        task.signals.done.connect(self._on_done, queued)
        self._task = task
        # Without a file of its own the bar would print to the terminal, too.
        bar = None
        if description:
            bar = activity_bar(total=0, desc=unmarked(description), file=io.StringIO())
        # napari processes events there, so a newer job, with a bar of its own, may have
        # been started.
        if self._task is not task:
            if bar is not None:
                bar.close()
            return
        self._bar = bar
        # Of napari's worker only its place in the list of tasks is used: its own start
        # waits for the event loop, and a thread that begins when that has ended, as
        # napari is closed, aborts the process. Python waits for this one.
        worker = create_worker(task, _start_thread=False, _ignore_errors=True)
        task.worker_stops = lambda: worker.abort_requested
        threading.Thread(target=worker.run, name=description).start()

    def cancel(self) -> None:
        """Ask the running job to stop; ``cancelled`` follows when it has."""
        task = self._task
        if task is None:
            return
        if self.abandons or (self._load_first and not task.counts):
            self.close()
            self.cancelled.emit()
        else:
            task.stop.set()

    def close(self) -> None:
        """Ask the running job to stop, and forget it."""
        task, self._task = self._task, None
        if task is not None:
            task.stop.set()
            task.value = None
            task.signals.progressed.disconnect(self._on_progress)
            task.signals.done.disconnect(self._on_done)
        self._close_bar()

    def _on_progress(self, task: _Task, done: int, total: int) -> None:
        if task is not self._task:
            return
        self.progressed.emit(done, total)
        if self._bar is None or total <= 0 or Jobs._is_drawing:
            return
        Jobs._is_drawing = True
        try:
            # napari processes events here, so the job may be over afterwards.
            self._bar.total = total
            self._bar.events.value(value=done)
        finally:
            Jobs._is_drawing = False

    def _on_done(self, task: _Task) -> None:
        if task is not self._task:
            return
        self._task = None
        value, task.value = task.value, None
        self._close_bar()
        if task.cancelled:
            self.cancelled.emit()
        elif task.message:
            self.failed.emit(task.message)
        else:
            self.succeeded.emit(value)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
