"""Load torch without freezing the window."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from pathlib import Path


def load_torch() -> None:
    """Import torch in a worker thread.

    Opening its largest library takes 0.2 s and more, in which ``import`` lets no
    other Python thread run. Opened through a foreign function beforehand, all
    others run on; the import then finds the library in memory. On Windows torch
    does so itself.
    """
    if "torch" in sys.modules or sys.platform == "win32":
        return
    spec = importlib.util.find_spec("torch")
    if spec is not None and spec.origin is not None:
        suffix = "dylib" if sys.platform == "darwin" else "so"
        library = Path(spec.origin).parent / "lib" / f"libtorch_cpu.{suffix}"
        open_library = ctypes.CDLL(None).dlopen
        open_library.argtypes = (ctypes.c_char_p, ctypes.c_int)
        open_library.restype = ctypes.c_void_p
        # If this fails, the import says why.
        open_library(os.fsencode(library), os.RTLD_NOW | os.RTLD_LOCAL)
    import torch  # noqa: F401
