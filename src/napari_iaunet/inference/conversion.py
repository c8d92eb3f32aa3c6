"""Find out beforehand whether OpenVINO is faster, in a process of its own.

``python -m napari_iaunet.inference.conversion FOLDER`` converts the network of a
model's folder and times both engines, at low priority, once for a machine. It ends when
stdin does, for then nobody waits for it any more.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, TextIO

import psutil
from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from pathlib import Path

# So that what the user does meanwhile is hardly slowed down.
_NICENESS = 19


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start such a process for a model's folder; close its stdin to end it."""
    command = [sys.executable, "-m", __name__, str(folder)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows
    )


def main(folder: str, orders: TextIO) -> int:
    """Do what the module does; returns the exit status."""
    threading.Thread(target=_end_with, args=(orders,), daemon=True).start()
    _give_way()
    # Imported here, so that a process which nobody waits for ends at once.
    import torch

    from napari_iaunet.inference.backend import Backend
    from napari_iaunet.inference.engines import cache_folder
    from napari_iaunet.model.checkpoint import load_model

    network, _ = load_model(folder)
    home = cache_folder(network).parent
    home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(home / "lock", blocking=False):
            Backend(network, torch.device("cpu"))
    except Timeout:  # another window is at it
        return 1
    return 0


def _end_with(orders: TextIO) -> None:
    orders.read()
    os._exit(1)


def _give_way() -> None:
    low = psutil.IDLE_PRIORITY_CLASS if psutil.WINDOWS else _NICENESS
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.stdin))
