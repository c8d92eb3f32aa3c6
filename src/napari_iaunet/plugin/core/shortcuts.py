"""Keys of the tools, which users can change; `key_list` shows them to napari."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Shortcuts(QObject):
    """The key of each command as it is now; ``changed`` when one is another."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._keys: dict[str, str] = {}

    def key_of(self, command: Command) -> str:
        """Return the key of a command, "" if the user has taken it away."""
        return self._keys.get(command.name, command.key)

    def now(self, usual: str, commands: Mapping[str, Command]) -> str:
        """Return what a tool's key is now; one that is no command's stays itself."""
        command = commands.get(usual)
        return usual if command is None else self.key_of(command)

    def set_key(self, name: str, key: str) -> None:
        """Let a command have another key, or none: "" ."""
        if self._keys.get(name) != key:
            self._keys[name] = key
            self.changed.emit()


@cache
def shortcuts() -> Shortcuts:
    """Return the keys of this program, which all viewers share."""
    return Shortcuts()
