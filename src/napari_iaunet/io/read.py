"""Read images from files."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.axes import arrange
from napari_iaunet.io.ome_zarr import in_micrometres, is_zarr
from napari_iaunet.io.ome_zarr import read as _read_zarr
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.write import (
    write_labels,
    write_overlay,
    write_table,
    write_tables,
)
from napari_iaunet.segmentation.image import as_planes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from napari_iaunet.io.ome_zarr import AxisPlace

__all__ = [
    "ImageFile",
    "read_image",
    "write_labels",
    "write_labels_ome_zarr",
    "write_overlay",
    "write_table",
    "write_tables",
]

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class ImageFile:
    """An image as its file describes it.

    Attributes
    ----------
    path : Path
    array : numpy or dask array
        Axes of length 1 are left out, Y and X excepted.
    axes : str
        One letter for each axis: T, Z, Y, X; C channels; S red, green, blue;
        Q anything else.
    channel_axis : int or None
        For ``as_planes`` and ``Segmenter.segment``.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres, where the file says.
    places : dict of str -> AxisPlace
        Where the pixels lie along T, Z, Y and X, as far as the file says.
    """

    path: Path
    array: Any
    axes: str
    channel_axis: int | None
    pixel_size: tuple[float, float] | None = None
    places: Mapping[str, AxisPlace] = field(default_factory=dict)

    @property
    def is_stack(self) -> bool:
        """Whether there are several planes, in time or depth."""
        return len(self.axes) - (self.channel_axis is not None) > 2


def read_image(
    path: str | os.PathLike[str],
    *,
    channel_axis: int | None = None,
    planes: int | str | None = None,
) -> ImageFile:
    """Read a PNG, JPEG, TIFF or OME-Zarr image, at full resolution.

    Zarr is read lazily, everything else at once.

    Parameters
    ----------
    path : path
        A file, or the folder of an OME-Zarr image or of a plain zarr array.
    channel_axis : int, optional
        Axis that holds the channels, where the file does not say so; axes of length 1
        are not counted.
    planes : int or str, optional
        Axis, or its letter, that holds planes (time points or sections), where the file
        says something else, such as channels, or has them last. It becomes the axis
        before rows and columns.

    Raises
    ------
    ImageError
        If there is no image that can be used.
    """
    path = Path(path)
    places: dict[str, AxisPlace] = {}
    try:
        if not path.exists():
            raise ImageError(f"There is no file {path}.")
        if path.is_dir():
            if not is_zarr(path):
                raise ImageError(f"{path} is a folder, not an image.")
            found = _read_zarr(path)
            array, axes, size = found.array, found.axes, found.pixel_size
            places = found.places
        elif path.stat().st_size == 0:
            raise ImageError(f"The file {path} is empty.")
        else:
            with path.open("rb") as file:
                start = file.read(4)
            read = _read_tiff if start in _TIFF_STARTS else _read_picture
            array, axes, size = read(path)
            places = in_micrometres(size) if size else {}
    except OSError as error:
        msg = f"The file {path} cannot be read: {_reason(error)}."
        raise ImageError(msg) from error
    described = _describe(path, (array, axes, size), channel_axis, planes)
    return replace(described, places=places)


def _describe(
    path: Path,
    pixels: tuple[Any, str, tuple[float, float] | None],
    channel_axis: int | None,
    planes: int | str | None,
) -> ImageFile:
    """Find the channels and check the rest."""
    array, axes, size = pixels
    try:
        found = arrange(array, axes, channel_axis, planes)
        # Of unnamed axes, the caller may still say which one holds channels.
        unknown = found.channel_axis is None and "Q" in found.axes
        as_planes(found.array, 0 if unknown else found.channel_axis)
    except ImageError as error:
        msg = f"{path} cannot be used: {str(error)[0].lower()}{str(error)[1:]}"
        raise ImageError(msg) from error
    return ImageFile(path, *found, size)


def _reason(error: BaseException) -> str:
    """Tell what an error says, on one line and without a full stop."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split()).rstrip(".")


def _read_picture(path: Path) -> tuple[NDArray[Any], str, None]:
    """PNG, JPEG and whatever else Pillow knows."""
    from PIL import Image, UnidentifiedImageError

    data = path.read_bytes()
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[24:25] == b"\x10":
        # Pillow reduces 16 bits to 8 if there are colours.
        import imagecodecs

        try:
            array = np.asarray(imagecodecs.png_decode(data))
        except (RuntimeError, ValueError) as error:
            raise _damaged(path, error) from error
    else:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(path) as picture:
                    mode = picture.mode
                    if mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB"):
                        array = np.asarray(picture.convert("RGB"))
                    else:
                        array = np.asarray(picture)
        except UnidentifiedImageError as error:
            msg = f"{path} is not an image in a format that can be read."
            raise ImageError(msg) from error
        except Image.DecompressionBombError as error:
            msg = f"{path} is too large for its format; save it as TIFF or OME-Zarr."
            raise ImageError(msg) from error
        except (OSError, ValueError, SyntaxError, EOFError) as error:
            raise _damaged(path, error) from error
    if array.ndim == 3 and array.shape[-1] == 2:
        array = array[..., 0]  # gray and alpha
    return array, "YXS"[: array.ndim], None


def _damaged(path: Path, error: BaseException) -> ImageError:
    return ImageError(f"The file {path} is damaged or cut off: {_reason(error)}.")


@contextmanager
def _collected_complaints() -> Iterator[list[str]]:
    """Collect tifffile's messages of damage, which it logs and goes on."""
    complaints: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.ERROR or "corrupt" in record.getMessage():
                complaints.append(record.getMessage())

    logger, handler = logging.getLogger("tifffile"), Collect()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield complaints
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _read_tiff(path: Path) -> tuple[NDArray[Any], str, tuple[float, float] | None]:
    """First series of a TIFF, with the axes of OME, ImageJ or the pages."""
    import tifffile

    try:
        with _collected_complaints() as complaints, tifffile.TiffFile(path) as tif:
            series = tif.series[0]
            array, page = np.asarray(series.asarray()), series.keyframe
            axes = "".join(a if a in "TZCYXS" else "Q" for a in series.axes)
            if page.photometric == 3 and page.colormap is not None:
                array = np.moveaxis(np.asarray(page.colormap)[:, array] >> 8, 0, -1)
                array, axes = array.astype(np.uint8), axes + "S"
            elif page.photometric == 0 and array.dtype.kind in "bu":
                array = np.invert(array)  # 0 is white
            size = _tiff_pixel_size(tif)
    except MemoryError as error:
        msg = f"The image {path} does not fit into memory; save it as OME-Zarr."
        raise ImageError(msg) from error
    except Exception as error:
        raise _damaged(path, error) from error
    if complaints:
        raise _damaged(path, ValueError(complaints[0]))
    if axes.count("S") and array.shape[axes.index("S")] == 2:
        array, axes = array.take(0, axes.index("S")), axes.replace("S", "")
    return array, axes, size


def _tiff_pixel_size(tif: Any) -> tuple[float, float] | None:
    """Height and width in micrometres, from OME or ImageJ metadata."""
    if tif.is_ome:
        found = [
            re.search(rf'PhysicalSize{a}="([0-9.eE+-]+)"', tif.ome_metadata)
            for a in "YX"
        ]
        units = set(re.findall(r'PhysicalSize[XY]Unit="([^"]+)"', tif.ome_metadata))
        if all(found) and units <= {"µm", "um"}:
            y, x = (float(m.group(1)) for m in found if m)
            return (y, x) if y > 0 and x > 0 else None
    unit = str((tif.imagej_metadata or {}).get("unit", "")).replace("\\u00B5", "u")
    tags = tif.pages[0].tags
    if unit in ("micron", "um", "µm") and {"XResolution", "YResolution"} <= {
        tag.name for tag in tags
    }:
        ratios = [tags[f"{a}Resolution"].value for a in "YX"]
        if all(n > 0 and d > 0 for n, d in ratios):
            y, x = (d / n for n, d in ratios)
            return y, x
    return None
