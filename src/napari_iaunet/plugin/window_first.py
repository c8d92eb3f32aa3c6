"""Let the window's thread go on at once while others compute."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTERVAL = 0.0005  # seconds; Python's own is ten times as long

_lock = threading.Lock()
_inside = 0
_usual = 0.0


@contextmanager
def window_first() -> Iterator[None]:
    """Shorten the interpreter's switch interval while some thread is inside.

    A thread that wants to go on waits for that long while another one computes in
    Python. To draw a window takes many such waits: one after each call of a library
    that lets others run meanwhile.
    """
    global _inside, _usual
    with _lock:
        if not _inside:
            _usual = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual, _INTERVAL))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                sys.setswitchinterval(_usual)
