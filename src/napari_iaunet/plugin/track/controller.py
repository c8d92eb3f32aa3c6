"""What happens in the Track tab."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import QObject

import napari_iaunet
from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections, layer_list
from napari_iaunet.plugin.core.notify import show_error, show_info
from napari_iaunet.plugin.core.pace import Pace, tell
from napari_iaunet.plugin.layers import cells_on_image
from napari_iaunet.plugin.layers.find import OURS, find_layer, pixels_of, selected_layer
from napari_iaunet.plugin.layers.geometry import planes_of
from napari_iaunet.plugin.layers.scope import CellScope
from napari_iaunet.plugin.track import layers as track_layers
from napari_iaunet.plugin.track.job import track_cells

if TYPE_CHECKING:
    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.track.job import MeasuredTracks
    from napari_iaunet.plugin.track.panel import TrackChoice, TrackPanel

_NO_MODEL = "No model is installed: choose one in the Segment tab."
_TRACKED = "tracked"
_CLOSED = "The cells were closed, so tracking them was stopped."
_MANY_STACKS = (
    "These cells have more than one axis of planes. Track them in one series or one "
    "volume at a time."
)


class TrackController(QObject):
    """Keeps the Track tab, the viewer's layers and the job in step."""

    def __init__(
        self,
        session: Session,
        panel: TrackPanel,
        jobs: Jobs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._panel, self.jobs = session, panel, jobs
        self._viewer, self._settings = session.viewer, session.settings
        self._scope = CellScope(self._viewer, self._settings.choice, _is_stack)
        self._asked: tuple[str, TrackChoice] | None = None
        self._pace, self._planes = Pace(), 1
        self._connections = Connections(
            *layer_list(self._viewer, self._on_layers, self._on_selection),
            (panel.cells_picked, self._on_cells),
            (panel.image_picked, self._scope.pick_image),
            (panel.track_requested, self._on_track),
            (panel.cancel_requested, jobs.cancel),
        )
        self._connections.add_jobs(
            jobs,
            succeeded=self._on_success,
            failed=self._on_failure,
            cancelled=self._on_cancelled,
            progressed=self._on_progress,
        )
        self._on_layers()

    def teardown(self) -> None:
        """Disconnect from everything."""
        self._connections.clear()
        self._asked = None

    def _on_layers(self, event: object = None) -> None:
        if self._asked is not None and self._labels(self._asked[0]) is None:
            self._asked = None
            self.jobs.close()
            self._panel.run.set_busy(False, _CLOSED)
            show_info(_CLOSED)
        self._scope.update()
        self._panel.set_pairs(*self._scope.names())

    def _on_selection(self, event: object = None) -> None:
        """Pick the layer of cells that is selected in the layer list."""
        layer = selected_layer(self._viewer, Labels)
        if layer is not None:
            self._on_cells(str(layer.unique_id))

    def _on_cells(self, key: str) -> None:
        if self._scope.pick(key):
            self._panel.set_pairs(*self._scope.names())

    def _labels(self, key: str) -> Labels | None:
        return find_layer(self._viewer, key, Labels)

    def _on_track(self, choice: TrackChoice) -> None:
        settings, pairs = self._settings, self._scope.pairs()
        if not settings.model or not pairs:
            self._on_failure(_NO_MODEL)
            return
        labels = self._labels(pairs[0].labels)
        if labels is None or track_layers.stack_axis(labels) is None:
            self._on_failure(_MANY_STACKS)
            return
        try:
            source = cells_on_image.read(self._viewer, pairs[0])
        except IAUNetError as error:
            self._on_failure(str(error))
            return
        self._asked = pairs[0].labels, choice
        self._pace, self._planes = Pace(), planes_of(source.image)
        self._panel.run.set_busy(True, "Loading the model…")
        work = partial(
            track_cells,
            self._session.segmenters,
            source,
            mode=choice.mode,
            model=settings.model,
            device=settings.device,
        )
        self.jobs.start(work, f"Tracking {labels.name}")

    def _on_progress(self, done: int, total: int) -> None:
        text = "Loading the model…"
        if total:
            steps = done, total, self._planes
            text = tell("Tracking…", "Linking the cells…", self._pace, *steps)
        self._panel.run.set_progress(done, total, text)

    def _on_success(self, found: MeasuredTracks) -> None:
        asked, self._asked = self._asked, None
        labels = self._labels(asked[0]) if asked else None
        if asked is None or labels is None:
            return
        choice = asked[1]
        self._panel.run.set_busy(False, _summary(found, choice))
        made_of = labels.metadata.get(OURS, {})
        parameters: dict[str, Any] = {
            "version": napari_iaunet.__version__,
            _TRACKED: choice.mode,
            "cells_of": labels.name,
            "image": made_of.get("image", ""),
        }
        track_layers.write_tracked(self._viewer, labels, found, parameters)
        if choice.tracks and len(found.cells.tracks):
            track_layers.write_tracks(self._viewer, labels, found.cells)

    def _on_failure(self, message: str) -> None:
        self._asked = None
        self._panel.run.set_busy(False, message)
        show_error(message)

    def _on_cancelled(self) -> None:
        self._asked = None
        self._panel.run.set_busy(False, "Cancelled.")


def _is_stack(layer: Labels) -> bool:
    if _TRACKED in layer.metadata.get(OURS, {}):
        return False
    return max(pixels_of(layer).shape[:-2], default=1) > 1


def _summary(found: MeasuredTracks, choice: TrackChoice) -> str:
    cells, n = found.cells, len(found.features)
    divisions = len(set(cells.parents.values()))
    text = f"{n:,} cell{'' if n == 1 else 's'} in {len(cells.tracks):,} detections"
    if choice.mode == "time" and divisions:
        text += f", {divisions:,} division{'' if divisions == 1 else 's'}"
    return text
