"""Tracked cells as the Cell Tracking Challenge has its results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import check_free_for_folder
from napari_iaunet.io.ours import PROGRAM, writer_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.cells import Cells

_TABLE = "res_track.txt"
_MASK = re.compile(r"mask\d{3,}\.tif")
# The masks have 16 bits.
_MOST_TRACKS = 2**16 - 1


class Part(NamedTuple):
    """Successive frames in which a cell is seen.

    Attributes
    ----------
    label : int
        The cell's.
    first, last : int
        Frames, from 0.
    parent : int
        Number, from 1, of the part that it comes from; 0 for none.
    """

    label: int
    first: int
    last: int
    parent: int


def write_ctc(path: Path, images: Sequence[Cells]) -> None:
    """Write a folder of one film: ``mask000.tif``, ... and ``res_track.txt``.

    A line of that table is a track: number, first and last frame, parent. A cell that
    is not seen for some frames comes back as a daughter, as the format wants it.
    Numbers are the label ids, unless one is above 65,535 or a cell is in several parts.

    Raises ImageError if something else is there, it cannot be written, or there is no
    time axis.
    """
    (cells,) = images
    check_ctc(path)
    frames = frames_of(cells, "the format of the Cell Tracking Challenge")
    present = [np.unique(frame[frame > 0]) for frame in frames]
    parts = parts_of(present, cells.parents)
    numbers = _numbers(parts)
    digits = max(3, len(str(len(frames) - 1)))
    with replacing(path, ImageError, _is_ours) as fresh:
        fresh.mkdir()
        lines = []
        for part, number in zip(parts, numbers, strict=True):
            parent = numbers[part.parent - 1] if part.parent else 0
            lines.append(f"{number} {part.first} {part.last} {parent}\n")
        (fresh / _TABLE).write_text("".join(sorted(lines, key=_number)), "ascii")
        for i, (frame, labels) in enumerate(zip(frames, present, strict=True)):
            there = {
                part.label: number
                for part, number in zip(parts, numbers, strict=True)
                if part.first <= i <= part.last
            }
            new = [there[label] for label in labels.tolist()]
            mask = _renamed(frame, labels, np.array(new, np.uint16))
            _write_mask(fresh / f"mask{i:0{digits}}.tif", mask)


def frames_of(cells: Cells, what: str) -> NDArray[Any]:
    """Return the labels by frames (T, ...); ImageError if there is no time."""
    if cells.labels.ndim < 3 or cells.axes[0] not in "TQ":
        raise ImageError(f"{cells.name} is no film, and {what} holds films only.")
    return cells.labels


def parts_of(
    present: Sequence[NDArray[np.integer[Any]]], parents: Mapping[int, int]
) -> list[Part]:
    """Cut tracks where a cell is not seen, and say what each part comes from.

    Parameters
    ----------
    present : sequence of (N,) int
        Label ids in each frame.
    parents : mapping of int to int
        As in `Cells`; one that is there as long as its daughter is none.
    """
    labels = np.concatenate([np.zeros(0, np.int64), *present]).astype(np.int64)
    frame = np.repeat(np.arange(len(present)), [len(ids) for ids in present])
    order = np.lexsort((frame, labels))
    labels, frame = labels[order], frame[order]
    cut = (np.diff(labels, prepend=-1) != 0) | (np.diff(frame, prepend=-9) != 1)
    begins = np.flatnonzero(cut)
    ends = np.append(begins[1:], len(labels)) - 1
    parts: list[Part] = []
    by_label: dict[int, list[int]] = {}
    for begin, end in zip(begins, ends[: len(begins)], strict=True):
        label = int(labels[begin])
        parts.append(Part(label, int(frame[begin]), int(frame[end]), 0))
        by_label.setdefault(label, []).append(len(parts))
    for numbers in by_label.values():
        for before, number in zip([0, *numbers], numbers, strict=False):
            part = parts[number - 1]
            parent = before or _part_before(parts, by_label, parents, part)
            parts[number - 1] = part._replace(parent=parent)
    return parts


def _part_before(
    parts: Sequence[Part],
    by_label: Mapping[int, Sequence[int]],
    parents: Mapping[int, int],
    part: Part,
) -> int:
    """Return the last part of a cell's parent, if it ends before the cell begins."""
    of_parent = by_label.get(parents.get(part.label, 0), ())
    earlier = [n for n in of_parent if parts[n - 1].last < part.first]
    return max(earlier, key=lambda n: parts[n - 1].last) if earlier else 0


def _numbers(parts: Sequence[Part]) -> list[int]:
    """Return the number of each part: the label of its cell, if that is possible."""
    if len(parts) > _MOST_TRACKS:
        msg = f"There are {len(parts):,} tracks, but the Cell Tracking Challenge has "
        raise ImageError(f"{msg}16 bits for their numbers: up to {_MOST_TRACKS:,}.")
    labels = [part.label for part in parts]
    if max(labels, default=0) > _MOST_TRACKS:
        return list(range(1, len(parts) + 1))
    taken, numbers = set(labels), list[int]()
    free = (n for n in range(1, _MOST_TRACKS + 1) if n not in taken)
    used: set[int] = set()
    for label in labels:
        numbers.append(next(free) if label in used else label)
        used.add(label)
    return numbers


def _number(line: str) -> int:
    return int(line.split()[0])


def _renamed(
    frame: NDArray[Any], labels: NDArray[Any], numbers: NDArray[np.uint16]
) -> NDArray[np.uint16]:
    renamed = np.zeros(frame.shape, np.uint16)
    where = frame > 0
    renamed[where] = numbers[np.searchsorted(labels, frame[where])]
    return renamed


def _write_mask(path: Path, mask: NDArray[np.uint16]) -> None:
    import tifffile

    tifffile.imwrite(
        path, mask, photometric="minisblack", compression="zlib", software=PROGRAM
    )


def check_ctc(path: Path) -> None:
    """Raise ImageError if something is there that `write_ctc` did not write."""
    check_free_for_folder(path, _is_ours)


def _is_ours(path: Path) -> bool:
    """Whether a folder is empty, or holds nothing but what we write into one."""
    files = sorted(path.iterdir())
    masks = [file for file in files if _MASK.fullmatch(file.name)]
    others = {file.name for file in files} - {file.name for file in masks}
    return others <= {_TABLE} and all(writer_of(mask) == PROGRAM for mask in masks)
