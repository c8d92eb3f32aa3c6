"""How much a file may claim to hold, and how long reading it may take.

A damaged or hostile file of some kilobytes can claim terabytes of pixels, or pages that
never end. Such a file is refused before memory is taken. A sound file is not, however
large: what it may claim grows with its size.
"""

from __future__ import annotations

import ctypes
import io
import os
import struct
import threading
import warnings
from typing import TYPE_CHECKING, TypeVar

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Result = TypeVar("Result")

# Bytes that any file may unpack to: an 8-bit image of 16,000 x 16,000 pixels. Reading
# may hold it four times, and that fits into every computer.
ALWAYS = 256 * 2**20
# Above that, a file may unpack to so many times its size. Images of cells shrink to a
# tenth at best; label images of few cells to a 400th; zeros, by deflate, to a 1030th.
EXPANSION = 500
# Lifts the limit of size for the files of somebody who trusts them.
TRUST = "NAPARI_IAUNET_TRUST_FILES"
# Seconds that reading may take beside one for each megabyte of the file, as over a slow
# network.
_SECONDS, _BYTES_PER_SECOND = 15.0, 1e6
# Bytes for each pixel that segmenting an image at once takes beside its own: labels,
# and what they are measured and written from. The network needs its share of memory.
_PER_PIXEL, _SHARE = 14, 0.5
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
    check_expansion(path, claimed, held)
    check_memory(path, claimed)


def check_expansion(path: Path, claimed: int, held: int) -> None:
    """Refuse a file that claims more than it can hold; parameters as `check_claim`."""
    trusted = os.environ.get(TRUST, "") not in ("", "0")
    if claimed > max(ALWAYS, EXPANSION * held) and not trusted:
        raise ImageError(
            f"{path} claims to hold {in_bytes(claimed)} of pixels in {in_bytes(held)}, "
            f"as damaged and hostile files do; set {TRUST}=1 to read it nevertheless."
        )


def check_memory(path: Path, claimed: int) -> None:
    """Refuse a file that claims more than memory can hold."""
    import psutil

    free = psutil.virtual_memory().available
    if claimed > free:
        raise ImageError(
            f"The image {path} does not fit into memory: it needs {in_bytes(claimed)}, "
            f"and {in_bytes(free)} are free; save it as OME-Zarr."
        )


def fits_at_once(claimed: int, pixels: int) -> bool:
    """Whether an image of so many bytes and pixels can be segmented in memory."""
    import psutil

    free: int = psutil.virtual_memory().available
    return claimed + _PER_PIXEL * pixels <= _SHARE * free


def in_bytes(count: int) -> str:
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
    elif size := size_of_picture(data):
        check_claim(path, size[0] * size[1] * 3, len(data))
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > _SCANS:
        raise ImageError(
            f"The file {path} is damaged: it draws its picture more than {_SCANS} "
            "times."
        )


def size_of_picture(data: bytes) -> tuple[int, int] | None:
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
