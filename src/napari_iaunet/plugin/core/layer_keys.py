"""Keys that layers have for themselves, while a tool needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer


class LayerKeys:
    """Binds keys of every layer and of the viewer, and gives them back.

    napari asks the layer that is selected first, and Labels layers use the digits for
    their tools: so each layer gets bindings of its own, which come before those of its
    class. What a user has bound to a single layer comes back as well.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        keys: Sequence[str],
        slot: Callable[[str], Callable[[object], None]],
    ) -> None:
        self._viewer, self._keys, self._slot = viewer, keys, slot
        self._bound: list[tuple[Any, str, Any]] = []
        self._is_on = False

    def bind(self) -> None:
        """Bind the keys, also of layers that are added from now on."""
        self._is_on = True
        for owner in (self._viewer, *self._viewer.layers):
            self._bind(owner)
        self._viewer.layers.events.inserted.connect(self._on_inserted)

    def release(self) -> None:
        """Give all keys back."""
        if not self._is_on:
            return
        self._is_on = False
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)
        for owner, key, former in reversed(self._bound):
            owner.bind_key(key, None, overwrite=True)
            if former is not None:
                owner.bind_key(key, former, overwrite=True)
        self._bound.clear()

    def _on_inserted(self, event: Any) -> None:
        self._bind(self._viewer.layers[event.index])

    def _bind(self, owner: Any) -> None:
        for key in self._keys:
            own = {str(known): bound for known, bound in owner.keymap.items()}
            owner.bind_key(key, self._slot(key), overwrite=True)
            self._bound.append((owner, key, own.get(key)))
