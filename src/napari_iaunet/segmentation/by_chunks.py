"""Planes whose fields would take too much memory are segmented chunk by chunk."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from napari_iaunet.inference.devices import release_memory
from napari_iaunet.inference.tiles import HALO
from napari_iaunet.segmentation.chunks import ChunkGrid
from napari_iaunet.segmentation.joining import join_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from napari_iaunet.inference.fields import FieldImage
    from napari_iaunet.segmentation.chunks import Chunk, Shape
    from napari_iaunet.segmentation.decode import Instances
    from napari_iaunet.segmentation.image import Planes

_Found = TypeVar("_Found")

# Planes of at most so many pixels, at the network's scale, are segmented at once:
# network and decoding take up to 400 bytes for each of them. On a graphics card, where
# the network's own memory is elsewhere, more fit.
_AT_ONCE, _AT_ONCE_CUDA = 1_600_000, 2048**2
# And of at most so many pixels of their own, each of which takes up to 40 bytes, if
# they are shrunk.
_OWN_AT_ONCE = 3000**2
# Side of a chunk with its halo, at the network's scale. Smaller ones waste more time on
# their halos; with this one, four serve a plane of 2048 px, and all that is done at a
# time takes some 600 MB.
_SIDE, _SIDE_CUDA = 1088, 2048
# Chunks of planes that are shrunk more than this are no larger, for their own pixels'
# sake.
_LEAST_SCALE = 0.275
# Around a border, neighbours are compared within so many pixels, at the network's
# scale, on each side: about one usual cell.
_REACH = 32


def plan_chunks(
    planes: int, shape: Shape, scale: float, device: torch.device, stride: int
) -> ChunkGrid:
    """Cut planes (Y, X) that are rescaled by a factor; small ones stay whole.

    As nearly as their pixels allow, chunks begin at multiples of the network's stride:
    all see its pooling grid in the same phase, so that neighbours agree.
    """
    pixels, cuda = shape[0] * shape[1], device.type == "cuda"
    most = _AT_ONCE_CUDA if cuda else _AT_ONCE
    if pixels * scale**2 <= most and pixels <= _OWN_AT_ONCE:
        return ChunkGrid(planes, shape, shape, 0)
    outer = (_SIDE_CUDA if cuda else _SIDE) / max(scale, _LEAST_SCALE)
    step = stride / scale
    halo = _whole_steps(HALO / scale, 1.3 * HALO / scale, step)
    height, width = (_side_of(n, outer, halo, step) for n in shape)
    return ChunkGrid(planes, shape, (height, width), halo)


def _side_of(length: int, outer: float, halo: int, step: float) -> int:
    """Side without halo of the fewest chunks that cover a length."""
    if length <= outer:
        return length
    # Of two chunks each has its halo on one side only.
    inner = outer - halo if length <= 2 * (outer - halo) else outer - 2 * halo
    inner = max(inner, step)
    least = length / math.ceil(length / inner)
    if int(inner / step) * step < least:  # rather one chunk more than out of phase
        least = 0.9 * inner
    return min(_whole_steps(least, inner, step), length)


def _whole_steps(least: float, most: float, step: float) -> int:
    """Pixels between two limits that are closest to a number of whole steps."""
    counts = range(math.ceil(least / step), max(int(most / step), 0) + 1)
    lengths = [count * step for count in counts] or [least]
    return math.ceil(min(lengths, key=lambda length: abs(length - round(length))) - 0.5)


class ChunkReader:
    """Reads chunks of planes, normalised as their planes: (3, y, x) float32.

    Each plane is read once, if its chunks are asked for one after the other.
    """

    def __init__(self, planes: Planes) -> None:
        self._planes = planes
        self._plane: tuple[int, NDArray[Any]] | None = None

    def __call__(self, chunk: Chunk) -> NDArray[np.float32]:
        """Read a chunk with its halo."""
        i, planes = chunk.plane, self._planes
        if self._plane is None or self._plane[0] != i:
            self._plane = i, planes.raw(i)
        raw = self._plane[1]
        part = raw[:, chunk.outer_rows, chunk.outer_columns]
        return planes.normalise(part, planes.normalisations(i, raw))


def in_turn(
    grid: ChunkGrid,
    read: Callable[[Chunk], NDArray[np.float32]],
    run: Callable[[NDArray[np.float32], Chunk], FieldImage],
    finish: Callable[[FieldImage, Chunk], _Found],
) -> Iterator[_Found]:
    """Read chunks, run the network over them, and finish them, all in their order.

    While a chunk is finished, the network runs over the next one, and the one after
    that is read. A single one needs no threads: memory that they take is fresh, which
    costs time.
    """
    if len(grid) == 1:
        yield finish(run(read(grid[0]), grid[0]), grid[0])
        return
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as finishing:
        coming = reading.submit(read, grid[0])
        finished: Future[_Found] | None = None
        for chunk in grid:
            plane = coming.result()
            if chunk.index + 1 < len(grid):
                coming = reading.submit(read, grid[chunk.index + 1])
            fields = run(plane, chunk)
            if finished:
                yield finished.result()
                release_memory()
            finished = finishing.submit(finish, fields, chunk)
        if finished:
            yield finished.result()


def join(
    grid: ChunkGrid, found: Iterable[Instances], scale: float, smallest: float
) -> Instances:
    """Make one plane of its chunks; `smallest` is in pixels of the image.

    The grid is of one plane, which was rescaled by a factor.
    """
    if len(grid) == 1:
        return next(iter(found))
    reach = min(math.ceil(_REACH / scale), grid.halo)
    return join_chunks(grid, found, reach, smallest)
