"""Prepare planes of an image for clicks, in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.jobs import Jobs
    from napari_iaunet.plugin.placement import LayerImage
    from napari_iaunet.plugin.segment_job import Segmenters
    from napari_iaunet.plugin.segment_panel import SegmentChoice
    from napari_iaunet.segmentation.click import ClickedCell, EncodedImage
    from napari_iaunet.segmentation.segmenter import Segmenter

    Plane = tuple[int, ...]

# Planes are kept up to this many pixels at the model's scale, each 80 bytes.
_MOST_PIXELS = 8_000_000
_MOST_PLANES = 8


class EncodedPlane(NamedTuple):
    """A plane that is ready for clicks.

    Attributes
    ----------
    segmenter : Segmenter
    fields : EncodedImage
    raw : (C, Y, X) array
        The plane's own pixels.
    """

    segmenter: Segmenter
    fields: EncodedImage
    raw: NDArray[Any]

    def answer(
        self, points: Sequence[tuple[float, float]], labels: Sequence[int]
    ) -> ClickedCell:
        """Return the cell of some clicks."""
        return self.segmenter.click_on(self.fields, points, labels)

    @property
    def n_pixels(self) -> int:
        """Pixels at the model's scale."""
        return int(np.prod(tuple(self.fields.fields.foreground.shape)))


class PlaneEncoder(QObject):
    """Encodes planes one after the other and keeps the last few.

    ``ready`` is emitted when a plane has become available, ``failed`` with a
    sentence for the user, and ``stopped`` if the user stopped the job in napari's
    list of tasks.

    Parameters
    ----------
    jobs : Jobs
        Used by nobody else.
    segmenters : Segmenters
    parent : QObject
    """

    ready = Signal()
    progressed = Signal(int, int)
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, jobs: Jobs, segmenters: Segmenters, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs, self._segmenters = jobs, segmenters
        self._planes: dict[Plane, EncodedPlane] = {}
        self._running: Plane | None = None
        jobs.progressed.connect(self.progressed)
        jobs.succeeded.connect(self._on_success)
        jobs.failed.connect(self._on_failure)
        jobs.cancelled.connect(self._on_cancelled)

    def get(self, plane: Plane) -> EncodedPlane | None:
        """Return a plane if it is ready."""
        found = self._planes.pop(plane, None)
        if found is not None:
            self._planes[plane] = found  # the one used last comes last
        return found

    def forget(self) -> None:
        """Stop, and let go of all planes."""
        self._jobs.close()
        self._running = None
        self._planes.clear()

    def want(
        self,
        plane: Plane,
        choice: SegmentChoice,
        read: Callable[[Plane], LayerImage],
    ) -> None:
        """Encode a plane unless it is ready or on its way; drop any other job.

        Parameters
        ----------
        plane : tuple of int
        choice : SegmentChoice
            Model, device and diameter.
        read : callable
            Gives the plane's pixels.
        """
        if plane == self._running:
            return
        self._jobs.close()
        self._running = None
        if plane in self._planes:
            return
        work = partial(
            _encode,
            self._segmenters,
            read(plane),
            plane,
            choice.model,
            choice.device,
            choice.diameter,
        )
        self._running = plane
        self._jobs.start(work, "Preparing the image for clicks")

    def _on_success(self, outcome: tuple[Plane, EncodedPlane]) -> None:
        plane, encoded = outcome
        self._running = None
        self._planes[plane] = encoded
        while len(self._planes) > 1 and (
            len(self._planes) > _MOST_PLANES
            or sum(p.n_pixels for p in self._planes.values()) > _MOST_PIXELS
        ):
            del self._planes[next(iter(self._planes))]
        self.ready.emit()

    def _on_failure(self, message: str) -> None:
        self._running = None
        self.failed.emit(message)

    def _on_cancelled(self) -> None:
        self._running = None
        self.stopped.emit()


def _encode(
    segmenters: Segmenters,
    image: LayerImage,
    plane: Plane,
    model: str,
    device: str,
    diameter: float | None,
    progress: Callable[[int, int], None],
) -> tuple[Plane, EncodedPlane]:
    from napari_iaunet.segmentation.image import as_planes

    segmenter = segmenters.get(model, device)
    progress(0, 1)
    array = np.asarray(image.array)  # read from disk once
    raw = as_planes(array, image.channel_axis).raw(0)
    fields = segmenter.encode(
        array,
        channel_axis=image.channel_axis,
        diameter=diameter,
        progress=progress,
    )
    return plane, EncodedPlane(segmenter, fields, raw)
