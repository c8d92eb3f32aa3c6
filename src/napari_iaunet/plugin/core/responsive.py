"""Load large libraries without freezing the window."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iaunet.errors import import_explained

if TYPE_CHECKING:
    from collections.abc import Iterator


def load_torch() -> None:
    """Import torch, and what comes with it, never stopping other threads for long.

    To be called in a worker thread. Raises `InstallationError` if that is impossible.

    While a library is opened or the garbage collector runs, no other Python thread
    does. The largest library is opened beforehand through a foreign function, which
    lets them; the import then finds it in memory. Half a million new objects would
    make the collector look through everything again and again, the last time within
    one of the first clicks, so it pauses: the only switch of the whole process.

    Measured by turns with the pause and without it, two runs each on two busy cores:
    longest gap in the window while torch loads and a first image is encoded 0.08 and
    0.12 s against 0.39 and 0.22 s, at the first two clicks 0.32 and 0.37 s against
    1.04 and 0.95 s. Without the library opened beforehand the first gap was 0.9 s.
    """
    if "torch" in sys.modules:
        return
    collects = gc.isenabled()
    gc.disable()
    try:
        _open_largest_library()
        with import_explained():
            importlib.import_module("torch")
        # Else the first prediction imports the one, the first layer the other.
        for name in ("torch._decomp", "pandas"):
            with suppress(ImportError):
                importlib.import_module(name)
    finally:
        # Counts the new objects as old: else they are looked through at once.
        gc.freeze()
        gc.unfreeze()
        if collects:
            gc.enable()


@contextmanager
def removed_swiftly() -> Iterator[None]:
    """Let napari remove layers without looking through all objects of the program.

    With each layer that goes, napari collects garbage, which takes half a second once
    torch is loaded. Within this context only what is made there is looked through; what
    the layers leave behind is found by a later collection, so they should be small. On
    Windows napari's way stays: there some drivers need it.

    Measured on two busy cores with torch loaded: an image and its labels are removed in
    37 and 100 ms against 490 and 520 ms.
    """
    if sys.platform == "win32" or gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


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
