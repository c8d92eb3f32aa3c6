"""Images larger than memory: chunk by chunk into a zarr array, and on from there."""

from __future__ import annotations

import math
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_iaunet.segmentation.chunks import ChunkGrid
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.sampling import sample_stretches
from napari_iaunet.segmentation.segmenter import check_diameter
from napari_iaunet.segmentation.stitching import number_cells, same_cells
from napari_iaunet.segmentation.work_folder import (
    Found,
    Plan,
    Request,
    WorkFolder,
    create_labels,
    replace_folder,
    whole_zarr_chunks,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.chunks import Chunk
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.intensity import Stretch
    from napari_iaunet.segmentation.progress import Progress
    from napari_iaunet.segmentation.segmenter import Segmenter
    from napari_iaunet.segmentation.stitching import Numbers

# In pixels at the network's scale. With a halo of this width a chunk sees the cells on
# its border as it would in the whole image; neighbours compare a strip on both sides.
_HALO, _REACH = 128, 32
# With its halo a chunk is one tile of the network: nothing is blended or copied.
_SIDE = 1280
_LEAST_SCALE = 0.1
# Two chunks at a time: while one is decoded, the network works on the other.
_AT_ONCE = 2


@dataclass(frozen=True)
class LazySegmentation:
    """The cells of an image that may be larger than memory.

    Attributes
    ----------
    labels : dask array (Y, X) or (T|Z, Y, X) int32
        0 background, 1..N consecutive, unique over the whole stack; read from the
        zarr array on disk.
    table : dict of (N,) arrays
        ``label``, ``plane`` (stacks only), ``y``, ``x``, ``area``,
        ``mean_intensity`` as `measure` returns them, and ``score``.
    diameter : float
        Cell diameter, in pixels, that the image was rescaled by.
    """

    labels: Any
    table: dict[str, NDArray[Any]]
    diameter: float


class Runner(Protocol):
    """Something that does chunks, here or elsewhere, in any order."""

    def __call__(self, task: ChunkTask, indices: Sequence[int]) -> Iterator[int]:
        """Yield the index of each chunk when it is done; closing stops the rest."""


def segment_lazy(
    segmenter: Segmenter,
    image: Any,
    out: str | os.PathLike[str],
    *,
    channel_axis: int | None = None,
    diameter: float | None = None,
    side: int | None = None,
    source: str = "",
    start: Sequence[float] | None = None,
    progress: Progress | None = None,
    runner: Runner | None = None,
    complete: Callable[[Path], None] | None = None,
    array_options: Mapping[str, Any] | None = None,
) -> LazySegmentation:
    """Find the cells of an image without holding it, or its labels, in memory.

    What is done stays in a folder beside `out` until all is finished: the same call
    goes on there after it was stopped or killed, and its result is the same.

    Parameters
    ----------
    segmenter : Segmenter
    image : array-like
        As for `Segmenter.segment`; a dask or zarr array is read chunk by chunk.
    out : path
        Folder of the zarr array of labels to write; it appears when it is finished
        and replaces an older one.
    channel_axis, diameter
        As for `Segmenter.segment`.
    side : int, optional
        Of a chunk in pixels, rounded; changes speed and memory, hardly any label.
    source : str
        Where the image comes from: what was begun for one is not used for another.
    start : sequence of float, optional
        Position (..., y, x), in pixels, of what is to be done first.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of chunks; raising in it
        stops the work.
    runner : Runner, optional
        Does the chunks; threads of this process if None.
    complete : callable, optional
        With it, `out` becomes a group whose array ``0`` holds the labels; called with
        the group's folder before that is moved to its place.
    array_options : mapping, optional
        Further arguments of ``zarr.create_array`` for the labels.

    Raises
    ------
    ImageError
        If the image or the diameter cannot be used, or nothing can be written.
    """
    import dask.array as da

    check_diameter(diameter)
    out = Path(out)
    planes = as_planes(image, channel_axis)
    folder = work_folder(out)
    request = Request(
        source,
        segmenter.fingerprint,
        (*planes.shape, *planes.plane_shape),
        channel_axis,
        diameter,
        side,
    )
    plan = _plan(request, segmenter, planes, folder)
    task = ChunkTask(segmenter, planes, plan, folder)
    order = _nearest_first(task.grid, start, planes.shape)
    missing = [index for index in order if not folder.has(index)]
    done, total = len(order) - len(missing), len(order)
    _report(progress, done, total)
    for _ in (runner or run_in_threads)(task, missing):
        done += 1
        _report(progress, done, total)
    fresh = folder.path / "result"
    array = fresh / "0" if complete else fresh
    table = _join(task, array, array_options or {})
    if complete:
        complete(fresh)
    replace_folder(fresh, out)
    folder.remove()
    labels = da.from_zarr(str(out / "0" if complete else out))
    return LazySegmentation(labels, table, plan.diameter)


def work_folder(out: Path) -> WorkFolder:
    """Folder in which the parts of `out` are kept until all are there."""
    return WorkFolder(out.parent / f".{out.name}.unfinished")


def _report(progress: Progress | None, done: int, total: int) -> None:
    if progress:
        progress(done, total)


def _plan(
    request: Request, segmenter: Segmenter, planes: Planes, folder: WorkFolder
) -> Plan:
    """Plan of the run that was begun for this, or a new one."""
    begun = folder.plan()
    if begun and begun.request == request:
        return begun
    diameter = request.diameter or segmenter.diameter_of(planes)
    scale = max(segmenter.scale_of(diameter, planes.plane_shape), _LEAST_SCALE)
    side = whole_zarr_chunks(request.side or round(_SIDE / scale))
    plan = Plan(request, diameter, side, math.ceil(_HALO / scale))
    folder.begin(plan)
    return plan


def _nearest_first(
    grid: ChunkGrid, start: Sequence[float] | None, stack: tuple[int, ...]
) -> list[int]:
    """List all chunks in the order of their distance to a position."""
    indices = list(range(len(grid)))
    if start is None:
        return indices
    *where, y, x = start
    plane = 0
    for position, count in zip(where, stack, strict=True):
        plane = plane * count + int(np.clip(round(position), 0, count - 1))

    def distance(index: int) -> tuple[int, float]:
        chunk = grid[index]
        apart = [
            max(part.start - place, place - part.stop, 0)
            for part, place in ((chunk.rows, y), (chunk.columns, x))
        ]
        return abs(chunk.plane - plane), math.hypot(*apart)

    return sorted(indices, key=distance)


# -- one chunk ------------------------------------------------------------------------


class ChunkTask:
    """Does single chunks; can be sent to another process.

    Parameters
    ----------
    segmenter : Segmenter
    planes : Planes
    plan : Plan
    folder : WorkFolder
    """

    def __init__(
        self, segmenter: Segmenter, planes: Planes, plan: Plan, folder: WorkFolder
    ) -> None:
        self.segmenter, self.planes = segmenter, planes
        self.plan, self.folder = plan, folder
        shape = planes.plane_shape
        self.grid = ChunkGrid(len(planes), shape, plan.side, plan.halo)
        self._stretches: tuple[int, tuple[Stretch, ...]] | None = None

    @property
    def reach(self) -> int:
        """Pixels on each side of a border that neighbours compare."""
        return max(1, self.plan.halo * _REACH // _HALO)

    def __call__(self, index: int, stop: Event | None = None) -> int:
        """Segment one chunk and keep what was found; returns the index.

        Raises
        ------
        Stopped
            If the event was set meanwhile.
        """
        chunk = self.grid[index]
        outer = chunk.outer_rows, chunk.outer_columns
        raw = self.planes.raw(chunk.plane, *outer)
        plane = self.planes.stretch(raw, self._stretches_of(chunk.plane))

        def ask(_done: int, _total: int) -> None:
            if stop and stop.is_set():
                raise Stopped

        cells = self.segmenter.cells_of(plane, self.plan.diameter, ask)
        self._keep(chunk, raw, cells.labels, cells.scores)
        return index

    def place_of(self, chunk: Chunk) -> tuple[int | slice, ...]:
        """Where a chunk's own pixels lie in the whole stack."""
        return (*self.planes.position(chunk.plane), chunk.rows, chunk.columns)

    def _stretches_of(self, plane: int) -> tuple[Stretch, ...]:
        known = self._stretches
        if known is None or known[0] != plane:
            self._stretches = known = plane, sample_stretches(self.planes, plane)
        return known[1]

    def _keep(
        self,
        chunk: Chunk,
        raw: NDArray[Any],
        labels: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> None:
        borders = {
            (border.first, border.second): labels[
                _within(border.rows, chunk.outer_rows),
                _within(border.columns, chunk.outer_columns),
            ]
            for border in self.grid.borders_of(chunk.index, self.reach)
        }
        inner = (
            _within(chunk.rows, chunk.outer_rows),
            _within(chunk.columns, chunk.outer_columns),
        )
        own = labels[inner]
        self.folder.parts()[self.place_of(chunk)] = own
        found = _sum_up(own, raw[:, *inner], scores, chunk)
        self.folder.save(chunk.index, found, borders)


class Stopped(Exception):
    """Nobody wants the chunk any more."""


def _within(part: slice, whole: slice) -> slice:
    return slice(part.start - whole.start, part.stop - whole.start)


def _sum_up(
    labels: NDArray[np.int32],
    raw: NDArray[Any],
    scores: NDArray[np.float32],
    chunk: Chunk,
) -> Found:
    """Sum over the pixels of each label what tables are made from."""
    n = len(scores)
    y, x = np.nonzero(labels)
    index = labels[y, x] - 1
    values = raw[:, y, x].astype(np.float64)
    usable = np.isfinite(values)
    return Found(
        area=np.bincount(index, minlength=n),
        y=_sums(index, y + chunk.rows.start, n),
        x=_sums(index, x + chunk.columns.start, n),
        intensity=_sums(index, np.where(usable, values, 0).sum(0), n),
        values=_sums(index, usable.sum(0), n).astype(np.int64),
        score=scores,
    )


def _sums(
    index: NDArray[np.integer[Any]], values: NDArray[Any], n: int
) -> NDArray[np.float64]:
    summed: NDArray[np.float64] = np.bincount(index, values, n).astype(np.float64)
    return summed


def run_in_threads(task: ChunkTask, indices: Sequence[int]) -> Iterator[int]:
    """Do chunks in this process, two at a time."""
    stop, waiting = Event(), list(reversed(indices))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running: set[Future[int]] = set()
        try:
            while waiting or running:
                while waiting and len(running) < _AT_ONCE:
                    running.add(pool.submit(task, waiting.pop(), stop))
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            stop.set()


# -- all chunks -----------------------------------------------------------------------


def _join(
    task: ChunkTask, out: Path, options: Mapping[str, Any]
) -> dict[str, NDArray[Any]]:
    """Write the labels with their final ids, and measure the cells."""
    grid, folder = task.grid, task.folder
    found = [folder.found(i) for i in range(len(grid))]
    pairs = []
    for border in grid.borders(task.reach):
        key = border.first, border.second
        pairs.append((*key, same_cells(*(folder.border(i, key) for i in key))))
    numbers = number_cells([chunk.area for chunk in found], pairs)
    labels, parts = create_labels(out, task.plan, options), folder.parts()
    for index, table in enumerate(numbers.tables):
        place = task.place_of(grid[index])
        labels[place] = table[parts[place]]
    return _measure(found, numbers, task)


def _measure(
    found: Sequence[Found], numbers: Numbers, task: ChunkTask
) -> dict[str, NDArray[Any]]:
    """Table of all cells; parts of a cell in several chunks count together."""
    ids = np.concatenate([table[1:] for table in numbers.tables])
    keep = ids > 0
    ids = ids[keep] - 1

    def total(name: str, weights: NDArray[Any] | float = 1.0) -> NDArray[np.float64]:
        values = np.concatenate([getattr(chunk, name) for chunk in found])[keep]
        return _sums(ids, values * weights, numbers.count)

    parts = np.concatenate([chunk.area for chunk in found])[keep]
    area = total("area")
    mean = np.full(numbers.count, np.nan)
    values = total("values")
    np.divide(total("intensity"), values, out=mean, where=values > 0)
    table: dict[str, NDArray[Any]] = {"label": np.arange(1, numbers.count + 1)}
    if task.planes.shape:
        planes = [
            np.full(len(chunk.area), task.grid[i].plane)
            for i, chunk in enumerate(found)
        ]
        table["plane"] = np.zeros(numbers.count, np.int64)
        table["plane"][ids] = np.concatenate(planes)[keep]
    return table | {
        "y": total("y") / area,
        "x": total("x") / area,
        "area": area.astype(np.int64),
        "mean_intensity": mean,
        "score": (total("score", parts) / area).astype(np.float32),
    }
