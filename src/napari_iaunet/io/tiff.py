"""Read TIFF, and the formats of microscopes that are TIFF."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from html import unescape
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_memory
from napari_iaunet.io.colours import from_cmyk, from_lab, from_ycbcr
from napari_iaunet.io.damage import damaged
from napari_iaunet.io.pixels import AxisPlace, Pixels, in_micrometres
from napari_iaunet.io.series import pick_image
from napari_iaunet.io.tiff_bounds import check_series, check_tiff, check_tiff_pages
from napari_iaunet.io.tiff_images import area_of, images_of
from napari_iaunet.io.tiff_lazy import open_tiff

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

# What a page may hold beside gray and palettes: how TIFF numbers it.
_WHITE_IS_0, _GRAY, _RGB, _PALETTE, _MASK, _INKS, _YCBCR, _LAB, _ICC_LAB = (
    0, 1, 2, 3, 4, 5, 6, 8, 9,
)  # fmt: skip
_LINEAR_RAW = 34892  # red, green and blue of a camera
# Samples of a page that are transparency.
_ALPHA = (1, 2)
# What these compress, JPEG and WebP, tifffile gives as red, green and blue.
_OLD_JPEG = 6  # tifffile takes it for the new one, which fails
_DECODED = (7, 33007, 34887, 34927, 50001)
_LENGTHS = {
    "": 1.0, "µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "micrometer": 1.0,
    "nm": 1e-3, "mm": 1e3, "cm": 1e4, "m": 1e6,
}  # fmt: skip


def count_images(path: Path) -> int:
    """Count the images of a TIFF, as `read_tiff` numbers them.

    Raises ImageError if it is damaged.
    """
    import tifffile

    check_tiff_pages(path)
    try:
        with _collected_complaints(), tifffile.TiffFile(path) as tif:
            check_tiff(path, tif)
            return len(images_of(tif))
    except ImageError:
        raise
    except Exception as error:
        raise damaged(path, error) from error


def read_tiff(
    path: Path,
    series: int | None = None,
    *,
    as_stored: bool = False,
    lazily: bool = False,
) -> Pixels:
    """Read an image of a TIFF, with the axes of OME, ImageJ or the pages.

    Parameters
    ----------
    path : Path
    series : int, optional
        Number of the image, from 1, where the file holds several; the largest one, or
        the first of those, if left out.
    as_stored : bool
        For labels: the numbers of a palette are not replaced by its colours, no
        colours are converted, and transparency is left out.
    lazily : bool
        Whether one that is too large to be segmented in memory is a dask array, where
        its kind allows that: gray, or red, green and blue, as they are stored.

    Raises
    ------
    ImageError
        If there is no such image, or it is damaged or cannot be read.
    """
    import tifffile

    check_tiff_pages(path)
    try:
        with _collected_complaints() as complaints, tifffile.TiffFile(path) as tif:
            check_tiff(path, tif)
            images = images_of(tif)
            sizes = [area_of(image[0]) for image in images]
            number, notes = pick_image(path, sizes, series, of_labels=as_stored)
            image = images[number - 1]
            check_series(path, image)
            page = image[0].keyframe
            array = open_tiff(path, image) if lazily and is_plain(page) else None
            if array is None:
                check_memory(path, sum(one.nbytes for one in image))
                array = _pixels_of(image)
            axes = "".join(a if a in "TZCYXS" else "Q" for a in image[0].axes)
            axes = "Q" * (array.ndim - len(axes)) + axes
            alpha: tuple[int, ...] = ()
            if as_stored:
                array, axes = _without_alpha(array, axes, page)
            else:
                array, axes, alpha = _in_colours(path, array, axes, page)
            places, notes = _places(tif), notes + _about_planes(path, image[0])
            names = _channel_names(tif, image[0])
    except MemoryError as error:
        msg = f"The image {path} does not fit into memory; save it as OME-Zarr."
        raise ImageError(msg) from error
    except ImageError:
        raise
    except Exception as error:
        raise damaged(path, error) from error
    if complaints:
        raise damaged(path, ValueError(complaints[0]))
    return Pixels(array, axes, places, notes, channel_names=names, alpha=alpha)


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


def _pixels_of(image: Sequence[Any]) -> NDArray[Any]:
    if int(image[0].keyframe.compression) == _OLD_JPEG:
        raise NotImplementedError("JPEG of the old style")
    if len(image) == 1:
        return np.asarray(image[0].asarray())
    return np.stack([series.asarray() for series in image])


def _about_planes(path: Path, series: Any) -> tuple[str, ...]:
    """Return notes of planes that OME says to lie elsewhere, or nowhere."""
    if series.kind != "ome":
        return ()
    notes = []
    pages = list(series.pages)
    if missing := sum(page is None for page in pages):
        notes.append(
            f"{path}: {missing} of {len(pages)} planes are missing, and are taken for "
            "empty ones."
        )
    if series.is_multifile:
        notes.append(
            f"{path}: its planes lie in several files, which are read together; give "
            "one of these files only."
        )
    return tuple(notes)


def _kind_of(page: Any) -> int:
    """How a page holds its colours; what does not say so is RGB, or gray."""
    if 262 in page.tags:
        return int(page.photometric)
    return _RGB if page.samplesperpixel in (3, 4) else _GRAY


def is_plain(page: Any) -> bool:
    """Whether pixels are used as they are stored."""
    samples = int(page.samplesperpixel)
    jpeg = int(page.compression) in _DECODED and int(page.planarconfig) == 1
    usual = {_GRAY: 1, _RGB: 3, _YCBCR: 3 if jpeg else 0}
    return samples == usual.get(_kind_of(page)) and not page.extrasamples


def _colours_of(page: Any) -> int:
    """How many samples of a page are its colours; 0 of gray and palettes."""
    kind = _kind_of(page)
    if kind == _INKS:
        return 4
    return 3 if kind in (_RGB, _YCBCR, _LAB, _ICC_LAB, _LINEAR_RAW) else 0


def _opaque_of(count: int, page: Any) -> list[int]:
    """Which samples of a page are no transparency."""
    extra, colours = [int(n) for n in page.extrasamples], _colours_of(page)
    if _kind_of(page) == _PALETTE:
        return [0]
    if colours and count == colours + 1:  # some forget to say that it is alpha
        return list(range(colours))
    own = count - len(extra)
    return [i for i in range(count) if i < own or extra[i - own] not in _ALPHA]


def _without_alpha(array: NDArray[Any], axes: str, page: Any) -> tuple[Any, str]:
    """Leave out the samples of a page that are transparency, or tell them apart.

    What is left of gray has no axis of samples if there is one, else it has channels.
    """
    if "S" not in axes:
        return array, axes
    axis = axes.index("S")
    kept = _opaque_of(array.shape[axis], page)
    if len(kept) == 1:
        return array.take(kept[0], axis), axes.replace("S", "")
    if len(kept) < array.shape[axis]:
        array = array.take(kept, axis)
    return array, _named(axes, len(kept), page)


def _named(axes: str, count: int, page: Any) -> str:
    """Call the samples channels if they are no colours."""
    is_channels = count != _colours_of(page) and "C" not in axes
    return axes.replace("S", "C") if is_channels else axes


def _in_colours(
    path: Path, array: NDArray[Any], axes: str, page: Any
) -> tuple[Any, str, tuple[int, ...]]:
    """Gray where 0 is black, or red, green and blue; and which samples are alpha."""
    kind = _kind_of(page)
    if kind == _RGB and "S" in axes and list(page.extrasamples) == [0]:
        # A fourth sample of which nothing is said is left to who knows the axes.
        return array, axes, ()
    jpeg = int(page.compression) in _DECODED and int(page.planarconfig) == 1
    as_it_is = kind in (_GRAY, _RGB, _LINEAR_RAW) or (kind == _YCBCR and jpeg)
    if as_it_is and "S" in axes:
        count = array.shape[axes.index("S")]
        kept = _opaque_of(count, page)
        # Whoever knows the axes may take transparency for a channel.
        if alpha := tuple(i for i in range(count) if i not in kept):
            return array, _named(axes, max(len(kept), _colours_of(page)), page), alpha
    array, axes = _without_alpha(array, axes, page)
    if as_it_is:
        return array, axes, ()
    if kind == _PALETTE and page.colormap is not None:
        return _look_up(array, np.asarray(page.colormap)), axes + "S", ()
    if kind == _WHITE_IS_0:
        return _inverted(array), axes, ()
    if kind in (_PALETTE, _MASK):
        return array, axes, ()
    converted = None
    if "S" in axes:
        converted = _convert(kind, np.moveaxis(array, axes.index("S"), -1), page)
    if converted is None:
        name = getattr(page.photometric, "name", kind)
        raise ImageError(
            f"{path} is of a kind that cannot be read (its colours are {name} of "
            f"{array.dtype}); save it as RGB."
        )
    return converted, axes.replace("S", "") + "S", ()


def _inverted(array: NDArray[Any]) -> NDArray[Any]:
    """Pixels of which the darkest become the brightest, within what they can be."""
    if array.dtype.kind in "bu":
        return np.asarray(np.invert(array))
    known = array[np.isfinite(array)]
    if not known.size:
        return array
    # Real numbers and those with a sign have no end: they stay in their own range.
    return np.asarray(known.max() - array + known.min(), array.dtype)


def _look_up(numbers: NDArray[Any], palette: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours (..., 3) of the numbers (...) of a palette (3, N)."""
    # Some write a palette of 8 bits into the 16 that TIFF wants.
    eight_bits = palette >> 8 if palette.max(initial=0) > 255 else palette
    colours = eight_bits.astype(np.uint8)[:, numbers.astype(np.intp)]
    return np.moveaxis(colours, 0, -1)


def _convert(kind: int, colours: NDArray[Any], page: Any) -> NDArray[Any] | None:
    """Red, green and blue; None if it is not known how."""
    tags, unsigned = page.tags, colours.dtype.kind == "u"
    if kind == _INKS and unsigned and tags.valueof("InkSet", 1) == 1:
        return from_cmyk(colours) if colours.shape[-1] == 4 else None
    if kind in (_LAB, _ICC_LAB) and colours.dtype in (np.uint8, np.uint16, np.float32):
        return from_lab(colours, icc=kind == _ICC_LAB)
    if kind == _YCBCR and colours.dtype == np.uint8:
        luma, ends = (
            _ratios(tags.valueof(name))
            for name in ("YCbCrCoefficients", "ReferenceBlackWhite")
        )
        return from_ycbcr(colours, luma, ends)
    return None


def _ratios(values: Sequence[int] | None) -> list[float] | None:
    """Fractions, which TIFF stores as numerator and denominator."""
    if values is None:
        return None
    return [n / d for n, d in zip(values[::2], values[1::2], strict=True)]


def _places(tif: Any) -> dict[str, AxisPlace]:
    """Where pixels lie, by OME, ImageJ or ourselves, in micrometres and seconds."""
    if tif.is_ome:
        sizes = {a: _ome_size(tif.ome_metadata, a) for a in "XYZ"}
        every = re.search(r'TimeIncrement="([0-9.eE+-]+)"', tif.ome_metadata)
        unit = re.search(r'TimeIncrementUnit="([^"]+)"', tif.ome_metadata)
        seconds = every and (unit is None or unit.group(1) == "s")
        return _known(**sizes, T=_number(every.group(1)) if every and seconds else None)
    about: dict[str, Any] = tif.imagej_metadata or (tif.shaped_metadata or ({},))[0]
    unit_name = str(about.get("unit", "?")).replace("\\u00B5", "u")
    tags = tif.pages[0].tags
    scale = _LENGTHS.get(unit_name)
    resolutions = [tags.valueof(f"{a}Resolution") for a in "XY"]
    if scale is None or not unit_name or None in resolutions:
        return {}
    x, y = (scale * d / n if n > 0 and d > 0 else None for n, d in resolutions)
    z, t = (_number(about.get(key)) for key in ("spacing", "finterval"))
    return _known(X=x, Y=y, Z=z and z * scale, T=t)


def _channel_names(tif: Any, series: Any) -> tuple[str, ...]:
    """Names of channels, by OME or by ImageJ, where that names each plane."""
    if tif.is_ome:
        # The images stand in the order of the series.
        described = re.split(r"<(?:\w+:)?Image\b", tif.ome_metadata)[1:]
        index = tif.series.index(series)
        if index >= len(described):
            return ()
        channels = re.findall(r"<(?:\w+:)?Channel\b([^>]*)", described[index])
        names = (re.search(r'\bName="([^"]*)"', channel) for channel in channels)
        return tuple(unescape(name.group(1)) if name else "" for name in names)
    planes: list[Any] = list((tif.imagej_metadata or {}).get("Labels") or ())
    count = {"YX": 1, "CYX": series.shape[0]}.get(series.axes)
    return tuple(map(str, planes)) if len(planes) == count else ()


def _known(**steps: float | None) -> dict[str, AxisPlace]:
    """Places if rows and columns are known: nothing can be said of the others alone."""
    found = in_micrometres(**steps)
    return found if {"X", "Y"} <= found.keys() else {}


def _ome_size(xml: str, axis: str) -> float | None:
    size = re.search(rf'PhysicalSize{axis}="([0-9.eE+-]+)"', xml)
    unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', xml)
    number = _number(size.group(1)) if size else None
    scale = _LENGTHS.get(unit.group(1) if unit else "")
    return number * scale if number is not None and scale is not None else None


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
