"""TIFF files that claim too much, or never end, are refused before they are read."""

from __future__ import annotations

import math
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import check_claim, check_expansion, size_of_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Planes that OME-XML may speak of, and numbers in it that count planes.
_PLANES = 1_000_000
# Compressions of TIFF whose parts are pictures with sizes of their own: JPEG, JPEG
# 2000, PNG and WebP.
_PICTURES = {6, 7, 33003, 33004, 33005, 33007, 34712, 34927, 34933, 50001}


def check_tiff_pages(path: Path) -> None:
    """Refuse a TIFF whose pages form a circle, which would be read for ever."""
    seen: set[int] = set()
    with path.open("rb") as file:
        for offset in _page_offsets(file):
            if offset in seen:
                raise ImageError(
                    f"The file {path} is damaged: its pages form a circle."
                )
            seen.add(offset)


def _page_offsets(file: Any) -> Iterator[int]:
    """Yield where the pages of a TIFF lie, as far as they can be followed."""
    start = file.read(16)
    order = "<" if start[:2] == b"II" else ">"
    # Number of a page's tags, bytes of each, and where the next page lies.
    big = start[2:4] in (b"+\0", b"\0+")
    count, size, place = ("Q", 20, "Q") if big else ("H", 12, "I")
    try:
        (offset,) = struct.unpack_from(order + place, start, 8 if big else 4)
        while offset:
            yield offset
            file.seek(offset)
            (tags,) = struct.unpack(
                order + count, file.read(struct.calcsize("=" + count))
            )
            file.seek(tags * size, os.SEEK_CUR)
            (offset,) = struct.unpack(
                order + place, file.read(struct.calcsize("=" + place))
            )
    except (struct.error, OSError, OverflowError, ValueError):
        return  # damaged, as whoever reads it will say


def check_tiff(path: Path, tif: Any) -> None:
    """Refuse an open ``tifffile.TiffFile`` whose metadata speak of too much.

    Raises
    ------
    ImageError
    """
    page, held = tif.pages.first, path.stat().st_size
    segment = page.tile or (min(page.rowsperstrip or 1, page.imagelength),)
    width = segment[-1] if page.tile else page.imagewidth
    pixels = math.prod(segment[:-1]) * width * page.samplesperpixel
    check_claim(path, pixels * max(page.bitspersample, 8) // 8, held)
    check_expansion(path, page.nbytes, held)
    # Where each of an image's parts lies takes at least four bytes.
    if math.prod(page.chunked) > max(held, 64):
        raise ImageError(
            f"The file {path} is damaged: it is shorter than a list of its "
            f"{math.prod(page.chunked):,} parts."
        )
    if tif.is_ome:
        _check_ome(path, tif.ome_metadata)


def check_series(path: Path, image: Sequence[Any]) -> None:
    """Refuse an image of more pixels than its files can hold.

    Parameters
    ----------
    path : Path
    image : sequence of ``tifffile.TiffPageSeries``
        What it is put together of.

    Raises
    ------
    ImageError
    """
    files = {path}
    for series in image:
        if series.is_multifile:
            files |= {
                Path(page.parent.filehandle.path) for page in series.pages if page
            }
    held = sum(file.stat().st_size for file in files)
    check_expansion(path, sum(series.nbytes for series in image), held)
    for series in image:
        if int(series.keyframe.compression) in _PICTURES:
            _check_pictures(path, series)


def _check_pictures(path: Path, series: Any) -> None:
    """Refuse a TIFF with a JPEG, or the like, that is far larger than its place."""
    largest = 4 * math.prod(series.keyframe.chunks) + 2**24
    for page in series.pages:
        if page is None or page.parent.filehandle.closed:
            continue
        file = page.parent.filehandle
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            file.seek(offset)
            picture = size_of_picture(file.read(min(count, 2**16)))
            if picture and picture[0] * picture[1] > largest:
                raise ImageError(
                    f"The file {path} is damaged: a part of it holds a picture of "
                    f"{picture[0]} x {picture[1]} pixels."
                )


def _check_ome(path: Path, xml: str) -> None:
    """Refuse OME-XML that would be worked on for ever."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise ImageError(f"The OME-XML of {path} has definitions of its own.")
    counts = re.findall(r'\b(?:Size[TCZ]|PlaneCount|NumPlanes)="\s*(\d+)', xml)
    places = re.findall(r'\b(?:IFD|First[TCZ])="\s*(\d+)', xml)
    largest = max(map(int, counts + places), default=0)
    for pixels in re.findall(r"<[\w:]*Pixels\b[^>]*>", xml):
        sizes = re.findall(r'\bSize[TCZ]="\s*(\d+)', pixels)
        largest = max(largest, math.prod(map(int, sizes)))
    for steps in re.findall(r"<[\w:]*ModuloAlong[^>]*>", xml):
        found = dict(re.findall(r'\b(Start|End|Step)="\s*([-+.\deE]+)', steps))
        try:
            start, end, step = (float(found[k]) for k in ("Start", "End", "Step"))
            largest = max(largest, int(abs((end - start) / step)))
        except (KeyError, ValueError):
            continue
        except (ZeroDivisionError, OverflowError):
            largest = _PLANES + 1
    if largest > _PLANES:
        raise ImageError(
            f"The file {path} is damaged: its OME-XML speaks of more than "
            f"{_PLANES:,} planes."
        )
    for name in re.findall(r'\bFileName="([^"]*)"', xml):
        # Else an image could have any file read, also over the network.
        if re.search(r"[/\\:]", name):
            raise ImageError(
                f"{path} names a file in another folder as a part of it: {name!r}."
            )
