"""What is said of files that cannot be read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

# What libraries say of files that are sound but that they cannot decode.
_FOREIGN = (
    *("not supported", "not implemented", "unsupported", "not a known"),
    *("not available", "Unknown codec"),
)
_ADVICE = "Copy it again from where it came from, or save it anew."


def reason(error: BaseException) -> str:
    """Tell what an error says, on one line and without a full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


def damaged(path: Path, error: BaseException) -> ImageError:
    """Return the error of a file that is damaged, or of a kind that is not known.

    What a library says of damage means nothing to who has the file; it is logged.
    """
    return _error(f"The file {path} is damaged or cut off", path, error)


def damaged_store(path: Path, error: BaseException) -> ImageError:
    """Return what `damaged` does, for the folder of a zarr store."""
    return _error(f"The zarr folder {path} is damaged or incomplete", path, error)


def _error(sentence: str, path: Path, error: BaseException) -> ImageError:
    text = reason(error)
    known = isinstance(error, TypeError)  # of numbers that are none
    if isinstance(error, NotImplementedError) or (
        not known and any(words in text for words in _FOREIGN)
    ):
        msg = f"{path} is of a kind that cannot be read ({text}); save it anew."
        return ImageError(msg)
    log.debug("%s: %s: %s", path, type(error).__name__, text)
    return ImageError(f"{sentence}. {_ADVICE}")
