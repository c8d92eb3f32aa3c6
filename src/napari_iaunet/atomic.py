"""Write files and folders wholly or not at all."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, which takes its place at the end.

    If the body fails, nothing is left behind and an older ``path`` stays.

    Raises
    ------
    ImageError
        If the folder cannot be written to.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name[:80]}.", dir=path.parent))
    except OSError as error:
        raise _cannot_write(path, error) from error
    try:
        fresh = folder / path.name
        yield fresh
        _put(fresh, path, folder / "old")
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(fresh: Path, path: Path, old: Path) -> None:
    """Move ``fresh`` to ``path``; folders cannot be replaced in one step."""
    if path.is_dir():
        path.rename(old)
    try:
        fresh.replace(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise


def _cannot_write(path: Path, error: OSError) -> ImageError:
    return ImageError(f"{path} cannot be written: {error.strerror or error}.")
