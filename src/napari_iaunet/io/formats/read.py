"""Read outlines of cells that other programs, or we, have written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_memory, in_time
from napari_iaunet.io.damage import damaged, reason
from napari_iaunet.io.formats.coco import read_coco
from napari_iaunet.io.formats.geojson import read_geojson
from napari_iaunet.io.formats.imagej import read_rois, seem_rois
from napari_iaunet.io.formats.names import OUTLINES

if TYPE_CHECKING:
    from pathlib import Path

    from napari_iaunet.io.formats.cells import Cells

# Memory that a JSON document takes at most for each byte of it.
_JSON_MEMORY = 20
# What GeoJSON or COCO have somewhere in their first bytes.
_WORDS = (b'"FeatureCollection"', b'"Feature"', b'"annotations"', b'"images"')
_BEGIN = 1 << 16


def holds_outlines(path: Path) -> bool:
    """Whether a file is named like one of outlines, not of pixels."""
    return path.suffix.lower() in OUTLINES and not path.is_dir()


def seem_outlines(path: Path) -> bool:
    """Whether a file is named and begins like one of outlines."""
    if not holds_outlines(path):
        return False
    try:
        if path.suffix.lower() in (".zip", ".roi"):
            return seem_rois(path)
        with path.open("rb") as file:
            begin = file.read(_BEGIN)
    except OSError:
        return False
    return any(word in begin for word in _WORDS)


def read_outlines(path: Path) -> list[Cells]:
    """Read ROIs of ImageJ, GeoJSON or COCO as label images, of which COCO has several.

    Raises
    ------
    ImageError
        If the file cannot be read, or holds no cells.
    """
    try:
        if not path.exists():
            raise ImageError(f"There is no file {path}.")
        if not path.is_file():
            raise ImageError(f"{path} is no file.")
        if path.stat().st_size == 0:
            raise ImageError(f"The file {path} is empty.")
        return in_time(path, lambda: _read(path))
    except OSError as error:
        msg = f"The file {path} cannot be read: {reason(error)}."
        raise ImageError(msg) from error


def _read(path: Path) -> list[Cells]:
    if path.suffix.lower() in (".zip", ".roi"):
        return [read_rois(path)]
    document = _json(path)
    if isinstance(document, dict) and {"images", "annotations"} <= document.keys():
        return read_coco(path, document)
    return [read_geojson(path, document)]


def _json(path: Path) -> Any:
    check_memory(path, path.stat().st_size * _JSON_MEMORY)
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
