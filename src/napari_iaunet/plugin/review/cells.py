"""The layer of cells that is reviewed, and its survey, kept up to date."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.disk import is_in_memory, stored_of, why_not
from napari_iaunet.plugin.layers.find import find_layer, list_layers, pixels_of
from napari_iaunet.plugin.review.job import look_over, look_over_stored
from napari_iaunet.segmentation.survey import Survey

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.review.job import Reviewed

# Strokes of a brush come faster than cells are worth to be counted again.
_REST_MS = 300


class ReviewedCells(QObject):
    """Picks a layer, and has it surveyed in a job whenever it has changed.

    ``changed`` comes when there is another survey, or none any more; ``outdated`` when
    the layer was changed and the survey is on its way.
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
        self._logs = logs
        self._viewer, self._own_changes = session.viewer, session.own_changes
        self._jobs = jobs
        self.key = ""  # the layer's ``unique_id``
        self.found: Reviewed | None = None
        self._shapes = False
        self._timer = QTimer(self, singleShot=True, interval=_REST_MS)
        self._watched = Connections()
        self._seen: object = None
        self._connections = Connections((self._timer.timeout, self.survey))
        self._connections.add_jobs(
            jobs, succeeded=self._on_success, failed=self.failed.emit
        )

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._timer.stop()
        self._watched.clear()
        self._connections.clear()

    @property
    def layer(self) -> Labels | None:
        """The picked layer, if there is one."""
        return find_layer(self._viewer, self.key, Labels) if self.key else None

    def offers(self) -> list[tuple[str, str]]:
        """Layers that can be reviewed: key and name, the topmost first."""
        return [
            (str(layer.unique_id), layer.name)
            for layer in reversed(list_layers(self._viewer, Labels))
            if not why_not(layer) and not label_layers.is_of_classes(layer)
        ]

    def update(self) -> None:
        """Pick another layer if the picked one is gone."""
        keys = [key for key, _ in self.offers()]
        if self.key not in keys:
            self._take(keys[0] if keys else "")

    def pick(self, key: str) -> None:
        """Pick a layer by its key, if it is offered."""
        if key != self.key and key in dict(self.offers()):
            self._take(key)

    def survey(self) -> None:
        """Have the picked layer surveyed anew."""
        layer = self.layer
        if layer is None:
            return
        stored, shapes = stored_of(layer), self._shapes
        if stored is not None:
            found = self.found
            if (
                found is not None
                and found.data is pixels_of(layer)
                and found.version == stored.version
                and not (shapes and found.solidity is None)
            ):  # it was only drawn again, such as at another zoom
                return
            work = partial(look_over_stored, stored, self.found, shapes=shapes)
        elif is_in_memory(layer):
            work = partial(look_over, layer.data, self.found, shapes=shapes)
        else:
            return
        self._jobs.start(work, "")

    def want_shapes(self, on: bool) -> None:
        """Have the cells' shapes measured, too, from now on."""
        self._shapes = on
        if on and (self.found is None or self.found.solidity is None):
            self.survey()

    def stop(self) -> None:
        """Watch no layer, until the next survey is asked for."""
        self._timer.stop()
        self._jobs.close()
        self._watched.clear()
        self._seen = None
        self.found = None

    def watch(self) -> None:
        """Survey the picked layer now, and again after each change."""
        self.stop()
        layer = self.layer
        if layer is None:
            return
        try:
            self._logs.of(layer).open()
        except IAUNetError as error:
            self.failed.emit(str(error))
            return
        self._seen = view_state.plane_shown(self._viewer, layer)
        events = layer.events
        self._watched.add(
            (events.data, self._on_change),
            (events.paint, self._on_change),
            (events.labels_update, self._on_change),
            (events.set_data, self._on_redrawn),
        )
        self.survey()

    def _take(self, key: str) -> None:
        self.stop()
        self.key = key
        self.changed.emit()

    def _on_change(self, event: object = None) -> None:
        self._timer.start()

    def _on_redrawn(self, event: object = None) -> None:
        """Notice an undo, which napari does not tell of but draws."""
        layer = self.layer
        if layer is None or self._own_changes:
            return
        seen, self._seen = self._seen, view_state.plane_shown(self._viewer, layer)
        if seen == self._seen:
            self._timer.start()

    def _on_success(self, found: Reviewed) -> None:
        former, layer = self.found, self.layer
        if layer is None:
            return
        if pixels_of(layer) is not found.data:
            self.survey()
            return
        if former is not None and _same(former, found):
            return
        self.found = found
        self.changed.emit()


def _same(former: Reviewed, found: Reviewed) -> bool:
    if former.solidity is None and found.solidity is not None:
        return False
    old, new = former.cells, found.cells
    if not isinstance(old, Survey) or not isinstance(new, Survey):
        return former.version == found.version and former.data is found.data
    return np.array_equal(old.label_ids, new.label_ids) and (
        np.array_equal(old.index, new.index)
    )
