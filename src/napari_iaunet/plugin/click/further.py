"""What goes on from one cell in the background: through a stack, and to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_iaunet.plugin.click.panel import DROP, KEEP, UNDO, key_now
from napari_iaunet.plugin.click.rest import ClickRest
from napari_iaunet.plugin.click.through import ClickThrough
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.jobs import Jobs

if TYPE_CHECKING:
    from napari_iaunet.plugin.click.editor import CellEditor
    from napari_iaunet.plugin.click.panel import ClickPanel
    from napari_iaunet.plugin.click.source import ClickSource
    from napari_iaunet.plugin.click.target import ClickTarget
    from napari_iaunet.plugin.core.session import Session

_FOLLOWING = f"Following the cell… Press {DROP} to stop; what was found is kept."
_SEARCHING = f"Looking for cells like it… Press {DROP} to stop."
_FOUND = f"Press {{}} to keep the cells that were found, {DROP} to drop them."


class FurtherCells(QObject):
    """Both jobs, and the buttons of the panel that are theirs.

    ``told`` gives a sentence, also "" if there is none, whenever something has changed.
    """

    told = Signal(str)

    def __init__(
        self,
        session: Session,
        panel: ClickPanel,
        jobs: tuple[Jobs | None, Jobs | None],
        source: ClickSource,
        target: ClickTarget,
        editor: CellEditor,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._own_changes, self._panel = session.own_changes, panel
        self._source, self._editor = source, editor
        first, second = (own or Jobs(self) for own in jobs)
        segmenters, shared = session.segmenters, (source, editor)
        self.through = ClickThrough(first, segmenters, source, target, editor, self)
        self.rest = ClickRest(
            session.viewer, session.own_changes, second, segmenters, *shared, self
        )
        self.rest.set_least(panel.least_sure)
        self._connections = Connections(
            (panel.stop_requested, self.through.stop),
            (panel.rest_stopped, self._drop_rest),
            (panel.least_changed, self.rest.set_least),
            (self.through.told, self.told),
            (self.rest.told, self.told),
            (self.through.progressed, panel.set_progress),
            (self.rest.progressed, panel.set_progress),
        )

    def teardown(self) -> None:
        """Drop all, and disconnect from everything."""
        self._connections.clear()
        self.through.teardown()
        self.rest.teardown()

    @property
    def is_running(self) -> bool:
        """Whether something is being looked for."""
        return self.through.is_running or self.rest.is_running

    @property
    def is_any(self) -> bool:
        """Whether there is something that can be dropped."""
        return self.is_running or self.rest.is_shown

    @property
    def text(self) -> str:
        """What the user can do now; "" if there is nothing."""
        if self.through.is_running:
            return _FOLLOWING
        if self.rest.is_running:
            return _SEARCHING
        return _FOUND.format(key_now(KEEP)) if self.rest.is_shown else ""

    def show(self, *, on: bool) -> None:
        """Let the panel offer what can be begun or stopped."""
        stack = on and (self._source.n_planes or 0) > 1
        searches, found = self.rest.is_running, self.rest.is_shown
        self._panel.set_through(can=stack, follows=self.through.is_running)
        self._panel.set_rest(can=on, searches=searches, found=found)

    def press(self, key: str) -> bool:
        """Take a key that drops or takes back; False if it means nothing here."""
        if key == DROP and self.rest.is_shown:
            self._drop_rest()
        elif key == DROP and self.through.is_running:
            self.through.stop()
        elif key == DROP and self.rest.is_running:
            self._drop_rest()
        elif key == UNDO and self.through.is_running:
            self.through.drop()
            self._editor.stop_drawing()
            self.told.emit("")
        else:
            return False
        return True

    def find_layers(self) -> None:
        """Drop what the user has closed; to be called when the list has changed."""
        if self.rest.is_closed and not self._own_changes:
            self._drop_rest()

    def stop(self) -> None:
        """End at once; of a cell that is followed, what was found is kept."""
        self.through.stop()
        self.rest.drop()

    def drop(self) -> None:
        """End at once, and keep nothing."""
        self.through.drop()
        self.rest.drop()

    def _drop_rest(self) -> None:
        self.rest.drop()
        self.told.emit("")
