"""Cells as they leave for other programs, and as they come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_memory
from napari_iaunet.io.formats.outlines import draw, outlines_of
from napari_iaunet.io.ours import PROGRAM, not_ours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.outlines import Outline, Ring
    from napari_iaunet.io.pixels import AxisPlace

# The column that says what kind of cell it is.
CLASS = "class"
_NOT_MEASURED = ("index", "label", "plane", "t", "z", CLASS)
# Bytes of a file of ours that have our name among them.
_BEGIN = 400
_LAST_LABEL = np.iinfo(np.uint32).max


@dataclass(frozen=True)
class Cells:
    """A label image, and what is known of its cells.

    Attributes
    ----------
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        0 is background.
    axes : str
        One letter for each axis, as in `napari_iaunet.io.read.ImageFile`.
    name : str
        Of the file, as others shall see it.
    places : mapping of str to AxisPlace
        Where the pixels lie along T, Z, Y and X.
    table : mapping of str to (N,) array
        ``label``, for stacks ``plane`` (position in the flattened stack), and what else
        is known: numbers are measures, ``class`` is the kind of cell. May be empty, or
        lack cells.
    embeddings : (N, D) float32, optional
        What the network sees of each cell, sorted by label.
    parents : mapping of int to int
        The cell that each daughter of a division came from.
    """

    labels: NDArray[Any]
    axes: str
    name: str
    places: Mapping[str, AxisPlace] = field(default_factory=dict)
    table: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    embeddings: NDArray[np.float32] | None = None
    parents: Mapping[int, int] = field(default_factory=dict)

    def planes(self) -> Iterator[tuple[int, dict[str, int], NDArray[Any]]]:
        """Give number, place along each axis, and labels (Y, X) of each plane."""
        shape = self.labels.shape[:-2]
        for number, index in enumerate(np.ndindex(*shape)):
            place = dict(zip(self.axes[:-2], index, strict=True))
            yield number, place, self.labels[index]

    def outlines(self) -> Iterator[tuple[int, dict[str, int], Outline]]:
        """Give number and place of its plane, and outline of each cell."""
        for number, place, labels in self.planes():
            for outline in outlines_of(labels):
                yield number, place, outline

    def measures(self, label: int, plane: int) -> dict[str, float]:
        """Return what is measured of a cell in a plane, by name."""
        row = self.row_of(label, plane)
        if row is None:
            return {}
        values = {name: float(self.table[name][row]) for name in self.measured}
        return {name: value for name, value in values.items() if np.isfinite(value)}

    def class_of(self, label: int, plane: int) -> str:
        """Return the class of a cell; "" for none."""
        row = self.row_of(label, plane) if CLASS in self.table else None
        name = "" if row is None else self.table[CLASS][row]
        return name.strip() if isinstance(name, str) else ""

    @cached_property
    def measured(self) -> list[str]:
        """Names of the columns that are measures."""
        return [
            name
            for name, column in self.table.items()
            if name not in _NOT_MEASURED and np.asarray(column).dtype.kind in "biuf"
        ]

    def row_of(self, label: int, plane: int) -> int | None:
        """Row of a cell in the table, if there is one."""
        return self._rows.get((label, plane if "plane" in self.table else 0))

    @cached_property
    def _rows(self) -> dict[tuple[int, int], int]:
        """Rows of the table by label and plane."""
        labels = np.asarray(self.table.get("label", ())).tolist()
        planes = np.asarray(self.table.get("plane", [0] * len(labels))).tolist()
        pairs = zip(map(int, labels), map(int, planes), strict=True)
        return {pair: row for row, pair in enumerate(pairs)}


class Drawn(NamedTuple):
    """A cell as another program drew it.

    Attributes
    ----------
    name : str or None
        What it is called there.
    place : dict of str to int
        Its plane, by the letters T and Z.
    rings : list of (N, 2) array
        Corners (x, y) of each; what lies within two of them is a hole.
    """

    name: object
    place: Mapping[str, int]
    rings: Sequence[Ring]


def label_ids(names: Iterable[object]) -> list[int]:
    """Return label ids by the names of cells, or 1, 2, ... if these are no numbers."""
    given = list(names)
    numbers = [_number(name) for name in given]
    if all(numbers):
        return numbers
    return list(range(1, len(given) + 1))


def _number(name: object) -> int:
    """Return a label id; 0 if it is none."""
    if isinstance(name, bool) or not isinstance(name, (int, str)):
        return 0
    text = str(name).strip()
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else 0
    return number if number <= _LAST_LABEL else 0


def draw_cells(
    path: Path, drawn: Sequence[Drawn], axes: str, shape: Sequence[int] | None
) -> Cells:
    """Make labels of drawn cells, the later ones on top.

    Parameters
    ----------
    path : Path
        What they were read from.
    drawn : sequence of Drawn
    axes : str
        "" if not known: as many as the cells need.
    shape : sequence of int, optional
        Of the labels; just large enough for the cells if left out.

    Raises
    ------
    ImageError
        If they do not fit into memory.
    """
    if not axes:
        used = {letter for cell in drawn for letter in cell.place}
        axes = "".join(letter for letter in "TZ" if letter in used) + "YX"
    if shape is None:
        shape = _large_enough(path, drawn, axes)
    ids = label_ids(cell.name for cell in drawn)
    dtype = np.uint16 if max(ids, default=0) < 2**16 else np.uint32
    check_memory(path, int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize)
    labels = np.zeros(tuple(shape), dtype)
    for label, cell in zip(ids, drawn, strict=True):
        index = tuple(cell.place.get(letter, 0) for letter in axes[:-2])
        if all(0 <= i < n for i, n in zip(index, shape[:-2], strict=True)):
            draw(labels[index], cell.rings, label)
    return Cells(labels, axes, path.name)


def _large_enough(path: Path, drawn: Sequence[Drawn], axes: str) -> list[int]:
    if not drawn:
        raise ImageError(f"{path} holds no cells.")
    last = np.max([ring.max(axis=0) for cell in drawn for ring in cell.rings], axis=0)
    if not np.isfinite(last).all():
        raise ImageError(f"The file {path} is damaged: a corner lies nowhere.")
    width, height = np.maximum(np.ceil(last), 1).astype(int).tolist()
    stack = [1 + max(c.place.get(letter, 0) for c in drawn) for letter in axes[:-2]]
    return [*stack, height, width]


def said_shape(said: object) -> tuple[str, list[int] | None]:
    """Return axes and shape as our files note them; "" and None if they do not."""
    if not isinstance(said, dict):
        return "", None
    axes, shape = said.get("axes"), said.get("shape")
    if not isinstance(axes, str) or not isinstance(shape, list):
        return "", None
    usable = axes.endswith("YX") and len(shape) == len(axes)
    if not (usable and all(isinstance(n, int) and 0 < n < 2**31 for n in shape)):
        return "", None
    return axes, shape


def shape_said(cells: Cells) -> dict[str, Any]:
    """Note axes and shape for `said_shape`, and who wrote the file."""
    shape = list(map(int, cells.labels.shape))
    return {"program": PROGRAM, "axes": cells.axes, "shape": shape}


def check_free_for_file(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Raise ImageError if a folder is there, or a file that is none of ours."""
    if path.is_dir():
        raise ImageError(f"{path} is a folder, so it is not replaced.")
    if path.exists() and not is_ours(path):
        raise not_ours(path, f"rename it, such as to old_{path.name}")


def check_free_for_folder(path: Path, is_ours: Callable[[Path], bool]) -> None:
    """Raise ImageError if a file is there, or a folder that is none of ours."""
    if path.exists() and not path.is_dir():
        raise ImageError(f"{path} is a file, so it is not replaced.")
    if path.exists() and not is_ours(path):
        raise not_ours(path, "give the new folder another name or place")


def begins_with_our_name(path: Path) -> bool:
    """Whether the first bytes of a file say that we wrote it."""
    try:
        with path.open("rb") as file:
            return PROGRAM.encode() in file.read(_BEGIN)
    except OSError:
        return False
