"""What happens when the user switches clicks on, and clicks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.click.draft import Click, outline
from napari_iaunet.plugin.click.editor import CellEditor, Misclick
from napari_iaunet.plugin.click.encoder import PlaneEncoder
from napari_iaunet.plugin.click.further import FurtherCells
from napari_iaunet.plugin.click.panel import (
    DROP,
    JOIN,
    KEEP,
    REDO,
    REMOVE,
    REST,
    SPLIT,
    THROUGH,
    UNDO,
    key_now,
)
from napari_iaunet.plugin.click.preview import ClickPreview
from napari_iaunet.plugin.click.source import ClickSource
from napari_iaunet.plugin.click.target import ClickTarget
from napari_iaunet.plugin.click.tool import ClickTool
from napari_iaunet.plugin.core import preferences
from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.notify import show_error, show_info, show_warning
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers.disk import why_not
from napari_iaunet.plugin.layers.find import find_layer, selected_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iaunet.plugin.click.panel import ClickPanel
    from napari_iaunet.plugin.core.connections import Wire
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.layers.view_state import ViewState

# A diameter that is being typed should not be used digit by digit: this is longer than
# the pause between two keys, and hardly felt as a wait.
_SETTLED_MS = 300

_READY = "Click a cell."
_DRAFT = "Click the next cell, or press {} to keep this one."
_PREPARING = "Preparing the image…"
_QUEUED = "Preparing the image; then your click is answered…"
_BESIDE = "That is beside the image."
_JOIN_NEXT = "Now press {} over the cell to join it with."
_SPLIT_FIRST = "Click one part of the cell."
_SPLIT_NEXT = "Now click the other part."
_NOT_2D = "Clicks need the 2D view, with the image's own rows and columns."
_OTHER_TOOL = "Choose “Move camera” in the layer controls to click again."
_NO_MEMORY = "There is too little memory for this. Close other images or programs."
_CLOSED = "The image was closed, so clicks were switched off."


class ClickController(QObject):
    """Keeps mouse, keys, background job, preview and Labels layer in step."""

    def __init__(
        self,
        session: Session,
        panel: ClickPanel,
        jobs: Jobs,
        parent: QObject | None = None,
        logs: EditLogs | None = None,
        more_jobs: Jobs | None = None,
        rest_jobs: Jobs | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel, self.jobs = session, panel, jobs
        self._settings = session.settings
        viewer = self._viewer = session.viewer
        self._encoder = PlaneEncoder(jobs, session.segmenters, self)
        self._source = ClickSource(viewer, self._encoder, self)
        self._target = ClickTarget(viewer, logs)
        self._preview = ClickPreview(viewer, session.own_changes)
        self._editor = CellEditor(self._source, self._target, self._preview)
        jobs_beside = more_jobs, rest_jobs
        shared = self._source, self._target, self._editor
        self._further = FurtherCells(session, panel, jobs_beside, *shared, self)
        self._tool = ClickTool(viewer, self)
        self._timer = QTimer(self, singleShot=True, interval=_SETTLED_MS)
        self._queue: list[Click] = []
        self._on = False
        self._connections = Connections(*self._wires())
        self._panel.unfold(preferences.recall("gestures") is not False)
        self._on_change()
        self._on_layers()

    def _wires(self) -> list[Wire]:
        viewer, tool, encoder = self._viewer, self._tool, self._encoder
        dims = viewer.dims.events
        return [
            *layer_list(viewer, self._on_layers, self._on_selection),
            (dims.point, self._on_change),
            (dims.ndisplay, self._on_change),
            (dims.order, self._on_change),
            (self._settings.changed, self._on_change),
            (self._panel.toggled, self._on_toggled),
            (self._panel.unfolded, partial(preferences.keep, "gestures")),
            (self._panel.target_picked, self._on_target),
            (self._panel.through_requested, self._follow),
            (self._panel.rest_requested, self._find_rest),
            (self._further.told, self._on_told),
            (self._timer.timeout, self._refresh),
            (self._source.changed, self._on_pixels),
            (encoder.ready, self._answer),
            (encoder.progressed, self._panel.set_progress),
            (encoder.failed, self._on_failure),
            (encoder.stopped, self._on_stopped),
            (tool.clicked, self._on_click),
            (tool.drawing, self._on_drawing),
            (tool.drawn, self._on_drawn),
            (tool.pressed, self._on_key),
            (tool.mode_changed, self._tell),
        ]

    def teardown(self) -> None:
        """Switch off and disconnect from everything."""
        self._editor.drop()  # a viewer that is being closed takes no more cells
        self._further.teardown()
        self._switch_off("")
        self._connections.clear()
        self._target.teardown()
        self._encoder.teardown()

    # -- on and off --------------------------------------------------------------

    def _on_toggled(self, on: bool) -> None:
        if not on:
            self._switch_off("")
            return
        self._on = True
        taken = self._tool.switch_on()
        if taken:
            keys = ", ".join(taken)
            show_info(f"Keys of another plugin, so not used for clicks: {keys}.")
        self._refresh()
        self._target.tell()

    def _switch_off(self, text: str) -> None:
        """Keep the draft, and leave nothing else behind in the viewer."""
        if self._on:
            self._try(self._editor.keep)
            self._further.stop()
            self._on = False
            self._forget()
            self._tool.switch_off()
            self._preview.remove()
        self._panel.set_on(False)
        self._further.show(on=False)
        self._panel.hide_progress()
        self._panel.say(text)

    def _forget(self) -> None:
        """Let go of the image and of all that was clicked on it."""
        self._timer.stop()
        self._queue.clear()
        self._editor.drop()
        self._further.drop()
        self._source.use(None)

    # -- what to click on, and with which settings -------------------------------

    def _on_change(self, event: object = None) -> None:
        choice = self._settings.choice()
        self._panel.set_ready(choice is not None and bool(choice.model))
        if self._on:
            self._timer.start()

    def _on_pixels(self) -> None:
        """Begin again, since the image's pixels have been replaced."""
        self._forget()
        self._preview.remove()
        self._settings.offer_images(image_layers.describe_all(self._viewer))
        self._panel.say("The image has changed.")
        self._timer.start()

    def _on_layers(self, event: object = None) -> None:
        self._source.find_layers()
        if self._source.choice is not None and self._source.image is None:
            self._editor.drop()
            self._further.drop()
            self._switch_off(_CLOSED)
        elif self._preview.is_closed:
            self._editor.drop()
            self._tell()
        self._further.find_layers()
        self._offer_targets()

    def _refresh(self) -> None:
        """Prepare what is on view, with the settings of the panel."""
        choice = self._settings.choice()
        if not self._on:
            return
        if choice is None or not choice.model:
            self._switch_off("")
            return
        choice, former = replace(choice, whole_stack=False), self._source.choice
        if choice != former:
            self._try(self._editor.keep)
            self._further.stop()
            queue, self._queue = self._queue, []
            self._forget()
            self._source.use(choice)
            if former is not None and former.image == choice.image:
                self._queue = queue
            self._offer_targets()
        self._prepare()

    def _prepare(self) -> None:
        """Prepare the plane that was clicked on, else the one on view."""
        click = self._queue[0] if self._queue else None
        view = click.view if click else self._source.view()
        points = self._editor.points_with(click) if click else []
        try:
            waits = view is not None and not self._source.prepare(view.plane, points)
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        if not waits:
            self._panel.hide_progress()
        elif self._panel.bar.isHidden():
            self._panel.set_progress(0, 0)
        self._tell()

    def _on_failure(self, message: str) -> None:
        self._switch_off(message)
        show_error(message)

    def _on_stopped(self) -> None:
        self._switch_off("Stopped.")

    # -- clicks and keys ---------------------------------------------------------

    def _on_click(self, position: object, kind: str) -> None:
        place = self._place(position)
        if place is not None:
            self._queue.append(Click(*place, kind))
            self._answer()

    def _on_drawing(self, way: Sequence[object], kind: str) -> None:
        """Show the line that is being drawn."""
        view = self._source.view()
        line = self._source.line(way, closed=kind == "around")
        if view is None or not line:
            return
        if kind == "around":
            _, corners = outline(line)
            line = [*corners, corners[0]]
        self._hold_keys()
        self._try(partial(self._editor.draw, view, line, outside=kind == "take"))

    def _on_drawn(self, way: Sequence[object], kind: str) -> None:
        """Take a line as a click is taken."""
        self._try(self._editor.stop_drawing)
        view, line = self._view(), self._source.line(way, closed=kind == "around")
        if view is None or not line:
            self._tell(_BESIDE if view is not None else "")
            return
        self._queue.append(Click.drawn(view, kind, line))
        self._answer()

    def _answer(self) -> None:
        """Answer all clicks on planes that are ready, in their order."""
        said = ""
        while self._queue:
            click = self._queue[0]
            points = self._editor.points_with(click)
            encoded = self._encoder.get(click.view.plane, points)
            if encoded is None:
                break
            self._queue.pop(0)
            if click.kind == "keep":
                said = self._try(self._editor.keep)
            else:
                said = self._try(self._editor.click, click, encoded)
        if self._on:
            self._prepare()
            self._tell(said)

    def _on_key(self, key: str, position: object) -> None:
        if key in (REMOVE, JOIN):
            do = self._editor.remove if key == REMOVE else self._editor.join
            place = self._place(position)
            if place is not None:
                self._tell(self._try(do, *place))
        elif key == SPLIT:
            self._tell(self._try(self._editor.begin_split))
        elif key == KEEP:
            self._keep()
        elif key == DROP and self._tool.is_drawing:
            self._tool.stop_drawing()
            self._try(self._editor.stop_drawing)
            self._tell()
        elif key == THROUGH:
            self._follow(position)
        elif key == REST:
            self._find_rest(position)
        elif not self._is_begun and self._further.press(key):
            pass
        elif key == DROP:
            self._queue.clear()
            self._editor.drop()
            self._prepare()
        elif key == UNDO and self._queue:
            self._queue.pop()
            self._prepare()
        else:
            step = self._editor.undo if key == UNDO else self._editor.redo
            self._tell(self._try(step))

    @property
    def _is_begun(self) -> bool:
        """Whether there is something that the user makes."""
        return bool(self._queue) or any(i is not None for i in self._editor.now)

    def _follow(self, position: object = None) -> None:
        """Follow the draft, or the cell at a place of the viewer, through the stack."""
        self._go_on(self._further.through.begin, position)

    def _find_rest(self, position: object = None) -> None:
        """Look for cells like the draft, or like the cell at a place of the viewer."""
        self._go_on(self._further.rest.begin, position)

    def _go_on(
        self,
        begin: Callable[[ViewState, tuple[float, float] | None], None],
        position: object,
    ) -> None:
        view = self._view()
        pixel = None if position is None else self._source.pixel(position)
        waits = self._queue or view is None
        self._tell("" if waits else self._try(begin, view, pixel))

    def _on_told(self, text: str) -> None:
        """Say what has become of following a cell, or of finding the rest."""
        if not self._on:
            return
        if not self._further.is_running:
            self._panel.hide_progress()
        self._tell(text)

    def _keep(self) -> None:
        if self._queue:  # the cell that is meant is still to come
            self._queue.append(self._queue[-1]._replace(kind="keep"))
        elif self._further.rest.is_shown and self._editor.now.draft is None:
            said = self._try(self._further.rest.keep)
            self._tell(said or self._further.rest.said)
        else:
            self._tell(self._try(self._editor.keep))

    def _place(self, position: object) -> tuple[ViewState, tuple[float, float]] | None:
        """Return plane and pixel at a place of the viewer; say so if there is none."""
        view, pixel = self._view(), self._source.pixel(position)
        if view is None or pixel is None:
            self._tell(_BESIDE if view is not None else "")
            return None
        return view, pixel

    def _view(self) -> ViewState | None:
        """Return which plane is on view, with the settings as they are now."""
        if self._timer.isActive():  # what is on view has only just changed
            self._timer.stop()
            self._refresh()
        return self._source.view()

    def _try(self, do: Callable[..., None], *arguments: object) -> str:
        """Do something; return what the user is to know if it is impossible."""
        try:
            do(*arguments)
        except Misclick as error:
            return str(error)
        except IAUNetError as error:
            show_warning(str(error))
            return str(error)
        except MemoryError:
            show_warning(_NO_MEMORY)
            return _NO_MEMORY
        return ""

    def _tell(self, text: str = "") -> None:
        """Show a text, or else what the user can do now."""
        view, (draft, joining, parts) = self._source.view(), self._editor.now
        self._hold_keys()
        self._further.show(on=self._on)
        if text:
            pass
        elif view is None:
            text = _NOT_2D
        elif self._tool.is_paused:
            text = _OTHER_TOOL
        elif self._queue:
            text = _QUEUED
        elif self._encoder.get(view.plane) is None:
            text = _PREPARING
        elif draft is None and self._further.text:
            text = self._further.text
        elif parts is not None:
            text = _SPLIT_NEXT if parts else _SPLIT_FIRST
        elif joining is not None:
            text = _JOIN_NEXT.format(key_now(JOIN))
        else:
            text = _READY if draft is None else _DRAFT.format(key_now(KEEP))
        self._panel.say(text)

    def _hold_keys(self) -> None:
        """Take the keys for which there is something to do."""
        editor, waiting = self._editor, bool(self._queue)
        begun = (
            waiting or self._tool.is_drawing or self._is_begun or self._further.is_any
        )
        keys = [DROP] if begun else []
        # Beside a brush, undo and redo are those of its strokes.
        if not self._tool.is_paused and (waiting or editor.can_undo or editor.can_redo):
            keys += [UNDO, REDO]
        elif not self._tool.is_paused and self._further.through.is_running:
            keys += [UNDO]
        self._tool.hold(*keys)

    # -- the layer to write into -------------------------------------------------

    def _offer_targets(self) -> None:
        """Offer the layers that lie on the image."""
        choice = self._source.choice or self._settings.choice()
        image = choice and find_layer(self._viewer, choice.image, Image)
        offers: Sequence[tuple[str, str]] = ()
        if image is not None and choice is not None:
            offers = self._target.offers(image, choice.channel_axis)
        self._target.find_layers()
        self._panel.set_targets(offers)
        if not self._panel.pick_target(self._target.key):
            self._target.pick("")
            self._panel.pick_target("")
            self._try(self._editor.lose_target)

    def _on_selection(self, event: object = None) -> None:
        """Pick the layer of cells that is selected in the layer list."""
        layer = selected_layer(self._viewer, Labels)
        key = "" if layer is None else str(layer.unique_id)
        if layer is None or self._session.own_changes:
            return
        if self._panel.offers(key):
            self._on_target(key)
        elif self._on and (reason := why_not(layer)):
            show_warning(reason)
            self._tell(reason)

    def _on_target(self, key: str) -> None:
        if key != self._target.key:
            self._try(self._editor.keep)
            self._target.pick(key)
            self._try(self._editor.lose_target)
        self._panel.pick_target(key)
        if self._on:
            self._target.tell()
        picked, selected = self._target.layer, selected_layer(self._viewer, Labels)
        if picked is not None and selected not in (None, picked):
            # Ctrl+Z belongs to the layer that is selected.
            self._viewer.layers.selection.active = picked
