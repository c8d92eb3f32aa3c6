"""The list of our keys in napari's preferences, under Shortcuts.

napari keeps there what a user has chosen. A key works only while its tool is on, so it
is the tool that binds it: napari itself would bind it for good.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import KeymapProvider

from napari_iaunet.plugin.core.notify import show_info
from napari_iaunet.plugin.core.shortcuts import shortcuts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_iaunet.plugin.core.shortcuts import Command

_PREFIX = "napari-iaunet:"


class _BoundByTools(KeymapProvider):
    """What napari binds the keys to: nothing that is ever asked.

    It lists no command without such a class, and binds the keys of any other for good.
    """


class KeyList:
    """Commands that napari lists, and what it says of their keys."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        action_manager.events.shortcut_changed.connect(self._on_changed)

    def offer(self, commands: Iterable[Command]) -> None:
        """Let napari list commands, if it does not yet."""
        kept = get_settings().shortcuts.shortcuts
        for command in commands:
            listed = f"{_PREFIX}{command.name}"
            if command.name in self._keys:
                continue
            chosen = [str(key) for key in kept.get(listed, [command.key])]
            self._set(command.name, chosen[0] if chosen else "")
            action_manager.register_action(listed, _tell, command.text, _BoundByTools)
            for key in chosen:
                action_manager.bind_shortcut(listed, key)

    def _set(self, name: str, key: str) -> None:
        self._keys[name] = key
        shortcuts().set_key(name, key)

    def _on_changed(self, event: Any) -> None:
        name = event.name.removeprefix(_PREFIX)
        if not event.name.startswith(_PREFIX) or name not in self._keys:
            return
        # napari takes all keys away before it gives the new ones, the first one first.
        key = str(event.shortcut)
        if not key or not self._keys[name]:
            self._set(name, key)


def _tell() -> None:
    """Answer a command that was called otherwise than by its key."""
    show_info("This key works while its tool in the dock of napari-iaunet is on.")


@cache
def key_list() -> KeyList:
    """Return the list, which all viewers share."""
    return KeyList()
