"""What happens while cells are gone through one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.core.viewer_keys import ViewerKeys
from napari_iaunet.plugin.layers.camera import centre_on, zoom_for
from napari_iaunet.plugin.layers.features import (
    LOOKED_AT,
    flagged,
    numbers_of,
    set_flag,
)
from napari_iaunet.plugin.layers.geometry import placement_at
from napari_iaunet.plugin.layers.overlay import Overlay
from napari_iaunet.plugin.review import edits
from napari_iaunet.plugin.review.walk import Walk
from napari_iaunet.plugin.review.walk_panel import (
    ACCEPT,
    BACK,
    COMMANDS,
    DELETE,
    MARK,
    MARKED,
    NEW,
    NEXT,
    UNDO,
)
from napari_iaunet.segmentation.doubt import Doubts, doubts

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.layers.undo import EditLogs
    from napari_iaunet.plugin.review.cells import ReviewedCells
    from napari_iaunet.plugin.review.walk_panel import WalkSection

# Columns of the layer's table.
_MARKED = "marked"
_LOOKING = "Looking for doubtful cells…"
_DONE = {
    NEW: "All cells have been looked at.",
    MARKED: "There is no other cell that is marked.",
}
_ONLY = "There is no other cell."
_FIRST = "There is no cell before this one."
# An outline that shows on dark and on bright images.
_NAME, _INNER, _OUTER = "reviewed cell", "#ffffff", "#000000"


class WalkController(QObject):
    """Keeps keys, camera, the outline of the cell, and the layer's table in step."""

    failed = Signal(str)

    def __init__(
        self,
        session: Session,
        section: WalkSection,
        cells: ReviewedCells,
        logs: EditLogs,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._section, self._cells = session.viewer, section, cells
        self._logs = logs
        self._keys = ViewerKeys(session.viewer, self._slot, COMMANDS)
        colours = (_INNER, _OUTER)
        self._outline = Overlay(session.viewer, session.own_changes, _NAME, colours, 1)
        self._walk = Walk()
        self._doubts = Doubts(np.zeros(0), [])
        self._flags: dict[str, set[int]] = {LOOKED_AT: set(), _MARKED: set()}
        self._deleted: list[int] = []
        self._wanted = 0  # a cell that is about to come back
        self._on = self._is_new = False
        self._connections = Connections(
            (section.toggled, self._on_toggled),
            (section.pressed, self._on_pressed),
            (section.show_picked, self._on_show),
        )

    def teardown(self) -> None:
        """Switch off and disconnect from everything."""
        self.switch_off()
        self._connections.clear()

    def switch_off(self) -> None:
        """Leave the viewer as it was, but for the camera."""
        self._on = False
        self._keys.release()
        self._outline.remove()
        self._cells.want_shapes(False)
        self._section.set_on(False)
        self._section.set_cell("", False)

    def update(self) -> None:
        """Go on with another survey, or with another layer."""
        found, layer = self._cells.found, self._cells.layer
        self._section.set_ready(found is not None and len(found.cells) > 0)
        if found is None or layer is None:
            self._walk, self._deleted = Walk(), []
            self._section.set_progress(0, 0, 0)
            self.switch_off()
            return
        label_ids = found.cells.label_ids
        for name in self._flags:
            self._flags[name] = flagged(layer, name, label_ids)
        self._show_progress()
        if not self._on or found.solidity is None:
            return
        cells = found.cells
        self._doubts = doubts(
            numbers_of(layer, "score", label_ids),
            cells.area.astype(np.float64),
            cells.border.astype(np.float64),
            found.solidity,
        )
        order = np.argsort(-self._doubts.values, kind="stable")
        self._walk.set_order(label_ids[order].tolist())
        if self._walk.go_to(self._wanted) or self._walk.current:
            self._wanted = 0
            self._show()
        else:
            self._next()

    # -- what the user does ------------------------------------------------------

    def _on_toggled(self, on: bool) -> None:
        if not on:
            self.switch_off()
            return
        self._on = self._is_new = True
        if self._cells.layer is not None:
            self._logs.of(self._cells.layer).tell()
        taken = self._keys.bind((NEXT, BACK, ACCEPT, DELETE, MARK))
        if taken:
            self.failed.emit(f"Taken by other plugins: the keys {', '.join(taken)}.")
        self._section.set_cell(_LOOKING, False)
        self._cells.want_shapes(True)
        self.update()

    def _on_show(self, which: str) -> None:
        if self._on:
            self._next()

    def _slot(self, key: str) -> Callable[[object], None]:
        return lambda viewer: self._on_pressed(key)

    def _on_pressed(self, key: str) -> None:
        actions = {
            NEXT: self._next,
            BACK: self._back,
            ACCEPT: self._accept,
            DELETE: self._delete,
            MARK: self._mark,
            UNDO: self._undo,
        }
        if self._on and key in actions:
            actions[key]()

    def _next(self) -> None:
        which = self._section.which
        if not self._walk.go_on(self._accepted(which)):
            self._say(_DONE.get(which, _ONLY))
            return
        self._show()

    def _back(self) -> None:
        if self._walk.go_back():
            self._show()
        else:
            self._say(_FIRST)

    def _accept(self) -> None:
        if self._walk.current:
            self._flag(LOOKED_AT, True)
            self._next()

    def _mark(self) -> None:
        if self._walk.current:
            self._flag(LOOKED_AT, True)
            self._flag(_MARKED, self._walk.current not in self._flags[_MARKED])
            self._next()

    def _delete(self) -> None:
        found, layer, label_id = (
            self._cells.found,
            self._cells.layer,
            self._walk.current,
        )
        if found is None or layer is None or not label_id:
            return
        row = int(np.searchsorted(found.cells.label_ids, label_id))
        try:
            edits.delete(self._logs.of(layer), found.cells, np.array([row]))
        except IAUNetError as error:
            self.failed.emit(str(error))
            return
        self._deleted.append(label_id)
        self._walk.leave_out(label_id)
        self._outline.hide()
        self._next()

    def _undo(self) -> None:
        layer = self._cells.layer
        if layer is not None and self._logs.of(layer).undo():
            self._wanted = self._deleted.pop() if self._deleted else 0
            self._cells.survey()

    # -- what is shown -----------------------------------------------------------

    def _accepted(self, which: str) -> set[int]:
        if which == MARKED:
            return self._flags[_MARKED]
        found = self._cells.found
        every = set() if found is None else set(found.cells.label_ids.tolist())
        return every - self._flags[LOOKED_AT] if which == NEW else every

    def _flag(self, name: str, on: bool) -> None:
        """Write of the cell that is looked at into the layer's table."""
        found, layer, label_id = (
            self._cells.found,
            self._cells.layer,
            self._walk.current,
        )
        if found is None or layer is None or (label_id in self._flags[name]) == on:
            return
        set_flag(layer, name, [label_id], on, found.cells.label_ids)
        self._flags[name] ^= {label_id}
        self._show_progress()

    def _show_progress(self) -> None:
        found = self._cells.found
        if found is not None:
            done, marked = (len(self._flags[name]) for name in (LOOKED_AT, _MARKED))
            self._section.set_progress(done, len(found.cells), marked)

    def _say(self, text: str) -> None:
        current = self._walk.current
        self._section.set_cell(text, bool(current), current in self._flags[_MARKED])

    def _show(self) -> None:
        """Bring the cell into view, outline it, and say what is odd about it."""
        found, layer, label_id = (
            self._cells.found,
            self._cells.layer,
            self._walk.current,
        )
        if found is None or layer is None:
            return
        cells = found.cells
        row = int(np.searchsorted(cells.label_ids, label_id))
        plane = np.unravel_index(int(cells.plane[row]), layer.data.shape[:-2])
        top, left, bottom, right = cells.box[row].tolist()
        ring = _ring(cells.mask(row))
        at = [int(p) for p in plane]
        self._outline.cover(
            ring.reshape((1,) * len(at) + ring.shape),
            placement_at(layer, [*at, top - 2, left - 2]),
        )
        sizes = cells.box[:, 2:] - cells.box[:, :2]
        usual = float(np.median(sizes)) if self._is_new else 0.0
        self._is_new = False
        zoom_for(self._viewer, layer, sizes[row].astype(float), usual)
        centre_on(self._viewer, layer, [*at, (top + bottom) / 2, (left + right) / 2])
        reason = self._doubts.reasons[row]
        flags = [n for n, ids in self._flags.items() if label_id in ids]
        known = {LOOKED_AT: "looked at", _MARKED: "marked"}
        also = "".join(f", {known[name]}" for name in flags)
        self._say(f"Cell {label_id}{also}: {reason}.")


def _ring(mask: np.ndarray) -> np.ndarray:
    """Return a line around a mask, two pixels larger at each side, and its border."""
    from scipy.ndimage import binary_dilation

    padded = np.pad(mask, 2)
    inner = binary_dilation(padded)
    outer = binary_dilation(inner, np.ones((3, 3), bool))
    return (inner & ~padded) + 2 * (outer & ~inner).astype(np.uint8)
