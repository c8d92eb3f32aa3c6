"""The chunks of zarr arrays that were read last, since one gesture reads them often."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Box = tuple[slice, ...]
    # File number, time and length; None where there is no file: all is background.
    Mark = tuple[int, int, int] | None

# Of each array, in bytes, or so many chunks if they are larger than that.
_MOST_BYTES, _LEAST_CHUNKS = 1 << 25, 2
# A box that reaches over more chunks is read as it is, and puts nothing aside.
_MOST_CHUNKS = 9


class RecentChunks:
    """Reads boxes of one array whose chunks are files.

    A chunk is unpacked again if its file has changed, whoever changed it.

    Parameters
    ----------
    array : zarr array
    folder : Path
        Where its chunks are.
    """

    def __init__(self, array: Any, folder: Path) -> None:
        self._array, self._folder = array, folder
        self._chunks: dict[tuple[int, ...], tuple[Mark, NDArray[Any]]] = {}
        self._lock = threading.Lock()

    def read(self, box: Box) -> NDArray[Any]:
        """Return a copy of the pixels of a box, which has slices without steps."""
        sides = self._array.chunks
        places = list(
            itertools.product(
                *(
                    range(part.start // side, -(-part.stop // side))
                    for part, side in zip(box, sides, strict=True)
                )
            )
        )
        if len(places) > _MOST_CHUNKS or getattr(self._array, "shards", None):
            return np.asarray(self._array[box])
        pixels = np.empty([part.stop - part.start for part in box], self._array.dtype)
        for place in places:
            begin = [i * side for i, side in zip(place, sides, strict=True)]
            chunk = self._chunk(place, begin)
            there, own = [], []
            for part, first, side in zip(box, begin, chunk.shape, strict=True):
                low, high = max(part.start, first), min(part.stop, first + side)
                there.append(slice(low - part.start, high - part.start))
                own.append(slice(low - first, high - first))
            pixels[tuple(there)] = chunk[tuple(own)]
        return pixels

    def _chunk(self, place: tuple[int, ...], begin: list[int]) -> NDArray[Any]:
        mark = self._mark(place)
        with self._lock:
            known = self._chunks.pop(place, None)
            if known is not None and known[0] == mark:
                self._chunks[place] = known  # the one used last comes last
                return known[1]
        ends = zip(begin, self._array.chunks, self._array.shape, strict=True)
        box = tuple(slice(b, min(b + side, n)) for b, side, n in ends)
        chunk = np.asarray(self._array[box])
        with self._lock:
            # What was written meanwhile has another mark, and is read again.
            self._chunks[place] = mark, chunk
            held = sum(other.nbytes for _, other in self._chunks.values())
            while held > _MOST_BYTES and len(self._chunks) > _LEAST_CHUNKS:
                held -= self._chunks.pop(next(iter(self._chunks)))[1].nbytes
        return chunk

    def _mark(self, place: tuple[int, ...]) -> Mark:
        file = self._folder / self._array.metadata.encode_chunk_key(place)
        try:
            said = file.stat()
        except OSError:
            return None
        return said.st_ino, said.st_mtime_ns, said.st_size
