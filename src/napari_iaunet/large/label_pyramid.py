"""Labels on disk at several resolutions, which fill while somebody looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# A level whose rows and columns are no more than this is the last.
_SMALLEST = 1024
_CHUNK = 640


class LabelPyramid:
    """Zarr arrays of labels; each level keeps every second row and column of the last.

    Arrays that are there already are used, with all they hold.

    Parameters
    ----------
    path : Path
        Folder to hold the levels.
    shape : tuple of int
        (..., Y, X) of the labels.
    side : int
        Rows and columns, in pixels, of what is usually written at once.
    added : sequence of int
        Axes of length 1 that the arrays have besides, by their place among all.

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
    ) -> None:
        self.added = tuple(added)
        self.levels: list[Any] = []
        height, width = shape[-2:]
        while True:
            full = self._expanded((*shape[:-2], height, width), 1)
            chunks = self._expanded(
                (1,) * (len(shape) - 2) + (min(max(side, 1), _CHUNK),) * 2, 1
            )
            name = str(len(self.levels))
            self.levels.append(_open_or_create(path / name, full, chunks))
            if max(height, width) <= _SMALLEST:
                break
            height, width, side = -(-height // 2), -(-width // 2), side // 2

    def write(
        self,
        plane: Sequence[int],
        rows: slice,
        columns: slice,
        labels: NDArray[np.int32],
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


def _open_or_create(path: Path, shape: Sequence[int], chunks: Sequence[int]) -> Any:
    import zarr

    try:
        return zarr.open_array(str(path), mode="r+")
    except FileNotFoundError:
        return zarr.create_array(
            str(path), shape=tuple(shape), dtype=np.int32, chunks=tuple(chunks)
        )
