"""What is said of files that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

# What tifffile says of files that are sound but that it cannot decode.
_FOREIGN = ("not supported", "not implemented", "unsupported", "not a known")


def reason(error: BaseException) -> str:
    """Tell what an error says, on one line and without a full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


def damaged(path: Path, error: BaseException) -> ImageError:
    """Return the error of a file that is damaged, or of a kind that is not known."""
    text = reason(error)
    if isinstance(error, NotImplementedError) or any(w in text for w in _FOREIGN):
        msg = f"{path} is of a kind that cannot be read ({text}); save it anew."
        return ImageError(msg)
    return ImageError(f"The file {path} is damaged or cut off: {text}.")
