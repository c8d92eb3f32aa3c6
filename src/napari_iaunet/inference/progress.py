"""Progress over the tiles of many planes as one count."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[int, int], None]


class PlaneProgress:
    """Tiles of one plane as a share of all planes.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.
    planes : int
        Number of planes.

    Attributes
    ----------
    plane : int
        The plane that is at work.
    """

    def __init__(self, progress: Progress | None, planes: int) -> None:
        self.progress, self.planes, self.plane = progress, planes, 0

    def __call__(self, done: int, total: int) -> None:
        """Count tiles of the plane at work."""
        if self.progress:
            self.progress(self.plane * total + done, self.planes * total)

    def part(self, number: int, parts: int) -> Progress:
        """Return what counts the tiles of one version of the plane at work."""

        def count(done: int, total: int) -> None:
            self(done + number * total, parts * total)

        return count

    def wait(self, _done: int, _total: int) -> None:
        """Call the callback while nothing counts yet, so that it can stop the work."""
        if self.progress:
            self.progress(0, self.planes)
