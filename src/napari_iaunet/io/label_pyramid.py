"""Labels on disk at several resolutions, which may be shown while they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

# Side of a chunk of zarr in pixels: a chunk of int32 takes 1.6 MB, compressed far less.
# Smaller chunks are more files, of larger ones more is read for what a screen shows.
CHUNK = 640
# A level whose rows and columns are no more than this is the last: it fits on a screen.
_SMALLEST = 1024


class LabelPyramid:
    """Zarr arrays of labels; each level keeps every second row and column of the last.

    Arrays that are there already are used, with all they hold.

    Parameters
    ----------
    path : Path
        Folder to hold the levels, named ``0`` (full resolution), ``1`` and so on.
    shape : tuple of int
        (..., Y, X) of the labels.
    side : int
        Rows and columns, in pixels, of what is usually written at once: no chunk of any
        level is larger.
    added : sequence of int
        Axes of length 1 that the arrays have besides, by their place among all.
    smallest : int, optional
        Rows and columns, in pixels, of the last level at most; 1024 if left out.
    options : mapping
        Further arguments of ``zarr.create_array``.

    Attributes
    ----------
    levels : list of zarr arrays
        The first at full resolution.
    """

    def __init__(
        self,
        path: Path,
        shape: Sequence[int],
        side: int,
        added: Sequence[int] = (),
        *,
        dtype: DTypeLike = np.int32,
        smallest: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.added = tuple(added)
        self.levels: list[Any] = []
        smallest = smallest or _SMALLEST
        height, width = shape[-2:]
        while True:
            full = self._expanded((*shape[:-2], height, width), 1)
            sides = (min(n, max(side, 1), CHUNK) for n in (height, width))
            chunks = self._expanded((*(1,) * (len(shape) - 2), *sides), 1)
            name = str(len(self.levels))
            self.levels.append(
                _open_or_create(path / name, full, chunks, dtype, options or {})
            )
            if max(height, width) <= smallest:
                break
            height, width, side = -(-height // 2), -(-width // 2), side // 2

    def write(
        self,
        plane: Sequence[int],
        rows: slice,
        columns: slice,
        labels: NDArray[np.integer[Any]],
    ) -> None:
        """Write a part of a plane, (Y, X), into every level."""
        step = 1
        for level in self.levels:
            y, x = _kept(rows, step), _kept(columns, step)
            part = labels[y.start * step - rows.start :: step]
            part = part[:, x.start * step - columns.start :: step]
            if part.size:
                level[self._expanded((*plane, y, x), 0)] = part
            step *= 2

    def _expanded(self, values: Sequence[Any], extra: int) -> tuple[Any, ...]:
        """Put a value for each added axis among those for the other axes."""
        rest = iter(values)
        ndim = len(values) + len(self.added)
        return tuple(extra if i in self.added else next(rest) for i in range(ndim))


def _kept(part: slice, step: int) -> slice:
    """Which pixels of a level lie in a part of the full resolution."""
    return slice(-(-part.start // step), -(-part.stop // step))


def _open_or_create(
    path: Path,
    shape: Sequence[int],
    chunks: Sequence[int],
    dtype: DTypeLike,
    options: Mapping[str, Any],
) -> Any:
    import zarr

    try:
        return zarr.open_array(str(path), mode="r+")
    except FileNotFoundError:
        return zarr.create_array(
            str(path),
            shape=tuple(shape),
            dtype=np.dtype(dtype),
            chunks=tuple(chunks),
            **options,
        )
