"""Labels in zarr arrays that are changed a few cells at a time.

A change is seen at once by whoever reads through `StoredLabels`, and is written by one
thread of its own, after all changes before it. zarr replaces the files of chunks one by
one, so a program that is killed leaves each as it was or as it was to be.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.io.zarr_part import Box, ZarrPart

    Where = tuple[NDArray[np.intp], ...]

# Rows and columns of the blocks that a change is cut into, so that one which is spread
# over a slide does not compare the whole of it.
_BLOCK = 1024
# Bytes that are read at a time to find the highest label id.
_BAND = 1 << 25
# Pixels of the box around single ones up to which the box is read, not the pixels.
_MOST_READ = 1 << 24
# Boxes that changed that are remembered.
_MOST_TOUCHED = 10_000
_CANNOT = "The change could not be written ({}), so it was taken back."


class Patch(NamedTuple):
    """Pixels of one resolution before and after a change.

    ``mask`` says which they are in a box that begins at ``begin``; the values are (P,).
    """

    level: int
    begin: tuple[int, ...]
    mask: NDArray[np.bool_]
    before: NDArray[Any]
    after: NDArray[Any]

    @property
    def box(self) -> Box:
        """The box, as slices."""
        sides = zip(self.begin, self.mask.shape, strict=True)
        return tuple(slice(start, start + side) for start, side in sides)

    @property
    def back(self) -> Patch:
        """The patch that takes this one back."""
        return self._replace(before=self.after, after=self.before)


Change = tuple[Patch, ...]


class StoredLabels:
    """A label image in one or several resolutions that is kept in zarr arrays.

    Parameters
    ----------
    parts : sequence of ZarrPart
        The full resolution first; all can be written to, and have as many axes.
    on_failure : callable, optional
        Called in the thread that writes, with a change and a sentence for the user, if
        it could not be written; it was taken back then.

    Attributes
    ----------
    levels : list of StoredLevel
    version : int
        How many changes there were.
    """

    def __init__(
        self,
        parts: Sequence[ZarrPart],
        on_failure: Callable[[Change, str], None] | None = None,
    ) -> None:
        self._parts = list(parts)
        self.on_failure = on_failure or (lambda change, message: None)
        self.levels = [StoredLevel(self, i) for i in range(len(self._parts))]
        self.version = 0
        # What is not on the disk yet, by number; the number of a change is the version
        # that it led to.
        self._pending: dict[int, Change] = {}
        # Copies of levels that are shown from memory, by their place among all.
        self._copies: dict[int, NDArray[Any]] = {}
        # Where the full resolution changed, with the version that it led to.
        self._touched: deque[tuple[int, Box]] = deque(maxlen=_MOST_TOUCHED)
        self._lock = threading.RLock()
        self._writer = ThreadPoolExecutor(1, "writing labels")
        self._highest: int | None = None
        self._written_highest = 0
        self._scan: threading.Thread | None = None
        self._unread = ""  # why it could not be found

    # -- reading -----------------------------------------------------------------

    def part(self, level: int) -> ZarrPart:
        """Return a level as zarr has it."""
        return self._parts[level]

    def read(self, level: int, box: Box) -> NDArray[Any]:
        """Return a copy of the pixels of a box, which has slices without steps.

        Raises `ImageError` if they cannot be read.
        """
        with self._lock:
            pending = list(self._pending.values())
        try:
            pixels = self._parts[level].read(box)
        except (MemoryError, ImageError):
            raise
        except Exception as error:
            raise ImageError(f"The cells on the disk cannot be read ({error}).") from (
                error
            )
        for patch in itertools.chain.from_iterable(pending):
            if patch.level == level:
                _apply(patch, pixels, [part.start for part in box])
        return pixels

    def pixels(self, level: int, where: Where) -> NDArray[Any]:
        """Return single pixels, (P,)."""
        if not where[0].size:
            return np.zeros(0, self._parts[level].dtype)
        low = [int(axis.min()) for axis in where]
        high = [int(axis.max()) + 1 for axis in where]
        if math.prod(np.subtract(high, low).tolist()) <= _MOST_READ:
            box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            begin = zip(where, low, strict=True)
            found: NDArray[Any] = self.read(level, box)[tuple(a - n for a, n in begin)]
            return found
        values = np.zeros(where[0].size, self._parts[level].dtype)
        for rows in _blocks(where):
            values[rows] = self.pixels(level, tuple(axis[rows] for axis in where))
        return values

    def in_memory(self, level: int) -> NDArray[Any]:
        """Return a copy of a level that follows all changes from now on."""
        if level not in self._copies:
            box = tuple(slice(0, n) for n in self._parts[level].shape)
            self._copies[level] = self.read(level, box)
        return self._copies[level]

    def highest(self, wait: float) -> int:
        """Return the highest label id that there is or was.

        All pixels are read once for it, in a thread of its own. Raises `ImageError`
        if that is not done within so many seconds.
        """
        self.begin_scan()
        if self._scan is not None:
            self._scan.join(wait)
        with self._lock:
            if self._unread:
                reason, self._unread = self._unread, ""
                raise ImageError(f"The cells on the disk cannot be read ({reason}).")
            if self._highest is None:
                raise ImageError(
                    "The numbers of the cells are still being read from the disk. "
                    "Do this again in a moment."
                )
            return max(self._highest, self._written_highest)

    def know_highest(self, highest: int) -> None:
        """Take the highest label id from who knows it."""
        self._highest = highest

    def begin_scan(self) -> None:
        """Begin to look for the highest label id, unless it is known."""
        if self._highest is None and (self._scan is None or not self._scan.is_alive()):
            self._scan = threading.Thread(target=self._find_highest)
            self._scan.start()

    def _find_highest(self) -> None:
        part, found = self._parts[0], 0
        try:
            for box in bands(part.shape, self.chunk, part.dtype.itemsize):
                # Python waits for this thread, and nobody for what it finds.
                if not threading.main_thread().is_alive():
                    return
                found = max(found, int(part.read(box).max(initial=0)))
        except Exception as error:  # noqa: BLE001 - told when it is asked for
            self._unread = str(error)
            return
        self._highest = found

    @property
    def chunk(self) -> int:
        """Rows and columns that come from the disk together, the larger of both."""
        part = self._parts[0]
        sides = getattr(part.array, "shards", None) or getattr(
            part.array, "chunks", part.array.shape
        )
        axes = (axis for axis in part.axes[-2:] if axis is not None)
        return max((int(sides[axis]) for axis in axes), default=1)

    def touched_since(self, version: int) -> list[Box] | None:
        """Return the boxes of the full resolution that changed since a version.

        None if they are not all known any more.
        """
        with self._lock:
            touched = list(self._touched)
        if len(touched) == _MOST_TOUCHED and touched[0][0] > version:
            return None
        return [box for number, box in touched if number > version]

    # -- changing ----------------------------------------------------------------

    def change(self, where: Where, values: NDArray[Any]) -> Change:
        """Give pixels other values, (P,), at all resolutions; return what it was.

        What is returned can be given to `do` and `take_back`.
        """
        done: list[Patch] = []
        number = self.version + 1
        with self._lock:
            for rows in _blocks(where):
                here = tuple(axis[rows] for axis in where)
                done += self._patches(here, values[rows])
                # The next block may share a pixel of a coarse level with this one.
                self._pending[number] = tuple(done)
            self._pending.pop(number, None)
            self.do(tuple(done))
        return tuple(done)

    def do(self, change: Change) -> None:
        """Do a change, or do it again."""
        if not change:
            return
        with self._lock:
            for patch in change:
                if patch.level in self._copies:
                    copy = self._copies[patch.level]
                    _apply(patch, copy, [0] * copy.ndim)
                highest = int(patch.after.max(initial=0))
                self._written_highest = max(self._written_highest, highest)
            self.version += 1
            self._pending[self.version] = change
            self._touch(change)
            self._writer.submit(self._write, self.version, change)

    def _touch(self, change: Change) -> None:
        boxes = (patch.box for patch in change if patch.level == 0)
        self._touched.extend((self.version, box) for box in boxes)

    def take_back(self, change: Change) -> Change:
        """Undo a change; return the change that this is."""
        back = tuple(patch.back for patch in reversed(change))
        self.do(back)
        return back

    def flush(self) -> None:
        """Wait until all is written.

        To be called before the program ends: zarr writes nothing from then on.
        """
        self._writer.submit(int).result()

    def _patches(self, where: Where, values: NDArray[Any]) -> list[Patch]:
        """Return what changes at each level, by the pixels of the first."""
        low = [int(axis.min()) for axis in where]
        high = [int(axis.max()) + 1 for axis in where]
        steps = [_steps(self._parts[0], part) for part in self._parts]
        for shrunk in steps[1:]:
            for i, (begin, end) in enumerate(zip(low, high, strict=True)):
                first, last = shrunk[i].reach(begin, end)
                low[i] = min(low[i], shrunk[i].source(first))
                high[i] = max(high[i], shrunk[i].source(last - 1) + 1)
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        before = self.read(0, box)
        after = before.copy()
        after[tuple(axis - n for axis, n in zip(where, low, strict=True))] = values
        changed = before != after
        patches = []
        for level, part in enumerate(self._parts):
            patch = self._patch(level, steps[level], box, after, changed)
            if patch.mask.any():
                patches.append(patch._replace(after=patch.after.astype(part.dtype)))
        return patches

    def _patch(
        self,
        level: int,
        steps: Sequence[_Step],
        box: Box,
        after: NDArray[Any],
        changed: NDArray[np.bool_],
    ) -> Patch:
        """Return what changes at a level where pixels of a box have changed.

        A pixel of a coarse level gets the value of the first of those that it stands
        for, as soon as one of them has changed: whatever rule others made it by, it
        would show what is gone otherwise.
        """
        begin, mask = [], changed
        for axis, (step, part) in enumerate(zip(steps, box, strict=True)):
            first, last = step.reach(part.start, part.stop)
            sources = np.array([step.source(i) for i in range(first, last)])
            sources -= part.start
            mask = np.logical_or.reduceat(mask, np.maximum(sources, 0), axis)
            after = after.take(np.clip(sources, 0, after.shape[axis] - 1), axis)
            begin.append(first)
        there = tuple(
            slice(start, start + side)
            for start, side in zip(begin, mask.shape, strict=True)
        )
        before = self.read(level, there)
        mask = mask & (before != after)
        return Patch(level, tuple(begin), mask, before[mask], after[mask])

    # -- in the thread that writes -----------------------------------------------

    def _write(self, number: int, change: Change) -> None:
        done: list[Patch] = []
        message = ""
        try:
            for level in {patch.level for patch in change}:
                self._parts[level].check()
            for patch in change:
                done.append(patch)
                self._put(patch)
        except Exception as error:  # noqa: BLE001 - told, whatever it is
            reason = getattr(error, "strerror", None) or error or type(error).__name__
            message = _CANNOT.format(reason)
            self._put_back(done)
        with self._lock:
            del self._pending[number]
            if message:
                self.version += 1
                self._touch(change)
                for patch in reversed(change):
                    if patch.level in self._copies:
                        copy = self._copies[patch.level]
                        _apply(patch.back, copy, [0] * copy.ndim)
        if message:
            self.on_failure(change, message)

    def _put(self, patch: Patch) -> None:
        part, box = self._parts[patch.level], patch.box
        pixels = part.read(box)
        pixels[patch.mask] = patch.after
        part.write(box, pixels)

    def _put_back(self, patches: Sequence[Patch]) -> None:
        """Take patches back of which the last one may be written in part."""
        for patch in reversed(patches):
            try:
                self._put(patch.back)
            except Exception:  # noqa: BLE001 - then the disk keeps what it has
                continue


class StoredLevel:
    """One resolution of `StoredLabels` as layers take it: an array that is on disk."""

    def __init__(self, labels: StoredLabels, level: int) -> None:
        self.labels, self.level = labels, level
        part = labels.part(level)
        self.shape, self.dtype = part.shape, part.dtype
        self.ndim, self.size = len(self.shape), math.prod(self.shape)

    @property
    def zarr(self) -> Any:
        """The array of zarr, which may lack what is being written."""
        return self.labels.part(self.level).array

    def __len__(self) -> int:
        return self.shape[0]

    def reshape(self, *shape: Any) -> Any:
        """Return the pixels in another shape, as an array of dask, to be read."""
        import dask.array as da

        array = self.zarr
        whole = isinstance(array, np.ndarray) or self.ndim != array.ndim
        chunks = "auto" if whole else getattr(array, "shards", None) or array.chunks
        return da.from_array(self, chunks=chunks, name=False).reshape(*shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)

    def __getitem__(self, key: Any) -> Any:
        where = _single_pixels(key, self.ndim)
        if where is not None:
            shape = np.broadcast_shapes(*(axis.shape for axis in where))
            spread = [np.broadcast_to(axis, shape).ravel() for axis in where]
            return self.labels.pixels(self.level, tuple(spread)).reshape(shape)
        box, rest = _box(key, self.shape)
        return self.labels.read(self.level, box)[rest]

    def __setitem__(self, key: Any, value: Any) -> None:
        """Change pixels at all resolutions; by the first one only."""
        if self.level:
            raise TypeError("The coarse resolutions follow the first one.")
        where = _single_pixels(key, self.ndim)
        if where is None:
            box, rest = _box(key, self.shape)
            before = self.labels.read(0, box)
            after = before.copy()
            after[rest] = value
            inside = np.nonzero(before != after)
            value = after[inside]
            where = tuple(a + b.start for a, b in zip(inside, box, strict=True))
        values = np.broadcast_to(np.asarray(value, self.dtype), where[0].shape)
        if where[0].size:
            self.labels.change(tuple(axis.ravel() for axis in where), values.ravel())


class _Step(NamedTuple):
    """How far along an axis the pixels of a coarse level are apart."""

    factor: float
    length: int  # of the level
    full: int  # of the full resolution

    def source(self, i: int) -> int:
        """First pixel of the full resolution that a pixel of the level stands for."""
        return min(math.floor(i * self.factor), self.full - 1)

    def reach(self, start: int, stop: int) -> tuple[int, int]:
        """Return which pixels of the level stand for a range of the full resolution."""
        first = min(math.floor(start / self.factor), self.length - 1)
        while first > 0 and self.source(first) > start:
            first -= 1
        last = min(math.ceil(stop / self.factor), self.length)
        return first, max(last, first + 1)


def _steps(full: ZarrPart, part: ZarrPart) -> list[_Step]:
    steps = []
    for n, length in zip(full.shape, part.shape, strict=True):
        whole = max(1, round(n / length))
        # Rows that are left over at the end may have a pixel of their own, or not.
        fits = n // whole <= length <= -(-n // whole)
        # Halved again and again, each time without the last, odd one.
        halved = whole & (whole - 1) == 0 and abs(n / whole - length) <= 1
        steps.append(_Step(whole if fits or halved else n / length, length, n))
    return steps


def bands(shape: Sequence[int], depth: int, itemsize: int) -> Iterator[Box]:
    """Cut an array into boxes of whole rows of planes that are read at a time.

    ``depth`` is how many rows come from the disk together.
    """
    *stack, height, width = shape
    rows = max(1, _BAND // max(1, width * itemsize) // depth) * depth
    for place in np.ndindex(*stack):
        for y in range(0, height, rows):
            plane = (slice(i, i + 1) for i in place)
            yield (*plane, slice(y, min(y + rows, height)), slice(0, width))


def _apply(patch: Patch, pixels: NDArray[Any], begin: Sequence[int]) -> None:
    """Change pixels, of which a box begins somewhere, as far as a patch reaches."""
    low = np.maximum(patch.begin, begin)
    high = np.minimum(
        np.add(patch.begin, patch.mask.shape), np.add(begin, pixels.shape)
    )
    if (high <= low).any():
        return
    own = tuple(
        slice(a - n, b - n) for a, b, n in zip(low, high, patch.begin, strict=True)
    )
    there = tuple(slice(a - n, b - n) for a, b, n in zip(low, high, begin, strict=True))
    values = np.zeros(patch.mask.shape, pixels.dtype)
    values[patch.mask] = patch.after
    np.copyto(pixels[there], values[own], where=patch.mask[own])


def _blocks(where: Where) -> Iterator[NDArray[np.intp]]:
    """Yield which pixels lie together in a block of a plane."""
    coarse = [
        axis // (_BLOCK if i >= len(where) - 2 else 1) for i, axis in enumerate(where)
    ]
    numbers = np.zeros(where[0].size, np.int64)
    for axis in coarse:
        numbers = numbers * (int(axis.max(initial=0)) + 1) + axis
    order = np.argsort(numbers, kind="stable")
    ends = np.flatnonzero(np.diff(numbers[order])) + 1
    yield from (rows for rows in np.split(order, ends) if rows.size)


def _single_pixels(key: Any, ndim: int) -> Where | None:
    """Return an index of arrays, one for each axis; None for any other index."""
    if isinstance(key, np.ndarray) and key.dtype == bool and key.ndim == ndim:
        return np.nonzero(key)
    if not isinstance(key, (tuple, list)) or len(key) != ndim:
        return None
    if not all(isinstance(part, np.ndarray) and part.dtype != bool for part in key):
        return None
    return tuple(key)


def _box(key: Any, shape: Sequence[int]) -> tuple[Box, tuple[Any, ...]]:
    """Return the box around an index, and what is to be taken of the box."""
    parts = list(key) if isinstance(key, tuple) else [key]
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        missing = len(shape) - len(parts) + 1
        parts[at : at + 1] = [slice(None)] * missing
    parts += [slice(None)] * (len(shape) - len(parts))
    if len(parts) > len(shape):
        raise IndexError(f"There are {len(shape)} axes, but the index has more.")
    box: list[slice] = []
    rest: list[Any] = []
    for part, n in zip(parts, shape, strict=True):
        if isinstance(part, slice) and part.step in (None, 1):
            start, stop, _ = part.indices(n)
            box.append(slice(start, max(stop, start)))
            rest.append(slice(None))
        elif isinstance(part, (int, np.integer)):
            place = int(part) + (n if part < 0 else 0)
            if not 0 <= place < n:
                raise IndexError(f"{part} lies beyond an axis of {n} pixels.")
            box.append(slice(place, place + 1))
            rest.append(0)
        else:
            box.append(slice(0, n))
            rest.append(part)
    return tuple(box), tuple(rest)
