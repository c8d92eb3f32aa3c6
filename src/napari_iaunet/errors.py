"""Errors whose message is one sentence that a user can read and act on."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class IAUNetError(ValueError):
    """Base of all errors that are the input's fault, not the program's."""


class ImageError(IAUNetError):
    """The image, its channels, its file or the diameter cannot be used."""


class ModelError(IAUNetError):
    """The model folder is missing, damaged, foreign or of another version."""


class TrainingError(IAUNetError):
    """The training data or the training's parameters cannot be used."""


class DeviceError(IAUNetError):
    """The requested device does not exist on this machine."""


class InstallationError(IAUNetError, ImportError):
    """PyTorch, or something that it needs, is missing or broken."""


class Cancelled(Exception):
    """Raised by a progress callback to stop a long computation."""


_MEMORY_WORDS = (
    "out of memory",
    "allocate memory",
    "not enough memory",
    "bad_alloc",
    "bad allocation",
)


def is_lack_of_memory(error: BaseException) -> bool:
    """Whether an error of Python, a library or a graphics card says memory is full."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(w in text for w in _MEMORY_WORDS)


_WITHOUT_TORCH = (
    "PyTorch is not installed. This installs it: python -m pip install torch"
)
_BROKEN_TORCH = (
    "PyTorch is installed but cannot be loaded ({}). Install it again: "
    "python -m pip install --force-reinstall torch"
)
# Of what the system says about a library: one line, not a page.
_REASON = 200


@contextmanager
def import_explained() -> Iterator[None]:
    """Raise an InstallationError if an error in here comes from importing PyTorch."""
    try:
        yield
    except Exception as error:
        text = _about_torch(error)
        if not text:
            raise
        raise InstallationError(text) from error


def _about_torch(error: Exception) -> str:
    """Return what to do if an error comes from importing PyTorch; else ""."""
    if isinstance(error, ImportError) and error.name == "torch":
        return _WITHOUT_TORCH
    frames = (frame.f_globals for frame, _ in walk_tb(error.__traceback__))
    modules = {str(names.get("__name__")).partition(".")[0] for names in frames}
    if "torch" not in modules or "torch" in sys.modules:
        return ""
    reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
    return _BROKEN_TORCH.format(reason[:_REASON])
