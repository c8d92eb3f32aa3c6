"""Prepare planes of an image, or parts of them, for clicks, in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.connections import Connections

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.segmentation.click import ClickedCell, EncodedImage
    from napari_iaunet.segmentation.prompts import Prompts
    from napari_iaunet.segmentation.segmenter import Segmenter

    Plane = tuple[int, ...]
    Point = tuple[float, float]

# Windows are kept up to this many pixels at the model's scale, each 80 bytes: 640 MB,
# or the last one alone. With more, the user comes back to a plane sooner.
_MOST_PIXELS = 8_000_000
_MOST_WINDOWS = 8

_TOO_FAR = "That is too far from the other clicks of this cell, or too large."


class EncodedWindow(NamedTuple):
    """A plane, or a part of it, that is ready for clicks."""

    window: ClickWindow
    segmenter: Segmenter
    fields: EncodedImage
    raw: NDArray[Any]  # (C, Y, X), the window's own pixels

    def answer(self, prompts: Prompts) -> ClickedCell:
        """Return the cell of some prompts, in pixels of the plane.

        Raises `ImageError` if not all of them lie in the window.
        """
        top, left = self.window.corner
        places = np.rint(np.asarray(prompts.places)).astype(int)
        if not all(self.window.holds((y, x), (1, 1)) for y, x in places):
            raise ImageError(_TOO_FAR)
        here = prompts.moved(-top, -left)
        cell = self.segmenter.click_on(
            self.fields,
            here.points,
            here.labels,
            box=here.box,
            lasso=here.lasso,
            scribbles=here.scribbles,
        )
        y, x = cell.corner
        return cell._replace(corner=(y + top, x + left))

    def pixels(self, corner: tuple[int, int], shape: tuple[int, ...]) -> NDArray[Any]:
        """Return the pixels of a box of the plane that lies in the window."""
        y, x = np.subtract(corner, self.window.corner)
        return self.raw[:, y : y + shape[0], x : x + shape[1]]

    @property
    def n_pixels(self) -> int:
        """Pixels at the model's scale."""
        return int(np.prod(tuple(self.fields.fields.foreground.shape)))


class PlaneEncoder(QObject):
    """Encodes windows one after the other and keeps the last few.

    ``ready`` is emitted when a window has become available, ``failed`` with a
    sentence for the user, and ``stopped`` if the user stopped the job in napari's
    list of tasks.
    """

    ready = Signal()
    progressed = Signal(int, int)
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, jobs: Jobs, segmenters: Segmenters, parent: QObject) -> None:
        super().__init__(parent)
        self._jobs, self._segmenters = jobs, segmenters
        self._windows: dict[ClickWindow, EncodedWindow] = {}
        self._running: ClickWindow | None = None
        self._connections = Connections()
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=self._on_cancelled,
            progressed=self.progressed,
        )

    def teardown(self) -> None:
        """Stop, and disconnect from everything."""
        self._connections.clear()
        self.forget()

    def get(self, plane: Plane, points: Sequence[Point] = ()) -> EncodedWindow | None:
        """Return what is ready for clicks at some points of a plane."""
        for window in reversed(self._windows):
            if window.plane == plane and window.serves(points):
                found = self._windows.pop(window)
                self._windows[window] = found  # the one used last comes last
                return found
        return None

    def pixels(
        self, plane: Plane, corner: tuple[int, int], shape: tuple[int, ...]
    ) -> NDArray[Any]:
        """Return the pixels of a box of a plane, (C, y, x); NaN if not encoded."""
        for window, encoded in self._windows.items():
            if window.plane == plane and window.holds(corner, shape):
                return encoded.pixels(corner, shape)
        return np.full((1, *shape), np.nan)

    def forget(self) -> None:
        """Stop, and let go of all windows."""
        self._jobs.close()
        self._running = None
        self._windows.clear()

    def want(
        self,
        window: ClickWindow,
        points: Sequence[Point],
        choice: SegmentChoice,
        read: Callable[[Plane], LayerImage],
    ) -> None:
        """Encode a window unless there is one for its points; drop any other job.

        ``points`` are clicks in pixels of the plane, none if any part of it will do.
        """
        running = self._running
        if running and running.plane == window.plane and running.serves(points):
            return
        self._jobs.close()
        self._running = None
        if self.get(window.plane, points) is not None:
            return
        image = read(window.plane)
        work = partial(_encode, self._segmenters, image, window, choice)
        self._running = window
        self._jobs.start(work, "Preparing the image for clicks")

    def _on_success(self, encoded: EncodedWindow) -> None:
        self._running = None
        self._windows[encoded.window] = encoded
        while len(self._windows) > 1 and (
            len(self._windows) > _MOST_WINDOWS
            or sum(w.n_pixels for w in self._windows.values()) > _MOST_PIXELS
        ):
            del self._windows[next(iter(self._windows))]
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
    window: ClickWindow,
    choice: SegmentChoice,
    progress: Callable[[int, int], None],
) -> EncodedWindow:
    from napari_iaunet.segmentation.image import as_planes

    segmenter = segmenters.get(choice.model, choice.device)
    progress(0, 1)
    parts, axis = iter(window.slices), image.channel_axis
    axes = range(len(image.array.shape))
    part = image.array[tuple(slice(None) if a == axis else next(parts) for a in axes)]
    array = np.asarray(part)  # read from disk once
    raw = as_planes(array, axis).raw(0)
    fields = segmenter.encode(
        array, diameter=choice.diameter, progress=progress, **image.seen_as
    )
    return EncodedWindow(window, segmenter, fields, raw)


# A plane of more pixels than 4096 x 4096, which take more than 1 GB as they are, is
# prepared in parts of this side. Larger ones are waited for longer, smaller ones more
# often. What lies nearer to the border of one than the margin is prepared in another,
# so that no cell is cut that reaches less far from a click.
_LARGE = 4096 * 4096
_SIDE, _MARGIN = 2048, 384


class ClickWindow(NamedTuple):
    """A part of a plane, or the whole of it."""

    plane: tuple[int, ...]  # where the plane lies in the image's stack
    corner: tuple[int, int]  # first row and column
    shape: tuple[int, int]  # rows and columns
    plane_shape: tuple[int, int]

    @classmethod
    def around(
        cls,
        points: Sequence[Point],
        plane: tuple[int, ...],
        plane_shape: tuple[int, int],
    ) -> ClickWindow:
        """Return the window for some clicks: all of a plane, unless it is large.

        ``points`` are (y, x) in pixels of the plane: one at least if it is large.
        """
        height, width = plane_shape
        if height * width <= _LARGE:
            return cls(plane, (0, 0), plane_shape, plane_shape)
        needed = np.asarray(_together(points))
        middle = (needed.min(0) + needed.max(0)) / 2
        shape = min(_SIDE, height), min(_SIDE, width)
        y, x = (
            int(np.clip(round(m - side / 2), 0, n - side))
            for m, side, n in zip(middle, shape, plane_shape, strict=True)
        )
        return cls(plane, (y, x), shape, plane_shape)

    def serves(self, points: Sequence[Point]) -> bool:
        """Whether the cell of some clicks, as far as can be told, is not cut."""
        for point in _together(points):
            axes = zip(point, self.corner, self.shape, self.plane_shape, strict=True)
            for p, first, side, n in axes:
                if first > 0 and p < first + _MARGIN:
                    return False
                if first + side < n and p >= first + side - _MARGIN:
                    return False
        return True

    def holds(self, corner: tuple[int, int], shape: tuple[int, ...]) -> bool:
        """Whether a box of the plane lies in the window."""
        low = np.subtract(corner, self.corner)
        return bool((low >= 0).all() and (low + shape <= self.shape).all())

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the plane."""
        (y, x), (height, width) = self.corner, self.shape
        return slice(y, y + height), slice(x, x + width)


def _together(points: Sequence[Point]) -> Sequence[Point]:
    """Return points that one window can serve: all, or the last one alone."""
    if len(points) > 1 and np.ptp(np.asarray(points), axis=0).max() > _SIDE - 2 * (
        _MARGIN + 1
    ):
        return points[-1:]
    return points
