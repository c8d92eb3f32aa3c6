"""Which images a command is about, and where its results go."""

from __future__ import annotations

import glob
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iaunet.commands.common import images_in
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOT_INPUTS = ("_mask", "_overlay")


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Files, OME-Zarr folders, images in folders and matches of patterns."""
    from napari_iaunet.omezarr import is_zarr

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
                msg = f"No file matches {text}."
                raise ImageError(msg)
            found += map(Path, matches)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def find_targets(inputs: Sequence[Path], out: Path, name: str) -> list[Path]:
    """Where the labels of each input go; ``labels/NAME`` within an OME-Zarr image."""
    if len(inputs) == 1 and out.exists() and out.resolve() == inputs[0].resolve():
        if not out.is_dir():
            msg = f"{out} is the image itself; name another file or a folder."
            raise ImageError(msg)
        return [out / "labels" / name]
    if out.suffix.lower() in (".tif", ".tiff", ".zarr") and not _plain_folder(out):
        if len(inputs) > 1:
            msg = f"Several images cannot go to the one file {out}; name a folder."
            raise ImageError(msg)
        return [out]
    if out.exists() and not out.is_dir():
        msg = f"{out} is a file, not a folder."
        raise ImageError(msg)
    targets = []
    for path in inputs:
        suffix = ".zarr" if path.suffix == ".zarr" else ".tif"
        targets.append(out / f"{path.stem}_mask{suffix}")
    for i, target in enumerate(targets):
        if target in targets[:i]:
            first = inputs[targets.index(target)]
            msg = f"{first} and {inputs[i]} would both be written to {target}."
            raise ImageError(msg)
    return targets


def _plain_folder(path: Path) -> bool:
    from napari_iaunet.omezarr import is_zarr

    return path.is_dir() and not is_zarr(path)
