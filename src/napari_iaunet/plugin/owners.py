"""Which running program a folder belongs to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_OWNER = "owner"


def take(folder: Path) -> None:
    """Make a folder this program's own."""
    (folder / _OWNER).write_text(str(os.getpid()), encoding="utf-8")


def is_owned(folder: Path) -> bool:
    """Whether the program that took a folder still runs."""
    import psutil

    owner = _owner(folder)
    return owner == os.getpid() or (owner is not None and psutil.pid_exists(owner))


def is_others(folder: Path) -> bool:
    """Whether another program that still runs took a folder."""
    return is_owned(folder) and _owner(folder) != os.getpid()


def _owner(folder: Path) -> int | None:
    try:
        return int((folder / _OWNER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
