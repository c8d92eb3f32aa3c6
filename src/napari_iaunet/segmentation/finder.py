"""Planes become cells: rescaled, seen by the network, decoded."""

from __future__ import annotations

import math
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.inference.backend import Augmentation
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation.by_chunks import (
    ChunkReader,
    in_turn,
    join,
    plan_chunks,
)
from napari_iaunet.segmentation.calibration import calibrated
from napari_iaunet.segmentation.decode import (
    Instances,
    decode,
    decode_plain,
    keep_cells,
    to_image_size,
)
from napari_iaunet.segmentation.diameter import Estimate, combine, measure_plane
from napari_iaunet.segmentation.looks import Decoded, count_lost
from napari_iaunet.segmentation.measure import disc_area
from napari_iaunet.segmentation.sampling import (
    high_contrast_parts,
    is_large,
    sample_normalisations,
)
from napari_iaunet.segmentation.scale import SMALL, scale_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from napari_iaunet.inference.backend import Backend
    from napari_iaunet.inference.fields import DecodeSettings, FieldImage
    from napari_iaunet.inference.progress import PlaneProgress, Progress
    from napari_iaunet.segmentation.chunks import Chunk, ChunkGrid
    from napari_iaunet.segmentation.image import Planes

# Test-time augmentation: of planes of at most `SMALL` pixels, at the network's scale,
# augmented versions are segmented, too. Outlines get better, and so small a plane can
# bear the time: with all versions, 5 to 6 times the pixels.
# The versions of a plane that was enlarged already, that was shrunk, and that was left
# as it is. By how much they are upscaled was chosen on the held-out images.
_MIRRORED = Augmentation(mirrored=True)
_SHRUNK = (_MIRRORED, Augmentation(scale=1.15), Augmentation(mirrored=True, scale=1.3))
_AS_IT_IS = (
    _MIRRORED,
    Augmentation(scale=1.25),
    Augmentation(mirrored=True, scale=1.5),
)
# Fields of so many pixels, 80 bytes each, may be kept: 1.3 GB.
_MOST_KEPT = 16_000_000
# Fewer pixels of the image are noise in it: no cell can be recognised in them.
_FEWEST_PIXELS = 4


class CellFinder:
    """Finds the cells of planes; `upscales` if test-time augmentation does, too."""

    def __init__(
        self, backend: Backend, settings: DecodeSettings, *, upscales: bool = True
    ) -> None:
        self._backend, self._settings = backend, settings
        self._upscales = upscales
        self._config, self._known = backend.config, backend.config.diameter

    def cells(
        self,
        plane: NDArray[np.float32],
        diameter: float,
        steps: PlaneProgress,
        whole: tuple[int, int] | None = None,
    ) -> Instances:
        """Find the cells of a plane (3, Y, X), at the plane's own scale.

        Parameters
        ----------
        diameter : float
            Of the cells, in pixels.
        whole : (Y, X), optional
            Shape of what the plane is a chunk of: it is not cut any further then.
        """
        if whole:
            fields = self.fields(plane, diameter, steps, whole)
            return self._final(self._finish(fields, (plane.shape[1], plane.shape[2])))
        shape = plane.shape[1], plane.shape[2]
        (cells,) = self._by_chunks(partial(_cut, plane), 1, shape, diameter, steps)
        return cells

    def ready_cells(
        self, ready: Decoded, shape: tuple[int, int], steps: PlaneProgress
    ) -> Instances:
        """Return the cells that `estimate` found; of small planes, better ones.

        The plane has a shape (Y, X).
        """
        if ready.fields is None:
            return self._final(ready.cells)
        fields = self.ready_fields(ready, shape, steps)
        done = ready.cells if fields is ready.fields else None
        return self._final(self._finish(fields, shape, done))

    def all_cells(
        self, planes: Planes, diameter: float, steps: PlaneProgress
    ) -> Iterator[Instances]:
        """Find the cells of every plane of a stack, plane by plane."""
        shape = planes.plane_shape
        return self._by_chunks(ChunkReader(planes), len(planes), shape, diameter, steps)

    def _by_chunks(
        self,
        read: Callable[[Chunk], NDArray[np.float32]],
        planes: int,
        shape: tuple[int, int],
        diameter: float,
        steps: PlaneProgress,
    ) -> Iterator[Instances]:
        """Find the cells of planes (Y, X), whose chunks are read one by one."""
        scale = scale_for(diameter, self._known, shape)
        grid, one = self._plan(planes, shape, scale), self._plan(1, shape, scale)
        steps.planes = len(grid)

        def run(plane: NDArray[np.float32], chunk: Chunk) -> FieldImage:
            steps.plane = chunk.index
            return self.fields(plane, diameter, steps, shape)

        def finish(fields: FieldImage, chunk: Chunk) -> Instances:
            return self._finish(fields, chunk.outer_shape)

        found = in_turn(grid, read, run, finish)
        for _ in range(planes):
            cells = join(one, islice(found, len(one)), scale, self._smallest(scale))
            yield self._final(cells)

    def _plan(self, planes: int, shape: tuple[int, int], scale: float) -> ChunkGrid:
        stride = self._config.stride
        return plan_chunks(planes, shape, scale, self._backend.device, stride)

    def _smallest(self, scale: float) -> float:
        """Pixels of the image that a cell must have, where it is rescaled."""
        area = self._settings.smallest * disc_area(self._known)
        return max(area / scale**2, _FEWEST_PIXELS)

    def _finish(
        self,
        fields: FieldImage,
        size: tuple[int, int],
        done: Instances | None = None,
    ) -> Instances:
        """Decode fields, unless that is done, and bring the cells to a plane's size."""
        cells = done or self._decode(fields)
        native = to_image_size(
            cells.labels, fields.foreground, size, self._settings.foreground
        )
        if native is cells.labels:
            return cells
        # Of some cells too little is left at the image's scale.
        area = np.bincount(native.ravel(), minlength=len(cells.scores) + 1)[1:]
        scale = math.sqrt(cells.labels.size / native.size)
        return keep_cells(
            Instances(native, cells.scores), area >= self._smallest(scale)
        )

    def _final(self, cells: Instances) -> Instances:
        """Cells whose scores are probabilities, as the model was calibrated."""
        return Instances(
            cells.labels, calibrated(cells.scores, self._config.calibration)
        )

    def fields(
        self,
        plane: NDArray[np.float32],
        diameter: float,
        steps: PlaneProgress,
        whole: tuple[int, int] | None = None,
        *,
        kept: bool = False,
    ) -> FieldImage:
        """Fields at the scale of a diameter; of small planes, with augmentation.

        `whole` is as for `cells`. Fields that are to be `kept` are no larger than can
        be, or as large as the plane.
        """
        height, width = whole or plane.shape[1:]
        own = plane[0].size
        scale = scale_for(diameter, self._known, (height, width))
        if kept:
            scale = min(scale, max(1.0, math.sqrt(_MOST_KEPT / own)))
        plane = rescale(plane, scale)
        growth = plane[0].size / own
        if growth * height * width > SMALL:
            return self._backend.fields(plane, steps)
        versions = self._augmentations(growth)
        fields = self._backend.fields(plane, steps.part(0, len(versions) + 1))
        return self._backend.average_augmented(plane, fields, versions, steps)

    def ready_fields(
        self, ready: Decoded, shape: tuple[int, int], steps: PlaneProgress
    ) -> FieldImage:
        """Fields that `estimate` found; as of `fields` for a plane (Y, X)."""
        assert ready.fields is not None
        assert ready.plane is not None
        if ready.plane[0].size > SMALL:
            steps(1, 1)
            return ready.fields
        versions = self._augmentations(ready.plane[0].size / math.prod(shape))
        return self._backend.average_augmented(
            ready.plane, ready.fields, versions, steps
        )

    def _augmentations(self, growth: float) -> tuple[Augmentation, ...]:
        """How to augment a plane that was rescaled by this factor in area."""
        if growth > 1 or not self._upscales:
            return (_MIRRORED,)
        return _SHRUNK if growth < 1 else _AS_IT_IS

    def _at_scale(
        self, plane: NDArray[np.float32], scale: float, progress: Progress | None
    ) -> Decoded:
        shape = plane.shape[1], plane.shape[2]
        grid = self._plan(1, shape, scale)
        if len(grid) > 1:
            return self._at_scale_by_chunks(grid, plane, scale, progress)
        plane = rescale(plane, scale)
        fields = self._backend.fields(plane, progress)
        return Decoded(plane, fields, self._decode(fields))

    def _at_scale_by_chunks(
        self,
        grid: ChunkGrid,
        plane: NDArray[np.float32],
        scale: float,
        progress: Progress | None,
    ) -> Decoded:
        """Find cells at a scale; they come at the plane's own."""

        def run(part: NDArray[np.float32], _: Chunk) -> FieldImage:
            return self._backend.fields(rescale(part, scale), progress)

        def finish(fields: FieldImage, chunk: Chunk) -> Instances:
            cells, shape = self._decode(fields), chunk.outer_shape
            seen = count_lost(fields.foreground.numpy(), cells.labels, self._known)
            own = (chunk.rows.stop - chunk.rows.start) * (
                chunk.columns.stop - chunk.columns.start
            )
            lost.append(seen * own / math.prod(shape))
            return self._finish(fields, shape, cells)

        lost: list[float] = []
        found = in_turn(grid, partial(_cut, plane), run, finish)
        cells = join(grid, found, scale, self._smallest(scale))
        return Decoded(None, None, cells, sum(lost))

    def _decode(self, fields: FieldImage) -> Instances:
        if not self._config.identity:
            return decode_plain(fields, self._known, self._settings)
        return decode(fields, self._backend.same_cell, self._known, self._settings)

    def estimate(self, planes: Planes, progress: Progress | None) -> Estimate:
        """Measure the cells of up to three planes.

        Without cells, their diameter is the usual one, or that of the network.
        """
        count = len(planes)
        chosen = sorted({count // 2, count // 4, (3 * count) // 4})

        def segment_at(plane: NDArray[np.float32], scale: float) -> Decoded:
            return self._at_scale(plane, scale, progress)

        known, usual = self._known, self._config.usual_diameter
        measured = [
            measure_plane(part, segment_at, known, usual)
            for i in chosen
            for part in _parts_to_measure(planes, i)
        ]
        diameter, is_sure = combine(measured, usual or known)
        ready = None if count > 1 or is_large(planes) else measured[0].decoded
        return Estimate(diameter, is_sure, ready)


def _parts_to_measure(planes: Planes, i: int) -> Iterator[NDArray[np.float32]]:
    """Return a plane, or parts of it if it is large."""
    if is_large(planes):
        normalisations = sample_normalisations(planes, i)
        yield from high_contrast_parts(planes, i, normalisations)
    else:
        yield planes[i]


def _cut(plane: NDArray[np.float32], chunk: Chunk) -> NDArray[np.float32]:
    return plane[:, chunk.outer_rows, chunk.outer_columns]
