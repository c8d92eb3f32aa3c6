"""Outlines of cells as a set of ROIs of ImageJ and Fiji."""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_claim
from napari_iaunet.io.damage import damaged
from napari_iaunet.io.formats.cells import (
    Drawn,
    check_free_for_file,
    draw_cells,
    said_shape,
    shape_said,
)
from napari_iaunet.io.ours import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import roifile

    from napari_iaunet.io.formats.cells import Cells
    from napari_iaunet.io.formats.outlines import Outline

# What draws the path of a shape of several rings.
_MOVE, _LINE, _CLOSE = 0.0, 1.0, 4.0
_OVAL_CORNERS = 129
# A cell that is in several planes has a ROI in each, and ROIs of a set have names of
# their own.
_NAME = re.compile(r"(.*?)(?: plane \d+)?(?:\.roi)?", re.IGNORECASE | re.DOTALL)


# -- out -------------------------------------------------------------------------------


def write_rois(path: Path, images: Sequence[Cells]) -> None:
    """Write the outlines of the cells of one image as a zip of ROIs.

    Each is named by its label id, and lies in its frame and section.

    Raises ImageError if something else is there, or it cannot be written.
    """
    (cells,) = images
    check_rois(path)
    names: set[str] = set()
    with (
        replacing(path, ImageError) as fresh,
        zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        archive.comment = json.dumps(shape_said(cells)).encode()
        for number, place, outline in cells.outlines():
            name = str(outline.label)
            if name in names:
                name = f"{name} plane {number + 1}"
            names.add(name)
            roi = _roi(outline, name)
            _put_into_plane(roi, number, place, cells.labels.ndim > 2)
            archive.writestr(f"{name}.roi", roi.tobytes())


def _roi(outline: Outline, name: str) -> roifile.ImagejRoi:
    import roifile

    rings = outline.rings
    if len(rings) == 1:
        roi = roifile.ImagejRoi.frompoints(rings[0], name=name)
        roi.roitype = roifile.ROI_TYPE.TRACED
        return roi
    roi = roifile.ImagejRoi.frompoints(np.concatenate(rings), name=name)
    roi.roitype = roifile.ROI_TYPE.RECT
    roi.n_coordinates, roi.integer_coordinates = 0, None
    roi.subpixel_coordinates = None
    roi.options &= ~roifile.ROI_OPTIONS.SUB_PIXEL_RESOLUTION
    roi.right, roi.bottom = roi.right - 1, roi.bottom - 1
    path: list[float] = []
    for ring in rings:
        for i, (x, y) in enumerate(ring.tolist()):
            path += (_LINE if i else _MOVE, x, y)
        path.append(_CLOSE)
    roi.multi_coordinates = np.array(path, np.float32)
    roi.shape_roi_size = len(path)
    return roi


def _put_into_plane(
    roi: roifile.ImagejRoi, number: int, place: dict[str, int], is_stack: bool
) -> None:
    if is_stack:
        roi.position = number + 1
        roi.c_position = 1
        roi.z_position = place.get("Z", 0) + 1
        roi.t_position = place.get("T", 0) + 1


def check_rois(path: Path) -> None:
    """Raise ImageError if something is there that `write_rois` did not write."""
    check_free_for_file(path, lambda found: _comment(found).get("program") == PROGRAM)


def _comment(path: Path) -> dict[str, Any]:
    with suppress(OSError, zipfile.BadZipFile, ValueError):
        with zipfile.ZipFile(path) as archive:
            said = json.loads(archive.comment)
        if isinstance(said, dict):
            return said
    return {}


# -- in --------------------------------------------------------------------------------


def seem_rois(path: Path) -> bool:
    """Whether a file is a ROI, or a zip with one."""
    with path.open("rb") as file:
        if file.read(4) == b"Iout":
            return True
    with suppress(OSError, zipfile.BadZipFile, ValueError):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        return any(map(_is_roi, names))
    return False


def read_rois(path: Path) -> Cells:
    """Read a zip of ROIs, or a single ROI, as labels.

    ROIs whose names are numbers keep these as label ids. Lines and points are no cells
    and left out. The labels are as large as the image that we wrote the set for; else
    just large enough.

    Raises ImageError if it is damaged, or holds no areas.
    """
    axes, shape = said_shape(_comment(path))
    drawn = []
    for name, roi in _rois(path):
        if rings := _rings(roi):
            place = _place(roi)
            drawn.append(Drawn(name, place, rings))
    if not drawn and shape is None:
        raise ImageError(f"{path} holds no ROIs that are areas.")
    if shape is None:  # an axis of one plane is none
        several = {k for cell in drawn for k, at in cell.place.items() if at}
        drawn = [
            cell._replace(place={k: v for k, v in cell.place.items() if k in several})
            for cell in drawn
        ]
    return draw_cells(path, drawn, axes, shape)


def _rois(path: Path) -> list[tuple[str, roifile.ImagejRoi]]:
    import roifile

    read = roifile.ImagejRoi.frombytes
    try:
        if not zipfile.is_zipfile(path):
            rois = [(path.name, read(path.read_bytes()))]
        else:
            with zipfile.ZipFile(path) as archive:
                members = [m for m in archive.infolist() if _is_roi(m.filename)]
                claimed = sum(m.file_size for m in members)
                check_claim(path, claimed, path.stat().st_size)
                rois = [(m.filename, read(archive.read(m))) for m in members]
    except (
        zipfile.BadZipFile,
        ValueError,
        RuntimeError,
        LookupError,
        OSError,
    ) as error:
        if isinstance(error, ImageError):
            raise
        raise damaged(path, error) from error
    return [(_name(roi.name or file), roi) for file, roi in rois]


def _is_roi(name: str) -> bool:
    return name.lower().endswith(".roi")


def _name(text: str) -> str:
    match = _NAME.fullmatch(text)
    return match[1] if match else text


def _rings(roi: roifile.ImagejRoi) -> list[Any]:
    import roifile

    areas = roifile.ROI_TYPE
    if roi.roitype == areas.OVAL:
        box = [[roi.left, roi.top], [roi.right, roi.bottom]]
        return [roifile.roifile.oval(box, _OVAL_CORNERS)]
    if roi.roitype not in (areas.POLYGON, areas.RECT, areas.FREEHAND, areas.TRACED):
        return []
    rings = [np.asarray(ring, np.float64) for ring in roi.coordinates(multi=True)]
    return [ring for ring in rings if len(ring) > 2]


def _place(roi: roifile.ImagejRoi) -> dict[str, int]:
    if roi.t_position or roi.z_position:
        return {"T": max(roi.t_position - 1, 0), "Z": max(roi.z_position - 1, 0)}
    return {"Z": max(roi.position - 1, 0)}
