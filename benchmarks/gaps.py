"""How long a window stands still, and how long the machine itself does."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import report
from qtpy.QtCore import Qt, QTimer

TICK_MS = 2


class Gaps:
    """Time between ticks of the event loop, in ms.

    Beside it a process sleeps for as long as a tick, again and again: where that one
    was kept waiting, too, it was not the window that stood still, but the machine.
    """

    def __init__(self) -> None:
        sleeper = Path(__file__).with_name("_sleeper.py")
        self._sleeper = subprocess.Popen(
            [sys.executable, str(sleeper)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._timer = QTimer(interval=TICK_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()
        self.restart()

    def restart(self) -> None:
        """Forget what was, on both sides."""
        self._slept()
        self.longest, self._last = 0.0, time.perf_counter()

    def told(self) -> str:
        """Say the longest gaps since `restart`."""
        longest = self.longest
        return f"longest gap {longest:.0f} ms (a mere sleeper {self._slept():.0f} ms)"

    def _slept(self) -> float:
        assert self._sleeper.stdin
        assert self._sleeper.stdout
        self._sleeper.stdin.write("\n")
        self._sleeper.stdin.flush()
        return float(self._sleeper.stdout.readline())

    def _tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, 1000 * (now - self._last))
        self._last = now


class Told:
    """What was measured: printed at once, and published at the end."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def __call__(self, line: str) -> None:
        print(line, flush=True)
        self._lines.append(f"- {line[0].upper()}{line[1:]}.")

    def publish(self, section: str, write: bool) -> None:
        text = "\n".join(self._lines)
        report.publish(section, text, machine=report.machine(), write=write)
