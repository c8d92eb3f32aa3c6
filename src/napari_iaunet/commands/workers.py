"""Processes that segment images, and never outlive the program that started them."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING

from napari_iaunet.errors import Cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from napari_iaunet.inference.progress import Progress

# Seconds that a worker may take to leave an image, which it does after each tile.
_GRACE = 20.0


@contextmanager
def pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes, with one thread each, for functions that are `at_work`.

    They end when this program does, even if that is killed, and at once when the body
    is left by an exception.
    """
    context = get_context("spawn")
    # Nothing is ever sent: the other end of a pipe notices when this one is closed.
    end, kept = context.Pipe(duplex=False)
    with (
        end,
        kept,
        ProcessPoolExecutor(
            processes, mp_context=context, initializer=_begin, initargs=(end,)
        ) as executor,
    ):
        try:
            yield executor
        except BaseException:
            kept.close()
            # Not each by itself: of a pool whose processes ended, Python 3.11 has those
            # that were cancelled fail, in a thread that prints why.
            executor.shutdown(cancel_futures=True)
            raise


# -- in the other process --------------------------------------------------------------

_stop, _busy = threading.Event(), threading.Lock()
_is_worker = False


@contextmanager
def at_work() -> Iterator[Progress | None]:
    """Give progress that raises `Cancelled` once a process of a `pool` is to end."""
    if not _is_worker:
        yield None
        return

    def ask(_done: int, _total: int) -> None:
        if _stop.is_set():
            raise Cancelled

    with _busy:
        ask(0, 1)
        yield ask


def _begin(end: Connection) -> None:
    global _is_worker
    _is_worker = True
    threading.Thread(target=_wait_for, args=(end,), daemon=True).start()
    # Ctrl+C and batch systems tell all processes at once. The first one ends the others
    # in order; one that is told alone leaves its image and ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Thread(target=_leave, daemon=True).start()
    )
    import torch

    torch.set_num_threads(1)


def _wait_for(end: Connection) -> None:
    with suppress(EOFError, OSError):
        end.recv()
    _leave()


def _leave() -> None:
    """End this process as soon as nothing half-written would stay behind."""
    _stop.set()
    _busy.acquire(timeout=_GRACE)
    os._exit(1)
