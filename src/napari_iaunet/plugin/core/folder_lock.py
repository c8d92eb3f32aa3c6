"""Which running program a folder belongs to."""

from __future__ import annotations

import contextlib
import math
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OWNER = "owner"
# Setting the clock moves the time, in seconds, at which a program is said to begin.
_CLOCK_SET = 10.0


def take(folder: Path) -> None:
    """Make a folder this program's own."""
    number = os.getpid()
    owner = f"{number} {_begin_of(number)}"
    (folder / _OWNER).write_text(owner, encoding="utf-8")


def release(folder: Path) -> None:
    """Leave a folder to the program, or the tab, that looks for it next."""
    with contextlib.suppress(OSError):
        (folder / _OWNER).unlink()


def is_owned(folder: Path) -> bool:
    """Whether the program that took a folder still runs."""
    return _owner(folder) is not None


def is_others(folder: Path) -> bool:
    """Whether another program that still runs took a folder."""
    return _owner(folder) not in (None, os.getpid())


def _owner(folder: Path) -> int | None:
    """Return the number of the running program that took a folder."""
    try:
        text = (folder / _OWNER).read_text(encoding="utf-8")
        number, began = text.split()
        owner, begin = int(number), float(began)
    except (OSError, ValueError):
        return None
    # Numbers are used again, above all after the computer was started anew.
    return owner if abs(_begin_of(owner) - begin) < _CLOCK_SET else None


def _begin_of(number: int) -> float:
    """Return when a running program began; NaN if there is none of this number."""
    import psutil

    try:
        return psutil.Process(number).create_time()
    except (psutil.Error, ValueError, OverflowError):
        return math.nan
