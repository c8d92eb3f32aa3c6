"""Load large libraries without freezing the window."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path


def load_torch() -> None:
    """Import torch, and what comes with it, never stopping other threads for long.

    To be called in a worker thread.

    While a library is opened no other Python thread runs. The largest one is opened
    beforehand through a foreign function, which lets them; the import then finds it
    in memory.

    The longest gap in the window while torch loads and a first image is encoded was,
    on two busy cores: neither about 1.3 s (2 runs), library opened beforehand about
    0.4 s (6 runs).
    """
    if "torch" in sys.modules:
        return
    _open_largest_library()
    importlib.import_module("torch")
    # Else the first prediction imports the one, the first layer the other.
    for name in ("torch._decomp", "pandas"):
        with suppress(ImportError):
            importlib.import_module(name)


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
