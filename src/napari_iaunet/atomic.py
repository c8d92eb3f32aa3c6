"""The one way to write a file or a folder: wholly, or not at all.

If the writing fails, nothing is left behind and what was there before stays.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_iaunet.errors import IAUNetError

# Of several files, all are written: what is left is to move them.
_WRITTEN = ".written"


@contextmanager
def replacing(path: Path, error: type[IAUNetError]) -> Iterator[Path]:
    """Give a path for a new file or folder, which takes the place of `path` at the end.

    Parameters
    ----------
    path : Path
        Of a file or a folder, which may exist; the folder it lies in must exist.
    error : subclass of IAUNetError
        What an OSError, also one of the body, becomes.
    """
    with _reported(path, error), _temporary(path.parent, path.name) as folder:
        yield folder / path.name
        _put(folder / path.name, path)


@contextmanager
def replacing_files(folder: Path, error: type[IAUNetError]) -> Iterator[Path]:
    """Give a new folder whose files, at the end, are moved into `folder` together.

    If the program is killed while it moves them, `finish_replacing` does the rest.

    Parameters
    ----------
    folder : Path
        Made if needed; files of other names in it stay.
    error : subclass of IAUNetError
        What an OSError, also one of the body, becomes.
    """
    with _reported(folder, error):
        folder.mkdir(parents=True, exist_ok=True)
        finish_replacing(folder)
        with _temporary(folder, "files") as fresh:
            yield fresh
            for file in fresh.iterdir():
                _flush(file)
            fresh.replace(folder / _WRITTEN)
        finish_replacing(folder)


def finish_replacing(folder: Path) -> None:
    """Move the files of `replacing_files` that a killed program did not move."""
    written = folder / _WRITTEN
    if written.is_dir():
        for file in written.iterdir():
            file.replace(folder / file.name)
        written.rmdir()


def move_into_place(fresh: Path, path: Path, error: type[IAUNetError]) -> None:
    """Replace `path` by a finished file or folder of the same disk.

    Parameters
    ----------
    fresh, path : Path
    error : subclass of IAUNetError
        What an OSError becomes.
    """
    with _reported(path, error):
        _put(fresh, path)


def write_bytes(path: Path, content: bytes, error: type[IAUNetError]) -> None:
    """Write a file; `error` is what an OSError becomes."""
    with replacing(path, error) as fresh:
        fresh.write_bytes(content)


def write_json(path: Path, values: Mapping[str, Any], error: type[IAUNetError]) -> None:
    """Write values as JSON that people can read, too."""
    write_bytes(path, json_bytes(values), error)


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """Return what `write_json` writes."""
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode()


@contextmanager
def _reported(path: Path, error: type[IAUNetError]) -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        reason = failure.strerror or failure
        raise error(f"{path} cannot be written: {reason}.") from failure


@contextmanager
def _temporary(parent: Path, name: str) -> Iterator[Path]:
    """Make a hidden folder, which is removed with what is left in it."""
    # Names of files have 255 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix=f".{name[:80]}.", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put(fresh: Path, path: Path) -> None:
    """Move `fresh` to `path`; a folder there cannot be replaced in one step."""
    if fresh.is_file():
        _flush(fresh)
    old = fresh.with_name(f"{fresh.name}.old")
    if path.is_dir():
        path.rename(old)
    try:
        fresh.replace(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _flush(file: Path) -> None:
    """Have a file's content on the disk before its name, should power fail."""
    with file.open("r+b") as stream:
        os.fsync(stream.fileno())
