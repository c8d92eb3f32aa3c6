"""The one way to write a file or a folder: wholly, or not at all.

If the writing fails, nothing is left behind and what was there before stays; if the
program dies, or power fails, there is either what was there before or all that is new.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari_iaunet.errors import IAUNetError

# A name has 255 bytes at most, and a letter up to four; so many leave room for
# what is added.
_LONG = 200
# Of several files, all are written: what is left is to move them.
_WRITTEN = ".written"
# How often what a failure leaves is removed, and the seconds between: a chunk of zarr,
# of which some may be on their way, takes less to write.
_TRIES, _PAUSE = 5, 0.05


@contextmanager
def replacing(
    path: Path,
    error: type[IAUNetError],
    ours: Callable[[Path], bool] | None = None,
) -> Iterator[Path]:
    """Give a path for a new file or folder, which takes the place of `path` at the end.

    A file never takes the place of a folder, nor the other way round.

    Parameters
    ----------
    path : Path
        Of a file or a folder, which may exist; the folder it lies in must exist.
    error : subclass of IAUNetError
        What an OSError, also one of the body, becomes.
    ours : callable, optional
        Whether an existing folder may be replaced; if left out, any may.
    """
    with _reported(path, error):
        _put_back(path)
        with _temporary(path.parent, path.name) as folder:
            yield folder / path.name
            _put(folder / path.name, path, ours)


@contextmanager
def replacing_files(folder: Path, error: type[IAUNetError]) -> Iterator[Path]:
    """Give a new folder whose files, at the end, are moved into `folder` together.

    If the program dies while it moves them, `settled` tells where each one is, and
    `finish_replacing` does the rest.

    Parameters
    ----------
    folder : Path
        Made if needed; files of other names in it stay.
    error : subclass of IAUNetError
        What an OSError, also one of the body, becomes.
    """
    with _reported(folder, error):
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        finish_replacing(folder)
        try:
            with _temporary(folder, "files") as fresh:
                yield fresh
                sync(fresh)
                fresh.replace(folder / _WRITTEN)
                _sync_one(folder)
        except BaseException:
            if made:
                with suppress(OSError):  # unless something is in it
                    folder.rmdir()
            raise
        finish_replacing(folder)


def write_files(
    folder: Path, files: Mapping[str, bytes], error: type[IAUNetError]
) -> None:
    """Write files as `replacing_files` does."""
    with replacing_files(folder, error) as fresh:
        for name, content in files.items():
            (fresh / name).write_bytes(content)


def finish_replacing(folder: Path) -> None:
    """Move the files of `replacing_files` that a killed program did not move."""
    written = folder / _WRITTEN
    if not written.is_dir():
        return
    for file in written.iterdir():
        # Another program may be doing the same.
        with suppress(FileNotFoundError):
            file.replace(folder / file.name)
    _sync_one(folder)
    with suppress(OSError):
        written.rmdir()


def settled(folder: Path, name: str) -> Path:
    """Where a file of `replacing_files` is; that one may not have been moved yet."""
    written = folder / _WRITTEN / name
    return written if written.is_file() else folder / name


@contextmanager
def together(folder: Path, error: type[IAUNetError]) -> Iterator[Path]:
    """Give a new folder whose files are moved into `folder` if all could be written.

    Parameters
    ----------
    folder : Path
        Must exist; files of other names in it stay.
    error : subclass of IAUNetError
        What an OSError, also one of the body, becomes.
    """
    with _reported(folder, error), _temporary(folder, "files") as fresh:
        try:
            yield fresh
        except error as failure:
            # Nobody knows the new folder.
            known = str(failure).replace(str(fresh), str(folder))
            raise error(known) from failure
        for file in fresh.iterdir():
            _put(file, folder / file.name, None)


def move_into_place(
    fresh: Path,
    path: Path,
    error: type[IAUNetError],
    ours: Callable[[Path], bool] | None = None,
) -> None:
    """Replace `path` by a finished file or folder of the same disk.

    Parameters
    ----------
    fresh, path : Path
    error : subclass of IAUNetError
        What an OSError becomes.
    ours : callable, optional
        As for `replacing`; the folder that is replaced may be left at `fresh`.
    """
    with _reported(path, error):
        _put_back(path)
        _put(fresh, path, ours)


def write_bytes(path: Path, content: bytes, error: type[IAUNetError]) -> None:
    """Write a file; `error` is what an OSError becomes."""
    with replacing(path, error) as fresh:
        fresh.write_bytes(content)


def write_json(path: Path, values: Mapping[str, Any], error: type[IAUNetError]) -> None:
    """Write values as JSON that people can read, too."""
    write_bytes(path, json_bytes(values), error)


def json_bytes(values: Mapping[str, Any]) -> bytes:
    """Return what `write_json` writes."""
    return (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode(
        # Names that are not UTF-8, as JSON has them.
        errors="backslashreplace"
    )


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
    folder = Path(tempfile.mkdtemp(prefix=f".{name[:40]}.", dir=parent))
    try:
        yield folder
    except BaseException:
        # zarr may still be writing in other threads, which make folders again.
        for _ in range(_TRIES):
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(_PAUSE)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# -- putting things in place ----------------------------------------------------------


def _put(fresh: Path, path: Path, ours: Callable[[Path], bool] | None) -> None:
    """Move `fresh` to `path`, on the disk as well, should power fail afterwards."""
    sync(fresh)
    if path.is_dir():
        if not fresh.is_dir() or (ours and not ours(path)):
            raise FileExistsError(errno.EEXIST, "there is a folder of this name")
        if not _exchange(fresh, path):
            _replace_folder(fresh, path)
    elif fresh.is_dir() and path.exists():
        raise FileExistsError(errno.EEXIST, "there is a file of this name")
    else:
        fresh.replace(path)
    _sync_one(path.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where system or disk cannot do that."""
    names = os.fsencode(one), os.fsencode(other)
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = system.renamex_np(*names, 2)  # RENAME_SWAP
        else:
            here = -100  # AT_FDCWD: names are as for everything else
            failed = system.renameat2(here, names[0], here, names[1], 2)
    except (OSError, TypeError, AttributeError):
        return False
    return int(failed) == 0


def _replace_folder(fresh: Path, path: Path) -> None:
    """Replace a folder in two steps; `_put_back` helps if the program dies between."""
    aside = hidden(path, "replaced")
    path.rename(aside)
    try:
        fresh.replace(path)
    except OSError:
        aside.rename(path)
        raise
    _sync_one(path.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _put_back(path: Path) -> None:
    """Bring back the folder that `_replace_folder` had put aside when it was killed."""
    aside = hidden(path, "replaced")
    if not aside.is_dir():
        return
    if path.exists():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.rename(path)


def hidden(path: Path, end: str) -> Path:
    """Name a hidden file or folder beside one, for that one alone."""
    name = path.name
    if len(os.fsencode(name)) > _LONG:
        name = f"{name[:40]}.{sha256(os.fsencode(name)).hexdigest()[:16]}"
    return path.with_name(f".{name}.{end}")


# -- the disk -------------------------------------------------------------------------


def sync(path: Path, *, deep: bool = True) -> None:
    """Have a file or a folder on the disk, should power fail.

    Of a folder, all that is in it; without `deep`, not what lies in its folders.
    """
    for folder, inside, files in os.walk(path):
        for name in files:
            _sync_one(Path(folder, name))
        _sync_one(Path(folder))
        if not deep:
            inside.clear()
    if path.is_file():
        _sync_one(path)


def _sync_one(path: Path) -> None:
    if path.is_dir():
        if sys.platform == "win32":  # which writes folders by itself
            return
        handle = os.open(path, os.O_RDONLY)
    else:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(handle)
    except OSError as failure:
        # Some disks of networks cannot do that with folders.
        if failure.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)
