"""What is begun with clicks and keys, and the steps that led there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from napari_iaunet.plugin.click.draft import Click, Draft, Point


class Begun(NamedTuple):
    """What is begun and not yet written into a layer."""

    draft: Draft | None = None
    # Layer, plane and label id of the first of two cells to join, and a point in it.
    joining: tuple[str, tuple[int, ...], int, Point] | None = None
    # Clicks so far that split a cell; None if none is to be split.
    parts: tuple[Click, ...] | None = None


NOTHING = Begun()


class Steps:
    """Each click and key is a step, which can be taken back and taken again.

    Attributes
    ----------
    now : Begun
        What is begun after the last step.
    """

    def __init__(self) -> None:
        self.now = NOTHING
        self._past: list[Begun] = []
        self._future: list[Begun] = []

    def take(self, now: Begun) -> None:
        """Take a step."""
        self._past.append(self.now)
        self._future.clear()
        self.now = now

    def forget(self) -> None:
        """Let go of what is begun, and of all steps."""
        self.now = NOTHING
        self._past.clear()
        self._future.clear()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to take again."""
        return bool(self._future)

    def undo(self) -> None:
        """Take the last step back."""
        self._future.append(self.now)
        self.now = self._past.pop()

    def redo(self) -> None:
        """Take again the step that was taken back last."""
        self._past.append(self.now)
        self.now = self._future.pop()
