"""Keys of the viewer while a tool is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iaunet.plugin.core.key_list import key_list
from napari_iaunet.plugin.core.shortcuts import shortcuts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import napari.viewer

    from napari_iaunet.plugin.core.shortcuts import Command


class ViewerKeys:
    """Binds keys that nobody else has taken, and gives them back.

    A tool calls keys as they usually are; those of `commands` may be others by now.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        slot: Callable[[str], Callable[[object], None]],
        commands: Mapping[str, Command],
    ) -> None:
        self._viewer, self._slot, self._commands = viewer, slot, commands
        self._wanted: Sequence[str] = ()
        self._bound: list[str] = []
        key_list().offer(commands.values())

    def bind(self, keys: Sequence[str]) -> list[str]:
        """Bind keys, each to what ``slot`` returns for it; return those taken."""
        if not self._wanted:
            shortcuts().changed.connect(self._on_changed)
        self._wanted = keys
        maps = [getattr(c, "class_keymap", {}) for c in self._viewer.__class__.__mro__]
        known = {str(key) for keymap in maps for key in keymap}
        taken = []
        for usual in keys:
            key = shortcuts().now(usual, self._commands)
            if not key:
                continue
            if key in known:
                taken.append(key)
                continue
            try:
                self._viewer.bind_key(key, self._slot(usual))
            except ValueError:
                taken.append(key)
            else:
                self._bound.append(key)
        return taken

    def release(self) -> None:
        """Give all keys back."""
        if self._wanted:
            shortcuts().changed.disconnect(self._on_changed)
        self._wanted = ()
        self._unbind()

    def _unbind(self) -> None:
        for key in self._bound:
            self._viewer.bind_key(key, None)
        self._bound.clear()

    def _on_changed(self) -> None:
        self._unbind()
        self.bind(self._wanted)
