"""Write labels, overlays and tables, each wholly or not at all."""

from __future__ import annotations

import csv
import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.ours import PROGRAM
from napari_iaunet.io.pixels import in_micrometres, step_of
from napari_iaunet.io.scale_bar import draw_scale_bar
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.measure import row_bands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_iaunet.io.pixels import AxisPlace

_OUTLINE = (0, 255, 0)
# What stands in a table of several images where one is no stack.
_LACKING = {"plane": 0, "t": 0, "z": 0}
# Side of a tile of a TIFF, in pixels: a multiple of 16. And the bytes up to which one
# surely needs no more than 32 bits to count them.
_TILE, _CLASSIC = 1024, 1 << 31


def compact(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as uint16 where they fit, else as uint32."""
    return labels.astype(np.uint16 if labels.max(initial=0) < 2**16 else np.uint32)


def write_labels(
    path: str | os.PathLike[str],
    labels: NDArray[np.integer[Any]],
    *,
    axes: str | None = None,
    pixel_size: tuple[float, float] | None = None,
    places: Mapping[str, AxisPlace] | None = None,
) -> None:
    """Write a label image as compressed TIFF.

    Where pixels lie is kept so that ImageJ, Fiji and `read_image` see it.

    Parameters
    ----------
    path : path
        An existing file is replaced.
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        Stored as uint16, or as uint32 above 65535 cells.
    axes : str, optional
        One letter for each axis, as in `napari_iaunet.io.read.ImageFile`.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    places : mapping of str to AxisPlace, optional
        Where the pixels lie along T, Z, Y and X; the pixel size is one of them.
    """
    import tifffile

    stored, axes = compact(labels), axes or ["YX", "TYX", "TZYX"][labels.ndim - 2]
    if pixel_size is not None:
        places = in_micrometres(Y=pixel_size[0], X=pixel_size[1]) | dict(places or {})
    options = _calibration(stored.dtype, stored.nbytes, axes, places or {})
    with replacing(Path(path), ImageError) as fresh:
        tifffile.imwrite(
            fresh,
            stored,
            photometric="minisblack",
            compression="zlib",
            software=PROGRAM,
            **options,
        )


def write_labels_in_tiles(
    path: str | os.PathLike[str],
    labels: Any,
    highest: int,
    *,
    axes: str,
    places: Mapping[str, AxisPlace],
) -> None:
    """Write a label image that is larger than memory as compressed TIFF, in tiles.

    Parameters are as for `write_labels`, but for the labels, which are a dask or zarr
    array, and the highest of them.
    """
    import tifffile

    dtype = np.dtype(np.uint16 if highest < 2**16 else np.uint32)
    size = math.prod(labels.shape) * dtype.itemsize
    with replacing(Path(path), ImageError) as fresh:
        tifffile.imwrite(
            fresh,
            _tiles(labels, dtype),
            shape=labels.shape,
            dtype=dtype,
            tile=(_TILE, _TILE),
            bigtiff=size > _CLASSIC,
            photometric="minisblack",
            compression="zlib",
            software=PROGRAM,
            **_calibration(dtype, None, axes, places),
        )


def _tiles(labels: Any, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Yield labels (..., Y, X) tile by tile, as TIFF has them."""
    height, width = labels.shape[-2:]
    for plane in np.ndindex(*labels.shape[:-2]):
        for top in range(0, height, _TILE):
            band = np.asarray(labels[(*plane, slice(top, top + _TILE))])
            for left in range(0, width, _TILE):
                part = band[:, left : left + _TILE]
                tile = np.zeros((_TILE, _TILE), dtype)
                tile[: part.shape[0], : part.shape[1]] = part
                yield tile


def _calibration(
    dtype: np.dtype[Any], size: int | None, axes: str, places: Mapping[str, AxisPlace]
) -> dict[str, Any]:
    """Say where pixels lie, as ImageJ does if it can have the labels."""
    steps = {axis: step_of(place) for axis, place in places.items()}
    metadata: dict[str, Any] = {"axes": axes}
    y, x = steps.get("Y"), steps.get("X")
    if y is None or x is None:
        return {"metadata": metadata}
    # ImageJ has whole numbers of 16 bits, these axes, files of 4 GB, and no tiles, for
    # which the size is None.
    imagej = dtype == np.uint16 and "TZYX".endswith(axes.replace("TY", "TZY"))
    imagej = imagej and size is not None and size < _CLASSIC
    unit, length = ("um", 1.0) if imagej else ("cm", 1e4)
    metadata["unit"] = unit
    if "Z" in axes and (z := steps.get("Z")) is not None:
        metadata["spacing"] = z / length
    if "T" in axes and (t := steps.get("T")) is not None:
        metadata["finterval"] = t
    options = {"metadata": metadata, "resolution": (length / x, length / y)}
    if imagej:
        return {**options, "imagej": True, "byteorder": "<"}
    return {**options, "resolutionunit": "CENTIMETER"}


def overlay(
    image: Any,
    labels: NDArray[np.integer[Any]],
    *,
    channel_axis: int | None = None,
    pixel_width: float | None = None,
) -> NDArray[np.uint8]:
    """Draw the outlines of cells (..., Y, X) on the normalised image: (Y, X, 3) uint8.

    The image is as `as_planes` takes it; of a stack the middle plane is drawn. With
    the width of a pixel, in micrometres, a scale bar is drawn, too.
    """
    from skimage.segmentation import find_boundaries

    planes = as_planes(image, channel_axis)
    middle = len(planes) // 2
    cells = np.asarray(labels).reshape(-1, *planes.plane_shape)[middle]
    raw, drawn = planes.raw(middle), np.zeros((*planes.plane_shape, 3), np.uint8)
    normalisations = planes.normalisations(middle, raw)
    for rows in row_bands(planes.plane_shape):
        part = np.clip(planes.normalise(raw[:, rows], normalisations), 0, 1)
        drawn[rows] = part.transpose(1, 2, 0) * 255
    drawn[find_boundaries(cells, mode="inner")] = _OUTLINE
    if pixel_width:
        draw_scale_bar(drawn, pixel_width)
    return drawn


def write_overlay(
    path: str | os.PathLike[str],
    image: Any,
    labels: NDArray[np.integer[Any]],
    *,
    channel_axis: int | None = None,
    pixel_width: float | None = None,
) -> None:
    """Write `overlay` as PNG; see there for the parameters."""
    drawn = overlay(image, labels, channel_axis=channel_axis, pixel_width=pixel_width)
    write_picture(path, drawn)


def write_picture(path: str | os.PathLike[str], picture: NDArray[np.uint8]) -> None:
    """Write a picture (Y, X, 3) as PNG; an existing file is replaced."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    about = PngInfo()
    about.add_text("Software", PROGRAM)
    with replacing(Path(path), ImageError) as fresh:
        Image.fromarray(picture).save(fresh, format="PNG", pnginfo=about)


def write_table(
    path: str | os.PathLike[str], table: Mapping[str, NDArray[Any]]
) -> None:
    """Write columns (N,) as comma-separated values; an existing file is replaced.

    Real numbers are written with six significant digits.
    """
    with _csv_writer(Path(path)) as writer:
        writer.writerow(table)
        writer.writerows(zip(*map(_as_text, table.values()), strict=True))


def write_tables(
    path: str | os.PathLike[str],
    tables: Mapping[str, Mapping[str, NDArray[Any]]],
    about: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write the tables of several files, by their names, as one.

    The name stands first in each row, bytes of it that are not UTF-8 by their codes;
    then comes what is known about the file, in columns of their own. A table without
    places in a stack has 0 there; what else it lacks stays empty.
    """
    about = about or {}
    known = list(dict.fromkeys(name for row in about.values() for name in row))
    names = list(dict.fromkeys(name for table in tables.values() for name in table))
    with _csv_writer(Path(path)) as writer:
        writer.writerow(["file", *known, *names])
        for file, table in tables.items():
            rows = len(next(iter(table.values())))
            columns = (
                _as_text(table[n]) if n in table else [_LACKING.get(n, "")] * rows
                for n in names
            )
            told = about.get(file, {})
            head = [
                _decoded(text) for text in (file, *(told.get(n, "") for n in known))
            ]
            writer.writerows([*head, *row] for row in zip(*columns, strict=True))


def _decoded(name: str) -> str:
    return os.fsencode(name).decode(errors="backslashreplace")


@contextmanager
def _csv_writer(path: Path) -> Iterator[Any]:
    with (
        replacing(path, ImageError) as fresh,
        fresh.open("w", encoding="utf-8", newline="") as file,
    ):
        yield csv.writer(file)


def _as_text(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "f":
        return [f"{value:.6g}" for value in column.tolist()]
    return column.tolist()  # type: ignore[no-any-return]
