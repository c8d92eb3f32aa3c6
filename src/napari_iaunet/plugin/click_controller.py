"""What clicks on the image do."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error, show_info, show_warning
from qtpy.QtCore import QObject, QTimer

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin import label_edits, layers
from napari_iaunet.plugin.cell_edits import CellEdits
from napari_iaunet.plugin.click_draft import Click, Draft, View, deepest, spare
from napari_iaunet.plugin.click_panel import JOIN, KEEP
from napari_iaunet.plugin.click_preview import ClickPreview
from napari_iaunet.plugin.click_target import ClickTarget
from napari_iaunet.plugin.click_tool import ClickTool
from napari_iaunet.plugin.plane_encoder import PlaneEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    import napari.viewer
    from napari.layers import Image

    from napari_iaunet.plugin.click_panel import ClickPanel
    from napari_iaunet.plugin.jobs import Jobs
    from napari_iaunet.plugin.label_edits import LabelsPlane
    from napari_iaunet.plugin.placement import LayerImage
    from napari_iaunet.plugin.plane_encoder import EncodedPlane
    from napari_iaunet.plugin.segment_job import Segmenters
    from napari_iaunet.plugin.segment_panel import SegmentChoice, SegmentPanel

# A diameter that is being typed should not be used digit by digit.
_SETTLED_MS = 300

_READY = "Click a cell."
_DRAFT = f"Click the next cell, or press {KEEP} to keep this one."
_PREPARING = "Preparing the image…"
_QUEUED = "Your click is answered as soon as the image is ready."
_BESIDE = "That is beside the image."
_NO_CELL = "There is no cell."
_FIRST_A_CELL = "Click a cell first."
_JOIN_NEXT = f"Now press {JOIN} over the cell to join it with."
_SPLIT_FIRST = "Click one part of the cell."
_SPLIT_NEXT = "Now click the other part."
_OTHER_CELL = "That is another cell. Click the other part of the first one."
_NOT_2D = "Clicks need the 2D view, with the image's own rows and columns."
_TAKEN = "Nothing is left for this cell: other cells lie there already."


class ClickController(QObject):
    """Keeps mouse, keys, background job, preview and Labels layer in step.

    Parameters
    ----------
    viewer : Viewer
    settings : SegmentPanel
        Says which image, channels, model and device to use.
    panel : ClickPanel
    jobs : Jobs
        Used by nobody else.
    segmenters : Segmenters
    undisturbed : callable
        Gives a context in which changes of the layer selection mean nothing.
    parent : QObject
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        settings: SegmentPanel,
        panel: ClickPanel,
        jobs: Jobs,
        segmenters: Segmenters,
        undisturbed: Callable[[], AbstractContextManager[None]],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._settings, self._panel = viewer, settings, panel
        self._encoder = PlaneEncoder(jobs, segmenters, self)
        self._tool = ClickTool(viewer, self)
        self._preview = ClickPreview(viewer, self._quietly)
        self._target = ClickTarget(viewer)
        self._undisturbed, self._follows_selection = undisturbed, True
        self._timer = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._on = False
        self._choice: SegmentChoice | None = None
        self._draft: Draft | None = None
        self._queue: list[Click] = []
        self._first: tuple[str, tuple[int, ...], int] | None = None
        self._parts: list[Click] | None = None
        self._sources: list[Image] = []
        events = viewer.layers.events
        self._connections: list[tuple[Any, Callable[..., None]]] = [
            (events.inserted, self._on_layers),
            (events.removed, self._on_layers),
            (events.reordered, self._on_layers),
            (events.renamed, self._on_layers),
            (viewer.layers.selection.events.active, self._on_selection),
            (viewer.dims.events.point, self._on_view),
            (viewer.dims.events.ndisplay, self._on_view),
            (viewer.dims.events.order, self._on_view),
            (settings.changed, self._on_settings),
            (panel.toggled, self._on_toggled),
            (panel.target_picked, self._on_target),
            (self._timer.timeout, self._refresh),
            (self._encoder.ready, self._on_ready),
            (self._encoder.progressed, self._on_progress),
            (self._encoder.failed, self._on_failure),
            (self._encoder.stopped, self._on_stopped),
            (self._tool.clicked, self._on_click),
            (self._tool.keep, self._on_keep),
            (self._tool.drop, self._on_drop),
            (self._tool.remove, self._on_remove),
            (self._tool.join, self._on_join),
            (self._tool.split, self._on_split),
            (self._tool.undo, self._on_undo),
            (self._tool.redo, self._on_redo),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self._on_settings()
        self._on_layers()

    def teardown(self) -> None:
        """Switch off and disconnect from everything."""
        self._switch_off("", keep=False)
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections.clear()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._follows_selection = False
        try:
            with self._undisturbed():
                yield
        finally:
            self._follows_selection = True

    # -- on and off --------------------------------------------------------------

    def _on_toggled(self, on: bool) -> None:
        if not on:
            self._switch_off("")
            return
        self._on = True
        taken = self._tool.switch_on()
        if taken:
            show_info(f"Taken by others, so not used for clicks: {', '.join(taken)}.")
        self._refresh()

    def _switch_off(self, text: str, *, keep: bool = True) -> None:
        """Leave nothing behind in the viewer; a draft is kept or dropped."""
        if self._on:
            if keep:
                self._keep()
            self._on = False
            self._forget()
            self._choice = None
            self._tool.switch_off()
            self._preview.remove()
        self._panel.set_on(False)
        self._panel.hide_progress()
        self._panel.say(text)

    def _forget(self) -> None:
        """Let go of the image and of all that was clicked on it."""
        self._timer.stop()
        self._encoder.forget()
        for source in self._sources:
            source.events.data.disconnect(self._on_data)
        self._sources = []
        self._queue.clear()
        self._set_draft(None)
        self._first = self._parts = None

    # -- image and settings ------------------------------------------------------

    def _on_settings(self) -> None:
        choice = self._settings.choice()
        self._panel.set_ready(choice is not None and choice.model is not None)
        if self._on:
            self._timer.start()

    def _on_view(self, event: object = None) -> None:
        if self._on:
            self._timer.start()

    def _on_layers(self, event: object = None) -> None:
        if self._on and self._choice is not None and self._image() is None:
            self._switch_off("The image was closed.", keep=False)
        self._offer_targets()

    def _on_data(self, event: object = None) -> None:
        """Start anew, since the pixels have changed."""
        self._forget()
        self._choice = None
        self._panel.say("The image has changed.")
        self._timer.start()

    def _refresh(self) -> None:
        """Prepare what is on view, with the settings of the panel."""
        if not self._on:
            return
        choice = self._settings.choice()
        if choice is None or choice.model is None:
            self._switch_off("")
            return
        choice = replace(choice, whole_stack=False)
        if choice != self._choice:
            self._keep()
            queue = self._queue.copy()
            same = self._choice is not None and choice.image == self._choice.image
            self._forget()
            self._choice = choice
            self._queue = queue if same else []
            self._sources = self._layers()
            for source in self._sources:
                source.events.data.connect(self._on_data)
            self._offer_targets()
            self._on_selection()
        self._prepare()

    def _prepare(self) -> None:
        """Prepare the plane that was clicked on, else the one on view."""
        view = self._queue[0].view if self._queue else self._view()
        if view is None or self._choice is None:
            self._say()
            return
        try:
            self._encoder.want(view.plane, self._choice, self._read)
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        if self._encoder.get(view.plane) is None:
            self._panel.set_progress(0, 0)
        else:
            self._panel.hide_progress()
        self._say()

    def _read(self, plane: tuple[int, ...]) -> LayerImage:
        assert self._choice is not None
        return layers.read_image(
            self._layers(),
            channel_axis=self._choice.channel_axis,
            channels=self._choice.channels,
            plane=plane,
        )

    def _layers(self) -> list[Image]:
        choice = self._choice
        if choice is None:
            return []
        found = layers.chosen_layers(self._viewer, choice.image, choice.together_with)
        return found or []

    def _image(self) -> Image | None:
        """Return the layer that clicks belong to."""
        choice = self._choice
        if choice is None or not self._layers():
            return None
        return layers.find_layer(self._viewer, choice.image)

    def _view(self) -> View | None:
        """Which plane is on view; None if it is not one of the image's own."""
        image = self._image()
        if image is None or self._choice is None:
            return None
        return layers.view_of(self._viewer, image, self._choice.channel_axis)

    def _axes(self, image: Image) -> list[int]:
        assert self._choice is not None
        return list(label_edits.rows_and_columns(image, self._choice.channel_axis))

    def _pixel(self, position: object) -> tuple[float, float] | None:
        """Which pixel of the image lies at a place; None beside the image."""
        image = self._image()
        if image is None:
            return None
        axes = self._axes(image)
        shape = layers.describe(image).shape
        point = np.asarray(image.world_to_data(position))[axes]
        if not all(
            -0.5 <= p < shape[a] - 0.5 for p, a in zip(point, axes, strict=True)
        ):
            return None
        return float(point[0]), float(point[1])

    # -- the background job ------------------------------------------------------

    def _on_ready(self) -> None:
        self._answer()

    def _on_progress(self, done: int, total: int) -> None:
        self._panel.set_progress(done, total)

    def _on_failure(self, message: str) -> None:
        self._switch_off(message, keep=False)
        show_error(message)

    def _on_stopped(self) -> None:
        self._switch_off("Stopped.")

    # -- clicks ------------------------------------------------------------------

    def _on_click(self, position: object, kind: str) -> None:
        if self._timer.isActive():  # the view or the settings have just changed
            self._timer.stop()
            self._refresh()
        view, pixel = self._view(), self._pixel(position)
        if view is None:
            self._panel.say(_NOT_2D)
        elif pixel is None:
            self._panel.say(_BESIDE)
        else:
            self._queue.append(Click(view, pixel, kind))
            self._answer()

    def _answer(self) -> None:
        """Answer all clicks on planes that are ready, in their order."""
        while self._on and self._queue:
            encoded = self._encoder.get(self._queue[0].view.plane)
            if encoded is None:
                break
            click = self._queue.pop(0)
            try:
                said = self._handle(click, encoded)
            except IAUNetError as error:
                said = str(error)
                show_warning(said)
            if said and not self._queue:
                self._prepare()
                self._panel.say(said)
                return
        if self._on:
            self._prepare()

    def _handle(self, click: Click, encoded: EncodedPlane) -> str:
        """Do what a click asks for; return what is to be said, if anything."""
        if self._parts is not None and click.kind == "cell":
            return self._split(click, encoded)
        draft = self._draft
        goes_on = (
            draft is not None
            and draft.view.plane == click.view.plane
            and (click.kind != "cell" or draft.holds(click.pixel))
        )
        if draft is not None and goes_on:
            label = 0 if click.kind == "take" else 1
            self._set_draft(draft.add(click.pixel, label, encoded.answer))
            return ""
        if click.kind == "keep":
            self._keep()
            return ""
        self._keep()
        self._parts = None
        plane = self._target_plane(click.view)
        number = plane.at(click.pixel) if plane is not None else 0
        points, labels = [click.pixel], [1]
        if click.kind == "take":
            if plane is None or not number:
                return _FIRST_A_CELL
            points, labels = [_middle(plane, number, click.pixel), click.pixel], [1, 0]
        self._set_draft(Draft.start(click.view, number, points, labels, encoded.answer))
        return ""

    def _set_draft(self, draft: Draft | None) -> None:
        self._draft = draft
        image = self._image()
        if draft is None or image is None:
            self._preview.hide()
        else:
            mask, plane = draft.cell.mask, self._target_plane(draft.view)
            if plane is not None:
                there = plane.box(draft.cell.corner, mask.shape)
                mask = spare(draft.cell, there, draft.number, draft.inside)
            place = self._read(draft.view.plane)
            self._preview.show(image, place, draft.cell.corner, mask)
        self._let_drop()

    def _let_drop(self) -> None:
        if self._on:
            pending = self._draft or self._queue or self._first or self._parts
            self._tool.let_drop(bool(pending) or self._parts is not None)

    def _say(self) -> None:
        """Show what the user can do now."""
        view = self._view()
        if view is None:
            text = _NOT_2D
        elif self._queue:
            text = f"{_PREPARING} {_QUEUED}"
        elif self._encoder.get(view.plane) is None:
            text = _PREPARING
        elif self._parts is not None:
            text = _SPLIT_NEXT if self._parts else _SPLIT_FIRST
        elif self._first is not None:
            text = _JOIN_NEXT
        else:
            text = _DRAFT if self._draft is not None else _READY
        self._panel.say(text)

    # -- cells -------------------------------------------------------------------

    def _target_plane(self, view: View) -> LabelsPlane | None:
        image = self._image()
        if image is None or self._choice is None:
            return None
        return self._target.plane(image, self._choice.channel_axis, view)

    def _edits(self, view: View, plane: LabelsPlane) -> CellEdits:
        image, choice = self._image(), self._choice
        assert image is not None
        assert choice is not None
        encoded = self._encoder.get(view.plane)
        shape = layers.describe(image).shape
        stack = [n for a, n in enumerate(shape) if a != choice.channel_axis][:-2]
        number = int(np.ravel_multi_index(view.plane, stack)) if stack else None
        return CellEdits(plane, None if encoded is None else encoded.raw, number)

    def _keep(self) -> None:
        """Write the draft into the layer."""
        draft = self._draft
        if draft is None:
            return
        self._set_draft(None)
        if self._image() is None or self._choice is None:
            return
        try:
            if self._target.layer is None:
                self._target.make(self._layers(), self._choice)
                self._offer_targets()
            plane = self._target_plane(draft.view)
            if plane is not None and not self._edits(draft.view, plane).keep(draft):
                show_warning(_TAKEN)
        except IAUNetError as error:
            show_warning(str(error))

    def _on_keep(self) -> None:
        if self._queue:
            self._queue.append(self._queue[-1]._replace(kind="keep"))
        else:
            self._keep()
            self._say()

    def _on_drop(self) -> None:
        self._queue.clear()
        self._first = self._parts = None
        self._set_draft(None)
        self._prepare()

    def _under(self, position: object) -> tuple[View, LabelsPlane, int] | None:
        """Return the cell at a place of the viewer; say so if there is none."""
        view, pixel = self._view(), self._pixel(position)
        if view is None or pixel is None:
            self._panel.say(_NOT_2D if view is None else _BESIDE)
            return None
        try:
            plane = self._target_plane(view)
        except IAUNetError as error:
            self._panel.say(str(error))
            return None
        number = 0 if plane is None else plane.at(pixel)
        if plane is None or not number:
            self._panel.say(_NO_CELL)
            return None
        return view, plane, number

    def _edit(self, change: Callable[[], object]) -> None:
        """Change cells, and tell the user if that is impossible."""
        try:
            change()
        except IAUNetError as error:
            show_warning(str(error))
        self._let_drop()
        self._say()

    def _on_remove(self, position: object) -> None:
        pixel, draft = self._pixel(position), self._draft
        if draft is not None and pixel is not None and draft.holds(pixel):
            self._set_draft(None)
            if not draft.number:
                self._say()
                return
        self._keep()
        found = self._under(position)
        if found is not None:
            view, plane, number = found
            self._edit(lambda: self._edits(view, plane).remove(number))

    def _on_join(self, position: object) -> None:
        self._keep()
        found, first = self._under(position), self._first
        if found is None:
            return
        view, plane, number = found
        here = (self._target.key, view.plane, number)
        if first is None or first[:2] != here[:2] or first == here:
            self._first = None if first == here else here
            self._let_drop()
            self._say()
            return
        self._first = None
        self._edit(lambda: self._edits(view, plane).join(first[2], number))

    def _on_split(self) -> None:
        self._keep()
        self._first, self._parts = None, []
        self._let_drop()
        self._say()

    def _split(self, click: Click, encoded: EncodedPlane) -> str:
        """Take one of the two clicks that split a cell."""
        plane = self._target_plane(click.view)
        number = 0 if plane is None else plane.at(click.pixel)
        if plane is None or not number:
            return _NO_CELL
        former = self._parts[0] if self._parts else None
        if former is None or former.view.plane != click.view.plane:
            self._parts = [click]
            return ""
        if plane.at(former.pixel) != number:
            return _OTHER_CELL
        first, second = (
            encoded.answer(points, [1, 0])
            for points in ([former.pixel, click.pixel], [click.pixel, former.pixel])
        )
        self._edits(click.view, plane).split(number, first, second)
        self._parts = None
        self._let_drop()
        return ""

    def _on_undo(self) -> None:
        if self._target.layer is not None:
            self._target.layer.undo()

    def _on_redo(self) -> None:
        if self._target.layer is not None:
            self._target.layer.redo()

    # -- the layer to write into ---------------------------------------------------

    def _offer_targets(self) -> None:
        """Offer the layers that lie on the image."""
        choice = self._choice or self._settings.choice()
        image = (
            None if choice is None else layers.find_layer(self._viewer, choice.image)
        )
        if choice is None or image is None:
            self._panel.set_targets([])
        else:
            self._panel.set_targets(self._target.offers(image, choice.channel_axis))
        if not self._panel.pick_target(self._target.key):
            self._target.key = self._panel.target_key
            if self._draft is not None:
                self._set_draft(replace(self._draft, number=0))

    def _on_selection(self, event: object = None) -> None:
        """Pick the layer of cells that is selected in the layer list."""
        layer = label_edits.selected_labels(self._viewer)
        key = "" if layer is None else str(layer.unique_id)
        if self._follows_selection and key and self._panel.pick_target(key):
            self._on_target(key)

    def _on_target(self, key: str) -> None:
        if key != self._target.key:
            self._keep()
            self._target.key = key
            self._panel.pick_target(key)
            self._first = self._parts = None


def _middle(
    plane: LabelsPlane, number: int, but_not: tuple[float, float]
) -> tuple[float, float]:
    """Return a pixel deep in a cell and not near to another one."""
    found = plane.find(number)
    assert found is not None
    corner, labels = found
    away = (round(but_not[0]) - corner[0], round(but_not[1]) - corner[1])
    y, x = deepest(labels == number, away)
    return float(y + corner[0]), float(x + corner[1])
