"""Which running program a folder belongs to.

The operating system holds the lock, so it ends with the program, even if that crashes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from pathlib import Path

_LOCK = "lock"
_held: dict[Path, FileLock] = {}


def take(folder: Path) -> bool:
    """Make a folder this program's own; False if it belongs to another one.

    Raises `OSError` if the folder cannot be written to.
    """
    if is_held(folder):
        return True
    lock = FileLock(folder / _LOCK, thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    _held[folder.resolve()] = lock
    return True


def is_held(folder: Path) -> bool:
    """Whether this program took a folder."""
    return folder.resolve() in _held


def release(folder: Path) -> None:
    """Leave a folder to the program, or the tab, that looks for it next."""
    lock = _held.pop(folder.resolve(), None)
    if lock is not None:
        lock.release()


def is_owned(folder: Path) -> bool:
    """Whether this program or another one that still runs took a folder."""
    if is_held(folder):
        return True
    if not (folder / _LOCK).exists():
        return False
    if not take(folder):
        return True
    release(folder)
    return False
