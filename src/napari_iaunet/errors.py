"""Errors whose message is one sentence that a user can read and act on."""


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
