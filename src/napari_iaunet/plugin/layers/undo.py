"""What we did to a Labels layer: label ids and table follow undo and redo.

napari undoes pixels only, and does not tell that it did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QObject, Qt, Signal

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.notify import show_error, show_warning
from napari_iaunet.plugin.layers import disk, view_state
from napari_iaunet.plugin.layers.features import rows_of, set_rows
from napari_iaunet.plugin.layers.find import OURS, pixels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.io.stored_labels import Change, StoredLabels
    from napari_iaunet.plugin.layers.features import Rows

# As many steps as napari's Labels layers remember.
_MOST_STEPS = 100
# Pixels that are looked at first, to find out cheaply that a large step is not undone.
_GLANCE = 64
# Seconds to wait for the highest label id of a layer on the disk.
_PATIENCE = 0.05
_UNDO, _REDO = "Control-Z", "Control-Shift-Z"


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
    # The change on the disk, and that which took it back, of several resolutions.
    change: Change | None = None
    undoing: Change | None = None
    # What follows when the step is undone, and when it is redone.
    undone: Callable[[], None] | None = None
    redone: Callable[[], None] | None = None

    @property
    def is_note(self) -> bool:
        """Whether the step has no pixels, so that napari knows nothing of it."""
        return self.change is None and not self.before.size


class _Failures(QObject):
    """Brings what a thread could not write to the window's thread."""

    told = Signal(object, str)


class EditLog:
    """Writes into one Labels layer, and knows what it wrote.

    Of several resolutions, which napari's own tools leave as they are, it undoes its
    changes itself; else napari does.

    ``highest`` is the highest label id in the layer, if it is known: to look for it
    takes seconds in a long film.
    """

    def __init__(
        self, layer: Labels, viewer: napari.viewer.Viewer, highest: int | None = None
    ) -> None:
        self.layer, self._viewer, self._highest = layer, viewer, highest
        # What writes pixels that are on the disk; None until the first is to be.
        self._stored: StoredLabels | None = disk.stored_of(layer)
        self._seen_version = 0
        self._is_told = False
        self._keys: list[tuple[str, Callable[..., object] | None]] = []
        self._failures = _Failures()
        queued = Qt.ConnectionType.QueuedConnection
        self._failures.told.connect(self._on_failure, queued)
        self._done: deque[_Edit] = deque(maxlen=_MOST_STEPS)
        self._undone: list[_Edit] = []
        self._writing = self._is_redrawn = False
        # Strokes of others since our last step, and whether those that napari could
        # redo are older than it.
        self._strokes, self._is_stale = 0, False
        self._seen = view_state.plane_shown(viewer, layer)
        self._connections = Connections(
            (layer.events.data, self._on_data),
            (layer.events.paint, self._on_paint),
            (layer.events.set_data, self._on_redrawn),
        )

    def close(self) -> None:
        """Disconnect from the layer, when all is on the disk."""
        self.flush()
        self._connections.clear()
        self._failures.told.disconnect(self._on_failure)
        for key, former in self._keys:
            self.layer.bind_key(key, former, overwrite=True)
        self._keys.clear()

    def open(self) -> None:
        """Get ready to change the layer.

        Raises `ImageError` if the pixels cannot be changed.
        """
        if self._stored is not None or disk.is_in_memory(self.layer):
            return
        self._stored = disk.adopt(self.layer, self._failures.told.emit)
        if self._stored is None:
            return
        self._stored.begin_scan()
        if self._undoes_itself:
            self._take_keys()

    def _take_keys(self) -> None:
        """Undo and redo by keys what napari knows nothing of, too."""
        if self._keys:
            return
        for key, do in ((_UNDO, self.undo), (_REDO, self.redo)):
            former = self.layer.bind_key(key, _by_key(do), overwrite=True)
            self._keys.append((key, former))

    def flush(self) -> None:
        """Wait until all is on the disk."""
        if self._stored is not None:
            self._stored.flush()

    def tell(self) -> None:
        """Tell the user, once, if changes of the layer go to a file."""
        text = "" if self._is_told else disk.notice(self.layer)
        self._is_told = True
        if text:
            show_warning(text)

    @property
    def pixels(self) -> Any:
        """The pixels at full resolution, to be read; an array or what is like one."""
        return pixels_of(self.layer)

    @property
    def coarse(self) -> list[Any]:
        """The pixels at all other resolutions of the layer."""
        return list(self.layer.data)[1:] if self.layer.multiscale else []

    @property
    def _undoes_itself(self) -> bool:
        return bool(self.layer.multiscale)

    def next_label_id(self, count: int = 1) -> int:
        """Return the first of some label ids in a row that no cell of the layer has.

        Raises `ImageError` if the layer can hold none that are larger.
        """
        self.open()
        most = np.iinfo(self.layer.data.dtype).max
        if self._stored is not None:
            known = self._stored.highest(_PATIENCE)
        else:
            # A hidden layer does not tell that a change of it was undone.
            seen = self._highest if self.layer.visible else None
            known = most if seen is None else seen
            if known >= most:
                known = highest_in(self.layer.data)
            self._highest = known
        if known + count > most:
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
        self.open()
        self.tell()
        self.follow()
        data = self.pixels
        values = values.astype(data.dtype)
        if self._stored is not None and self._undoes_itself:
            edit = _Edit((), values[:0], values[:0], None)
            edit.change = self._stored.change(where, values)
            self._refresh()
        else:
            edit = _Edit(where, data[where], values, self._highest)
            self._writing = True
            try:
                self.layer.data_setitem(where, values)
            finally:
                self._writing = False
        self._done.append(edit)
        self._undone.clear()
        self._strokes, self._is_stale = 0, False
        self._count(values)
        self._see()

    def add_step(self) -> None:
        """Begin a step of undo that changes no pixels, as of tracks that divide.

        What it does change follows by `describe` and `accompany`.
        """
        self.open()
        self.follow()
        self._take_keys()
        nothing = np.zeros(0, self.pixels.dtype)
        self._done.append(_Edit((), nothing, nothing, self._highest))
        self._undone.clear()
        self._strokes, self._is_stale = 0, True

    def accompany(self, undone: Callable[[], None], redone: Callable[[], None]) -> None:
        """Have something done whenever the last step is undone, or redone."""
        self._done[-1].undone, self._done[-1].redone = undone, redone

    def rows_of(self, label_ids: list[int]) -> Rows:
        """Return what the layer's table says of cells, as `describe` takes it."""
        return rows_of(self.layer, label_ids)

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
        edit.rows_before = rows_of(self.layer, list(rows))
        edit.rows_after, edit.everybody = rows, everybody
        if notes is not None:
            edit.notes_before = dict(self.layer.metadata.get(OURS, {}))
            edit.notes_after = edit.notes_before | notes
        set_rows(self.layer, rows, everybody=everybody)
        _set_notes(self.layer, edit.notes_after)

    def undo(self) -> bool:
        """Undo the last change of the layer, of whatever it was; False without one."""
        if self._undoes_itself:
            return self._undo_own()
        if self._done and self._done[-1].is_note and not self._strokes:
            self._take_back(1)
            return True
        self._is_redrawn = False
        done = len(self._done)
        self.layer.undo()
        # A hidden layer does not tell that it was undone.
        self.follow()
        followed = len(self._done) < done
        if not followed and self._strokes:
            self._strokes -= 1
        return followed or self._is_redrawn

    def redo(self) -> None:
        """Undo the last undo."""
        if self._undoes_itself:
            self._redo_own()
            return
        if self._undone and self._undone[-1].is_note:
            self._take_again(1)
        elif not self._is_stale:
            undone = len(self._undone)
            self.layer.redo()
            self.follow()
            self._strokes += len(self._undone) == undone

    def _undo_own(self) -> bool:
        if not self._done or self._stored is None:
            return False
        edit = self._done.pop()
        assert edit.change is not None
        edit.undoing = self._stored.take_back(edit.change)
        self._undone.append(edit)
        self._describe_before(edit)
        self._refresh()
        return True

    def _redo_own(self) -> None:
        if not self._undone or self._stored is None:
            return
        edit = self._undone.pop()
        assert edit.change is not None
        self._stored.do(edit.change)
        self._done.append(edit)
        self._describe_after(edit)
        self._refresh()

    def _describe_before(self, edit: _Edit) -> None:
        set_rows(self.layer, edit.rows_before, everybody=edit.everybody)
        _set_notes(self.layer, edit.notes_before)
        if edit.undone is not None:
            edit.undone()

    def _describe_after(self, edit: _Edit) -> None:
        _set_notes(self.layer, edit.notes_after)
        set_rows(self.layer, edit.rows_after, everybody=edit.everybody)
        if edit.redone is not None:
            edit.redone()

    def _refresh(self) -> None:
        """Show the layer as it is now."""
        self._writing = True
        try:
            self.layer.refresh(extent=False)
        finally:
            self._writing = False

    def _on_failure(self, change: Change, message: str) -> None:
        """Go back to what the disk has, which a change could not be written to."""
        for edit in list(self._done):
            if edit.change is change:
                self._done.remove(edit)
                self._describe_before(edit)
        for edit in list(self._undone):
            if edit.undoing is change:
                self._undone.remove(edit)
                self._done.append(edit)
                self._describe_after(edit)
        self.follow()
        self._refresh()
        show_error(f"“{self.layer.name}”: {message}")

    def _see(self) -> bool:
        """Take note of the version on the disk; whether it is another one."""
        if self._stored is None:
            return True
        former, self._seen_version = self._seen_version, self._stored.version
        return former != self._seen_version

    def follow(self) -> bool:
        """Follow what was undone or redone; False if nothing of ours was."""
        if self._undoes_itself or not self._see():
            return False
        found = False
        while steps := self._seen_of(self._done, before=True):
            self._take_back(steps)
            found = True
        if found:
            return True
        while steps := self._seen_of(self._undone, before=False):
            self._take_again(steps)
            found = True
        return found

    def _seen_of(self, edits: Sequence[_Edit], *, before: bool) -> int:
        """Return how many last steps are undone, or redone, as the pixels show it.

        Those without pixels go with the next one that has some.
        """
        for count, edit in enumerate(reversed(edits), 1):
            if not edit.is_note:
                values = edit.before if before else edit.after
                return count if self._shows(edit, values) else 0
        return 0

    def _take_back(self, steps: int) -> None:
        for _ in range(steps):
            edit = self._done.pop()
            self._undone.append(edit)
            if not edit.is_note:
                self._highest = edit.highest_before
                self._is_stale = False
            self._describe_before(edit)

    def _take_again(self, steps: int) -> None:
        for _ in range(steps):
            edit = self._undone.pop()
            self._done.append(edit)
            self._count(edit.after)
            self._describe_after(edit)

    def _shows(self, edit: _Edit, values: NDArray[np.integer]) -> bool:
        first = tuple(axis[:_GLANCE] for axis in edit.where)
        return np.array_equal(self.layer.data[first], values[:_GLANCE]) and (
            np.array_equal(self.layer.data[edit.where], values)
        )

    def _count(self, values: NDArray[np.integer]) -> None:
        if self._highest is not None:
            self._highest = max(self._highest, int(values.max(initial=0)))

    def _on_data(self, event: object = None) -> None:
        self._stored = disk.stored_of(self.layer)
        self._done.clear()
        self._undone.clear()
        self._highest = None

    def _on_paint(self, event: Any) -> None:
        """Take note of the label ids that were painted."""
        if self._writing:
            return
        self._strokes, self._is_stale = self._strokes + 1, False
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
        # napari may end without taking the dock out of its window.
        app = QCoreApplication.instance()
        self._ending = Connections(*[(app.aboutToQuit, self.flush)] if app else [])

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

    def flush(self) -> None:
        """Wait until all changes are on the disk."""
        for log in self._logs.values():
            log.flush()

    def close(self) -> None:
        """Let go of all layers."""
        self._ending.clear()
        for log in self._logs.values():
            log.close()
        self._logs.clear()


def _by_key(do: Callable[[], object]) -> Callable[[object], None]:
    """Return what napari binds to a key of a layer: a function with a name."""

    def on_key(layer: object) -> None:
        do()

    return on_key


def highest_in(labels: NDArray[np.integer]) -> int:
    """Return the highest label id, 0 if there is no cell."""
    return int(labels.max(initial=0))


def _set_notes(layer: Labels, notes: dict[str, Any] | None) -> None:
    """Let the metadata say how the cells were made; an empty note is none."""
    if notes is None:
        return
    others = {key: value for key, value in layer.metadata.items() if key != OURS}
    layer.metadata = {**others, **({OURS: dict(notes)} if notes else {})}
