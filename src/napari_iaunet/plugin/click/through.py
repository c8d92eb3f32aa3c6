"""A cell that is followed through the planes of a stack, and what was followed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.plugin.click.editor import Misclick
from napari_iaunet.plugin.click.edits import NOTHING_FREE, write_planes
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_warning
from napari_iaunet.segmentation.masks import deepest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.draft import Draft, Point
    from napari_iaunet.plugin.click.editor import CellEditor
    from napari_iaunet.plugin.click.edits import LabelsPlane, PlaneBox
    from napari_iaunet.plugin.click.source import ClickSource
    from napari_iaunet.plugin.click.target import ClickTarget
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.layers.view_state import ViewState
    from napari_iaunet.segmentation.through import FollowedCell

# Where other cells leave less than this share of it free, a cell has ended: what is
# there is theirs.
_LEAST_FREE = 0.5

_FOLLOWING = "Following the cell…"
_CLICK_FIRST = "Click a cell first."
_NO_STACK = "Only a cell of a stack can be followed: this image has one plane."
_MANY_STACKS = (
    "A cell can be followed through one series or one volume only: this image has more "
    "than one axis of planes."
)
_NOWHERE = "The cell was found on no other plane."


class _Request(NamedTuple):
    """A cell that is to be followed, or that is."""

    view: ViewState
    label_id: int  # 0 of a new one
    corner: tuple[int, int]
    mask: NDArray[np.bool_]
    draft: Draft | None  # to be written as well
    between: tuple[int, int]  # first and last plane to look at
    seeds: dict[int, Point]  # points in the cell on planes that it may leave again
    carries: bool = False  # whether it corrects a cell that was followed

    @property
    def plane(self) -> int:
        return self.view.plane[0]


@dataclass
class _Followed:
    """Where a cell was found: a point on each plane, and the planes of its clicks."""

    start: int
    clicked: set[int]
    seeds: dict[int, Point] = field(default_factory=dict)


class ClickThrough(QObject):
    """Follows one cell after the other, and writes each as one step of undo.

    ``told`` gives a sentence, also "" if there is none, whenever something has begun or
    ended, and ``progressed`` how many planes are done.
    """

    told = Signal(str)
    progressed = Signal(int, int)

    def __init__(
        self,
        jobs: Jobs,
        segmenters: Segmenters,
        source: ClickSource,
        target: ClickTarget,
        editor: CellEditor,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.jobs, self._segmenters = jobs, segmenters
        self._source, self._target, self._editor = source, target, editor
        editor.carry = self._carry
        self._now: _Request | None = None
        self._queue: deque[_Request] = deque()
        self._found: list[FollowedCell] = []
        self._followed: dict[tuple[str, int], _Followed] = {}
        self._connections = Connections()
        self._connections.add_jobs(
            jobs,
            succeeded=lambda _: self._end(ended=True),
            failed=self._on_failure,
            cancelled=self.stop,
            progressed=self._on_progress,
        )

    def teardown(self) -> None:
        """Drop all, and disconnect from everything."""
        self._connections.clear()
        self.drop()

    @property
    def is_running(self) -> bool:
        """Whether a cell is being followed."""
        return self._now is not None

    def begin(self, view: ViewState, pixel: Point | None) -> None:
        """Follow the draft, else the cell of the layer at a pixel of the plane.

        Raises an `IAUNetError` if there is none, or no stack.
        """
        planes = self._source.n_planes
        if planes is None or planes < 2:
            raise ImageError(_MANY_STACKS if len(view.plane) > 1 else _NO_STACK)
        draft = self._editor.now.draft
        if draft is None and pixel is None:
            raise Misclick(_CLICK_FIRST)
        whole = 0, planes - 1
        if draft is not None:
            self._editor.hand_over()
            request = _of_draft(draft, whole)
        elif pixel is not None:
            label_id, corner, mask = self._editor.cell_at(view, pixel)
            self._editor.drop()
            request = _Request(view, label_id, corner, mask, None, whole, {})
        self._add(request._replace(seeds=self._held(request)))

    def stop(self) -> None:
        """End at once, and keep what was found so far, as one step of undo."""
        self.jobs.close()
        waiting = [*self._queue]
        self._queue.clear()
        self._end(ended=False)
        for request in waiting:
            self._now, self._found = request, []
            self._end(ended=False)

    def drop(self) -> None:
        """End at once, and keep nothing."""
        self.jobs.close()
        self._queue.clear()
        self._now = None

    # -- one after the other -----------------------------------------------------

    def _add(self, request: _Request) -> None:
        self._queue.append(request)
        if self._now is None:
            self._next()

    def _next(self) -> None:
        if not self._queue:
            return
        request, choice = self._queue.popleft(), self._source.choice
        assert choice is not None
        self._now, self._found = request, []
        try:
            image = self._source.read(None)
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        encoded = self._source.encoder.get(request.view.plane)
        known = None if encoded is None else encoded.fields.diameter
        diameter = choice.diameter or known
        job = _Job(self._segmenters, image, choice, diameter, request, self._found)
        self.jobs.start(job, "Following a cell")
        self.told.emit(_FOLLOWING)

    def _on_progress(self, done: int, total: int) -> None:
        self.progressed.emit(done, total)
        if total:
            self.told.emit(f"{_FOLLOWING} {done} of {total} planes are done.")

    def _on_failure(self, message: str) -> None:
        show_warning(message)
        self._end(ended=False, said=message)

    def _end(self, *, ended: bool, said: str = "") -> None:
        """Write what was found, say so, and go on with the next cell."""
        request, self._now = self._now, None
        if request is None:
            return
        try:
            done = self._write(request, [*self._found], ended=ended)
            said = said or done
        except IAUNetError as error:
            show_warning(str(error))
            said = said or str(error)
        self._editor.stop_drawing()
        self.told.emit(said)
        self._next()

    # -- what is written ---------------------------------------------------------

    def _write(
        self, request: _Request, found: list[FollowedCell], *, ended: bool
    ) -> str:
        """Write a cell on all planes where it was found; return what to say of it.

        Where it was before and is no longer, it goes, if the search came to its end.
        """
        log = self._editor.open_layer()
        if log is None:
            return ""
        label_id = request.label_id or log.next_label_id()
        boxes: list[PlaneBox] = []
        own = None
        if request.draft is not None:
            own = self._own(request, label_id)
            boxes.append(own)
        elif self._plane(request, request.plane).at(_middle(request)) != label_id:
            return "The cell is gone."
        seeds = {request.plane: _middle(request)}
        stopped = False
        for way in (1, -1):
            beside = [f for f in found if (f.plane - request.plane) * way > 0]
            for plane, cell in beside:
                labels = self._plane(request, plane)
                point = _deep(cell.corner, cell.mask)
                former = [request.seeds.get(plane, point), point]
                box = labels.with_cell(cell, label_id, (), former)
                free = 0 if box is None else int((box[1] == label_id).sum())
                if box is None or free < _LEAST_FREE * cell.mask.sum():
                    stopped = True
                    break
                boxes.append((labels, *box))
                seeds[plane] = point
        if ended:
            boxes += self._left(request, label_id, seeds)
        write_planes(log, boxes)
        if own is not None:
            own[0].measure(*own[1:], label_id)
        self._remember(request, label_id, seeds, ended=ended)
        return _summary(seeds, stopped=stopped)

    def _own(self, request: _Request, label_id: int) -> PlaneBox:
        """Return the plane of the draft with its cell."""
        draft, plane = request.draft, self._plane(request, request.plane)
        assert draft is not None
        box = plane.with_cell(draft.cell, label_id, draft.points_inside, draft.seeds)
        if box is None:
            raise ImageError(NOTHING_FREE)
        return (plane, *box)

    def _left(
        self, request: _Request, label_id: int, kept: Iterable[int]
    ) -> list[PlaneBox]:
        """Return the planes where a cell was and is no longer, without it."""
        boxes = []
        for number in request.seeds.keys() - set(kept):
            plane, point = self._plane(request, number), request.seeds[number]
            if plane.at(point) == label_id:
                box = plane.without_cell(label_id, [point])
                boxes += [] if box is None else [(plane, *box)]
        return boxes

    def _plane(self, request: _Request, plane: int) -> LabelsPlane:
        view = self._source.beside(request.view, plane)
        found = self._target.plane(self._source, view)
        assert found is not None
        return found

    # -- corrections -------------------------------------------------------------

    def _remember(
        self,
        request: _Request,
        label_id: int,
        seeds: dict[int, Point],
        *,
        ended: bool,
    ) -> None:
        """Take note of where a cell was found, for corrections of it."""
        key = self._target.key, label_id
        former = self._followed.get(key)
        if former is None or not request.carries:
            self._followed[key] = _Followed(request.plane, {request.plane}, seeds)
            return
        former.clicked.add(request.plane)
        if ended:
            for plane in request.seeds:
                former.seeds.pop(plane, None)
        former.seeds.update(seeds)

    def _carry(self, draft: Draft) -> bool:
        """Follow a corrected cell to the planes beyond, seen from where it began.

        They end before the next plane that it was clicked on. False if the draft is
        none of a cell that was followed.
        """
        key, planes = (self._target.key, draft.label_id), self._source.n_planes
        record = self._followed.get(key)
        if not draft.label_id or record is None or planes is None:
            return False
        here = draft.view.plane[0]
        request = _of_draft(draft, (0, planes - 1))
        held = self._held(request)
        if held.keys() <= {here}:  # that was undone
            del self._followed[key]
            return False
        low = max((i + 1 for i in record.clicked if i < here), default=0)
        high = min((i - 1 for i in record.clicked if i > here), default=planes - 1)
        low = low if here <= record.start else here
        high = high if here >= record.start else here
        seeds = {i: point for i, point in held.items() if low <= i <= high}
        self._add(request._replace(between=(low, high), seeds=seeds, carries=True))
        return True

    def _held(self, request: _Request) -> dict[int, Point]:
        """Return where a cell was found and still is: a point for each plane."""
        record = self._followed.get((self._target.key, request.label_id))
        seeds = {} if record is None else record.seeds
        return {
            i: point
            for i, point in seeds.items()
            if self._plane(request, i).at(point) == request.label_id
        }


class _Job:
    """What follows a cell in the background."""

    def __init__(
        self,
        segmenters: Segmenters,
        image: LayerImage,
        choice: SegmentChoice,
        diameter: float | None,
        request: _Request,
        found: list[FollowedCell],
    ) -> None:
        self._get = partial(segmenters.get, choice.model, choice.device)
        self._image, self._diameter = image, diameter
        self._request, self._found = request, found

    def __call__(self, progress: Callable[[int, int], None]) -> None:
        """Add each plane's cell to ``found``: what is there may be used at any time."""
        segmenter = self._get()
        progress(0, 1)
        from napari_iaunet.segmentation.click import ClickedCell

        request = self._request
        cells = segmenter.follow_on(
            self._image.array,
            ClickedCell(request.corner, request.mask),
            request.plane,
            diameter=self._diameter,
            progress=progress,
            between=request.between,
            **self._image.seen_as,
        )
        for cell in cells:
            self._found.append(cell)


def _of_draft(draft: Draft, between: tuple[int, int]) -> _Request:
    corner, mask = draft.cell
    return _Request(draft.view, draft.label_id, corner, mask, draft, between, {})


def _middle(request: _Request) -> Point:
    return _deep(request.corner, request.mask)


def _deep(corner: tuple[int, int], mask: NDArray[np.bool_]) -> Point:
    """Return the deepest pixel of a cell, in pixels of its plane."""
    far = mask.shape[0] + mask.shape[1]
    y, x = deepest(mask, (-far, -far))
    return float(y + corner[0]), float(x + corner[1])


def _summary(planes: Iterable[int], *, stopped: bool) -> str:
    found = sorted(planes)
    said = _NOWHERE
    if len(found) > 1:
        said = f"Found on {len(found)} planes, {found[0]} to {found[-1]}."
    if stopped:
        said += " It ends where other cells lie."
    return said
