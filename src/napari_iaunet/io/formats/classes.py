"""Images of classes: semantic ones, and panoptic ones as COCO has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import begins_with_our_name, check_free_for_folder
from napari_iaunet.io.ours import PROGRAM, writer_of
from napari_iaunet.io.write import write_labels, write_picture, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.cells import Cells

# The class of cells without one.
_CELL = "cell"
_TABLE, _DOCUMENT = "classes.csv", "panoptic.json"
# COCO keeps a number in the three bytes of a colour.
_LAST_NUMBER = 2**24 - 1


def write_semantic(path: Path, images: Sequence[Cells]) -> None:
    """Write a folder of label images whose numbers are classes, the same in all.

    ``classes.csv`` has the name of each number; 0 is background.

    Raises ImageError if something else is there, or it cannot be written.
    """
    check_semantic(path)
    numbers = _class_numbers(images)
    names = _file_names(images)
    with replacing(path, ImageError, _is_semantic) as fresh:
        fresh.mkdir()
        for cells, name in zip(images, names, strict=True):
            found = np.zeros(cells.labels.shape, np.uint16)
            flat = found.reshape(-1, *found.shape[-2:])
            for number, _, labels in cells.planes():
                ids = np.unique(labels[labels > 0])
                flat[number] = _renamed(
                    labels, ids, _classes(cells, ids, number, numbers)
                )
            write_labels(
                fresh / f"{name}_classes.tif",
                found,
                axes=cells.axes,
                places=cells.places,
            )
        table = {"number": np.array(list(numbers.values()), np.int64)}
        write_table(fresh / _TABLE, {**table, "class": np.array(list(numbers), object)})


def write_panoptic(path: Path, images: Sequence[Cells]) -> None:
    """Write a folder of COCO panoptic: a PNG for each plane, and ``panoptic.json``.

    The number of a cell is red + 256 green + 65,536 blue; that is its label id, unless
    one is above 16,777,215. Background is 0.

    Raises ImageError if something else is there, or it cannot be written.
    """
    check_panoptic(path)
    numbers = _class_numbers(images)
    planes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with replacing(path, ImageError, _is_panoptic) as fresh:
        fresh.mkdir()
        for cells, name in zip(images, _file_names(images), strict=True):
            for number, place, labels in cells.planes():
                file = f"{name}_{number:03}.png" if place else f"{name}.png"
                image = {"id": len(planes) + 1, "file_name": cells.name}
                image |= {"width": labels.shape[1], "height": labels.shape[0]}
                planes.append({**image, "plane": place} if place else image)
                ids = np.unique(labels[labels > 0])
                small = not ids.size or int(ids[-1]) <= _LAST_NUMBER
                new = ids.astype(np.int64) if small else np.arange(1, ids.size + 1)
                coded = _renamed(labels, ids, new).astype(np.uint32)
                kinds = _classes(cells, ids, number, numbers)
                annotations.append(
                    {
                        "image_id": image["id"],
                        "file_name": file,
                        "segments_info": list(_segments(coded, new, kinds, ids)),
                    }
                )
                bytes_of = [coded & 255, coded >> 8 & 255, coded >> 16]
                write_picture(fresh / file, np.stack(bytes_of, -1).astype(np.uint8))
        document = {
            "info": {"description": "cells", "contributor": PROGRAM},
            "licenses": [],
            "images": planes,
            "categories": [
                {"id": n, "name": kind, "supercategory": _CELL, "isthing": 1}
                for kind, n in numbers.items()
            ],
            "annotations": annotations,
        }
        text = json.dumps(document, ensure_ascii=False)
        (fresh / _DOCUMENT).write_text(text, "utf-8", errors="backslashreplace")


def check_semantic(path: Path) -> None:
    """Raise ImageError if something is there that `write_semantic` did not write."""
    check_free_for_folder(path, _is_semantic)


def check_panoptic(path: Path) -> None:
    """Raise ImageError if something is there that `write_panoptic` did not write."""
    check_free_for_folder(path, _is_panoptic)


def _is_semantic(path: Path) -> bool:
    files = list(path.iterdir())
    images = [file for file in files if file.name != _TABLE]
    return len(images) < len(files) and all(writer_of(f) == PROGRAM for f in images)


def _is_panoptic(path: Path) -> bool:
    files = list(path.iterdir())
    images = [file for file in files if file.name != _DOCUMENT]
    return begins_with_our_name(path / _DOCUMENT) and all(
        writer_of(file) == PROGRAM for file in images
    )


def _class_numbers(images: Sequence[Cells]) -> dict[str, int]:
    """Give the classes of all images numbers from 1, by their names."""
    kinds = {
        cells.class_of(int(label), number) or _CELL
        for cells in images
        for number, _, labels in cells.planes()
        for label in np.unique(labels[labels > 0])
    }
    return {kind: number for number, kind in enumerate(sorted(kinds), start=1)}


def _classes(
    cells: Cells, ids: NDArray[Any], plane: int, numbers: dict[str, int]
) -> NDArray[np.int64]:
    """Return the number of the class of each cell of a plane."""
    kinds = [cells.class_of(int(label), plane) or _CELL for label in ids]
    return np.array([numbers[kind] for kind in kinds], np.int64)


def _renamed(
    labels: NDArray[Any], ids: NDArray[Any], new: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the cells (n,) of a plane other numbers."""
    table = np.concatenate([[0], new])
    row = np.where(labels > 0, np.searchsorted(ids, labels) + 1, 0)
    found: NDArray[np.int64] = table[row]
    return found


def _segments(
    coded: NDArray[np.uint32],
    new: NDArray[np.int64],
    kinds: NDArray[np.int64],
    ids: NDArray[Any],
) -> Iterator[dict[str, Any]]:
    """Describe each cell of a plane as COCO does."""
    y, x = np.nonzero(coded)
    row = np.searchsorted(new, coded[y, x])
    low = np.full((2, new.size), np.iinfo(np.int64).max)
    high = np.zeros((2, new.size), np.int64)
    for axis, place in enumerate((y, x)):
        np.minimum.at(low[axis], row, place)
        np.maximum.at(high[axis], row, place)
    area = np.bincount(row, minlength=new.size)
    for i in range(new.size):
        (top, left), (bottom, right) = low[:, i].tolist(), high[:, i].tolist()
        yield {
            "id": int(new[i]),
            "category_id": int(kinds[i]),
            "label": int(ids[i]),
            "area": int(area[i]),
            "bbox": [left, top, right - left + 1, bottom - top + 1],
            "iscrowd": 0,
        }


def _file_names(images: Sequence[Cells]) -> list[str]:
    """Return a name for each image's file, each once."""
    names: list[str] = []
    for cells in images:
        stem = Path(cells.name).stem
        name, number = stem, 1
        while name.casefold() in {other.casefold() for other in names}:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names
