"""The user's own models: keep, rename, delete, hand on as a zip file.

Whatever fails leaves the models as they were.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from napari_iaunet.atomic import replacing, settled
from napari_iaunet.errors import ModelError
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import (
    BUNDLED,
    CARD,
    CONFIG,
    WEIGHTS,
    list_models,
    user_models_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_iaunet.model.registry import ModelInfo

_FILES = (CONFIG, WEIGHTS, CARD)
# Short enough for a tab, and for a path on every system.
_LONGEST_NAME = 60
_FORBIDDEN = '/\\:*?"<>|'
# Device names of Windows, whatever their ending.
_RESERVED = {"con", "prn", "aux", "nul"} | {
    f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10)
}
# Bytes of a model that is unpacked: the largest that can be loaded, and its JSON. A
# larger file is no model, and might fill memory or the disk.
_LARGEST = 256 * 1024**2
# What a file raises that is no zip, is damaged, or has a password.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
)


def check_name(name: str, former: str = "") -> str:
    """Return a free name for a model without blanks around it.

    Parameters
    ----------
    name : str
    former : str
        That of the model itself, which may change between small and capital letters.

    Raises
    ------
    ModelError
        If it cannot be the name of a folder on every system, or is taken.
    """
    name = name.strip()
    if not name:
        raise ModelError("Give the model a name.")
    if len(name) > _LONGEST_NAME:
        raise ModelError(f"The name is longer than {_LONGEST_NAME} characters.")
    if any(c in _FORBIDDEN or not c.isprintable() for c in name):
        raise ModelError(f"A model's name cannot hold any of {' '.join(_FORBIDDEN)}")
    if name[0] == "." or name[-1] == "." or name.split(".")[0].lower() in _RESERVED:
        raise ModelError(f'"{name}" cannot be the name of a folder.')
    taken = {model.name.lower() for model in list_models()}
    is_taken = name.lower() in taken or (user_models_folder() / name).exists()
    if is_taken and name.lower() != former.lower():
        raise ModelError(f'There is a model "{name}" already.')
    return name


def keep(source: Path, name: str) -> Path:
    """Copy a model folder to the user's models under a name; returns its folder.

    Raises
    ------
    ModelError
        If the name cannot be used, the folder is no model, or the disk is full.
    """
    name = check_name(name)
    load_model(source)
    with _new_folder(name) as folder:
        for file in _FILES:
            if settled(source, file).is_file():
                shutil.copyfile(settled(source, file), folder / file)
    return user_models_folder() / name


def rename(name: str, new: str) -> Path:
    """Give one of the user's models another name; returns its folder.

    Raises
    ------
    ModelError
        If it is not the user's, or the new name cannot be used.
    """
    folder = _own(name)
    target = user_models_folder() / check_name(new, name)
    try:
        folder.rename(target)
    except OSError as error:
        raise ModelError(f'The model "{name}" cannot be renamed: {error}.') from error
    return target


def delete(name: str) -> None:
    """Delete one of the user's models.

    Raises
    ------
    ModelError
        If it is not the user's, or cannot be deleted.
    """
    folder = _own(name)
    # Out of sight in one step: half a model must never be picked.
    try:
        gone = Path(tempfile.mkdtemp(prefix=".deleted-", dir=folder.parent))
        folder.rename(gone / folder.name)
    except OSError as error:
        raise ModelError(f'The model "{name}" cannot be deleted: {error}.') from error
    shutil.rmtree(gone, ignore_errors=True)


def export(name: str, path: Path) -> None:
    """Write a model into a zip file.

    Raises
    ------
    ModelError
        If there is no such model or the file cannot be written.
    """
    model = _named(name)
    with (
        replacing(path, ModelError) as fresh,
        zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for file in _FILES:
            if settled(model.path, file).is_file():
                archive.write(settled(model.path, file), f"{name}/{file}")


def import_zip(path: Path, name: str | None = None) -> Path:
    """Take a model out of a zip file into the user's models; returns its folder.

    Parameters
    ----------
    path : Path
    name : str, optional
        That of the folder in the zip file, or of the file itself, if left out.

    Raises
    ------
    ModelError
        If the file holds no model, or something is wrong with it or with the name.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = _model_files(archive, path)
            inner = PurePosixPath(files[CONFIG].filename).parent.name
            name = check_name(name or inner or path.stem)
            contents = {file: archive.read(entry) for file, entry in files.items()}
    except _UNREADABLE as error:
        raise ModelError(f"{path} is not a readable zip file.") from error
    with _new_folder(name) as folder:
        for file, content in contents.items():
            (folder / file).write_bytes(content)
        load_model(folder)
    return user_models_folder() / name


def _model_files(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """Find the files of the one model in a zip file; others are never unpacked."""
    places = [
        PurePosixPath(entry.filename).parent
        for entry in archive.infolist()
        if PurePosixPath(entry.filename).name == CONFIG
    ]
    if len(places) != 1:
        count = "no model" if not places else "more than one model"
        raise ModelError(f"{path} holds {count} of napari-iaunet.")
    names = set(archive.namelist())
    found = {
        file: archive.getinfo(str(places[0] / file))
        for file in _FILES
        if str(places[0] / file) in names
    }
    if sum(entry.file_size for entry in found.values()) > _LARGEST:
        raise ModelError(f"{path} holds a model that is too large.")
    return found


def _named(name: str) -> ModelInfo:
    """Return the model of a name; unlike for `find_model`, a folder is none."""
    model = next((m for m in list_models() if m.name == name), None)
    if model is None:
        raise ModelError(f'There is no model "{name}".')
    return model


def _own(name: str) -> Path:
    """Folder of one of the user's models."""
    model = _named(name)
    if BUNDLED in model.path.parents:
        raise ModelError(f'"{name}" came with the plugin and stays as it is.')
    return model.path


@contextmanager
def _new_folder(name: str) -> Iterator[Path]:
    """Give a folder that becomes the user's model at the end."""
    models = user_models_folder()
    try:
        models.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(f"{models} cannot be written to: {error}.") from error
    # Another program may have saved a model of this name since `check_name`.
    with replacing(models / name, ModelError, lambda _: False) as folder:
        folder.mkdir()
        yield folder
