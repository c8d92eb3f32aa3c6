"""Load large libraries without freezing the window."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def load_torch() -> None:
    """Import torch, and what comes with it, never stopping other threads for long.

    To be called in a worker thread.

    While a library is opened or the garbage collector runs, no other Python thread
    does. The largest library takes 0.2 s; opened beforehand through a foreign
    function, which lets other threads run, it is found in memory by the import.
    Half a million new objects make the collector run again and again.
    """
    if "torch" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        _open_largest_library()
        importlib.import_module("torch")
        # Else the first prediction imports the one, the first layer the other.
        for name in ("torch._decomp", "pandas"):
            with suppress(ImportError):
                importlib.import_module(name)
    finally:
        # Counts all objects as old, so that they are not looked through at once.
        gc.freeze()
        gc.unfreeze()
        if collects:
            gc.enable()


def _open_largest_library() -> None:
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None or sys.platform == "win32":
        return  # on Windows torch does it in the same way
    suffix = "dylib" if sys.platform == "darwin" else "so"
    library = Path(spec.origin).parent / "lib" / f"libtorch_cpu.{suffix}"
    open_library = ctypes.CDLL(None).dlopen
    open_library.argtypes = (ctypes.c_char_p, ctypes.c_int)
    open_library.restype = ctypes.c_void_p
    # If this fails, the import says why.
    open_library(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL)


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
