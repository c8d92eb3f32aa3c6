"""Signals that are connected together and disconnected together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Wire = tuple[Any, Callable[..., object]]


class Connections:
    """Pairs of a signal, of Qt or of napari, and a slot: connected from now on.

    Parameters
    ----------
    *wires : (signal, slot)
    """

    def __init__(self, *wires: Wire) -> None:
        self._wires: list[Wire] = []
        self.add(*wires)

    def add(self, *wires: Wire) -> None:
        """Connect more pairs."""
        for signal, slot in wires:
            signal.connect(slot)
        self._wires += wires

    def clear(self) -> None:
        """Disconnect everything."""
        for signal, slot in self._wires:
            signal.disconnect(slot)
        self._wires.clear()
