"""How much a file may claim to hold, and how long reading it may take.

A damaged or hostile file of some kilobytes can claim terabytes of pixels, or pages that
never end. Such a file is refused before memory is taken. A sound file is not, however
large: what it may claim grows with its size.
"""

from __future__ import annotations

import ctypes
import io
import math
import os
import re
import struct
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_iaunet.errors import ImageError
from napari_iaunet.io.damage import reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Result = TypeVar("Result")

# Bytes that any file may unpack to: an 8-bit image of 16,000 x 16,000 pixels. Reading
# may hold it four times, and that fits into every computer.
_ALWAYS = 256 * 2**20
# Above that, a file may unpack to so many times its size. Images of cells shrink to a
# tenth at best; label images of few cells to a 400th; zeros, by deflate, to a 1030th.
_EXPANSION = 500
# Lifts the limit of size for the files of somebody who trusts them.
TRUST = "NAPARI_IAUNET_TRUST_FILES"
# Seconds that reading may take beside one for each megabyte of the file, as over a slow
# network.
_SECONDS, _BYTES_PER_SECOND = 15.0, 1e6
# Planes that OME-XML may speak of, and numbers in it that count planes.
_PLANES = 1_000_000
# More chunks than this, of fewer bytes than that, are refused: each is a file.
_SMALL_CHUNKS, _SMALL_CHUNK = 1_000_000, 4096
# Parts that Dask shall list at most: 20,000 take it half a second per region.
_LISTED = 5_000
# Bytes of one file of metadata in a zarr store; a plate's may have several million.
_METADATA = 50_000_000
# Compressions of TIFF whose parts are pictures with sizes of their own: JPEG, JPEG
# 2000, PNG and WebP.
_PICTURES = {6, 7, 33003, 33004, 33005, 33007, 34712, 34927, 34933, 50001}
# Channels by a PNG's kind of colours; those of a palette become red, green and blue.
_PNG_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
# Scans of a progressive JPEG, each of which goes over all pixels; usual ones have ten.
_SCANS = 100


def check_claim(path: Path, claimed: int, held: int) -> None:
    """Refuse a file that claims more than it can hold, or than memory can.

    Parameters
    ----------
    path : Path
    claimed : int
        Bytes of all pixels.
    held : int
        Bytes of the file.

    Raises
    ------
    ImageError
    """
    _check_expansion(path, claimed, held)
    _check_memory(path, claimed)


def _check_expansion(path: Path, claimed: int, held: int) -> None:
    trusted = os.environ.get(TRUST, "") not in ("", "0")
    if claimed > max(_ALWAYS, _EXPANSION * held) and not trusted:
        raise ImageError(
            f"{path} claims to hold {_bytes(claimed)} of pixels in {_bytes(held)}, as "
            f"damaged and hostile files do; set {TRUST}=1 to read it nevertheless."
        )


def _check_memory(path: Path, claimed: int) -> None:
    import psutil

    free = psutil.virtual_memory().available
    if claimed > free:
        raise ImageError(
            f"The image {path} does not fit into memory: it needs {_bytes(claimed)}, "
            f"and {_bytes(free)} are free; save it as OME-Zarr."
        )


def _bytes(count: int) -> str:
    """Return a number of bytes as people read it."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.3g} {unit}"
    return f"{max(count, 1) / 1e3:.3g} kB"


class _TakesTooLongError(BaseException):
    """Raised in the midst of what reads a file; no `except Exception` holds it."""


def in_time(
    path: Path, read: Callable[[], Result], seconds: float = _SECONDS
) -> Result:
    """Return what `read` returns, unless it takes longer than for any sound file.

    Beside the seconds it may take one more for each megabyte of the file. Code in
    Python is broken off wherever it is, in any thread; what runs in C must be bounded
    by its size.

    Raises
    ------
    ImageError
        If it takes too long.
    """
    seconds += path.stat().st_size / _BYTES_PER_SECOND
    ended, lock = threading.Event(), threading.Lock()
    reader = ctypes.c_ulong(threading.get_ident())
    interrupt = ctypes.pythonapi.PyThreadState_SetAsyncExc

    def watch() -> None:
        # Again and again: code that is cleaning up may swallow one.
        pause = seconds
        while not ended.wait(pause):
            with lock:
                if not ended.is_set():
                    interrupt(reader, ctypes.py_object(_TakesTooLongError))
            pause = 1.0

    def end() -> None:
        with lock:
            ended.set()
            interrupt(reader, None)  # one that was not raised yet

    threading.Thread(target=watch, name="time limit", daemon=True).start()
    try:
        try:
            return read()
        finally:
            end()
    except _TakesTooLongError:
        end()
        raise ImageError(
            f"Reading {path} was given up after {seconds:.0f} seconds, in which every "
            "sound file can be read: it is damaged."
        ) from None


# -- TIFF -----------------------------------------------------------------------------


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
    check_claim(path, page.nbytes, held)
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
    check_claim(path, sum(series.nbytes for series in image), held)
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
            picture = _size_of(file.read(min(count, 2**16)))
            if picture and picture[0] * picture[1] > largest:
                raise ImageError(
                    f"The file {path} is damaged: a part of it holds a picture of "
                    f"{picture[0]} x {picture[1]} pixels."
                )


def _size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a picture, as its first bytes say."""
    from PIL import Image

    formats = ("PNG", "JPEG", "JPEG2000", "WEBP")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                return picture.size
    except Image.DecompressionBombError:
        return (65535, 65535)  # at least: more than the largest that Pillow opens
    except Exception:  # noqa: BLE001 - whatever is wrong, its decoder tells
        return None


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


# -- PNG and JPEG ---------------------------------------------------------------------


def check_picture(path: Path, data: bytes) -> None:
    """Refuse a PNG or JPEG of a size that its bytes cannot hold.

    Parameters
    ----------
    path : Path
    data : bytes
        The file.

    Raises
    ------
    ImageError
    """
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) > 25:
        width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
        values = width * height * _PNG_CHANNELS.get(kind, 4)
        check_claim(path, values * max(depth, 8) // 8, len(data))
    elif size := _size_of(data):
        check_claim(path, size[0] * size[1] * 3, len(data))
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > _SCANS:
        raise ImageError(
            f"The file {path} is damaged: it draws its picture more than {_SCANS} "
            "times."
        )


# -- zarr -----------------------------------------------------------------------------


def check_zarr_metadata(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse a zarr folder with a file of metadata that is far too large."""
    for name in names:
        file = folder / name
        if file.is_file() and file.stat().st_size > _METADATA:
            raise ImageError(f"The file {file} is too large for metadata of zarr.")


def checked_zarr(path: Path, array: Any) -> Any:
    """Return a zarr array as a lazy dask array, whose damage is told as ImageError.

    Raises
    ------
    ImageError
        If its metadata claim what its files cannot hold.
    """
    import dask.array as da

    _check_zarr(path, array)
    return da.from_array(_CheckedArray(path, array), chunks=_quick_chunks(array))


class _CheckedArray:
    """A zarr array that tells damage of its chunks in one sentence."""

    def __init__(self, path: Path, array: Any) -> None:
        self._path, self._array = path, array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: Any) -> Any:
        try:
            return self._array[index]
        except (MemoryError, ImageError):
            raise
        except Exception as error:
            msg = f"The zarr folder {self._path} is damaged: {reason(error)}."
            raise ImageError(msg) from error

    def __dask_tokenize__(self) -> Any:
        from dask.base import normalize_token

        return normalize_token(self._array)


def _check_zarr(path: Path, array: Any) -> None:
    chunk = math.prod(array.chunks) * array.dtype.itemsize
    claimed = math.prod(array.shape) * array.dtype.itemsize
    count = math.prod(
        -(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)
    )
    if count > _SMALL_CHUNKS and chunk < _SMALL_CHUNK:
        raise ImageError(
            f"{path} is stored in {count:,} chunks of {_bytes(chunk)}; save it with "
            "chunks of 512 x 512 pixels or more."
        )
    _check_memory(path, chunk)
    store = getattr(array.store, "root", None)
    if store is None or max(claimed, chunk) <= _ALWAYS:
        return
    held = _held(Path(store) / array.path, enough=max(claimed, chunk) // _EXPANSION + 1)
    if held == 0:
        raise ImageError(f"{path} holds no pixels: none of its chunks was written.")
    _check_expansion(path, max(claimed, chunk), held)


def _quick_chunks(array: Any) -> tuple[int, ...]:
    """Return sides of parts in which Dask can list a zarr array quickly.

    Dask looks at every part for each region that is read. Of a larger part it reads
    only what the region needs.
    """
    chunks = list(array.chunks)
    counts = [-(-n // c) for n, c in zip(array.shape, chunks, strict=True)]
    while math.prod(counts) > _LISTED:
        axis = counts.index(max(counts))
        chunks[axis] *= 2
        counts[axis] = -(-counts[axis] // 2)
    return tuple(chunks)


def _held(folder: Path, enough: int) -> int:
    """Bytes of the files in a folder, metadata left out; not counted beyond `enough`.

    A sound store has enough in a few files.
    """
    held = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            if not name.startswith(".z") and name != "zarr.json":
                held += (Path(parent) / name).stat().st_size
            if held >= enough:
                return held
    return held
