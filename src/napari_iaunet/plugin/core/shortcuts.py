"""Keys of the tools, which users can change in napari's preferences.

napari lists the commands there under Shortcuts and keeps what was chosen. A key works
only while its tool is on, so it is the tool that binds it: napari itself would bind it
for good.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from napari.settings import get_settings
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import KeymapProvider
from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = "napari-iaunet"


class Command(NamedTuple):
    """What a key of a tool does.

    Attributes
    ----------
    name : str
        A word, by which the key is kept.
    key : str
        The usual one.
    text : str
        For the list in napari's preferences.
    """

    name: str
    key: str
    text: str


class _BoundByTools(KeymapProvider):
    """What napari binds the keys to: nothing that is ever asked.

    It lists no command without such a class, and binds the keys of any other for good.
    """


class Shortcuts(QObject):
    """The key of each command as it is now; ``changed`` when one is another."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, str] = {}
        action_manager.events.shortcut_changed.connect(self._on_changed)

    def offer(self, commands: Iterable[Command]) -> None:
        """Let napari list commands, if it does not yet."""
        kept = get_settings().shortcuts.shortcuts
        for command in commands:
            name = f"{_PACKAGE}:{command.name}"
            if name in self._keys:
                continue
            chosen = [str(key) for key in kept.get(name, [command.key])]
            self._keys[name] = chosen[0] if chosen else ""
            action_manager.register_action(name, _tell, command.text, _BoundByTools)
            for key in chosen:
                action_manager.bind_shortcut(name, key)

    def key_of(self, command: Command) -> str:
        """Return the key of a command, "" if the user has taken it away."""
        self.offer([command])
        return self._keys[f"{_PACKAGE}:{command.name}"]

    def _on_changed(self, event: Any) -> None:
        if event.name not in self._keys:
            return
        # napari takes all keys away before it gives the new ones, the first one first.
        key = str(event.shortcut)
        if not key or not self._keys[event.name]:
            self._keys[event.name] = key
            self.changed.emit()


def _tell() -> None:
    """Answer a command that was called otherwise than by its key."""
    show_info("This key works while its tool in the dock of napari-iaunet is on.")


@cache
def shortcuts() -> Shortcuts:
    """Return the keys of this program, which all viewers share."""
    return Shortcuts()
