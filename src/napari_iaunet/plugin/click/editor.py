"""From clicks on an image to cells in a Labels layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.plugin.click.draft import Draft
from napari_iaunet.plugin.click.edits import NOTHING_FREE
from napari_iaunet.plugin.click.steps import Begun, Steps
from napari_iaunet.segmentation.masks import deepest, spare
from napari_iaunet.segmentation.prompts import Prompts, pixels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.click.draft import Click, Point
    from napari_iaunet.plugin.click.edits import LabelsPlane
    from napari_iaunet.plugin.click.encoder import EncodedWindow
    from napari_iaunet.plugin.click.preview import ClickPreview
    from napari_iaunet.plugin.click.source import ClickSource
    from napari_iaunet.plugin.click.target import ClickTarget
    from napari_iaunet.plugin.layers.undo import EditLog
    from napari_iaunet.plugin.layers.view_state import ViewState

_NO_CELL = "There is no cell."
_FIRST_A_CELL = "Click a cell first."
_OTHER_CELL = "That is another cell: click the other part of the first one."


class Misclick(IAUNetError):
    """A click or key that means nothing here: worth a line of text, no more."""


class CellEditor:
    """The draft, and what is begun and not yet done.

    What cannot be done raises an `IAUNetError` that says why.
    """

    def __init__(
        self, source: ClickSource, target: ClickTarget, preview: ClickPreview
    ) -> None:
        self._source, self._target, self._preview = source, target, preview
        self._steps = Steps()
        # Changes of the layer that were undone after all steps: they come back first.
        self._undone = 0
        # Takes a draft that is to be kept on more than its plane; True if it did.
        self.carry: Callable[[Draft], bool] = lambda _: False

    @property
    def now(self) -> Begun:
        """What is begun and not yet done."""
        return self._steps.now

    @property
    def can_undo(self) -> bool:
        """Whether there is a step of what is begun to take back."""
        return self._steps.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to take again."""
        return self._steps.can_redo

    def points_with(self, click: Click) -> list[Point]:
        """Return a click's pixels, after those of the clicks that it is to go with."""
        former: Sequence[Point] = ()
        draft, _, parts = self.now
        if parts is not None and click.kind == "cell":
            former = [p.pixel for p in parts if p.view.plane == click.view.plane]
        elif draft is not None and draft.continues_with(click):
            former = draft.prompts.places
        return [*former, *click.places]

    def click(self, click: Click, encoded: EncodedWindow) -> None:
        """Start a draft, go on with one, or split a cell."""
        draft, _, parts = self.now
        if parts is not None and click.kind == "cell":
            self._click_part(click, encoded)
            return
        if draft is not None and draft.continues_with(click):
            self._take(draft=draft.add(click, encoded.answer))
            return
        self.keep()
        plane = self._plane(click.view)
        label_id, seed = _cell_at(plane, click)
        prompts = Prompts()
        if click.kind == "take":
            if plane is None or not label_id:
                raise Misclick(_FIRST_A_CELL)
            inside = _middle(plane, label_id, seed, click)
            prompts = Prompts([inside], [1])
        prompts = click.added_to(prompts)
        draft = Draft.start(click.view, label_id, seed, prompts, encoded.answer)
        self._take(draft=draft)

    def draw(self, view: ViewState, line: Sequence[Point], *, outside: bool) -> None:
        """Show a line that is being drawn, beside the draft."""
        image = self._source.image
        if image is not None:
            plane = self._source.read(view.plane)
            self._preview.draw(image, plane, line, outside=outside)

    def stop_drawing(self) -> None:
        """Show the draft alone again."""
        self._show(self.now.draft)

    def keep(self) -> None:
        """Write the draft into the layer, which is made if need be."""
        draft = self.now.draft
        if draft is None:
            return
        steps, self._steps = self._steps, Steps()  # a new layer may ask to keep it, too
        try:
            carried = self._source.image is not None and self.carry(draft)
            kept = self._source.image is None or carried or self._write(draft)
        except Exception:
            self._steps = steps  # another layer may take it
            raise
        if carried:  # and shown until it is written
            return
        self.drop()
        if not kept:
            raise ImageError(NOTHING_FREE)

    def _write(self, draft: Draft) -> bool:
        if self._target.layer is None:
            self._target.make(self._source)
        plane = self._plane(draft.view)
        return plane is not None and plane.keep(draft) > 0

    def open_layer(self) -> EditLog | None:
        """Return the log of the layer to write into, which is made if need be."""
        steps, self._steps = self._steps, Steps()  # a new layer asks to keep the draft
        try:
            return self._target.open(self._source)
        finally:
            self._steps = steps

    def hand_over(self) -> Draft | None:
        """Return the draft, which somebody else writes; it is still shown."""
        draft = self.now.draft
        if draft is not None:
            self._steps.forget()
            self._undone = 0
        return draft

    def cell_at(
        self, view: ViewState, point: Point
    ) -> tuple[int, tuple[int, int], NDArray[np.bool_]]:
        """Return label id, corner and mask of the cell of the layer at a point."""
        plane, label_id = self._under(view, point)
        found = plane.find((label_id, [point]))
        assert found is not None
        corner, labels = found
        return label_id, corner, labels == label_id

    def labels_in(
        self, view: ViewState, corner: tuple[int, int], shape: tuple[int, ...]
    ) -> NDArray[np.integer]:
        """Return a copy of a part of a plane of the layer."""
        plane = self._plane(view)
        return np.zeros(shape, int) if plane is None else plane.box(corner, shape)

    def add_cells(
        self, view: ViewState, corner: tuple[int, int], labels: NDArray[np.int32]
    ) -> int:
        """Write new cells, labelled 1..N, into a part of a plane; return how many.

        All are one step of undo. Raises `ImageError` if the layer cannot take them.
        """
        log, plane = self.open_layer(), self._plane(view)
        return 0 if log is None or plane is None else plane.add(corner, labels)

    def drop(self) -> None:
        """Forget what is begun, and how."""
        self._steps.forget()
        self._undone = 0
        self._show(None)

    def undo(self) -> None:
        """Take back the last step of what is begun, else the layer's last change."""
        if self._steps.can_undo:
            self._steps.undo()
            self._show(self.now.draft)
        elif self._target.undo():
            self._undone += 1

    def redo(self) -> None:
        """Do again what was undone last."""
        if self._steps.can_redo and not self._undone:
            self._steps.redo()
            self._show(self.now.draft)
        elif not self._steps.can_undo:  # else nothing was undone since the last step
            self._target.redo()
            self._undone = max(0, self._undone - 1)

    def lose_target(self) -> None:
        """Make a new cell of the draft, since its layer is no longer picked."""
        draft = self.now.draft
        self.drop()
        if draft is not None:
            self._take(draft=replace(draft, label_id=0))

    def remove(self, view: ViewState, point: Point) -> None:
        """Delete the cell at a point, or the draft."""
        draft = self.now.draft
        if draft is not None and draft.holds(point):
            self.drop()
            if not draft.label_id:
                return
        self.keep()
        plane, label_id = self._under(view, point)
        self.drop()
        plane.remove(label_id, point)

    def join(self, view: ViewState, point: Point) -> None:
        """Take the cell at a point for the first or the second one to join."""
        self.keep()
        plane, label_id = self._under(view, point)
        here, first = (self._target.key, view.plane, label_id), self.now.joining
        if first is None or first[:2] != here[:2]:
            self._take(joining=(*here, point))
            return
        self.drop()
        if first[:3] != here:
            plane.join(first[2:], (label_id, point))

    def begin_split(self) -> None:
        """Take the next two clicks for the parts of a cell."""
        self.keep()
        if self.now.parts != ():
            self._take(parts=())

    def _click_part(self, click: Click, encoded: EncodedWindow) -> None:
        plane, label_id = self._under(click.view, click.pixel)
        former = self.now.parts[0] if self.now.parts else None
        if former is None or former.view.plane != click.view.plane:
            self._take(parts=(click,))
            return
        if plane.at(former.pixel) != label_id:
            raise Misclick(_OTHER_CELL)
        pair = [former.pixel, click.pixel]
        first, second = (
            encoded.answer(Prompts(pair, labels)) for labels in ((1, 0), (0, 1))
        )
        plane.split(label_id, pair, first, second)
        self.drop()

    def _plane(self, view: ViewState) -> LabelsPlane | None:
        return self._target.plane(self._source, view)

    def _under(self, view: ViewState, point: Point) -> tuple[LabelsPlane, int]:
        plane = self._plane(view)
        label_id = 0 if plane is None else plane.at(point)
        if plane is None or not label_id:
            raise Misclick(_NO_CELL)
        return plane, label_id

    def _take(self, **begun: Any) -> None:
        """Begin something, or go on with it: one step."""
        now = Begun(**begun)
        self._show(now.draft)
        self._steps.take(now)
        self._undone = 0

    def _show(self, draft: Draft | None) -> None:
        """Show a draft, or nothing."""
        image = self._source.image
        if draft is None or image is None:
            self._preview.hide()
            return
        corner, mask = draft.cell.corner, draft.cell.mask
        plane = self._plane(draft.view)
        if plane is not None:
            there = plane.box(corner, mask.shape)
            mask = spare(draft.cell, there, draft.label_id, draft.points_inside)
        self._preview.show(image, self._source.read(draft.view.plane), corner, mask)


def _cell_at(plane: LabelsPlane | None, click: Click) -> tuple[int, Point]:
    """Return label id and a pixel of the cell that a click or line is for, 0 if new.

    Of a line on the background it is the first cell that the line meets.
    """
    if plane is None:
        return 0, click.pixel
    meets = click.line if click.kind == "take" else ()
    for y, x in pixels_of(np.asarray(meets or [click.pixel])):
        label_id = plane.at((y, x))
        if label_id:
            return label_id, (float(y), float(x))
    return 0, click.pixel


def _middle(plane: LabelsPlane, label_id: int, seed: Point, click: Click) -> Point:
    """Return a pixel deep in a cell and not near to what was clicked or drawn."""
    found = plane.find((label_id, [seed]))
    assert found is not None
    corner, labels = found
    held = labels == label_id
    away = (round(seed[0]) - corner[0], round(seed[1]) - corner[1])
    for y, x in pixels_of(np.asarray(click.line).reshape(-1, 2)) - corner:
        if 0 <= y < held.shape[0] and 0 <= x < held.shape[1]:
            held[int(y), int(x)] = False
    y, x = deepest(held, away)
    return float(y + corner[0]), float(x + corner[1])
