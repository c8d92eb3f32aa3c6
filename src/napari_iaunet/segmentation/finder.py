"""Planes become cells: rescaled, looked at by the network, decoded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.inference.backend import Look
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation.decode import (
    Instances,
    decode,
    decode_plain,
    to_image_size,
)
from napari_iaunet.segmentation.diameter import Decoded, measure_plane, scale_for
from napari_iaunet.segmentation.sampling import (
    is_large,
    sample_stretches,
    telling_windows,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from napari_iaunet.inference.backend import Backend
    from napari_iaunet.inference.fields import DecodeSettings, FieldImage
    from napari_iaunet.inference.progress import PlaneProgress, Progress
    from napari_iaunet.segmentation.image import Planes

# Planes of at most so many pixels, at the network's scale, are looked at in other ways,
# too: that gives better outlines, and so small a plane can bear the time. Planes that
# are not enlarged already are also looked at larger; by how much was chosen on the
# held-out images.
_SMALL = 500_000
_MIRRORED = Look(mirrored=True)
_SHRUNK = (_MIRRORED, Look(scale=1.15), Look(mirrored=True, scale=1.3))
_OWN_SCALE = (_MIRRORED, Look(scale=1.25), Look(mirrored=True, scale=1.5))


class CellFinder:
    """Finds the cells of planes.

    Parameters
    ----------
    backend : Backend
    settings : DecodeSettings
    enlarges : bool
        Whether small planes are looked at larger, too.
    """

    def __init__(
        self, backend: Backend, settings: DecodeSettings, *, enlarges: bool = True
    ) -> None:
        self._backend, self._settings = backend, settings
        self._enlarges = enlarges
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
        plane : (3, Y, X) float32
            As `Planes` gives it.
        diameter : float
            Of the cells, in pixels.
        ready : Decoded or None
            What `stack_diameter` found on the way.
        steps : PlaneProgress
        whole : (Y, X), optional
            Shape of what the plane is a part of.
        """
        fields = self.fields(plane, diameter, ready, steps, whole)
        return self._finish(fields, ready, (plane.shape[1], plane.shape[2]))

    def all_cells(
        self, planes: Planes, diameter: float, steps: PlaneProgress
    ) -> Iterator[Instances]:
        """Find the cells of every plane of a stack.

        While a plane is decoded, the network looks at the next one, and the one after
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
        return _renumber(native, cells.scores)

    def fields(
        self,
        plane: NDArray[np.float32],
        diameter: float,
        ready: Decoded | None,
        steps: PlaneProgress,
        whole: tuple[int, int] | None = None,
    ) -> FieldImage:
        """Fields at the scale of a diameter; small planes are looked at repeatedly."""
        own = plane[0].size
        height, width = whole or plane.shape[1:]
        if ready:
            plane = ready.plane
        else:
            scale = scale_for(diameter, self._known, plane.shape)
            plane = rescale(plane, scale)
        growth = plane[0].size / own
        if growth * height * width <= _SMALL:
            looks = self._other_looks(growth)
            first = steps.part(0, len(looks) + 1)
            fields = ready.fields if ready else self._backend.fields(plane, first)
            return self._backend.look_again(plane, fields, looks, steps)
        if ready is None:
            return self._backend.fields(plane, steps)
        steps(1, 1)
        return ready.fields

    def _other_looks(self, growth: float) -> tuple[Look, ...]:
        """How to look again at a plane that was rescaled by this factor in area."""
        if growth > 1 or not self._enlarges:
            return (_MIRRORED,)
        return _SHRUNK if growth < 1 else _OWN_SCALE

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
        self, planes: Planes, progress: Progress | None
    ) -> tuple[float, Decoded | None]:
        """Median over up to three planes; also the cells if they are final already."""
        count = len(planes)
        chosen = sorted({count // 2, count // 4, (3 * count) // 4})

        def segment_at(plane: NDArray[np.float32], scale: float) -> Decoded:
            return self._at_scale(plane, scale, progress)

        known, usual = self._known, self._config.usual_diameter
        measured: list[tuple[float | None, Decoded | None]] = []
        for i in chosen:
            if is_large(planes):
                stretches = sample_stretches(planes, i)
                for window in telling_windows(planes, i, stretches):
                    found_here, _ = measure_plane(window, segment_at, known, usual)
                    measured.append((found_here, None))
            else:
                plane = planes[i]
                measured.append(measure_plane(plane, segment_at, known, usual))
        found = [diameter for diameter, _ in measured if diameter is not None]
        diameter = float(np.median(found)) if found else usual or self._known
        return diameter, measured[0][1] if count == 1 else None


def _renumber(labels: NDArray[np.int32], scores: NDArray[np.float32]) -> Instances:
    """Close the gaps that cells leave which vanished at the image's scale."""
    present = np.bincount(labels.ravel(), minlength=len(scores) + 1)[1:] > 0
    if present.all():
        return Instances(labels, scores)
    table = np.zeros(len(scores) + 1, np.int32)
    table[1:][present] = np.arange(1, int(present.sum()) + 1)
    return Instances(table[labels], scores[present])
