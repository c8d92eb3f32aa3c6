"""Zarr arrays that claim too much, or unpack to too much, are refused."""

from __future__ import annotations

import bz2
import itertools
import lzma
import math
import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.bounds import (
    ALWAYS,
    EXPANSION,
    check_expansion,
    check_memory,
    in_bytes,
)
from napari_iaunet.io.damage import damaged_store

if TYPE_CHECKING:
    from collections.abc import Iterator

# More chunks than this, of fewer bytes than that, are refused: each is a file.
_SMALL_CHUNKS, _SMALL_CHUNK = 1_000_000, 4096
# Parts that Dask shall list at most: 20,000 take it half a second per region.
_LISTED = 5_000
# Pixels that are read at a time, at least.
_READ_AT_ONCE = 1 << 18
# Bytes of one file of metadata in a zarr store; a plate's may have several million.
_METADATA = 50_000_000
# What deflate shrinks zeros to.
_DEFLATE = 1030


def check_zarr_metadata(folder: Path, names: tuple[str, ...]) -> None:
    """Refuse a zarr folder with a file of metadata that is far too large."""
    for name in names:
        file = folder / name
        if file.exists() and not file.is_file():  # a pipe would be waited for
            raise ImageError(f"{file} is not a file, so no metadata of zarr.")
        if file.exists() and file.stat().st_size > _METADATA:
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

    @property
    def zarr(self) -> Any:
        """The array itself."""
        return self._array

    def __getitem__(self, index: Any) -> Any:
        try:
            self._check_chunks(index)
            return self._array[index]
        except (MemoryError, ImageError):
            raise
        except Exception as error:
            raise damaged_store(self._path, error) from error

    def _check_chunks(self, index: Any) -> None:
        """Refuse a region with a chunk that unpacks to far more than its pixels."""
        root = getattr(self._array.store, "root", None)
        if root is None or not isinstance(index, tuple):
            return
        sides = getattr(self._array, "shards", None) or self._array.chunks
        # Eight times: filters may store wider numbers.
        most = max(ALWAYS, 8 * math.prod(sides) * self.dtype.itemsize)
        for key in _keys(self._array, index, sides):
            file = Path(root) / self._array.path / key
            if not file.exists():
                continue
            if not file.is_file():  # a pipe would be waited for
                raise ImageError(f"{file} is not a file, so no chunk of an image.")
            if _unpacks_beyond(file, most):
                raise ImageError(
                    f"The zarr folder {self._path} is damaged: its chunk {key} unpacks "
                    f"to more than {in_bytes(most)}."
                )

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
            f"{path} is stored in {count:,} chunks of {in_bytes(chunk)}; save it with "
            "chunks of 512 x 512 pixels or more."
        )
    check_memory(path, chunk)
    store = getattr(array.store, "root", None)
    if store is None or max(claimed, chunk) <= ALWAYS:
        return
    held = _held(Path(store) / array.path, enough=max(claimed, chunk) // EXPANSION + 1)
    if held == 0:
        raise ImageError(f"{path} holds no pixels: none of its chunks was written.")
    check_expansion(path, max(claimed, chunk), held)


def _quick_chunks(array: Any) -> tuple[int, ...]:
    """Return sides of parts in which Dask can list a zarr array quickly.

    Dask looks at every part for each region that is read. Of a larger part it reads
    only what the region needs. A shard is read at once, and so are small chunks: one
    by one they take ten times as long.
    """
    chunks = list(getattr(array, "shards", None) or array.chunks)
    planes = range(array.ndim - 2, array.ndim)
    while math.prod(chunks) < _READ_AT_ONCE:
        shorter = [
            axis
            for axis, n in enumerate(array.shape)
            if chunks[axis] < n and (chunks[axis] > 1 or axis in planes)
        ]
        if not shorter:
            break
        chunks[min(shorter, key=chunks.__getitem__)] *= 2
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


def _keys(array: Any, index: tuple[Any, ...], sides: tuple[int, ...]) -> Iterator[str]:
    """Yield the names of the chunks that a region of slices lies in."""
    if not all(isinstance(part, slice) for part in index):
        return
    ranges = []
    for part, length, side in zip(index, array.shape, sides, strict=False):
        start, stop, _ = part.indices(length)
        ranges.append(range(start // side, -(-stop // side)))
    for place in itertools.product(*ranges):
        yield array.metadata.encode_chunk_key(place)


def _unpacks_beyond(file: Path, most: int) -> bool:
    """Whether a compressed chunk unpacks to more than `most` bytes, as far as known."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(18)
        if len(head) < 18:
            return False
        if struct.unpack_from("<I", head, 12)[0] == size:  # Blosc knows its length
            return int(struct.unpack_from("<I", head, 4)[0]) > most
        if head[:4] == b"\x28\xb5\x2f\xfd":
            return _zstd_length(head) > most
        unpack: Any
        if head[:2] == b"\x1f\x8b" or head[0] == 0x78:
            if size * _DEFLATE <= most:
                return False
            unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        elif head[:3] == b"BZh":
            unpack = bz2.BZ2Decompressor()
        elif head[:6] == b"\xfd7zXZ\0":
            unpack = lzma.LZMADecompressor()
        else:
            return False
        return _counts_beyond(unpack, head + stream.read(), most)


def _zstd_length(head: bytes) -> int:
    """Bytes that a frame of zstd says it unpacks to; 0 if it says nothing."""
    flag, single = head[4] >> 6, head[4] >> 5 & 1
    place = 5 + (0 if single else 1) + (0, 1, 2, 4)[head[4] & 3]
    width = (1 if single else 0, 2, 4, 8)[flag]
    return int.from_bytes(head[place : place + width], "little")


def _counts_beyond(unpack: Any, data: bytes, most: int) -> bool:
    """Whether data unpack to more than `most` bytes; few are held at a time."""
    count, step = 0, 2**24
    try:
        while count <= most:
            out = unpack.decompress(data, step)
            # What deflate did not come to is handed back, the others keep it.
            data = getattr(unpack, "unconsumed_tail", b"")
            count += len(out)
            if not out or unpack.eof:
                return count > most
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False  # damaged, as its decoder tells
    return True
