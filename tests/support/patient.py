"""Waits that end soon where nothing comes, and on a slow machine late enough.

A fixed limit is either so short that a slow machine fails, or so long that one broken
wait takes up all the time that a run of the tests has. So the limit is short, but the
clock that it is measured by runs as fast as the machine does: every second the time of
a fixed piece of work is taken, and while that takes ten times as long as usual, only a
tenth of each second counts.
"""

import hashlib
import time
from contextlib import contextmanager

from pytestqt.qtbot import QtBot

# Seconds on a machine that is as fast as usual. The longest wait of the tests, for two
# processes that train together, takes 10 there; a machine with twice as much to do as
# it can still gives up within a minute.
LIMIT = 30
# Hashing leaves Python's lock to other threads, so that it tells how busy the machine
# is, not how busy this program.
_WORK = bytes(4 << 20)
# Seconds that it takes on one core of a server of 2021 that has nothing else to do; a
# faster machine counts as one that is as fast.
_USUAL = 0.006
_EVERY = 1.0
_IN_VAIN = "waited in vain for {} seconds of a machine as fast as usual"


def work():
    """Do what the speed of the machine is told by."""
    hashlib.md5(_WORK, usedforsecurity=False).digest()


class Clock:
    """Counts seconds from now; it is as slow as the machine.

    Parameters
    ----------
    work : callable
        Takes ``usual`` seconds on a machine that is as fast as usual.
    usual : float
    now : callable
        Returns the seconds of a clock on the wall.
    """

    def __init__(self, work=work, usual=_USUAL, now=time.monotonic):
        self._work, self._usual, self._now = work, usual, now
        self._passed, self._counted = 0.0, now()

    def passed(self):
        """Return the seconds that the clock has counted."""
        begin = self._now()
        if begin - self._counted >= _EVERY:
            self._work()
            end = self._now()
            slowness = max(1.0, (end - begin) / self._usual)
            self._passed += (end - self._counted) / slowness
            self._counted = end
        return self._passed


def wait_until(condition, limit=LIMIT, clock=None):
    """Wait, without a window, until a condition holds."""
    clock = clock or Clock()
    while not condition():
        assert clock.passed() < limit, _IN_VAIN.format(limit)
        time.sleep(0.01)


class PatientBot(QtBot):
    """A pytest-qt robot for machines of any speed."""

    def waitUntil(self, callback, *, limit=LIMIT, clock=None):
        """Wait until a callback returns True, or None without an AssertionError."""
        clock = clock or Clock()
        while True:
            try:
                return super().waitUntil(callback, timeout=500)
            except self.TimeoutError as error:
                if clock.passed() >= limit:
                    raise self.TimeoutError(_IN_VAIN.format(limit)) from error

    @contextmanager
    def waitSignal(self, signal, *, limit=LIMIT, clock=None, raising=True, **options):
        """Wait at the end of the block until a signal has been emitted."""
        blocker = super().waitSignal(signal, raising=raising, **options)
        if not raising:  # it is not expected
            with blocker:
                yield blocker
            return
        yield blocker
        self.waitUntil(lambda: blocker.signal_triggered, limit=limit, clock=clock)
