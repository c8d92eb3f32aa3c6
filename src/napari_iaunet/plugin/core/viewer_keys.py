"""Keys of the viewer while a tool is on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer


class ViewerKeys:
    """Binds keys that nobody else has taken, and gives them back."""

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        slot: Callable[[str], Callable[[object], None]],
    ) -> None:
        self._viewer, self._slot = viewer, slot
        self._bound: list[str] = []

    def bind(self, keys: Sequence[str]) -> list[str]:
        """Bind keys, each to what ``slot`` returns for it; return those taken."""
        maps = [getattr(c, "class_keymap", {}) for c in self._viewer.__class__.__mro__]
        known = {str(key) for keymap in maps for key in keymap}
        taken = []
        for key in keys:
            if key in known:
                taken.append(key)
                continue
            try:
                self._viewer.bind_key(key, self._slot(key))
            except ValueError:
                taken.append(key)
            else:
                self._bound.append(key)
        return taken

    def release(self) -> None:
        """Give all keys back."""
        for key in self._bound:
            self._viewer.bind_key(key, None)
        self._bound.clear()
