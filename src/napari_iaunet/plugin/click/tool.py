"""Mouse, keys and cursor of the viewer while clicks make cells.

`ClickTool` knows neither cells nor the network: it says what the user did, and
leaves nothing in the viewer when it is switched off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal

from napari_iaunet.plugin.click.panel import (
    COMMANDS,
    JOIN,
    KEEP,
    REDO,
    REMOVE,
    REST,
    SPLIT,
    THROUGH,
    UNDO,
)
from napari_iaunet.plugin.core.mouse_tool import MouseTool
from napari_iaunet.plugin.core.viewer_keys import ViewerKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from qtpy.QtCore import QObject

    # Key, whose it is, and what it did before.
    Keymap = tuple[str, Any, Callable[..., object] | None]

_KINDS = {(): "cell", ("Shift",): "add", ("Control",): "take"}
# Alt+drag is napari's own, with other keys, too.
_LINES = {("Shift",): "add", ("Control",): "take", ("Control", "Shift"): "around"}
# napari knows the last two only while a Labels layer is selected.
_KEYS = (KEEP, REMOVE, JOIN, SPLIT, THROUGH, REST, UNDO, REDO)


class ClickTool(MouseTool):
    """What the user does with mouse and keys.

    ``clicked`` says "cell", "add" or "take", and ``drawn`` "add", "take" or "around";
    ``pressed`` gives the key and where the
    mouse is, in world coordinates.
    """

    pressed = Signal(str, object)

    def __init__(self, viewer: napari.viewer.Viewer, parent: QObject) -> None:
        super().__init__(viewer, _KINDS, parent, _LINES)
        self._own_keys = ViewerKeys(viewer, self._slot, COMMANDS)
        self._held: list[Keymap] = []
        self._keys: tuple[str, ...] = ()

    def switch_on(self) -> list[str]:
        """Listen to mouse and keys; return the keys that others have taken."""
        super().switch_on()
        return self._own_keys.bind(_KEYS)

    def switch_off(self) -> None:
        """Leave the viewer as it was."""
        if not self._on:
            return
        self.hold()
        self._own_keys.release()
        super().switch_off()

    def hold(self, *keys: str) -> None:
        """Take these keys from the selected layer, and give all others back.

        napari uses Escape for polygons and strokes on Labels layers, and undoes changes
        of the selected one only. So such keys are taken only as long as something is
        begun that they are for.
        """
        for key, owner, former in self._held:
            owner.bind_key(key, former, overwrite=True)
        self._held.clear()
        self._keys = keys
        # The keys of the selected layer come before those of the viewer.
        active = self._viewer.layers.selection.active
        for key in keys:
            for owner in (active, None if key in _KEYS else self._viewer):
                if owner is not None:
                    former = owner.bind_key(key, self._slot(key), overwrite=True)
                    self._held.append((key, owner, former))

    def _on_active(self, event: object = None) -> None:
        super()._on_active()
        self.hold(*self._keys)

    def _slot(self, key: str) -> Callable[[object], None]:
        def on_key(owner: object) -> None:
            self.pressed.emit(key, tuple(self._viewer.cursor.position))

        return on_key
