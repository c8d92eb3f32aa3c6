"""What runs in the worker thread when a large image is segmented part by part."""

from __future__ import annotations

import hashlib
import itertools
import math
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.model.registry import user_models_folder
from napari_iaunet.plugin.core import folder_lock
from napari_iaunet.plugin.layers.features import features_of
from napari_iaunet.plugin.segment import large_job
from napari_iaunet.plugin.segment.job import (
    Cells,
    for_layer,
    measure_layer,
    why_blank,
)
from napari_iaunet.segmentation.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.io.label_pyramid import LabelPyramid
    from napari_iaunet.large.chunk_task import ChunkTask
    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.geometry import LayerImage

# In pixels: above the first an image that is not in memory is segmented part by part,
# above the second any image. Up to that, finished cells become an ordinary layer, which
# can be changed in every way: napari leaves several resolutions as they are.
_LARGE_ON_DISK, LARGE = 1 << 24, 1 << 26


@dataclass
class LargeResult:
    """Cells that become more while a layer shows them."""

    source: str  # where the image comes from
    # Position (..., y, x) in pixels of what is to be done first.
    start: tuple[float, ...]
    # Axes of length 1 that the layer has besides those of the labels.
    added: tuple[int, ...]
    # What there is to show, at full resolution first; empty at the beginning.
    levels: list[Any] = field(default_factory=list)
    folder: Path | None = None  # where it is kept


def is_large(image: LayerImage) -> bool:
    """Whether an image is to be segmented part by part."""
    shape = image.array.shape
    channels = 1 if image.channel_axis is None else shape[image.channel_axis]
    pixels = math.prod(shape) // channels
    in_memory = isinstance(image.array, np.ndarray)
    return pixels > (LARGE if in_memory else _LARGE_ON_DISK)


def find_cells_by_parts(
    segmenters: Segmenters,
    image: LayerImage,
    result: LargeResult,
    *,
    model: str,
    device: str,
    diameter: float | None,
    progress: Callable[[int, int], None],
    columns: Sequence[str] = COLUMNS,
) -> Cells:
    """Segment and measure an image, and keep what was found so far on disk.

    ``result`` gets something to show from the first part on; the rest as for
    `find_cells`.
    """
    from napari_iaunet.inference.engines import PYTORCH
    from napari_iaunet.large.lazy import segment_lazy
    from napari_iaunet.segmentation.image import as_planes
    from napari_iaunet.segmentation.sampling import digest

    segmenter = segmenters.get(model, device)
    progress(0, 1)
    begin = time.perf_counter()
    planes = as_planes(image.array, **image.seen_as)
    content = digest(planes)
    place = (image.array.shape, image.channel_axis, diameter)

    def request(engine: str) -> str:
        asked = (result.source, content, segmenter.fingerprint_with(engine), *place)
        return repr(asked)

    # What was begun before it was known that OpenVINO is faster goes on as it began.
    if segmenter.engine != PYTORCH and large_job.is_begun(request(PYTORCH)):
        segmenter = segmenters.get(model, device, PYTORCH)
        progress(0, 1)
    with _in_turn(progress):
        folder = large_job.folder_for(request(segmenter.engine))
        result.folder = folder
        written = folder / "labels"
        writer = _PartWriter(result)
        found = segment_lazy(
            segmenter,
            planes,
            written,
            diameter=diameter,
            source=result.source,
            start=result.start,
            progress=progress,
            watch=writer,
        )
        table = measure_layer(found.labels, image, columns, scores=found.table["score"])
        labels = writer.finish(found.labels)
        if isinstance(labels, np.ndarray):
            labels = for_layer(labels, len(found.table["label"]))
        large_job.finish(folder)
        shutil.rmtree(written, ignore_errors=True)  # the layer shows a copy
    return Cells(
        labels=labels,
        features=features_of(table),
        diameter=found.diameter,
        diameter_is_sure=found.diameter_is_sure,
        seconds=time.perf_counter() - begin,
        device=str(segmenter.device),
        why_blank=why_blank(image, len(found.table["label"])),
    )


# Held by the run that writes.
_TURN = threading.Lock()


@contextmanager
def _in_turn(progress: Callable[[int, int], None]) -> Iterator[None]:
    """Wait for an earlier run, which was stopped and still ends its last part."""
    while not _TURN.acquire(timeout=0.1):
        progress(0, 1)
    try:
        yield
    finally:
        _TURN.release()


class _PartWriter:
    """Writes chunks that are done to where the layer reads."""

    def __init__(self, result: LargeResult) -> None:
        self._result = result
        self._count = 0
        self._task: ChunkTask | None = None
        self._pyramid: LabelPyramid | None = None

    def __call__(self, task: ChunkTask, index: int) -> None:
        """Show a chunk; its cells get numbers that no others have so far."""
        # A first Labels layer needs pandas, whose import would hold the window up.
        import pandas  # noqa: F401

        if self._pyramid is None:
            self._begin(task)
        labels = task.labels_of(index)
        last = int(labels.max(initial=0))
        self._write(index, np.where(labels > 0, labels + self._count, 0))
        self._count += last

    def finish(self, labels: Any) -> Any:
        """Show the final labels; returns what a layer is to hold."""
        assert self._task is not None
        assert self._pyramid is not None
        for index in range(len(self._task.grid)):
            place = self._task.place_of(self._task.grid[index])
            self._write(index, np.asarray(labels[place]))
        levels = self._pyramid.levels
        if levels[0].size <= LARGE:
            return levels[0][...]
        return levels if len(levels) > 1 else levels[0]

    def _begin(self, task: ChunkTask) -> None:
        from napari_iaunet.io.label_pyramid import LabelPyramid

        result = self._result
        assert result.folder is not None
        shape = (*task.planes.shape, *task.planes.plane_shape)
        path = result.folder / "shown"
        self._task = task
        self._pyramid = LabelPyramid(path, shape, task.plan.side, result.added)
        levels = self._pyramid.levels
        if len(levels) > 1 and levels[0].ndim == 2:
            # Of a single plane napari reads the last level once and never again; an
            # array in memory it takes as it is, and so shows all that is written there.
            levels[-1] = levels[-1][...]
        result.levels = levels

    def _write(self, index: int, labels: NDArray[np.int32]) -> None:
        assert self._task is not None
        assert self._pyramid is not None
        chunk = self._task.grid[index]
        plane = self._task.planes.position(chunk.plane)
        self._pyramid.write(plane, chunk.rows, chunk.columns, labels)


_FINISHED = "finished"
# What was begun and never finished is forgotten after two weeks, in seconds.
_FORGOTTEN = 14 * 24 * 3600.0


def folder_for(request: str) -> Path:
    """Return the folder in which a request was begun, or a new one.

    The request holds everything that decides about the result. Raises `ImageError` if
    the user's folder cannot be written to.
    """
    home = _home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        _forget(home)
        for folder in _folders(request):
            if is_finished(folder):
                continue
            folder.mkdir(exist_ok=True)
            if folder_lock.take(folder):
                return folder
    except OSError as error:
        msg = f"{home} cannot be written to: {error.strerror or error}."
        raise ImageError(msg) from error
    raise AssertionError


def is_begun(request: str) -> bool:
    """Whether there is a folder in which a request was begun and not finished."""
    there = itertools.takewhile(Path.exists, _folders(request))
    return not all(map(is_finished, there))


def _folders(request: str) -> Iterator[Path]:
    """Return the folders of a request; only the last that exist are not finished."""
    name = hashlib.sha256(request.encode()).hexdigest()[:16]
    for number in itertools.count(1):
        yield _home() / (name if number == 1 else f"{name}-{number}")


def is_finished(folder: Path) -> bool:
    """Whether a folder holds all cells of its image."""
    return (folder / _FINISHED).exists()


def finish(folder: Path) -> None:
    """Note that a folder holds all cells of its image."""
    (folder / _FINISHED).touch()


def _home() -> Path:
    return user_models_folder().parent / "cells"


def _forget(home: Path) -> None:
    """Remove what no layer shows any more and nobody will go on with."""
    for folder in home.iterdir():
        if not folder.is_dir() or folder_lock.is_owned(folder):
            continue
        old = time.time() - folder.stat().st_mtime > _FORGOTTEN
        if old or is_finished(folder):
            shutil.rmtree(folder, ignore_errors=True)
