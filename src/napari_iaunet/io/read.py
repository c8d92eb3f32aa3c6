"""Read images from files."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.axes import arrange
from napari_iaunet.io.bounds import in_time
from napari_iaunet.io.damage import reason
from napari_iaunet.io.ome_zarr import count_images as count_zarr
from napari_iaunet.io.ome_zarr import is_zarr
from napari_iaunet.io.ome_zarr import read as read_zarr
from napari_iaunet.io.ome_zarr_labels import write_labels_ome_zarr
from napari_iaunet.io.paths import local_path
from napari_iaunet.io.picture import PICTURE_STARTS, read_picture
from napari_iaunet.io.series import pick_image
from napari_iaunet.io.tiff import TIFF_STARTS, read_tiff
from napari_iaunet.io.tiff import count_images as count_tiff
from napari_iaunet.io.write import (
    write_labels,
    write_labels_in_tiles,
    write_overlay,
    write_table,
    write_tables,
)
from napari_iaunet.segmentation.image import as_planes

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from napari_iaunet.io.axes import Arranged
    from napari_iaunet.io.pixels import AxisPlace, Pixels

__all__ = [
    "ImageFile",
    "read_image",
    "write_labels",
    "write_labels_in_tiles",
    "write_labels_ome_zarr",
    "write_overlay",
    "write_table",
    "write_tables",
]

log = logging.getLogger(__name__)

# Formats of microscopes that are TIFF have names of their own, so what a file begins
# with counts as well.
_ENDINGS = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}


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
    holds_labels : bool
        Whether the file says that these are labels, not an image.
    channel_names : tuple of str or None
        One for each channel, where the file says so; "" of one that it does not name.
    """

    path: Path
    array: Any
    axes: str
    channel_axis: int | None
    pixel_size: tuple[float, float] | None = None
    places: Mapping[str, AxisPlace] = field(default_factory=dict)
    holds_labels: bool = False
    channel_names: tuple[str, ...] | None = None

    @property
    def is_stack(self) -> bool:
        """Whether there are several planes, in time or depth."""
        return len(self.axes) - (self.channel_axis is not None) > 2


def read_image(
    path: str | os.PathLike[str],
    *,
    series: int | None = None,
    channel_axis: int | None = None,
    planes: int | str | None = None,
    lazily: bool = False,
) -> ImageFile:
    """Read a PNG, JPEG, TIFF or OME-Zarr image, at full resolution.

    Zarr is read lazily, everything else at once, unless `lazily` says otherwise. What
    had to be assumed, or was left out, is logged as a warning and tells how to say
    otherwise.

    Parameters
    ----------
    path : path
        A file, or the folder of an OME-Zarr image or of a plain zarr array.
    series : int, optional
        Number of the image, from 1, where there are several; the largest one, or the
        first of those, if left out. What a scanner keeps beside a slide, and reduced
        images, are not counted.
    channel_axis : int, optional
        Axis that holds the channels, where the file does not say so; axes of length 1
        are not counted.
    planes : int or str, optional
        Axis, or its letter, that holds planes (time points or sections), where the file
        says something else, such as channels, or has them last. It becomes the axis
        before rows and columns.
    lazily : bool
        Whether a TIFF that is too large to be segmented in memory is read lazily, too,
        if that is possible.

    Raises
    ------
    ImageError
        If there is no image that can be used.
    """
    path = local_path(path)
    pixels = read_pixels(path, series, lazily=lazily)
    try:
        found = arrange(pixels.array, pixels.axes, channel_axis, planes, pixels.alpha)
        # Of unnamed axes, the caller may still say which one holds channels.
        unknown = found.channel_axis is None and "Q" in found.axes
        as_planes(found.array, 0 if unknown else found.channel_axis)
    except ImageError as error:
        msg = f"{path} cannot be used: {str(error)[0].lower()}{str(error)[1:]}"
        raise ImageError(msg) from error
    for note in (*pixels.notes, *(f"{path}: {note}" for note in found.notes)):
        log.warning(note)
    return ImageFile(
        path,
        found.array,
        found.axes,
        found.channel_axis,
        pixels.pixel_size,
        pixels.places,
        pixels.holds_labels,
        _names_of(found, pixels.channel_names),
    )


def check_image(path: Path) -> None:
    """Raise ImageError if there is nothing, or what is called and begins like no image.

    What is called like one may be damaged: `read_image` tells.
    """
    if not path.exists():
        raise ImageError(f"There is no file {path}.")
    if path.is_dir() or path.suffix.lower() in _ENDINGS:
        return
    begin = b""
    with suppress(OSError), path.open("rb") as file:
        begin = file.read(4)
    if not begin.startswith((*TIFF_STARTS, *PICTURE_STARTS)):
        raise ImageError(f"{path} is no PNG, JPEG, TIFF or OME-Zarr image.")


def count_images(path: Path) -> int:
    """Count the images of a file or a store that `read_image` knows by a number.

    What cannot be read counts as one: `read_image` tells what is wrong with it.
    """
    try:
        if path.is_dir():
            return count_zarr(path)
        with path.open("rb") as file:
            is_tiff = file.read(4) in TIFF_STARTS
        return in_time(path, lambda: count_tiff(path)) if is_tiff else 1
    except (OSError, ImageError):
        return 1


def _names_of(found: Arranged, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Names of the channels, if they are what the file calls channels."""
    axis = found.channel_axis
    count = 1 if axis is None else found.array.shape[axis]
    known = axis is None or found.axes[axis] == "C"
    return names if known and any(names) and len(names) == count else None


def read_pixels(
    path: Path,
    series: int | None = None,
    *,
    as_stored: bool = False,
    lazily: bool = False,
) -> Pixels:
    """Read an image as the file describes it; parameters and errors as `read_image`.

    With `as_stored`, the numbers of a palette are not replaced by its colours, and no
    colours are converted, and transparency is left out.
    """
    try:
        if not path.exists():
            raise ImageError(f"There is no file {path}.")
        if not (path.is_dir() or path.is_file()):
            # A pipe or a device, which may never end.
            raise ImageError(f"{path} is neither a file nor a folder.")
        if path.is_dir():
            if not is_zarr(path):
                raise ImageError(f"{path} is a folder, not an image.")
            return in_time(path, lambda: read_zarr(path, series, of_labels=as_stored))
        if path.stat().st_size == 0:
            raise ImageError(f"The file {path} is empty.")
        with path.open("rb") as file:
            start = file.read(4)
        if start in TIFF_STARTS:
            options = {"as_stored": as_stored, "lazily": lazily}
            return in_time(path, lambda: read_tiff(path, series, **options))
        pick_image(path, [1], series)
        return in_time(path, lambda: read_picture(path, as_stored=as_stored))
    except OSError as error:
        msg = f"The file {path} cannot be read: {reason(error)}."
        raise ImageError(msg) from error
