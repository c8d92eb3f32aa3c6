"""Folders in which the cells of large images are kept while layers show them."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import time
from typing import TYPE_CHECKING

from napari_iaunet.errors import ImageError
from napari_iaunet.model.registry import user_models_folder
from napari_iaunet.plugin import owners

if TYPE_CHECKING:
    from pathlib import Path

_FINISHED = "finished"
# What was begun and never finished is forgotten after two weeks, in seconds.
_FORGOTTEN = 14 * 24 * 3600.0


def folder_for(request: str) -> Path:
    """Return the folder in which a request was begun, or a new one.

    Parameters
    ----------
    request : str
        Everything that decides about the result.

    Raises
    ------
    ImageError
        If the user's folder cannot be written to.
    """
    home = _home()
    name = hashlib.sha256(request.encode()).hexdigest()[:16]
    try:
        home.mkdir(parents=True, exist_ok=True)
        _forget(home)
        for number in itertools.count(1):
            folder = home / (name if number == 1 else f"{name}-{number}")
            if not is_finished(folder) and not owners.is_others(folder):
                folder.mkdir(exist_ok=True)
                owners.take(folder)
                return folder
    except OSError as error:
        msg = f"{home} cannot be written to: {error.strerror or error}."
        raise ImageError(msg) from error
    raise AssertionError


def is_finished(folder: Path) -> bool:
    """Whether a folder holds all cells of its image."""
    return (folder / _FINISHED).exists()


def finish(folder: Path) -> None:
    """Note that a folder holds all cells of its image."""
    (folder / _FINISHED).touch()


def _home() -> Path:
    return user_models_folder().parent / "cells"


def _forget(home: Path) -> None:
    """Remove what no layer shows any more and nobody will go on with."""
    for folder in home.iterdir():
        if not folder.is_dir() or owners.is_owned(folder):
            continue
        old = time.time() - folder.stat().st_mtime > _FORGOTTEN
        if old or is_finished(folder):
            shutil.rmtree(folder, ignore_errors=True)
