"""Mouse, keys and cursor of the viewer while clicks make cells.

`ClickTool` knows neither cells nor the network: it says what the user did, and
leaves nothing in the viewer when it is switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.plugin.click_panel import DROP, JOIN, KEEP, REMOVE, SPLIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari.viewer

    Keymap = tuple[Any, Callable[..., object] | None]

# How far, in pixels of the screen, the mouse may move within a click.
_TREMOR = 4
_LEFT = 1
_UNDO, _REDO = "Ctrl+Z", "Ctrl+Shift+Z"


class ClickTool(QObject):
    """What the user does with mouse and keys.

    ``clicked`` gives the position in world coordinates and "cell", "add" or "take".
    The keys that concern the cell under the cursor give its position, too.
    ``mode_changed`` comes when a brush may have been taken or laid down.

    Parameters
    ----------
    viewer : Viewer
    parent : QObject
    """

    clicked = Signal(object, str)
    keep = Signal()
    drop = Signal()
    remove = Signal(object)
    join = Signal(object)
    split = Signal()
    mode_changed = Signal()
    undo = Signal()
    redo = Signal()

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._on = False
        self._bound: list[str] = []
        self._escapes: list[Keymap] = []
        self._may_drop = False
        self._watched: Any | None = None

    def switch_on(self) -> list[str]:
        """Listen to mouse and keys; return the keys that others have taken."""
        self._on = True
        if self.is_paused:
            self._viewer.layers.selection.active.mode = "pan_zoom"
        self._viewer.mouse_drag_callbacks.append(self._on_press)
        self._viewer.cursor.events.style.connect(self._on_cursor)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._watch(self._viewer.layers.selection.active)
        self._on_cursor()
        return self._bind_keys()

    def switch_off(self) -> None:
        """Leave the viewer as it was."""
        if not self._on:
            return
        self._on = False
        self.let_drop(False)
        self._watch(None)
        for key in self._bound:
            self._viewer.bind_key(key, None)
        self._bound.clear()
        self._viewer.mouse_drag_callbacks.remove(self._on_press)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.cursor.events.style.disconnect(self._on_cursor)
        if self._viewer.cursor.style == "cross":
            active = self._viewer.layers.selection.active
            self._viewer.cursor.style = "standard" if active is None else active.cursor

    def let_drop(self, may: bool) -> None:
        """Take the Escape key, or give it back.

        On Labels layers napari uses it for polygons and strokes, so it is taken
        only as long as there is something to drop.
        """
        for owner, former in self._escapes:
            owner.bind_key(DROP, former, overwrite=True)
        self._escapes.clear()
        self._may_drop = may
        if not may:
            return
        # The keys of the selected layer come before those of the viewer.
        for owner in (self._viewer.layers.selection.active, self._viewer):
            if owner is not None:
                former = owner.bind_key(DROP, self._on_drop, overwrite=True)
                self._escapes.append((owner, former))

    @property
    def cursor(self) -> tuple[float, ...]:
        """Where the mouse is, in world coordinates."""
        return tuple(self._viewer.cursor.position)

    def _bind_keys(self) -> list[str]:
        maps = [getattr(c, "class_keymap", {}) for c in self._viewer.__class__.__mro__]
        known = {str(key) for keymap in maps for key in keymap}
        taken = []
        for key, slot in (
            (KEEP, self._on_keep),
            (REMOVE, self._on_remove),
            (JOIN, self._on_join),
            (SPLIT, self._on_split),
            # napari knows these only while a Labels layer is selected.
            (_UNDO, self._on_undo),
            (_REDO, self._on_redo),
        ):
            if key in known:
                taken.append(key)
                continue
            try:
                self._viewer.bind_key(key, slot)
            except ValueError:
                taken.append(key)
            else:
                self._bound.append(key)
        return taken

    def _on_press(self, viewer: object, event: Any) -> Iterator[None]:
        """Tell a click from a drag: the mouse hardly moves before its release."""
        kind = _kind(event.modifiers)
        if event.button != _LEFT or kind is None or self.is_paused:
            return
        position = tuple(event.position)
        start = np.asarray(event.pos)
        moved = 0.0
        yield
        while event.type == "mouse_move":
            moved = max(moved, float(np.abs(event.pos - start).max()))
            yield
        moved = max(moved, float(np.abs(event.pos - start).max()))
        if moved < _TREMOR and self._on:
            self.clicked.emit(position, kind)

    @property
    def is_paused(self) -> bool:
        """Whether the mouse belongs to a brush or another tool of a layer."""
        active = self._viewer.layers.selection.active
        return active is not None and str(active.mode) != "pan_zoom"

    def _on_cursor(self, event: object = None) -> None:
        if self._viewer.cursor.style == "standard" and not self.is_paused:
            self._viewer.cursor.style = "cross"

    def _on_active(self, event: object = None) -> None:
        self._watch(self._viewer.layers.selection.active)
        self.let_drop(self._may_drop)

    def _watch(self, layer: Any | None) -> None:
        """Follow whether a brush is taken for a layer."""
        if self._watched is not None:
            self._watched.events.mode.disconnect(self._on_mode)
        self._watched = layer
        if layer is not None:
            layer.events.mode.connect(self._on_mode)

    def _on_mode(self, event: object = None) -> None:
        self._on_cursor()
        self.mode_changed.emit()

    def _on_keep(self, viewer: object) -> None:
        self.keep.emit()

    def _on_drop(self, owner: object) -> None:
        self.drop.emit()

    def _on_remove(self, viewer: object) -> None:
        self.remove.emit(self.cursor)

    def _on_join(self, viewer: object) -> None:
        self.join.emit(self.cursor)

    def _on_split(self, viewer: object) -> None:
        self.split.emit()

    def _on_undo(self, viewer: object) -> None:
        self.undo.emit()

    def _on_redo(self, viewer: object) -> None:
        self.redo.emit()


def _kind(modifiers: object) -> str | None:
    """Return what a click with these modifier keys means."""
    names = {getattr(m, "name", str(m)) for m in modifiers}  # type: ignore[attr-defined]
    kinds = {(): "cell", ("Shift",): "add", ("Control",): "take"}
    return kinds.get(tuple(sorted(names)))
