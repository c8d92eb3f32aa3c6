"""Cells as annotations of COCO, which many programs train on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_memory
from napari_iaunet.io.damage import damaged
from napari_iaunet.io.formats.cells import (
    Cells,
    begins_with_our_name,
    check_free_for_file,
    label_ids,
    said_shape,
    shape_said,
)
from napari_iaunet.io.formats.outlines import draw, signed_area
from napari_iaunet.io.ours import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.outlines import Outline

# The category of cells without a class.
_CELL = "cell"


# -- out -------------------------------------------------------------------------------


def write_coco(path: Path, images: Sequence[Cells]) -> None:
    """Write the cells of images; each plane of a stack is an image of its own.

    Cells with holes are run lengths over the whole image, all others polygons.

    Raises ImageError if something else is there, or it cannot be written.
    """
    check_coco(path)
    planes: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for cells in images:
        first, (height, width) = len(planes) + 1, cells.labels.shape[-2:]
        is_stack = cells.labels.ndim > 2
        for number, place, _ in cells.planes():
            image = {"id": first + number, "file_name": cells.name}
            image |= {"width": int(width), "height": int(height)}
            if is_stack:
                image |= {"plane": place, PROGRAM: shape_said(cells)}
            planes.append(image)
        for number, _, outline in cells.outlines():
            kind = cells.class_of(outline.label, number) or _CELL
            category = categories.setdefault(kind, len(categories) + 1)
            head = {"id": len(annotations) + 1, "image_id": first + number}
            head |= {"category_id": category, "label": outline.label}
            annotations.append(head | _shape(outline, int(height), int(width)))
    known = categories or {_CELL: 1}
    document = {
        "info": {"description": "cells", "contributor": PROGRAM},
        "licenses": [],
        "images": planes,
        "categories": [
            {"id": n, "name": name, "supercategory": _CELL} for name, n in known.items()
        ],
        "annotations": annotations,
    }
    with (
        replacing(path, ImageError) as fresh,
        fresh.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        json.dump(document, file, ensure_ascii=False)


def check_coco(path: Path) -> None:
    """Raise ImageError if something is there that `write_coco` did not write."""
    check_free_for_file(path, begins_with_our_name)


def _shape(outline: Outline, height: int, width: int) -> dict[str, Any]:
    points = np.concatenate(outline.rings)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    segmentation: Any = [p.exterior.ravel().tolist() for p in outline.polygons]
    if any(polygon.holes for polygon in outline.polygons):
        mask = np.zeros((y1 - y0, x1 - x0), np.uint8)
        draw(mask, [ring - (x0, y0) for ring in outline.rings], 1)
        counts = _run_lengths(mask, (y0, x0), (height, width))
        segmentation = {"size": [height, width], "counts": counts}
    return {
        "segmentation": segmentation,
        "area": round(sum(map(signed_area, outline.rings))),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
    }


def _run_lengths(
    mask: NDArray[np.uint8], corner: tuple[int, int], shape: tuple[int, int]
) -> list[int]:
    """Return lengths of runs of 0 and 1 in turn, down the columns of an image."""
    border = np.pad(mask, ((1, 1), (0, 0)))
    columns, rows = np.nonzero(np.diff(border.astype(np.int8), axis=0).T)
    changes = (columns + corner[1]) * shape[0] + rows + corner[0]
    # A run that goes on at the top of the next column is one.
    ends, counts = np.unique(changes, return_counts=True)
    ends = ends[counts == 1]
    lengths = np.diff(np.concatenate([[0], ends, [shape[0] * shape[1]]]))
    return [int(n) for n in lengths]


# -- in --------------------------------------------------------------------------------


def read_coco(path: Path, document: Mapping[str, Any]) -> list[Cells]:
    """Make labels of the annotations of a COCO document: one label image for each file.

    Annotations with a ``label`` keep it as label id; the others are numbered. Planes
    that we wrote become a stack again.

    Raises ImageError if it is damaged, or holds no images.
    """
    try:
        by_image: dict[Any, list[Mapping[str, Any]]] = {}
        for annotation in document["annotations"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
        found = [_read_images(path, images, by_image) for images in _stacks(document)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, ImageError):
            raise
        raise damaged(path, error) from error
    if not found:
        raise ImageError(f"{path} holds no images.")
    return found


def _stacks(document: Mapping[str, Any]) -> Iterator[list[Mapping[str, Any]]]:
    """Give the images that are planes of one file together."""
    open_stack: list[Mapping[str, Any]] = []
    for image in document["images"]:
        axes, shape = said_shape(image.get(PROGRAM))
        if not axes or shape is None:
            yield [image]
            continue
        open_stack.append(image)
        if len(open_stack) == int(np.prod(shape[:-2])):
            yield open_stack
            open_stack = []
    for image in open_stack:  # some of a stack are missing
        yield [image]


def _read_images(
    path: Path,
    images: Sequence[Mapping[str, Any]],
    by_image: Mapping[Any, Sequence[Mapping[str, Any]]],
) -> Cells:
    axes, shape = said_shape(images[0].get(PROGRAM))
    if shape is None or len(images) != int(np.prod(shape[:-2])):
        axes, shape = "YX", [int(images[0][side]) for side in ("height", "width")]
    names = [a.get("label") for i in images for a in by_image.get(i["id"], ())]
    ids = iter(numbers := label_ids(names))
    dtype = np.uint16 if max(numbers, default=0) < 2**16 else np.uint32
    if min(shape) < 1:
        raise ImageError(f"The file {path} is damaged: an image of it has no pixels.")
    check_memory(path, int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize)
    labels = np.zeros(shape, dtype)
    for image, plane in zip(images, labels.reshape(-1, *shape[-2:]), strict=True):
        for annotation in by_image.get(image["id"], ()):
            _draw(plane, annotation["segmentation"], next(ids))
    return Cells(labels, axes, str(images[0]["file_name"]))


def _draw(plane: NDArray[Any], segmentation: Any, label: int) -> None:
    if not isinstance(segmentation, dict):
        for polygon in segmentation:
            corners = np.array(polygon, np.float64).reshape(-1, 2)
            if len(corners) > 2 and np.isfinite(corners).all():
                draw(plane, [corners], label)
        return
    if list(segmentation["size"]) != list(plane.shape):
        raise ValueError("run lengths of another size than the image")
    counts = segmentation["counts"]
    lengths = np.array(
        _decompressed(counts) if isinstance(counts, str) else counts, np.int64
    )
    if (lengths < 0).any() or lengths.sum() > plane.size:
        raise ValueError("run lengths that leave the image")
    ends = np.cumsum(lengths)
    begins = ends - lengths
    pixels = [np.arange(a, b) for a, b in zip(begins[1::2], ends[1::2], strict=True)]
    x, y = np.divmod(np.concatenate([np.zeros(0, np.int64), *pixels]), plane.shape[0])
    plane[y, x] = label


def _decompressed(text: str) -> list[int]:
    """Return the run lengths that COCO writes as text.

    Five bits a letter, the lowest first, with a sign; from the fourth on, the
    difference to the one before the last.
    """
    lengths: list[int] = []
    value = bits = 0
    for code in text.encode("ascii"):
        part = code - 48
        value |= (part & 31) << bits
        bits += 5
        if part & 32:
            continue
        if part & 16:
            value -= 1 << bits
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        value = bits = 0
    return lengths
