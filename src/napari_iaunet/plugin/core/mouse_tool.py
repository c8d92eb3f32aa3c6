"""Clicks, cursor and brushes of the viewer while a tool has the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import napari.viewer

# How far, in pixels of the screen, the mouse may move within a click. With less, an
# unsteady hand drags instead; with more, a short drag clicks instead.
_TREMOR = 4
_LEFT = 1


class MouseTool(QObject):
    """Tells clicks from drags, and leaves nothing behind when switched off.

    ``clicked`` gives the position in world coordinates and what the modifier keys
    mean. ``mode_changed`` comes when a brush may have been chosen or left.

    ``kinds`` says what a click means, by the sorted names of the modifier keys held;
    clicks with other keys are left to napari.
    """

    clicked = Signal(object, str)
    mode_changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        kinds: Mapping[tuple[str, ...], str],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._kinds = viewer, kinds
        self._on = False
        self._watched: Any | None = None

    def switch_on(self) -> list[str]:
        """Listen to the mouse; return the keys that others have taken."""
        self._on = True
        if self.is_paused:
            self._viewer.layers.selection.active.mode = "pan_zoom"
        self._viewer.mouse_drag_callbacks.append(self._on_press)
        self._viewer.cursor.events.style.connect(self._on_cursor)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._watch(self._viewer.layers.selection.active)
        self._on_cursor()
        return []

    def switch_off(self) -> None:
        """Leave the viewer as it was."""
        if not self._on:
            return
        self._on = False
        self._watch(None)
        self._viewer.mouse_drag_callbacks.remove(self._on_press)
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.cursor.events.style.disconnect(self._on_cursor)
        if self._viewer.cursor.style == "cross":
            active = self._viewer.layers.selection.active
            self._viewer.cursor.style = "standard" if active is None else active.cursor

    @property
    def is_paused(self) -> bool:
        """Whether the mouse belongs to a brush or another tool of a layer."""
        active = self._viewer.layers.selection.active
        return active is not None and str(active.mode) != "pan_zoom"

    def _on_press(self, viewer: object, event: Any) -> Iterator[None]:
        """Tell a click from a drag: the mouse hardly moves before its release."""
        names = {getattr(m, "name", str(m)) for m in event.modifiers}
        kind = self._kinds.get(tuple(sorted(names)))
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

    def _on_cursor(self, event: object = None) -> None:
        if self._viewer.cursor.style == "standard" and not self.is_paused:
            self._viewer.cursor.style = "cross"

    def _on_active(self, event: object = None) -> None:
        self._watch(self._viewer.layers.selection.active)

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
