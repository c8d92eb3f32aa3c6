"""The zarr array that an array of dask shows, so that it can be written to."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.recent_chunks import RecentChunks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Box = tuple[slice, ...]

# What dask calls the steps that move pixels and leave their values as they are.
_MOVES = {"getitem", "reshape", "transpose", "rechunk", "squeeze", "expand_dims"}
# Arrays of more parts are not looked through: each part would be listed.
_MOST_PARTS = 50_000
# Of dask arrays, by their names, which tell their contents.
_known: dict[str, ZarrPart | None] = {}
_MOST_KNOWN = 100


@dataclass(frozen=True, eq=False)
class ZarrPart:
    """A zarr array, or a part of one, with axes left out, added or exchanged.

    Attributes
    ----------
    array : zarr array or ndarray
    shape : tuple of int
        As it is shown.
    axes : tuple of int or None
        For each axis that is shown, that of the array; None for one of length 1 that
        the array does not have.
    start : tuple of int
        For each axis of the array, where that begins which is shown.
    """

    array: Any
    shape: tuple[int, ...]
    axes: tuple[int | None, ...]
    start: tuple[int, ...]

    @cached_property
    def _recent(self) -> RecentChunks | None:
        folder = None if isinstance(self.array, np.ndarray) else folder_of(self.array)
        return None if folder is None else RecentChunks(self.array, folder)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        dtype: np.dtype[Any] = np.dtype(self.array.dtype)
        return dtype

    def read(self, box: Box) -> NDArray[Any]:
        """Return a copy of the pixels of a box, which has slices without steps."""
        shape = tuple(part.stop - part.start for part in box)
        within = self._within(box)
        recent = self._recent
        pixels = (
            np.asarray(self.array[within]) if recent is None else (recent.read(within))
        )
        return np.ascontiguousarray(pixels.transpose(self._order).reshape(shape))

    def write(self, box: Box, pixels: NDArray[Any]) -> None:
        """Write all pixels of a box."""
        order = self._order
        within = self._within(box)
        sides = [within[axis].stop - within[axis].start for axis in order]
        moved = pixels.reshape(sides).transpose(np.argsort(order))
        self.array[within] = moved.astype(self.dtype, copy=False)

    def check(self) -> None:
        """Raise `ImageError` if another array has taken the place of this one.

        What is written would not be what that one says of its chunks.
        """
        import zarr

        folder = None if isinstance(self.array, np.ndarray) else folder_of(self.array)
        if folder is not None:
            now = zarr.open_array(str(folder), mode="r")
            if _layout(now) != _layout(self.array):
                raise ImageError("another file has taken its place; open it again")

    @property
    def _order(self) -> list[int]:
        """Axes of the array: those that are shown, in their order, then the others."""
        shown = [axis for axis in self.axes if axis is not None]
        return shown + [a for a in range(self.array.ndim) if a not in shown]

    def _within(self, box: Box) -> Box:
        within = [slice(start, start + 1) for start in self.start]
        for axis, part in zip(self.axes, box, strict=True):
            if axis is not None:
                first = self.start[axis]
                within[axis] = slice(first + part.start, first + part.stop)
        return tuple(within)


def zarr_part(array: Any) -> ZarrPart | None:
    """Return the zarr array that an array shows without any change of its values.

    None if there is none: pixels of a dask array may be computed. An array of numpy
    takes the place of one of zarr.
    """
    import zarr
    from dask.array import Array

    if isinstance(array, (zarr.Array, np.ndarray)):
        return ZarrPart(array, array.shape, tuple(range(array.ndim)), (0,) * array.ndim)
    if not isinstance(array, Array):
        return None
    if array.name not in _known:
        while len(_known) >= _MOST_KNOWN:
            del _known[next(iter(_known))]
        _known[array.name] = _traced(array)
    return _known[array.name]


def why_not_writable(part: ZarrPart, *, reopen: bool) -> str:
    """Return why a part cannot be written to, as the end of a sentence; else "".

    ``reopen`` is for what a reader opened, not the user: that says nothing of whether
    it may be written to.
    """
    array = part.array
    if isinstance(array, np.ndarray):
        return "" if array.flags.writeable else "it is read only"
    folder = folder_of(array)
    if array.store.read_only and not (reopen and folder):
        return "it was opened to be read only"
    if not array.store.supports_writes:
        return "the place it was opened from cannot be written to"
    if folder is not None and not os.access(folder, os.W_OK | os.X_OK):
        return f"you may not write into {folder}"
    return ""


def writable(part: ZarrPart, *, reopen: bool) -> ZarrPart:
    """Return a part that can be written to; raise `ImageError` if it cannot be.

    ``reopen`` is as for `why_not_writable`.
    """
    import zarr

    reason, folder = why_not_writable(part, reopen=reopen), None
    if not reason and not isinstance(part.array, np.ndarray):
        folder = folder_of(part.array)
    if not reason and folder is not None:
        try:
            return replace(part, array=zarr.open_array(str(folder), mode="r+"))
        except (OSError, ValueError, KeyError) as error:
            reason = str(error)
    if reason:
        raise ImageError(reason)
    return part


def _layout(array: Any) -> dict[str, Any]:
    """Return what an array says of its pixels and chunks."""
    said = array.metadata.to_dict()
    return {key: value for key, value in said.items() if key != "attributes"}


def folder_of(array: Any) -> Path | None:
    """Return the folder of a zarr array; None if it is not in one of this machine."""
    store = array.store
    root = getattr(store, "root", None)
    if root is None and type(store).__name__ == "FsspecStore":
        system = getattr(store.fs, "sync_fs", store.fs)
        if type(system).__name__ == "LocalFileSystem":
            root = store.path
    if root is None:
        return None
    folder = Path(root, array.path)
    return folder if folder.is_dir() else None


def coarser_levels(array: Any) -> list[Any]:
    """Return the other resolutions of a zarr array that is the first of a pyramid.

    They are opened to be written to. Empty if it is an array of its own.
    """
    import zarr

    folder = folder_of(array)
    if folder is None:
        return []
    try:
        attributes = dict(zarr.open_group(str(folder.parent), mode="r").attrs)
        described = dict(attributes.get("ome", attributes))["multiscales"][0]
        names = [str(level["path"]) for level in described["datasets"]]
        if names[0] != folder.name:
            return []
        return [zarr.open_array(str(folder.parent / n), mode="r+") for n in names[1:]]
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return []


# -- through dask ----------------------------------------------------------------------


class _Places:
    """Stands for a zarr array: its values tell where along one axis they lie."""

    def __init__(self, shape: Sequence[int], axis: int) -> None:
        self.shape, self.ndim = tuple(shape), len(shape)
        self.dtype, self._axis = np.dtype(np.int64), axis

    def __getitem__(self, key: Any) -> NDArray[np.int64]:
        along = np.arange(self.shape[self._axis])
        along = along.reshape([-1 if a == self._axis else 1 for a in range(self.ndim)])
        places: NDArray[np.int64] = np.broadcast_to(along, self.shape)[key]
        return places


def _traced(array: Any) -> ZarrPart | None:
    """Follow each axis of the zarr array to where the array of dask shows it."""
    layers = array.__dask_graph__().layers
    roots = [name for name in layers if name.startswith("original-")]
    if len(roots) != 1 or array.npartitions > _MOST_PARTS:
        return None
    (root,) = roots
    reads = root.removeprefix("original-")
    steps = {name.split("-")[0] for name in layers if name not in (root, reads)}
    found = layers[root][root]
    found = getattr(found, "value", found)
    found = getattr(found, "zarr", found)
    if not steps <= _MOVES or type(found).__module__.split(".")[0] != "zarr":
        return None
    try:
        return _part(array, root, found)
    except (ValueError, TypeError, IndexError):
        return None


def _part(array: Any, root: str, found: Any) -> ZarrPart | None:
    import dask
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

    graph = array.__dask_graph__()
    axes: list[int | None] = [None] * array.ndim
    start = []
    head = tuple(slice(0, min(2, n)) for n in array.shape)
    tail = tuple(slice(n - 1, n) for n in array.shape)
    for axis in range(found.ndim):
        layers = dict(graph.layers)
        layers[root] = MaterializedLayer({root: _Places(found.shape, axis)})
        traced = da.Array(
            HighLevelGraph(layers, graph.dependencies),
            array.name,
            array.chunks,
            dtype=np.int64,
        )
        first, last = dask.compute(traced[head], traced[tail], scheduler="sync")
        begin = int(first.flat[0])
        start.append(begin)
        steps = [
            int(np.take(first, 1, i).flat[0]) - begin if n > 1 else 0
            for i, n in enumerate(array.shape)
        ]
        moved = [i for i, step in enumerate(steps) if step]
        if len(moved) > 1 or any(steps[i] != 1 or axes[i] is not None for i in moved):
            return None
        reach = array.shape[moved[0]] - 1 if moved else 0
        if int(last.flat[0]) != begin + reach:
            return None
        for i in moved:
            axes[i] = axis
    lost = [i for i, n in enumerate(array.shape) if n > 1 and axes[i] is None]
    return None if lost else ZarrPart(found, array.shape, tuple(axes), tuple(start))
