"""Planes become cells: rescaled, seen by the network, decoded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.inference.backend import Augmentation
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation.decode import (
    Instances,
    decode,
    decode_plain,
    keep_cells,
    to_image_size,
)
from napari_iaunet.segmentation.diameter import Decoded, measure_plane, scale_for
from napari_iaunet.segmentation.measure import disc_area
from napari_iaunet.segmentation.sampling import (
    high_contrast_parts,
    is_large,
    sample_normalisations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_iaunet.inference.backend import Backend
    from napari_iaunet.inference.fields import DecodeSettings, FieldImage
    from napari_iaunet.inference.progress import PlaneProgress, Progress
    from napari_iaunet.segmentation.image import Planes

# Test-time augmentation: of planes of at most so many pixels, at the network's scale,
# augmented versions are segmented, too. Outlines get better, and so small a plane can
# bear the time: with all versions, 5 to 6 times the pixels.
_SMALL = 500_000
# The versions of a plane that was enlarged already, that was shrunk, and that was left
# as it is. By how much they are upscaled was chosen on the held-out images.
_MIRRORED = Augmentation(mirrored=True)
_SHRUNK = (_MIRRORED, Augmentation(scale=1.15), Augmentation(mirrored=True, scale=1.3))
_AS_IT_IS = (
    _MIRRORED,
    Augmentation(scale=1.25),
    Augmentation(mirrored=True, scale=1.5),
)
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
        ready: Decoded | None,
        steps: PlaneProgress,
        whole: tuple[int, int] | None = None,
    ) -> Instances:
        """Find the cells of a plane (3, Y, X), at the plane's own scale.

        Parameters
        ----------
        diameter : float
            Of the cells, in pixels.
        ready : Decoded or None
            What `stack_diameter` found on the way.
        whole : (Y, X), optional
            Shape of what the plane is a part of.
        """
        fields = self.fields(plane, diameter, ready, steps, whole)
        return self._finish(fields, ready, (plane.shape[1], plane.shape[2]))

    def all_cells(
        self, planes: Planes, diameter: float, steps: PlaneProgress
    ) -> Iterator[Instances]:
        """Find the cells of every plane of a stack.

        While a plane is decoded, the network runs over the next one, and the one after
        that is read.
        """
        last = len(planes) - 1
        with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(1) as decoding:
            read = reading.submit(planes.__getitem__, 0)
            decoded: Future[Instances] | None = None
            for steps.plane in range(last + 1):
                plane = read.result()
                if steps.plane < last:
                    read = reading.submit(planes.__getitem__, steps.plane + 1)
                fields = self.fields(plane, diameter, None, steps)
                if decoded:
                    yield decoded.result()
                size = planes.plane_shape
                decoded = decoding.submit(self._finish, fields, None, size)
            if decoded:
                yield decoded.result()

    def _finish(
        self, fields: FieldImage, ready: Decoded | None, size: tuple[int, int]
    ) -> Instances:
        """Decode fields, unless that is done, and bring the cells to a plane's size."""
        if ready and fields is ready.fields:
            cells = ready.cells
        else:
            cells = self._decode(fields)
        native = to_image_size(
            cells.labels, fields.foreground, size, self._settings.foreground
        )
        if native is cells.labels:
            return cells
        # Of some cells too little is left at the image's scale.
        area = np.bincount(native.ravel(), minlength=len(cells.scores) + 1)[1:]
        share = native.size / cells.labels.size
        smallest = self._settings.smallest * disc_area(self._known) * share
        kept = area >= max(smallest, _FEWEST_PIXELS)
        return keep_cells(Instances(native, cells.scores), kept)

    def fields(
        self,
        plane: NDArray[np.float32],
        diameter: float,
        ready: Decoded | None,
        steps: PlaneProgress,
        whole: tuple[int, int] | None = None,
    ) -> FieldImage:
        """Fields at the scale of a diameter; of small planes, with augmentation."""
        own = plane[0].size
        height, width = whole or plane.shape[1:]
        if ready:
            plane = ready.plane
        else:
            scale = scale_for(diameter, self._known, plane.shape)
            plane = rescale(plane, scale)
        growth = plane[0].size / own
        if growth * height * width <= _SMALL:
            versions = self._augmentations(growth)
            first = steps.part(0, len(versions) + 1)
            fields = ready.fields if ready else self._backend.fields(plane, first)
            return self._backend.average_augmented(plane, fields, versions, steps)
        if ready is None:
            return self._backend.fields(plane, steps)
        steps(1, 1)
        return ready.fields

    def _augmentations(self, growth: float) -> tuple[Augmentation, ...]:
        """How to augment a plane that was rescaled by this factor in area."""
        if growth > 1 or not self._upscales:
            return (_MIRRORED,)
        return _SHRUNK if growth < 1 else _AS_IT_IS

    def _at_scale(
        self, plane: NDArray[np.float32], scale: float, progress: Progress | None
    ) -> Decoded:
        plane = rescale(plane, scale)
        fields = self._backend.fields(plane, progress)
        return Decoded(plane, fields, self._decode(fields))

    def _decode(self, fields: FieldImage) -> Instances:
        if not self._config.identity:
            return decode_plain(fields, self._known, self._settings)
        return decode(fields, self._backend.same_cell, self._known, self._settings)

    def stack_diameter(
        self,
        planes: Planes,
        progress: Progress | None,
        single: NDArray[np.float32] | None = None,
    ) -> tuple[float, Decoded | None]:
        """Median over up to three planes; also the cells if they are final already.

        Parameters
        ----------
        single : (3, Y, X) float32, optional
            ``planes[0]`` of an image that is no stack, if it was read before.

        Returns
        -------
        diameter : float
            In pixels; the usual one, or that of the network, without cells.
        ready : Decoded or None
            Of an image that is no stack, if it was found at the scale of the diameter.
        """
        count = len(planes)
        chosen = sorted({count // 2, count // 4, (3 * count) // 4})

        def segment_at(plane: NDArray[np.float32], scale: float) -> Decoded:
            return self._at_scale(plane, scale, progress)

        known, usual = self._known, self._config.usual_diameter
        measured: list[tuple[float | None, Decoded | None]] = []
        for i in chosen:
            if is_large(planes):
                normalisations = sample_normalisations(planes, i)
                for window in high_contrast_parts(planes, i, normalisations):
                    found_here, _ = measure_plane(window, segment_at, known, usual)
                    measured.append((found_here, None))
            else:
                plane = planes[i] if single is None else single
                measured.append(measure_plane(plane, segment_at, known, usual))
        found = [diameter for diameter, _ in measured if diameter is not None]
        diameter = float(np.median(found)) if found else usual or self._known
        return diameter, measured[0][1] if count == 1 else None
