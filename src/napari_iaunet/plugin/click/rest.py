"""Other cells like one that was clicked: found on view, shown, kept or dropped."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.click.editor import Misclick
from napari_iaunet.plugin.click.panel import KEEP, key_now
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.layers.geometry import added_axes, placement
from napari_iaunet.plugin.layers.overlay import Overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.draft import Point
    from napari_iaunet.plugin.click.editor import CellEditor
    from napari_iaunet.plugin.click.source import ClickSource
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.layers.view_state import ViewState
    from napari_iaunet.segmentation.rest import RestCells

# At most so many pixels of the image on view are searched, in some tens of seconds.
_MOST = 4096 * 4096
_NAME = "found cells"
# Three colours in turn, so that cells that touch are told apart.
_COLOURS = ("#ffd000", "#ff9f1c", "#c6e84b")
_OPACITY = 0.6

_SEARCHING = "Looking for cells like it…"
_CLICK_FIRST = "Click a cell first."
_TOO_LARGE = "That is too much of the image to be searched: zoom in."
_NONE = "No other cell like it was found on view."


class _Asked(NamedTuple):
    """What is searched: a part of a plane, from its corner, and what is there."""

    view: ViewState
    corner: tuple[int, int]
    labels: NDArray[np.integer]
    example: NDArray[np.bool_]


class ClickRest(QObject):
    """Finds cells like one, and holds them until they are kept or dropped.

    ``told`` gives a sentence whenever something has changed, and ``progressed`` how far
    the search is.
    """

    told = Signal(str)
    progressed = Signal(int, int)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
        jobs: Jobs,
        segmenters: Segmenters,
        source: ClickSource,
        editor: CellEditor,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.jobs, self._segmenters = jobs, segmenters
        self._source, self._editor = source, editor
        self._shown = Overlay(viewer, own_changes, _NAME, _COLOURS, _OPACITY)
        self._asked: _Asked | None = None
        self._found: RestCells | None = None
        self.said = ""  # of what was kept last
        self._least = 0.0  # how sure the cells are that are shown
        self._connections = Connections()
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=self.drop,
            progressed=self._on_progress,
        )

    def teardown(self) -> None:
        """Drop all, and disconnect from everything."""
        self._connections.clear()
        self.drop()

    @property
    def is_running(self) -> bool:
        """Whether cells are being searched for."""
        return self._asked is not None and self._found is None

    @property
    def is_shown(self) -> bool:
        """Whether cells that were found wait to be kept or dropped."""
        return self._found is not None

    @property
    def is_closed(self) -> bool:
        """Whether the user closed the layer that shows them."""
        return self._shown.is_closed

    def begin(self, view: ViewState, pixel: Point | None) -> None:
        """Search for cells like the draft, which is kept, or like one at a pixel.

        Raises an `IAUNetError` if there is none, or too much of the plane is on view.
        """
        draft, choice = self._editor.now.draft, self._source.choice
        if draft is not None and draft.view.plane == view.plane:
            self._editor.keep()
            pixel = draft.middle
        if pixel is None or choice is None:
            raise Misclick(_CLICK_FIRST)
        _, corner, mask = self._editor.cell_at(view, pixel)
        self.drop()
        low, high = self._source.on_view()
        low = np.minimum(low, corner)
        high = np.maximum(high, np.add(corner, mask.shape))
        if np.prod(high - low) > _MOST:
            raise ImageError(_TOO_LARGE)
        first = int(low[0]), int(low[1])
        labels = self._editor.labels_in(view, first, tuple((high - low).tolist()))
        example = np.zeros(labels.shape, bool)
        y, x = np.subtract(corner, first)
        example[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
        self._asked = _Asked(view, first, labels, example)
        image = self._source.read(view.plane)
        work = partial(_search, self._segmenters, image, choice, self._asked)
        self.jobs.start(work, "Looking for cells like one")
        self.told.emit(_SEARCHING)

    def set_least(self, least: float) -> None:
        """Show, and keep, only cells that are so sure, from 0 to 1."""
        self._least = least
        if self._found is not None:
            self._show()

    def keep(self) -> None:
        """Write the cells that are shown, as one step of undo."""
        asked, found = self._asked, self._found
        if asked is None or found is None:
            return
        count = self._editor.add_cells(
            asked.view, asked.corner, found.kept(self._least)
        )
        self.drop()
        self.said = f"{count} cells were added."

    def drop(self) -> None:
        """End the search, and forget what was found."""
        self.jobs.close()
        self._asked = self._found = None
        self._shown.remove()

    def _on_progress(self, done: int, total: int) -> None:
        self.progressed.emit(done, total)

    def _on_success(self, found: RestCells) -> None:
        if not len(found.sure):
            self.drop()
            self.told.emit(_NONE)
            return
        self._found = found
        self._show()

    def _on_failure(self, message: str) -> None:
        self.drop()
        show_error(message)
        self.told.emit(message)

    def _show(self) -> None:
        asked, found, image = self._asked, self._found, self._source.image
        if asked is None or found is None or image is None:
            return
        labels = found.kept(self._least)
        colours = np.where(labels > 0, labels % len(_COLOURS) + 1, 0).astype(np.uint8)
        plane = self._source.read(asked.view.plane)
        shown = np.expand_dims(colours, added_axes(image, plane))
        self._shown.cover(shown, placement(image, plane, asked.corner))
        count = int(labels.max())
        self.told.emit(
            f"{count} cells like it. Press {key_now(KEEP)} to keep them, Esc to drop "
            "them."
        )


def _search(
    segmenters: Segmenters,
    image: LayerImage,
    choice: SegmentChoice,
    asked: _Asked,
    progress: Callable[[int, int], None],
) -> RestCells:
    segmenter = segmenters.get(choice.model, choice.device)
    progress(0, 1)
    (y, x), (height, width) = asked.corner, asked.labels.shape
    rows, columns = slice(y, y + height), slice(x, x + width)
    part: tuple[slice, slice] | None = (rows, columns)
    array, axis = image.array, image.channel_axis
    plane = [i for i in range(len(array.shape)) if i != axis]
    if array.shape[plane[0]] * array.shape[plane[1]] > _MOST:
        # Only a part of it is read, and its brightness is that of the part.
        where = dict(zip(plane, (rows, columns), strict=True))
        array = array[tuple(where.get(i, slice(None)) for i in range(len(array.shape)))]
        array, part = np.asarray(array), None
    return segmenter.find_rest(
        array,
        asked.example,
        asked.labels,
        part=part,
        progress=progress,
        **image.seen_as,
    )
