"""Doubles of panels and jobs, for controllers that are tested without a window."""

import inspect
from unittest.mock import MagicMock

from psygnal import SignalInstance
from qtpy.QtCore import Signal

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.jobs import explain


def _signal():
    """A signal that may carry anything."""
    return SignalInstance(inspect.signature(lambda a, b, c: None))


def fake_panel(kind, **parts):
    """A panel that only records what it is told; its signals can be emitted.

    Parameters
    ----------
    kind : type
        The real panel.
    parts
        What it has besides, such as ``run``.
    """
    panel = MagicMock(spec=kind)
    for name, value in inspect.getmembers(kind):
        if isinstance(value, Signal):
            setattr(panel, name, _signal())
    for name, part in parts.items():
        setattr(panel, name, part)
    return panel


class FakeJobs:
    """Keeps a job until the test lets it run, in the same thread."""

    def __init__(self):
        self.progressed, self.succeeded = _signal(), _signal()
        self.failed, self.cancelled = _signal(), _signal()
        self.function, self.description, self.is_closed = None, "", False

    @property
    def is_running(self):
        return self.function is not None

    def start(self, function, description=""):
        self.function, self.description = function, description

    def run(self):
        """Do the job, and tell how it ended."""
        function, self.function = self.function, None
        try:
            value = function(progress=self.progressed.emit)
        except IAUNetError as error:
            self.failed.emit(explain(error))
        else:
            self.succeeded.emit(value)

    def cancel(self):
        self.function = None
        self.cancelled.emit()

    def close(self):
        self.function, self.is_closed = None, True
