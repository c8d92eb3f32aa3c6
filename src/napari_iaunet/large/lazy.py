"""Segment images larger than memory, chunk by chunk, into a zarr array."""

from __future__ import annotations

import math
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_iaunet.atomic import hidden, move_into_place
from napari_iaunet.errors import ImageError
from napari_iaunet.io.consolidated import consolidate_again
from napari_iaunet.io.label_pyramid import CHUNK
from napari_iaunet.io.ome_zarr_labels import label_image
from napari_iaunet.io.ours import OURS, are_our_labels, check_labels, signed
from napari_iaunet.large.chunk_task import HALO, ChunkTask
from napari_iaunet.large.stitching import stitch
from napari_iaunet.large.work_folder import Plan, Request, WorkFolder
from napari_iaunet.lock import alone_at
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.sampling import digest
from napari_iaunet.segmentation.segmenter import check_diameter

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.io.ome_zarr_labels import LabelImage
    from napari_iaunet.large.stitching import Stitched
    from napari_iaunet.segmentation.chunks import ChunkGrid
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.segmenter import Segmenter

# Side of a chunk in pixels, at the network's scale: with its halo it is one tile of the
# network, so nothing is blended or copied.
_SIDE = 1280
# Chunks of images that are shrunk more than this do not become larger: 12,800 pixels
# wide, they take 3 GB already.
_LEAST_SCALE = 0.1
# Two chunks at a time: while one is decoded, the network works on the other.
_AT_ONCE = 2
# An estimated diameter that differs by more is that of another image. Other processors
# round differently, which changes it by one of its steps at most.
_SAME_DIAMETER = 0.09


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
    diameter_is_sure : bool
        As of a `Segmentation`.
    """

    labels: Any
    table: dict[str, NDArray[Any]]
    diameter: float
    diameter_is_sure: bool


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
    watch: Callable[[ChunkTask, int], None] | None = None,
    runner: Runner | None = None,
    ome_zarr: LabelImage | None = None,
) -> LazySegmentation:
    """Find the cells of an image without holding it, or its labels, in memory.

    What is done stays in a folder beside `out` until all is finished: the same call
    goes on there after it was stopped or killed, and its result is the same. Nothing of
    it is used if any pixel that it has read has changed since.

    Parameters
    ----------
    segmenter : Segmenter
        What finds the cells.
    image : array_like
        As for `Segmenter.segment`; a dask or zarr array is read chunk by chunk.
    out : path
        Folder of the zarr array of labels to write; it appears when it is finished
        and replaces older labels that this program wrote.
    channel_axis, diameter
        As for `Segmenter.segment`.
    side : int, optional
        Of a chunk in pixels, rounded; changes speed and memory, hardly any label.
    source : str
        Where the image comes from. What was begun for one place, or for an image that
        has changed there, is not used for another.
    start : sequence of float, optional
        Position (..., y, x), in pixels, of what is to be done first.
    progress : callable, optional
        Called as ``progress(done, total)`` with numbers of chunks; raising in it
        stops the work.
    watch : callable, optional
        Called as ``watch(task, index)`` for every chunk that is done, also for those
        that an earlier run did; raising in it stops the work.
    runner : Runner, optional
        Does the chunks; threads of this process if None.
    ome_zarr : LabelImage, optional
        With it, `out` becomes such an OME-Zarr label image: a group whose array ``0``
        holds the labels.

    Raises
    ------
    ImageError
        If the image or the diameter cannot be used, nothing can be written, another
        run is writing there, or something else than labels of ours is at `out`.
    """
    import dask.array as da

    check_diameter(diameter)
    out = Path(out)
    check_labels(out, array=ome_zarr is None)
    planes = as_planes(image, channel_axis)
    shape = (*planes.shape, *planes.plane_shape)
    request = Request(
        source,
        digest(planes),
        segmenter.fingerprint,
        shape,
        channel_axis,
        None if diameter is None else float(diameter),
        side,
    )
    folder = work_folder(out)
    folder.make_parent()
    with alone_at(out, ImageError):
        task = _begin(request, segmenter, planes, folder, progress)
        order = _nearest_first(task.grid, start, planes.shape)
        _do(task, order, runner or run_in_threads, progress, watch)
        table = _finish(task, out, ome_zarr)
    labels = da.from_zarr(str(out / "0" if ome_zarr else out))
    plan = task.plan
    return LazySegmentation(labels, table, plan.diameter, plan.diameter_is_sure)


def _begin(
    request: Request,
    segmenter: Segmenter,
    planes: Planes,
    folder: WorkFolder,
    progress: Progress | None,
) -> ChunkTask:
    """Go on with what was begun for a request, or begin anew."""
    begun = folder.plan()
    if begun and begun.request == request:
        folder.go_on(begun)
        task = ChunkTask(segmenter, planes, begun, folder)
        if _is_current(task, progress):
            return task
    plan = _new_plan(request, segmenter, planes)
    folder.begin(plan)
    return ChunkTask(segmenter, planes, plan, folder)


def _is_current(task: ChunkTask, progress: Progress | None) -> bool:
    """Whether the image, all that was read of it, is what it was."""
    plan = task.plan
    if plan.request.diameter is None:
        now = task.segmenter.estimate_of(task.planes).diameter
        if abs(now / plan.diameter - 1) > _SAME_DIAMETER:
            return False
    done = [index for index in range(len(task.grid)) if task.folder.has(index)]
    for index in done:
        if progress:  # it may stop this, too
            progress(len(done), len(task.grid))
        if not task.is_current(index):
            return False
    return True


def _finish(
    task: ChunkTask, out: Path, ome_zarr: LabelImage | None
) -> dict[str, NDArray[Any]]:
    """Write the result aside, look whether it is whole, and put it in its place."""
    stitched = stitch(task)
    fresh = task.folder.path / "result"
    _write(task, stitched, fresh, ome_zarr)
    _check(task, stitched, fresh / "0" if ome_zarr else fresh)
    array = ome_zarr is None
    # Something else may have been put there since the beginning.
    move_into_place(fresh, out, ImageError, lambda path: are_our_labels(path, array))
    consolidate_again(out)
    task.folder.remove()
    return stitched.table


def _check(task: ChunkTask, stitched: Stitched, path: Path) -> None:
    """Raise ImageError unless the labels on the disk are those of the chunks."""
    import zarr

    array = zarr.open_array(str(path), mode="r")
    for chunk in task.grid:
        wanted = stitched.labels_of(task, chunk.index)
        if not np.array_equal(array[task.place_of(chunk)], wanted):
            msg = f"The disk did not keep what was written to {path}: try again."
            raise ImageError(msg)


def _do(
    task: ChunkTask,
    order: Sequence[int],
    runner: Runner,
    progress: Progress | None,
    watch: Callable[[ChunkTask, int], None] | None,
) -> None:
    """Do the chunks that are missing; report all, also those of an earlier run."""
    done = [index for index in order if task.folder.has(index)]
    had = set(done)
    missing = [index for index in order if index not in had]

    def report(count: int) -> None:
        if progress:
            progress(count, len(order))

    report(len(done))
    if watch:
        for index in done:
            watch(task, index)
            report(len(done))
    for count, index in enumerate(runner(task, missing), len(done) + 1):
        if watch:
            watch(task, index)
        report(count)


def _write(
    task: ChunkTask, stitched: Stitched, path: Path, ome_zarr: LabelImage | None
) -> None:
    """Write the labels of all chunks with their final ids."""
    shape, side = task.plan.request.shape, task.plan.side
    parts = ((chunk, stitched.labels_of(task, chunk.index)) for chunk in task.grid)
    if ome_zarr is None:
        array = _create_array(path, shape, side)
        for chunk, labels in parts:
            array[task.place_of(chunk)] = labels
        return
    with label_image(path, shape, side, np.int32, ome_zarr) as pyramid:
        for chunk, labels in parts:
            plane = task.planes.position(chunk.plane)
            pyramid.write(plane, chunk.rows, chunk.columns, labels)


def _create_array(path: Path, shape: tuple[int, ...], side: int) -> Any:
    """Create a zarr array for labels (..., Y, X) int32, one plane in a chunk."""
    import zarr

    sides = tuple(min(n, side, CHUNK) for n in shape[-2:])
    return zarr.create_array(
        str(path),
        shape=shape,
        dtype=np.int32,
        chunks=(1,) * (len(shape) - 2) + sides,
        attributes={OURS: signed({})},
        overwrite=True,
    )


def work_folder(out: Path) -> WorkFolder:
    """Folder in which the parts of `out` are kept until all are there."""
    return WorkFolder(hidden(out, "unfinished"))


def _new_plan(request: Request, segmenter: Segmenter, planes: Planes) -> Plan:
    diameter, is_sure = request.diameter, True
    if diameter is None:
        diameter, is_sure, _ = segmenter.estimate_of(planes)
    scale = max(segmenter.scale_of(diameter, planes.plane_shape), _LEAST_SCALE)
    side = _whole_zarr_chunks(request.side or round(_SIDE / scale))
    return Plan(request, diameter, side, math.ceil(HALO / scale), is_sure)


def _whole_zarr_chunks(side: int) -> int:
    """Round a side so that no two chunks write to the same chunk of the zarr array."""
    return round(side / CHUNK) * CHUNK if side >= CHUNK else max(side, 1)


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
