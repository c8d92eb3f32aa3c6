"""What is done with one chunk of an image that is larger than memory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.large.work_folder import Found
from napari_iaunet.segmentation.chunks import ChunkGrid
from napari_iaunet.segmentation.measure import sum_over_cells
from napari_iaunet.segmentation.sampling import sample_normalisations

if TYPE_CHECKING:
    from threading import Event

    from numpy.typing import NDArray

    from napari_iaunet.large.work_folder import Plan, WorkFolder
    from napari_iaunet.segmentation.chunks import Chunk
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.intensity import Normalisation
    from napari_iaunet.segmentation.measure import CellSums
    from napari_iaunet.segmentation.segmenter import Segmenter

# Width of the halo, in pixels at the network's scale: more than four usual cells, so
# that cells on a chunk's border come out as in the whole image. Larger halos cost time.
HALO = 128
# Around a border, the labels of both chunks are compared within so many pixels, at the
# network's scale, on each side: about one usual cell.
_REACH = 32


class ChunkTask:
    """Does single chunks; can be sent to another process."""

    def __init__(
        self, segmenter: Segmenter, planes: Planes, plan: Plan, folder: WorkFolder
    ) -> None:
        self.segmenter, self.planes = segmenter, planes
        self.plan, self.folder = plan, folder
        shape = planes.plane_shape
        self.grid = ChunkGrid(len(planes), shape, plan.side, plan.halo)
        self._normalisations: tuple[int, tuple[Normalisation, ...]] | None = None

    @property
    def reach(self) -> int:
        """Pixels on each side of a border that neighbours compare."""
        return max(1, self.plan.halo * _REACH // HALO)

    def __call__(self, index: int, stop: Event | None = None) -> int:
        """Segment one chunk and keep what was found; returns the index.

        Raises `Stopped` if the event was set meanwhile.
        """
        chunk = self.grid[index]
        raw = self._read(chunk)
        normalisations = self._normalisations_of(chunk.plane)
        plane = self.planes.normalise(raw, normalisations)

        def ask(_done: int, _total: int) -> None:
            if stop and stop.is_set():
                raise Stopped

        cells = self.segmenter.cells_of(
            plane, self.plan.diameter, ask, whole=self.planes.plane_shape
        )
        content = _digest(raw, normalisations)
        self._keep(chunk, raw, cells.labels, cells.scores, content)
        return index

    def is_current(self, index: int) -> bool:
        """Whether the image still holds what was read for a chunk that is done."""
        chunk = self.grid[index]
        now = _digest(self._read(chunk), self._normalisations_of(chunk.plane))
        return now == self.folder.content(index)

    def _read(self, chunk: Chunk) -> NDArray[Any]:
        return self.planes.raw(chunk.plane, chunk.outer_rows, chunk.outer_columns)

    def labels_of(self, index: int) -> NDArray[np.int32]:
        """Labels of a chunk that is done, (Y, X), 1..n in every chunk."""
        return self.folder.labels(index)

    def sums_of(self, index: int, own: NDArray[np.int32], count: int) -> CellSums:
        """Sum over labels 1..count of a chunk's own pixels, (y, x), read once more."""
        chunk = self.grid[index]
        raw = self.planes.raw(chunk.plane, chunk.rows, chunk.columns)
        return _sums(chunk, own, raw, count)

    def place_of(self, chunk: Chunk) -> tuple[int | slice, ...]:
        """Where a chunk's own pixels lie in the whole stack."""
        return (*self.planes.position(chunk.plane), chunk.rows, chunk.columns)

    def _normalisations_of(self, plane: int) -> tuple[Normalisation, ...]:
        known = self._normalisations
        if known is None or known[0] != plane:
            known = plane, sample_normalisations(self.planes, plane)
            self._normalisations = known
        return known[1]

    def _keep(
        self,
        chunk: Chunk,
        raw: NDArray[Any],
        labels: NDArray[np.int32],
        scores: NDArray[np.float32],
        content: str,
    ) -> None:
        borders = {
            (border.first, border.second): labels[chunk.within(border)]
            for border in self.grid.borders_of(chunk.index, self.reach)
        }
        inner = chunk.within(chunk)
        own = labels[inner]
        sums = _sums(chunk, own, raw[:, *inner], len(scores))
        self.folder.save(chunk.index, own, Found(sums, scores), borders, content)


def _sums(
    chunk: Chunk, own: NDArray[np.int32], raw: NDArray[Any], count: int
) -> CellSums:
    y, x = np.nonzero(own)
    sums = sum_over_cells(own[y, x] - 1, y, x, raw, count)
    # The chunk counts its pixels from its corner, the table from that of the plane.
    return sums._replace(
        y=sums.y + sums.area * chunk.rows.start,
        x=sums.x + sums.area * chunk.columns.start,
    )


def _digest(raw: NDArray[Any], normalisations: tuple[Normalisation, ...]) -> str:
    """Digest of the pixels of a chunk and of what the rest of the plane does to it."""
    found = hashlib.sha256(repr((raw.shape, raw.dtype, normalisations)).encode())
    found.update(raw.ravel().data)
    return found.hexdigest()


class Stopped(Exception):
    """Raised in a chunk that is no longer wanted: the run was stopped."""
