"""Clicks, lines, cursor and brushes of the viewer while a tool has the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import napari.viewer
    from numpy.typing import NDArray

# How far, in pixels of the screen, the mouse may move within a click. With less, an
# unsteady hand drags instead; with more, a short drag clicks instead.
_TREMOR = 4
_LEFT = 1


class MouseTool(QObject):
    """Tells clicks from drags, and leaves nothing behind when switched off.

    ``clicked`` gives the position in world coordinates and what the modifier keys
    mean. ``mode_changed`` comes when a brush may have been chosen or left.

    ``kinds`` says what a click means, by the sorted names of the modifier keys held,
    and ``lines`` what a drag with them draws; all others are left to napari.
    ``drawing`` and at last ``drawn`` give the positions so far, and what they mean.
    """

    clicked = Signal(object, str)
    drawing = Signal(object, str)
    drawn = Signal(object, str)
    mode_changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        kinds: Mapping[tuple[str, ...], str],
        parent: QObject,
        lines: Mapping[tuple[str, ...], str] | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._kinds = viewer, kinds
        self._lines = lines or {}
        self._on = False
        self.is_drawing = False
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
        self._on = self.is_drawing = False
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
        keys = tuple(sorted(names))
        kind, line = self._kinds.get(keys), self._lines.get(keys)
        if event.button != _LEFT or kind is line is None or self.is_paused:
            return
        way = [tuple(event.position)]
        start = np.asarray(event.pos)
        moved = 0.0
        yield
        while event.type == "mouse_move":
            way.append(tuple(event.position))
            still, moved = moved < _TREMOR, max(moved, _farthest(event.pos - start))
            if line is not None and self._on and moved >= _TREMOR:
                self.is_drawing = self.is_drawing or still
                if self.is_drawing:
                    self.drawing.emit(way, line)
            yield
        moved = max(moved, _farthest(event.pos - start))
        if moved < _TREMOR and self._on and kind is not None:
            self.clicked.emit(way[0], kind)
        elif self.is_drawing:
            self.is_drawing = False
            self.drawn.emit(way, line)

    def stop_drawing(self) -> None:
        """Forget the line that is being drawn: the rest of the drag draws nothing."""
        self.is_drawing = False

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


def _farthest(move: NDArray[np.float64]) -> float:
    return float(np.abs(move).max())
