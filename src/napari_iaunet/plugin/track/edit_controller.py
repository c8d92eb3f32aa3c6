"""What happens while tracks are edited: modes, clicks and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtCore import QObject

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.layer_keys import LayerKeys
from napari_iaunet.plugin.core.mouse_tool import MouseTool
from napari_iaunet.plugin.core.notify import show_error
from napari_iaunet.plugin.core.viewer_keys import ViewerKeys
from napari_iaunet.plugin.layers.find import selected_layer
from napari_iaunet.plugin.track.doubt_controller import DoubtController
from napari_iaunet.plugin.track.edit_panel import (
    COMMANDS,
    DOUBTS,
    ESCAPE,
    MODES,
    REDO,
    UNDO,
)
from napari_iaunet.plugin.track.film import EditedFilm
from napari_iaunet.plugin.track.gestures import BESIDE, Gesture, edit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.track.edit_panel import EditSection
    from napari_iaunet.tracking.editing import Cell

_LOOKING = "Looking for the tracks…"
_PAUSED = "A tool of a layer has the mouse: choose its pan and zoom to click tracks."


class EditController(QObject):
    """Keeps the section, mouse and keys of the viewer, and the tracks in step."""

    def __init__(
        self,
        session: Session,
        section: EditSection,
        jobs: Jobs,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._section = session.viewer, section
        self._own_changes = session.own_changes
        self.film = EditedFilm(session, jobs, logs, self)
        self._doubts = DoubtController(session, section, self.film, self)
        self._gesture = Gesture()
        self._mouse = MouseTool(self._viewer, {(): "cell"}, self)
        self._keys = ViewerKeys(self._viewer, self._slot, COMMANDS)
        self._escape = LayerKeys(self._viewer, (ESCAPE,), self._slot)
        self._on = False
        self._connections = Connections(
            *layer_list(self._viewer, self._on_layers, self._on_selection),
            (section.toggled, self._on_toggled),
            (section.cells_picked, self.film.pick),
            (section.pressed, self._on_pressed),
            (self.film.changed, self._on_film),
            (self.film.failed, self._refuse),
            (self._mouse.clicked, self._on_click),
        )
        self._on_layers()

    def teardown(self) -> None:
        """Leave the viewer as it was, and disconnect from everything."""
        self.leave()
        self._connections.clear()
        self._doubts.teardown()
        self.film.teardown()

    def leave(self) -> None:
        """Let go of mouse and keys."""
        self._set_mode("")
        self._keys.release()
        self._on = False
        self._doubts.stop()
        self.film.stop()
        self._section.set_on(False)

    # -- which cells ------------------------------------------------------------------

    def _on_layers(self, event: object = None) -> None:
        if self._own_changes:
            return
        self.film.update()
        self._section.set_cells(self.film.offers(), self.film.key)
        if self._on and self.film.layer is None:
            self.leave()

    def _on_selection(self, event: object = None) -> None:
        layer = selected_layer(self._viewer, Labels)
        if layer is not None and not self._own_changes:
            self.film.pick(str(layer.unique_id))

    def _on_film(self) -> None:
        """Show which cells are edited, and go on when their tracks are known."""
        self._section.set_cells(self.film.offers(), self.film.key)
        if not self._on:
            return
        ready = self.film.tracks is not None
        self._section.set_on(True, ready=ready)
        if ready:
            self._say()
        else:
            self._set_mode("")
            self._section.set_mode("", _LOOKING)

    # -- what the user does -----------------------------------------------------------

    def _on_toggled(self, on: bool) -> None:
        if not on:
            self.leave()
            return
        self._on = True
        taken = self._keys.bind((*MODES, *DOUBTS, UNDO, REDO))
        if taken:
            show_error(f"Taken by other plugins: the keys {', '.join(taken)}.")
        self._section.set_mode("", _LOOKING)
        self.film.watch()
        if not self.film.is_watched:
            self.leave()

    def _slot(self, key: str) -> Callable[[object], None]:
        return lambda owner: self._on_pressed(key)

    def _on_pressed(self, key: str) -> None:
        if not self._on or self.film.tracks is None:
            return
        if key in DOUBTS:
            self._doubts.press(key)
            return
        if key in MODES:
            # The button of the mode that is on leaves it.
            self._set_mode("" if key == self._gesture.mode else key)
        elif key == ESCAPE:
            self._set_mode("")
        elif key == UNDO:
            self._forget()
            self.film.undo()
        elif key == REDO:
            self._forget()
            self.film.redo()
        self._say()

    def _set_mode(self, mode: str) -> None:
        """Let clicks do something else, or nothing."""
        was, self._gesture = self._gesture.mode, Gesture(mode)
        if bool(was) == bool(mode):
            return
        if mode:
            self._mouse.switch_on()
            self._escape.bind()
        else:
            self._mouse.switch_off()
            self._escape.release()

    def _on_click(self, position: Sequence[float], kind: str) -> None:
        try:
            cell = self.film.cell_at(position)
            if cell is None:
                self._say(BESIDE)
                return
            cells = self._gesture.click(cell)
            self._say(self._do(cells) if cells else "")
        except IAUNetError as error:
            self._forget()
            self._refuse(str(error))

    def _do(self, cells: tuple[Cell, ...]) -> str:
        """Do what was clicked; return what that was."""
        tracks = self.film.tracks
        assert tracks is not None
        frame = self.film.frame_in_view()
        edit = edit_of(tracks, self._gesture.mode, cells, frame)
        self.film.do(edit)
        return f"{edit.text} "

    def _forget(self) -> None:
        self._gesture.cells.clear()

    def _say(self, text: str = "") -> None:
        """Say what was done, and what the next click does."""
        sentence = self._gesture.sentence
        if self._gesture.mode and self._mouse.is_paused:
            sentence = _PAUSED
        self._section.set_mode(self._gesture.mode, text + sentence)

    def _refuse(self, message: str) -> None:
        self._say(f"{message} ")
        show_error(message)
