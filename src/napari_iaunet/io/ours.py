"""What this program wrote, which alone it replaces."""

from __future__ import annotations

import csv
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What results say of who wrote them. Where another program, or a hand, has changed a
# file since, its own name stands there, or none.
PROGRAM = "napari-iaunet"
# The attribute of a zarr store that holds what we note for ourselves, and what of it
# says who wrote the store.
OURS, WRITER = "napari_iaunet", "software"
# Tables begin with one of these and have no other columns than those below, but for
# what is taken from the names of files, between "file" and "label". Tables cannot say
# more of who wrote them.
_FIRST_COLUMNS = ("label", "file", "track")
_COLUMNS = {*_FIRST_COLUMNS, "plane", "t", "z", "q", "score", "parent", "similarity"}
_COLUMNS |= {"class", "n_nuclei", "problem", "looked_at", "marked", "class_probability"}
# What is measured of cells and compartments; channels have names of their own.
_MEASURES = re.compile(
    r"(cell_|nucleus_|cytoplasm_)?"
    r"([yx](_um)?|area(_um2)?|(perimeter|axis_major_length|axis_minor_length)(_um)?"
    r"|eccentricity(_um)?|solidity|(mean|min|max|std)_.+|embedding_\d+"
    r"|probability_.+)"
)
# Of very many channels, too.
_LONGEST_HEADER = 100_000


def check_picture(path: Path) -> None:
    """Raise ImageError if a label TIFF or PNG that we did not write is there."""
    if path.is_file() and writer_of(path) != PROGRAM:
        raise not_ours(path, f"rename it, such as to old_{path.name}")


def check_table(path: Path) -> None:
    """Raise ImageError if a table of something else is there."""
    try:
        with path.open("rb") as file:
            begin = file.readline(_LONGEST_HEADER)
    except FileNotFoundError:
        return
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror or error}."
        raise ImageError(msg) from error
    columns = [""]
    with suppress(csv.Error):  # of what is no table at all
        columns = next(csv.reader([begin.decode(errors="replace")]), columns)
    if columns[:1] == ["file"] and "label" in columns:
        columns = ["file", *columns[columns.index("label") :]]
    known = all(map(is_own_column, columns))
    if begin and not (columns[0] in _FIRST_COLUMNS and known):
        msg = f"{path} is not a table of cells: move it, or write to another folder."
        raise ImageError(msg)


def is_own_column(name: str) -> bool:
    """Whether a table of cells may have a column of this name by itself."""
    return name in _COLUMNS or _MEASURES.fullmatch(name) is not None


def check_labels(path: Path, *, array: bool = False) -> None:
    """Raise ImageError if there is anything but a zarr label image that we wrote.

    With `array`, a zarr array of int32, as `segment_lazy` writes it, will do, too.
    """
    if not path.exists():
        return
    if not (path.is_dir() and _holds_labels(path, array)):
        msg = f"{path} exists and is not a label image, so it is not replaced."
        raise ImageError(msg)
    if not are_our_labels(path, array):
        raise not_ours(path, "give the new labels another name or place")


def are_our_labels(path: Path, array: bool = False) -> bool:
    """Whether `check_labels` finds nothing wrong with a folder."""
    noted = _attributes(path).get(OURS)
    ours = isinstance(noted, dict) and noted.get(WRITER) == PROGRAM
    return ours and _holds_labels(path, array)


def signed(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what we note in a zarr store, with the writer."""
    return {WRITER: PROGRAM, **about}


def not_ours(path: Path, instead: str) -> ImageError:
    """Return the error of what is not replaced, and what the user may do instead."""
    return ImageError(
        f"{path} was not written by this program, or was changed since, or is of an "
        "earlier version, which left no mark; so it is not replaced. Delete it if you "
        f"do not need it, else {instead}; then do this again."
    )


def writer_of(path: Path) -> object:
    """Return what a TIFF or PNG says of the program that wrote it, if anything.

    One that is damaged says nothing.
    """
    import tifffile
    from PIL import Image

    with suppress(Exception):
        if path.suffix.lower() == ".png":
            with Image.open(path, formats=["PNG"]) as picture:
                return picture.info.get("Software")
        with tifffile.TiffFile(path) as file:
            return file.pages.first.tags.valueof("Software")
    return None


def _open(path: Path) -> Any:
    import zarr

    with suppress(OSError, ValueError, KeyError):
        return zarr.open(str(path), mode="r")
    return None


def _attributes(path: Path) -> dict[str, Any]:
    return dict(getattr(_open(path), "attrs", {}))


def _holds_labels(path: Path, array: bool) -> bool:
    """Whether a folder is a label image or, with `array`, a zarr array of int32."""
    node = _open(path)
    if node is None or hasattr(node, "shape"):
        return array and node is not None and bool(node.dtype == np.int32)
    attributes = dict(node.attrs)
    return "image-label" in attributes.get("ome", attributes)
