"""Which images a command is about, and where its results go."""

from __future__ import annotations

import glob
import logging
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iaunet.commands.common import images_in
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

TIFF = (".tif", ".tiff")
_PICTURES = (".png", ".jpg", ".jpeg")
_NOT_INPUTS = ("_mask", "_overlay")
# What other programs put beside an image: cells, where they are known, and pictures.
_BESIDE_IMAGES = (
    r"((cp[-_ ])?masks?|labels?)([-_ ]?\(?\d+\)?)?|cp[-_](output|outlines)|flows"
    r"|lbl|lbl[-_ ]?img|label[-_ ]?(images?|maps?)|labell?ed|cell[-_ ]?masks?"
    r"|instances?|outlines|pred|predictions?|region|seg|segmented|cellpose|stardist"
    r"|((simple|object) )?(segmentation|predictions|identities|probabilities)"
    r"( stage \d)?"
)
_AFTER_IMAGES = re.compile(rf"[-_. ]({_BESIDE_IMAGES})", re.IGNORECASE)
_BEFORE_IMAGES = re.compile(rf"({_BESIDE_IMAGES})[-_. ]", re.IGNORECASE)
_BETWEEN = "-_. "


def find_images(inputs: Sequence[str]) -> list[Path]:
    """Files, OME-Zarr folders, images in folders and matches of patterns.

    An OME-Zarr plate stands for its images.

    Of folders and patterns, results of this program are left out, and labels of other
    programs beside their images, of which a log line tells.
    """
    from napari_iaunet.io.ome_zarr import fields_of, is_zarr
    from napari_iaunet.io.paths import local_path

    found: list[Path] = []
    for text in inputs:
        path = local_path(text)
        if path.is_dir() and not is_zarr(path):
            inside = only_images(images_in(path))
            if not inside:
                msg = f"The folder {path} has no PNG, JPEG, TIFF or OME-Zarr images."
                raise ImageError(msg)
            found += inside
        elif not path.exists() and glob.has_magic(text):
            paths = _matches(str(path))
            if not paths:
                raise ImageError(f"No file matches {text}.")
            found += only_images(paths) or paths
        else:
            found.append(path)
    found = [image for path in found for image in fields_of(path) or [path]]
    return list(dict.fromkeys(found))


def _matches(pattern: str) -> list[Path]:
    """Files that match a pattern; folders that are there may have brackets as names."""
    path = Path(pattern)
    there = next(folder for folder in path.parents if folder.is_dir())
    within = glob.escape(str(there))
    rest = str(path.relative_to(there))
    # As in a shell, brackets hold letters to choose from; but they may be meant.
    for tried in (rest, rest.replace("[", "[[]")):
        matches = glob.glob(os.path.join(within, tried), recursive=True)  # noqa: PTH118, PTH207 - escaped
        if matches:
            return sorted(map(Path, matches))
    return []


def only_images(paths: Sequence[Path]) -> list[Path]:
    """Leave out results, and what belongs to another one of the files.

    Of labels of other programs a log line tells.
    """
    images = [path for path in paths if not _is_result(path)]
    names: dict[Path, set[str]] = {}
    for path in images:
        stem = path.stem.removesuffix(".ome")
        names.setdefault(path.parent, set()).update((stem, stem.removesuffix("_img")))
    others = [p for p in images if _belongs_to_one_of(names[p.parent], p.stem)]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        log.warning(
            "%s: left out as labels of the images beside: %s%s; what is named one by "
            "one is segmented.",
            others[0].parent,
            others[0].name,
            more,
        )
    return [path for path in images if path not in others]


def _is_result(path: Path) -> bool:
    """Whether this program wrote a file, by its name or by what it says itself.

    A zarr store of labels is none of images, whoever wrote it.
    """
    from napari_iaunet.io.ome_zarr import holds_labels
    from napari_iaunet.io.ours import PROGRAM, writer_of

    if path.stem.endswith(_NOT_INPUTS):
        return True
    if path.is_dir():
        return holds_labels(path)
    # Of a pipe nobody knows whether it ends.
    return path.is_file() and writer_of(path) == PROGRAM


def _belongs_to_one_of(names: set[str], stem: str) -> bool:
    """Whether a file is called as what another program makes of one of the others.

    There may be a word in between, such as in "a_nuclei_masks" beside "a".
    """
    cuts = [i for i, letter in enumerate(stem) if letter in _BETWEEN]
    for cut in cuts:
        if _AFTER_IMAGES.fullmatch(stem[cut:]):
            rest = stem[:cut]
            if rest in names or any(rest[:i] in names for i in cuts if i < cut):
                return True
        if _BEFORE_IMAGES.fullmatch(stem[: cut + 1]) and stem[cut + 1 :] in names:
            return True
    return False


def find_targets(
    inputs: Sequence[Path], out: Path, name: str, series: Sequence[int | None]
) -> list[Path]:
    """Where the labels of each input go; ``labels/NAME`` within an OME-Zarr image.

    Inputs of the same name, from several folders, go to such folders again. ``series``
    are the numbers of the images within the inputs, as far as they were given; an input
    stands there once for each of its images.
    """
    from napari_iaunet.io.ome_zarr import fields_of, image_folder, is_zarr

    if len(set(inputs)) == 1 and out.exists() and out.resolve() == inputs[0].resolve():
        if not out.is_dir():
            msg = f"{out} is the image itself; name another file or a folder."
            raise ImageError(msg)
        within = [image_folder(out, number) / "labels" / name for number in series]
        if len(set(within)) < len(within):
            msg = f"The images in {out} share one folder for labels: name another one."
            raise ImageError(msg)
        return within
    if fields_of(out) and all(out.resolve() in p.resolve().parents for p in inputs):
        return [path / "labels" / name for path in inputs]
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
    names = [name_of(p, number) for p, number in zip(inputs, series, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{place}{n}" for place, n in zip(_places(inputs), names, strict=True)]
    folds = _folds_names(out)
    first: dict[str, Path] = {}
    for path, named in zip(inputs, names, strict=True):
        # Beside the labels, tables and pictures have the same name.
        key = _folded(named) if folds else named
        if key in first:
            msg = f"{first[key]} and {path} would both be written to {out / named}."
            raise ImageError(msg)
        first[key] = path
    suffixes = [".zarr" if path.is_dir() else ".tif" for path in inputs]
    return [out / f"{n}_mask{end}" for n, end in zip(names, suffixes, strict=True)]


def check_inputs_stay(inputs: Sequence[Path], targets: Sequence[Path]) -> None:
    """Raise ImageError if what is written for one image would replace another one."""
    files = {_identity(path): path for path in inputs if path.exists()}
    for path, target in zip(inputs, targets, strict=True):
        picture = target.with_name(f"{target.stem.removesuffix('_mask')}_overlay.png")
        for written in (target, picture):
            lost = files.get(_identity(written)) if written.exists() else None
            if lost is not None:
                msg = f"The result of {path} would replace the image {lost}."
                raise ImageError(f"{msg} Name another output.")


def _identity(path: Path) -> tuple[int, int]:
    """Tell files apart whatever links lead to them."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _folds_names(folder: Path) -> bool:
    """Whether the disk of a folder takes names for one that differ in capitals only."""
    there = next(
        p for p in (folder, *folder.absolute().parents) if p.exists()
    ).resolve()
    for place in (there, *there.parents):
        other = place.with_name(place.name.swapcase())
        if other != place:
            return other.exists() and other.samefile(place)
    return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def name_of(path: Path, series: int | None = None) -> str:
    """Name of an input without its ending; of a field of a plate with its place.

    The number of an image within the input, if it was given, ends the name.
    """
    # What is given as a dot has a name as well. Links stay as they are.
    path = Path(os.path.abspath(path))  # noqa: PTH100
    name = path.stem
    if path.is_dir() and path.suffix != ".zarr":
        for store in path.parents:
            if store.suffix == ".zarr":
                name = "_".join((store.stem, *path.relative_to(store).parts))
                break
    return name if series is None else f"{name}_{series}"


def _places(inputs: Sequence[Path]) -> list[str]:
    """Folder of each input below the one that they share, with a slash at its end."""
    # Without "..", which would lead out of the folder of the results.
    folders = [Path(os.path.normpath(path.absolute().parent)) for path in inputs]
    shared = Path(os.path.commonpath(folders))
    places = [folder.relative_to(shared).as_posix() for folder in folders]
    return ["" if place == "." else f"{place}/" for place in places]
