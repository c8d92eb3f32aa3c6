"""Things that are done one after the other, while the window stays fluid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Turns(QObject):
    """Does one thing in each turn of the event loop, in the window's thread.

    napari takes its time for each layer that comes or goes: between two of them, the
    window is drawn and answers.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps: list[Callable[[], object]] = []
        self._then: Callable[[], object] | None = None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._on_turn)

    @property
    def is_running(self) -> bool:
        """Whether something is still to be done."""
        return self._then is not None

    def start(
        self, steps: Iterable[Callable[[], object]], then: Callable[[], object]
    ) -> None:
        """Do these from the next turn on, and nothing else any more.

        ``then`` is done at the end, also if one of the steps fails.
        """
        self._steps, self._then = list(steps), then
        self._timer.start()

    def stop(self) -> None:
        """Do nothing more."""
        self._steps, self._then = [], None
        self._timer.stop()

    def _on_turn(self) -> None:
        if not self._steps:
            self._end()
            return
        step = self._steps.pop(0)
        try:
            step()
        except BaseException:
            self._end()
            raise
        if self.is_running:
            self._timer.start()

    def _end(self) -> None:
        then = self._then
        self.stop()
        if then is not None:
            then()
