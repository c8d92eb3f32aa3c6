"""The tracked cells that are edited: their layers, and one step of undo an edit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.camera import camera_of
from napari_iaunet.plugin.layers.disk import is_in_memory
from napari_iaunet.plugin.layers.features import numbers_of
from napari_iaunet.plugin.layers.find import OURS, find_layer, selection_kept
from napari_iaunet.plugin.layers.labels import check_editable, is_of_classes
from napari_iaunet.plugin.layers.picked import PickedCells
from napari_iaunet.plugin.track.layers import add_tracks, stack_axis
from napari_iaunet.plugin.track.link_notes import LinkNotes
from napari_iaunet.plugin.track.paths import Paths, find_paths
from napari_iaunet.plugin.track.table import rows_after
from napari_iaunet.tracking.detections import find_detections, pixels_of
from napari_iaunet.tracking.editing import EditedTracks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from napari_iaunet.plugin.core.jobs import Jobs
    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLog, EditLogs
    from napari_iaunet.plugin.track.link_notes import Pair
    from napari_iaunet.tracking.detections import Detections
    from napari_iaunet.tracking.editing import Cell, Graph, TrackEdit

# Axes of cells whose tracks napari can draw.
_MOST_AXES = 4
# How near to a line of a track a click is meant for it, in pixels of the screen.
_REACH = 5
_CHANGED = "The cells have changed and are looked through again. Click once more then."


@dataclass
class _Edited:
    """What is known of a layer of cells, also while its tracks are not edited."""

    tracks: EditedTracks
    paths: Paths | None
    notes: LinkNotes

    def follow(self, edit: TrackEdit, *, redone: bool) -> None:
        """Let tracks and their layer follow undo and redo, whoever asked for it."""
        if redone:
            self.tracks.apply(edit)
        else:
            self.tracks.revert(edit)
        self.show()

    def show(self) -> None:
        """Show the tracks in their layer."""
        if self.paths is not None:
            self.paths.write(self.tracks, self.notes.columns())


class EditedFilm(PickedCells):
    """Picks a layer of cells with its Tracks layer, and edits both together.

    ``changed`` comes when the tracks are known, or others, or not known any more.
    """

    def __init__(
        self,
        session: Session,
        jobs: Jobs,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session, jobs, logs, parent)
        self._known: dict[str, _Edited] = {}
        self._is_current = False
        self._followed = 0  # how often undo and redo concerned tracks

    # -- which cells ------------------------------------------------------------------

    def _can_be_picked(self, layer: Labels) -> bool:
        return (
            is_in_memory(layer)
            and stack_axis(layer) is not None
            and not is_of_classes(layer)
        )

    def _first_of(self, keys: list[str]) -> str:
        """Return a layer that is tracked, rather than another."""
        tracked = [key for key in keys if self._is_tracked(key)]
        return super()._first_of([*tracked, *keys])

    def update(self) -> None:
        """Pick another layer if the picked one is gone, and forget those that are."""
        super().update()
        kept = {str(layer.unique_id) for layer in self._viewer.layers}
        for gone in self._known.keys() - kept:
            del self._known[gone]
        for known in self._known.values():
            if known.paths and str(known.paths.layer.unique_id) not in kept:
                known.paths = None

    def stop(self) -> None:
        """Watch no layer, and take its tracks for outdated."""
        super().stop()
        self._is_current = False

    def _take(self, key: str) -> None:
        was_watched = self.is_watched
        super()._take(key)
        if was_watched:
            self.watch()

    def _is_tracked(self, key: str) -> bool:
        layer = find_layer(self._viewer, key, Labels)
        return layer is not None and "tracked" in layer.metadata.get(OURS, {})

    # -- what is in them --------------------------------------------------------------

    @property
    def tracks(self) -> EditedTracks | None:
        """The tracks of the picked layer, while they are edited and known."""
        known = self._known.get(self.key)
        return known.tracks if known and self._is_current else None

    @property
    def notes(self) -> LinkNotes | None:
        """What is known of the links of the picked layer, as for `tracks`."""
        known = self._known.get(self.key)
        return known.notes if known and self._is_current else None

    @property
    def axis(self) -> int:
        """Axis of the frames in the picked layer."""
        layer = self.layer
        axis = None if layer is None else stack_axis(layer)
        assert axis is not None
        return axis

    def _planes(self, layer: Labels) -> NDArray[np.integer[Any]]:
        """Return the pixels as (T, Y, X), without a copy."""
        data: NDArray[np.integer[Any]] = layer.data
        return data.reshape(data.shape[self.axis], *data.shape[-2:])

    def place_of(self, frame: int, place: Sequence[float]) -> list[float]:
        """Return a place (y, x) of a frame in the pixels of the picked layer."""
        layer = self.layer
        found = [0.0] * (0 if layer is None else layer.ndim)
        found[self.axis] = frame
        found[-2:] = place
        return found

    def plane(self, frame: int) -> NDArray[np.integer[Any]]:
        """Return the pixels of a frame of the picked layer, (Y, X)."""
        layer = self.layer
        assert layer is not None
        return self._planes(layer)[frame]

    def frame_in_view(self) -> int:
        """Return the frame that the viewer shows."""
        layer = self.layer
        assert layer is not None
        place = layer.world_to_data(self._viewer.dims.point)
        last = layer.data.shape[self.axis] - 1
        return int(np.clip(round(float(place[self.axis])), 0, last))

    def cell_at(self, position: Sequence[float]) -> Cell | None:
        """Return the cell at a place of the viewer, or else at the line of a track.

        Raises `ImageError` if the cell is not known yet.
        """
        layer, tracks = self.layer, self.tracks
        if layer is None or tracks is None:
            return None
        if self._timer.isActive() or self._jobs.is_running:
            raise ImageError(_CHANGED)
        place = np.rint(layer.world_to_data(position)).astype(int)
        if not all(0 <= p < n for p, n in zip(place, layer.data.shape, strict=True)):
            return None
        track, frame = int(layer.data[tuple(place)]), int(place[self.axis])
        if track <= 0:
            return self._at_line(place[-2:].tolist(), frame)
        if frame not in tracks.cells.frame[tracks.cells.track == track]:
            self.survey()
            raise ImageError(_CHANGED)
        return track, frame

    def _at_line(self, place: Sequence[float], frame: int) -> Cell | None:
        """Return the end of a track's line at a place; None if none is drawn there."""
        known, layer = self._known[self.key], self.layer
        lines = known.paths.layer if known.paths else None
        if layer is None or lines is None or not (lines.visible and lines.display_tail):
            return None
        pixel = float(np.abs(np.asarray(layer.extent.step))[-2:].max())
        reach = _REACH / (camera_of(self._viewer).zoom * pixel)
        frames = frame - int(lines.tail_length), frame + int(lines.head_length)
        return known.tracks.nearest(place, frames, reach)

    def survey(self) -> None:
        """Look for the tracks of the picked layer anew."""
        layer = self.layer
        if layer is not None:
            work = partial(find_detections, self._planes(layer))
            self._jobs.start(work, f"Looking for the tracks of {layer.name}")

    def _on_success(self, cells: Detections) -> None:
        layer = self.layer
        if layer is None:
            return
        known = self._known.get(self.key)
        paths = known.paths if known else None
        if paths is not None:
            paths.bind(cells)
        else:
            paths = find_paths(self._viewer, layer, self.axis, cells)
        graph, highest = _graph_of(layer, paths, cells), 0
        if paths is not None:
            highest = int(paths.layer.data[:, 0].max(initial=0))
        if known is not None:
            graph, highest = known.tracks.graph, max(known.tracks.highest, highest)
        tracks = EditedTracks(cells, graph, highest)
        if paths is None:
            paths = self._add_paths(layer, tracks)
        columns = {} if paths is None else paths.columns(cells)
        notes = LinkNotes(tracks, columns)
        if known is None:
            self._known[self.key] = _Edited(tracks, paths, notes)
        else:
            known.tracks, known.paths, known.notes = tracks, paths, notes
        self._is_current = True
        self.changed.emit()

    def _add_paths(self, layer: Labels, tracks: EditedTracks) -> Paths | None:
        """Draw the tracks of cells that come without."""
        cells = tracks.cells
        if not len(cells.track) or layer.ndim > _MOST_AXES:
            return None
        points = np.c_[cells.track, cells.frame, cells.centre]
        with self._own_changes(), selection_kept(self._viewer):
            added = add_tracks(self._viewer, layer, points, tracks.graph)
        return Paths(added, layer, self.axis, cells)

    # -- edits ------------------------------------------------------------------------

    def do(self, edit: TrackEdit) -> None:
        """Do an edit in all layers, as one step of undo.

        Raises `ImageError` if the layer cannot take it, or has changed.
        """
        layer, known = self.layer, self._known[self.key]
        assert layer is not None
        tracks = known.tracks
        check_editable(layer)
        most = int(np.iinfo(layer.data.dtype).max)
        if int(edit.after.max(initial=0)) > most:
            raise ImageError(
                f"The layer “{layer.name}” is full: its label ids go up to {most} "
                "only. Right-click it in the layer list to convert its data type."
            )
        log, former = self._logs.of(layer, tracks.highest), tracks.cells
        with self._writes():
            self._write(log, layer, tracks, edit)
            tracks.apply(edit)
            known.notes.check_cells(edit.by_hand)
            if OURS in layer.metadata and "first" in layer.features:
                log.describe(rows_after(log, tracks, former, edit))
            log.accompany(
                partial(self._follow, known, edit, redone=False),
                partial(self._follow, known, edit, redone=True),
            )
            known.show()
        self.changed.emit()

    def accept(self, pair: Pair) -> None:
        """Note that the user has no doubt of a link; that is no step of undo."""
        known = self._known[self.key]
        known.notes.check(pair)
        known.show()

    def undo(self) -> bool:
        """Undo the last change of the layer, of whatever it was."""
        layer = self.layer
        return layer is not None and self._step(self._logs.of(layer).undo)

    def redo(self) -> None:
        """Undo the last undo."""
        layer = self.layer
        if layer is not None:
            self._step(self._logs.of(layer).redo)

    def _step(self, do: Callable[[], bool | None]) -> bool:
        """Undo or redo; what was not ours is looked through again."""
        former = self._followed
        with self._writes():
            done = bool(do())
        if self._followed == former:
            self._timer.start()
        return done

    def _write(
        self, log: EditLog, layer: Labels, tracks: EditedTracks, edit: TrackEdit
    ) -> None:
        """Write the pixels of an edit, if it has any, as one step of undo."""
        rows = tracks.find(edit.before, edit.frames)
        if not len(edit.before):
            log.add_step()
            return
        try:
            frame, y, x = pixels_of(self._planes(layer), tracks.cells, rows)
        except ImageError:
            self.survey()
            raise
        where = [np.zeros(len(y), np.intp) for _ in range(layer.ndim)]
        where[self.axis], where[-2], where[-1] = frame, y, x
        values = np.repeat(edit.after, tracks.cells.area[rows])
        log.write(tuple(where), values)

    def _follow(self, known: _Edited, edit: TrackEdit, *, redone: bool) -> None:
        known.follow(edit, redone=redone)
        self._followed += 1
        if not self._writes:
            # napari did it and draws: that needs no looking through.
            QTimer.singleShot(0, self._timer.stop)
        self.changed.emit()


def _graph_of(layer: Labels, paths: Paths | None, cells: Detections) -> Graph:
    """Return the divisions that a Tracks layer, or else the cells' table, tells of."""
    if paths is not None:
        return paths.layer.graph or {}
    names = np.unique(cells.track)
    mothers = np.nan_to_num(numbers_of(layer, "mother", names)).astype(np.int64)
    return {
        int(name): (int(mother),)
        for name, mother in zip(names, mothers, strict=True)
        if mother > 0 and mother != name
    }
