"""A layer of cells that is picked, and looked through whenever it has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.own_changes import OwnChanges
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.find import find_layer, list_layers

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs

# Strokes of a brush come faster than cells are worth to be looked through again.
_REST_MS = 300


class PickedCells(QObject):
    """Picks one of the Labels layers; while it is watched, a job looks it through.

    ``changed`` comes when another layer is picked, and when what is known of its cells
    is another, or nothing any more.

    Whoever inherits says which layers can be picked, starts the job in `survey`, and
    takes its result in `_on_success`.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        jobs: Jobs,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._own_changes = session.viewer, session.own_changes
        self._jobs, self._logs = jobs, logs
        self.key = ""  # the layer's ``unique_id``
        self.is_watched = False
        self._writes = OwnChanges()  # after which nothing is looked through
        self._seen: object = None
        self._timer = QTimer(self, singleShot=True, interval=_REST_MS)
        self._watched = Connections()
        self._connections = Connections((self._timer.timeout, self.survey))
        self._connections.add_jobs(
            jobs, succeeded=self._on_success, failed=self.failed.emit
        )

    def teardown(self) -> None:
        """Disconnect from everything."""
        self.stop()
        self._connections.clear()

    def _can_be_picked(self, layer: Labels) -> bool:
        raise NotImplementedError

    def survey(self) -> None:
        """Have the picked layer looked through anew."""
        raise NotImplementedError

    def _on_success(self, found: Any) -> None:
        raise NotImplementedError

    @property
    def layer(self) -> Labels | None:
        """The picked layer, if there is one."""
        return find_layer(self._viewer, self.key, Labels) if self.key else None

    def offers(self) -> list[tuple[str, str]]:
        """Layers that can be picked: key and name, the topmost first."""
        return [
            (str(layer.unique_id), layer.name)
            for layer in reversed(list_layers(self._viewer, Labels))
            if self._can_be_picked(layer)
        ]

    def update(self) -> None:
        """Pick another layer if the picked one is gone."""
        keys = [key for key, _ in self.offers()]
        if self.key not in keys:
            self._take(self._first_of(keys))

    def _first_of(self, keys: list[str]) -> str:
        """Return the layer to begin with; "" if there is none."""
        return next(iter(keys), "")

    def pick(self, key: str) -> None:
        """Pick a layer by its key, if it is offered."""
        if key != self.key and key in dict(self.offers()):
            self._take(key)

    def _take(self, key: str) -> None:
        self.stop()
        self.key = key
        self.changed.emit()

    def watch(self) -> None:
        """Look the picked layer through now, and again after each change."""
        self.stop()
        layer = self.layer
        if layer is None:
            return
        try:
            self._logs.of(layer).open()
        except IAUNetError as error:
            self.failed.emit(str(error))
            return
        self.is_watched = True
        self._seen = view_state.plane_shown(self._viewer, layer)
        events = layer.events
        self._watched.add(
            (events.data, self._on_change),
            (events.paint, self._on_change),
            (events.labels_update, self._on_change),
            (events.set_data, self._on_redrawn),
        )
        self.survey()

    def stop(self) -> None:
        """Watch no layer."""
        self._timer.stop()
        self._jobs.close()
        self._watched.clear()
        self.is_watched = False

    def _on_change(self, event: object = None) -> None:
        if not self._writes:
            self._timer.start()

    def _on_redrawn(self, event: object = None) -> None:
        """Notice an undo, which napari does not tell of but draws."""
        layer = self.layer
        if layer is None or self._writes or self._own_changes:
            return
        seen, self._seen = self._seen, view_state.plane_shown(self._viewer, layer)
        if seen == self._seen:
            self._timer.start()
