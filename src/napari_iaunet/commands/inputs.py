"""Which images a command is about, and where its results go."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iaunet.commands.common import images_in
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

TIFF = (".tif", ".tiff")
_PICTURES = (".png", ".jpg", ".jpeg")
_NOT_INPUTS = ("_mask", "_overlay")


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Files, OME-Zarr folders, images in folders and matches of patterns."""
    from napari_iaunet.io.ome_zarr import is_zarr

    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir() and not is_zarr(path):
            inside = [p for p in images_in(path) if not p.stem.endswith(_NOT_INPUTS)]
            if not inside:
                msg = f"The folder {path} has no PNG, JPEG, TIFF or OME-Zarr images."
                raise ImageError(msg)
            found += inside
        elif not path.exists() and glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - may be absolute
            if not matches:
                raise ImageError(f"No file matches {text}.")
            paths = [Path(match) for match in matches]
            # Results of an earlier run may lie beside the images.
            found += [p for p in paths if not p.stem.endswith(_NOT_INPUTS)] or paths
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def find_targets(inputs: Sequence[Path], out: Path, name: str) -> list[Path]:
    """Where the labels of each input go; ``labels/NAME`` within an OME-Zarr image.

    Inputs of the same name, from several folders, go to such folders again.
    """
    from napari_iaunet.io.ome_zarr import image_folder, is_zarr

    if len(inputs) == 1 and out.exists() and out.resolve() == inputs[0].resolve():
        if not out.is_dir():
            msg = f"{out} is the image itself; name another file or a folder."
            raise ImageError(msg)
        return [image_folder(out) / "labels" / name]
    suffix = out.suffix.lower()
    if suffix in (*TIFF, ".zarr") and (is_zarr(out) or not out.is_dir()):
        if len(inputs) > 1:
            msg = f"Several images cannot go to the one file {out}; name a folder."
            raise ImageError(msg)
        return [out]
    if suffix in _PICTURES and not out.is_dir():
        msg = f"Labels are written as TIFF or OME-Zarr, not as {suffix}: {out}."
        raise ImageError(msg)
    if out.exists() and not out.is_dir():
        raise ImageError(f"{out} is a file, not a folder.")
    names = [name_of(path) for path in inputs]
    if len(set(names)) < len(names):
        names = [f"{place}{n}" for place, n in zip(_places(inputs), names, strict=True)]
    first: dict[str, Path] = {}
    for path, named in zip(inputs, names, strict=True):
        # Beside the labels, tables and pictures have the same name.
        if first.setdefault(named, path) is not path:
            msg = f"{first[named]} and {path} would both be written to {out / named}."
            raise ImageError(msg)
    suffixes = [".zarr" if path.is_dir() else ".tif" for path in inputs]
    return [out / f"{n}_mask{end}" for n, end in zip(names, suffixes, strict=True)]


def name_of(path: Path) -> str:
    """Name of an input without its ending; of a field of a plate with its place."""
    if path.is_dir() and path.suffix != ".zarr":
        for store in path.parents:
            if store.suffix == ".zarr":
                return "_".join((store.stem, *path.relative_to(store).parts))
    return path.stem


def _places(inputs: Sequence[Path]) -> list[str]:
    """Folder of each input below the one that they share, with a slash at its end."""
    folders = [path.absolute().parent for path in inputs]
    shared = Path(os.path.commonpath(folders))
    places = [folder.relative_to(shared).as_posix() for folder in folders]
    return ["" if place == "." else f"{place}/" for place in places]
