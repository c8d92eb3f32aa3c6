"""One program at a time where two would spoil each other's work.

The operating system holds the lock, so it ends with the program, even if that crashes.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from napari_iaunet.atomic import hidden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_iaunet.errors import IAUNetError


@contextmanager
def alone_at(
    path: Path, error: type[IAUNetError], *, wait: float = 0.0
) -> Iterator[None]:
    """Let no other program be at `path` meanwhile; raise `error` if one is there.

    Parameters
    ----------
    path : Path
        What is to be written; the lock is a hidden file beside it, gone at the end.
    error : subclass of IAUNetError
        What an OSError of the lock becomes, too.
    wait : float
        Seconds to wait for the other program.
    """
    file = hidden(path, "lock")
    lock = FileLock(file, thread_local=False)
    try:
        lock.acquire(timeout=wait)
        while not file.exists():  # the program before has just removed it
            lock.release()
            lock.acquire(timeout=wait)
    except Timeout:
        msg = (
            f"Another run of napari-iaunet is writing {path}. Wait for its end, or "
            "choose another output."
        )
        raise error(msg) from None
    except OSError as failure:
        reason = failure.strerror or failure
        raise error(f"{path} cannot be written: {reason}.") from failure
    try:
        yield
    finally:
        # While the lock is held: afterwards the file may be another program's. (On
        # Windows it goes when the lock is released.)
        with suppress(OSError):
            file.unlink()
        lock.release()
