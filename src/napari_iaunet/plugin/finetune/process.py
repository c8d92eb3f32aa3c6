"""A training that runs in a process of its own, and what it tells."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from napari_iaunet.training.task import GO_ON, PAUSE, STOP

if TYPE_CHECKING:
    from pathlib import Path

# What trains: a module that Python runs.
_WORKER = "napari_iaunet.training.worker"
# Whether there is a better model by then is told by the tab.
_CRASHED = "The training ended unexpectedly{}. Your layers are as they were."
_NOT_STARTED = "The training could not be started: {}."
_SHOWN = 200
_GRACE_MS = 100


class TrainingProcess(QObject):
    """One training at a time.

    ``told`` carries what the worker tells, as a dict with the names of
    `TrainingEvent`; then comes exactly one of ``ended`` and ``failed``, the latter with
    a sentence for the user.
    """

    told = Signal(object)
    ended = Signal()
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process: QProcess | None = None
        self._message = ""

    @property
    def is_running(self) -> bool:
        """Whether an end is awaited."""
        return self._process is not None

    def start(self, folder: Path) -> None:
        """Do the task that `write_task` put into a folder."""
        self._message = ""
        process = self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._on_finished)
        process.errorOccurred.connect(self._on_error)
        process.start(sys.executable, ["-m", _WORKER, str(folder)])

    def pause(self) -> None:
        """Let the training rest."""
        self._order(PAUSE)

    def go_on(self) -> None:
        """End its rest."""
        self._order(GO_ON)

    def stop(self) -> None:
        """Ask it to come to an end; ``ended`` follows."""
        self._order(STOP)

    def close(self) -> None:
        """Forget the training. It stops by itself: its best model stays on disk."""
        process, self._process = self._process, None
        if process is None:
            return
        for signal in (
            process.readyReadStandardOutput,
            process.finished,
            process.errorOccurred,
        ):
            signal.disconnect()
        process.closeWriteChannel()
        if not process.waitForFinished(_GRACE_MS):
            process.kill()
            process.waitForFinished()
        process.deleteLater()

    def _order(self, text: str) -> None:
        if self._process is not None:
            self._process.write(f"{text}\n".encode())

    def _read(self) -> None:
        process = self._process
        while process is not None and process.canReadLine():
            line = bytes(process.readLine()).decode("utf-8", "replace")
            try:
                event: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # a library printed something of its own
            if event.get("kind") == "error":
                self._message = str(event.get("message"))
            else:
                self.told.emit(event)
            # Whoever was told may have closed the training.
            process = self._process

    def _on_error(self, error: QProcess.ProcessError) -> None:
        process = self._process
        if error == QProcess.ProcessError.FailedToStart and process is not None:
            self._process = None
            self.failed.emit(_NOT_STARTED.format(process.errorString()))

    def _on_finished(self, status: int, how: QProcess.ExitStatus) -> None:
        self._read()
        process, self._process = self._process, None
        if process is None:
            return
        process.deleteLater()
        if status == 0 and how == QProcess.ExitStatus.NormalExit:
            self.ended.emit()
        else:
            self.failed.emit(self._message or _CRASHED.format(_last_words(process)))


def _last_words(process: QProcess) -> str:
    """Return the last line that the process printed on stderr, in brackets."""
    text = bytes(process.readAllStandardError()).decode("utf-8", "replace").strip()
    line = text.splitlines()[-1] if text else ""
    return f" ({line[:_SHOWN]})" if line else ""
