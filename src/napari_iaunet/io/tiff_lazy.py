"""TIFFs that are too large for memory are read where they are looked at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.io.bounds import fits_at_once
from napari_iaunet.io.damage import damaged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Side of what is read at a time, in pixels, at least; and the bytes that a part may
# have which can only be unpacked as a whole.
_SIDE, _MOST = 1024, 128 * 2**20


def open_tiff(path: Path, image: Sequence[Any]) -> Any | None:
    """Open an image lazily, if it is too large to be segmented in memory.

    Parameters
    ----------
    path : Path
    image : sequence of ``tifffile.TiffPageSeries``
        What it is put together of.

    Returns
    -------
    dask array or None
        None if it fits, or if it can only be read as a whole.
    """
    series = image[0]
    pixels = math.prod(
        n for n, axis in zip(series.shape, series.axes, strict=True) if axis not in "CS"
    )
    if len(image) > 1 or fits_at_once(series.nbytes, pixels):
        return None
    if series.dataoffset is not None and not series.is_multifile:
        kind = series.dtype.newbyteorder(series.keyframe.parent.byteorder)
        stored: Any = np.memmap(path, kind, "r", series.dataoffset, series.shape)
        return _as_dask(stored, (1,) * stored.ndim, series.axes)
    if math.prod(series.keyframe.chunks) * series.dtype.itemsize > _MOST:
        return None
    import zarr

    stored = zarr.open_array(series.aszarr(level=0), mode="r")
    return _as_dask(_Parts(path, stored), stored.chunks, series.axes)


class _Parts:
    """An array of compressed parts, whose damage is told as ImageError."""

    def __init__(self, path: Path, array: Any) -> None:
        self._path, self._array = path, array
        self.shape, self.dtype, self.ndim = array.shape, array.dtype, array.ndim

    def __getitem__(self, index: Any) -> Any:
        try:
            return self._array[index]
        except MemoryError:
            raise
        except Exception as error:
            raise damaged(self._path, error) from error


def _as_dask(stored: Any, chunks: Sequence[int], axes: str) -> Any:
    """Wrap an array whose parts are of these shapes."""
    import dask.array as da

    # Many small parts take longer to list than to read.
    sides = [
        min(n, math.ceil(_SIDE / side) * side) if axis in "YXS" else side
        for n, side, axis in zip(stored.shape, chunks, axes, strict=True)
    ]
    # Without a name of its own, dask would read all of it to find one.
    return da.from_array(stored, chunks=tuple(sides), name=False)
