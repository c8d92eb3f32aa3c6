"""What we did to a Labels layer: label ids and table follow undo and redo.

napari undoes pixels only, and does not tell that it did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.features import LABEL_COLUMNS
from napari_iaunet.plugin.layers.find import OURS

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    Rows = dict[int, dict[str, Any] | None]

# As many steps as napari's Labels layers remember.
_MOST_STEPS = 100
# Pixels that are looked at first, to find out cheaply that a large step is not undone.
_GLANCE = 64


@dataclass
class _Edit:
    """Pixels and rows of the table, before and after one step of undo."""

    where: tuple[NDArray[np.intp], ...]
    before: NDArray[np.integer]
    after: NDArray[np.integer]
    highest_before: int | None
    rows_before: Rows = field(default_factory=dict)
    rows_after: Rows = field(default_factory=dict)
    # What the layer's metadata say of how it was made; None where they stay.
    notes_before: dict[str, Any] | None = None
    notes_after: dict[str, Any] | None = None
    everybody: bool = False  # whether the tables of the user's own layers follow, too


class EditLog:
    """Writes into one Labels layer, and knows what it wrote.

    ``highest`` is the highest label id in the layer, if it is known: to look for it
    takes seconds in a long film.
    """

    def __init__(
        self, layer: Labels, viewer: napari.viewer.Viewer, highest: int | None = None
    ) -> None:
        self.layer, self._viewer, self._highest = layer, viewer, highest
        self._done: deque[_Edit] = deque(maxlen=_MOST_STEPS)
        self._undone: list[_Edit] = []
        self._writing = self._is_redrawn = False
        self._seen = view_state.plane_shown(viewer, layer)
        self._connections = Connections(
            (layer.events.data, self._on_data),
            (layer.events.paint, self._on_paint),
            (layer.events.set_data, self._on_redrawn),
        )

    def close(self) -> None:
        """Disconnect from the layer."""
        self._connections.clear()

    def next_label_id(self) -> int:
        """Return a label id that no cell of the layer has.

        Raises `ImageError` if the layer can hold no larger one.
        """
        most = np.iinfo(self.layer.data.dtype).max
        # A hidden layer does not tell that a change of it was undone.
        known = self._highest if self.layer.visible else None
        if known is None or known >= most:
            known = highest_in(self.layer.data)
        self._highest = known
        if known >= most:
            msg = (
                f"The layer “{self.layer.name}” is full: its label ids go up "
                f"to {most} only. Right-click it in the layer list to convert its "
                "data type, or choose another layer."
            )
            raise ImageError(msg)
        return known + 1

    def write(
        self, where: tuple[NDArray[np.intp], ...], values: NDArray[np.integer]
    ) -> None:
        """Write pixels as one step of undo.

        ``where`` are the indices of the pixels whose value changes, an array (P,) for
        each axis; ``values`` is (P,) int.
        """
        self.follow()
        data = self.layer.data
        values = values.astype(data.dtype)
        edit = _Edit(where, data[where], values, self._highest)
        self._writing = True
        try:
            self.layer.data_setitem(where, values)
        finally:
            self._writing = False
        self._done.append(edit)
        self._undone.clear()
        self._count(values)

    def rows_of(self, label_ids: list[int]) -> Rows:
        """Return what the layer's table says of cells, as `describe` takes it."""
        return _rows_of(self.layer, label_ids)

    def describe(
        self,
        rows: Rows,
        notes: dict[str, Any] | None = None,
        *,
        everybody: bool = False,
    ) -> None:
        """Bring the layer's table, and its metadata, up to date after the last change.

        ``rows`` says for each cell that has changed what was measured; None if it is
        gone. ``notes`` are added to what the metadata say of how the cells were made.
        The table of a layer that is not ours is left alone unless ``everybody``.
        """
        edit = self._done[-1]
        edit.rows_before = _rows_of(self.layer, list(rows))
        edit.rows_after, edit.everybody = rows, everybody
        if notes is not None:
            edit.notes_before = dict(self.layer.metadata.get(OURS, {}))
            edit.notes_after = edit.notes_before | notes
        _set_features(self.layer, rows, everybody)
        _set_notes(self.layer, edit.notes_after)

    def undo(self) -> bool:
        """Undo the last change of the layer, of whatever it was; False without one."""
        self._is_redrawn = False
        self.layer.undo()
        # A hidden layer does not tell that it was undone.
        return self.follow() or self._is_redrawn

    def redo(self) -> None:
        """Undo the last undo."""
        self.layer.redo()
        self.follow()

    def follow(self) -> bool:
        """Follow what was undone or redone; False if nothing of ours was."""
        found = False
        while self._done and self._shows(self._done[-1], self._done[-1].before):
            edit = self._done.pop()
            self._undone.append(edit)
            self._highest = edit.highest_before
            _set_features(self.layer, edit.rows_before, edit.everybody)
            _set_notes(self.layer, edit.notes_before)
            found = True
        if found:
            return True
        while self._undone and self._shows(self._undone[-1], self._undone[-1].after):
            edit = self._undone.pop()
            self._done.append(edit)
            self._count(edit.after)
            _set_notes(self.layer, edit.notes_after)
            _set_features(self.layer, edit.rows_after, edit.everybody)
            found = True
        return found

    def _shows(self, edit: _Edit, values: NDArray[np.integer]) -> bool:
        first = tuple(axis[:_GLANCE] for axis in edit.where)
        return np.array_equal(self.layer.data[first], values[:_GLANCE]) and (
            np.array_equal(self.layer.data[edit.where], values)
        )

    def _count(self, values: NDArray[np.integer]) -> None:
        if self._highest is not None:
            self._highest = max(self._highest, int(values.max(initial=0)))

    def _on_data(self, event: object = None) -> None:
        self._done.clear()
        self._undone.clear()
        self._highest = None

    def _on_paint(self, event: Any) -> None:
        """Take note of the label ids that were painted."""
        if self._writing:
            return
        try:  # whatever napari keeps of a stroke, the new label id comes last
            for stroke in event.value:
                self._count(np.asarray(stroke[-1], np.int64))
        except (AttributeError, IndexError, TypeError, ValueError):
            self._highest = None

    def _on_redrawn(self, event: object = None) -> None:
        """Look at the layer after an undo, of whatever it was."""
        self._is_redrawn = True
        seen, self._seen = self._seen, view_state.plane_shown(self._viewer, self.layer)
        if self._writing:
            return
        if not self.follow() and seen == self._seen:
            self._highest = None


class EditLogs:
    """The log of each layer that is written into: one, whoever writes."""

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._logs: dict[str, EditLog] = {}

    def of(self, layer: Labels, highest: int | None = None) -> EditLog:
        """Return the log of a layer; ``highest`` is as for a new `EditLog`."""
        key = str(layer.unique_id)
        if key not in self._logs:
            self._logs[key] = EditLog(layer, self._viewer, highest)
        return self._logs[key]

    def get(self, key: str) -> EditLog | None:
        """Return the log of a layer by the layer's key, if there is one."""
        return self._logs.get(key)

    def find_layers(self) -> None:
        """Let go of layers that are gone; to be called when the list has changed."""
        kept = {str(layer.unique_id) for layer in self._viewer.layers}
        for key in self._logs.keys() - kept:
            self._logs.pop(key).close()

    def close(self) -> None:
        """Let go of all layers."""
        for log in self._logs.values():
            log.close()
        self._logs.clear()


def highest_in(labels: NDArray[np.integer]) -> int:
    """Return the highest label id, 0 if there is no cell."""
    return int(labels.max(initial=0))


def _rows_of(layer: Labels, label_ids: list[int]) -> Rows:
    """Return what the table of a layer says of cells, as `_set_features` takes it."""
    rows: Rows = dict.fromkeys(label_ids)
    if "index" in layer.features:
        table = layer.features
        for row in table[table["index"].isin(label_ids)].to_dict("records"):
            rows[int(row["index"])] = {str(name): value for name, value in row.items()}
    return rows


def _set_notes(layer: Labels, notes: dict[str, Any] | None) -> None:
    """Let the metadata say how the cells were made; an empty note is none."""
    if notes is None:
        return
    others = {key: value for key, value in layer.metadata.items() if key != OURS}
    layer.metadata = {**others, **({OURS: dict(notes)} if notes else {})}


def _set_features(layer: Labels, rows: Rows, everybody: bool) -> None:
    """Bring a table up to date, that of our own layer only unless ``everybody``."""
    ours = everybody or OURS in layer.metadata
    if not ours or "index" not in layer.features:
        return
    from pandas import DataFrame, concat

    table = layer.features
    kept = table[~table["index"].isin(list(rows))]
    new = [
        dict.fromkeys(LABEL_COLUMNS, label_id) | row
        for label_id, row in rows.items()
        if row is not None
    ]
    if new:
        added = DataFrame(new).reindex(columns=table.columns)
        kept = added if kept.empty else concat([kept, added])
    kept = kept.sort_values("index", ignore_index=True)
    for column in (*LABEL_COLUMNS, "area", "plane"):
        # What was looked at has a row, though it may have been painted, not measured.
        if column in kept and kept[column].notna().all():
            kept[column] = kept[column].astype(np.int64)
    layer.features = kept
