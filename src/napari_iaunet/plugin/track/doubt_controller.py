"""What happens while doubtful links are gone through, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from napari_iaunet.plugin.core.connections import Connections
from napari_iaunet.plugin.layers.camera import centre_on, zoom_for
from napari_iaunet.plugin.layers.geometry import placement_at
from napari_iaunet.plugin.layers.overlay import Overlay
from napari_iaunet.plugin.track.edit_panel import ACCEPT, BACK, NEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.session import Session
    from napari_iaunet.plugin.track.edit_panel import EditSection
    from napari_iaunet.plugin.track.film import EditedFilm
    from napari_iaunet.plugin.track.link_notes import Pair

_NONE = "No link is doubtful, or all that were have been accepted."
_FIRST = "There is no link before this one."
# Outlines of the cell before and of the one in view; each shows on dark and bright.
_NAME, _BEFORE, _AFTER = "doubtful link", "#ff9d00", "#00d5ff"
_PAD = 3  # pixels around both cells


class DoubtController(QObject):
    """Keeps the order of links, the camera and the outlines of two cells in step."""

    def __init__(
        self,
        session: Session,
        section: EditSection,
        film: EditedFilm,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._section, self._film = session.viewer, section, film
        colours = (_BEFORE, _AFTER)
        self._outline = Overlay(session.viewer, session.own_changes, _NAME, colours, 1)
        self._links: dict[Pair, str] | None = None
        self._current: Pair | None = None
        self._at = -1
        self._past: list[Pair] = []
        self._is_new = True
        self._connections = Connections((film.changed, self._on_film))

    def teardown(self) -> None:
        """Leave the viewer as it was, and disconnect."""
        self.stop()
        self._connections.clear()

    def stop(self) -> None:
        """Show no link any more."""
        self._outline.remove()
        self._links = self._current = None
        self._at, self._past, self._is_new = -1, [], True
        self._section.set_doubt("")

    def press(self, key: str) -> None:
        """Do what a key or its button says."""
        {NEXT: self._next, BACK: self._back, ACCEPT: self._accept}[key]()

    def _on_film(self) -> None:
        """Look at links anew when they are asked for again: tracks have changed."""
        self._links = None
        if self._film.tracks is None:
            self.stop()
        elif self._current is not None:
            self._outline.hide()

    def _find(self) -> dict[Pair, str]:
        if self._links is None:
            notes = self._film.notes
            self._links = {} if notes is None else notes.doubtful()
            pairs = list(self._links)
            if self._current in self._links:
                self._at = pairs.index(self._current)
            else:  # the next one has its place now
                self._current, self._at = None, min(self._at, len(pairs)) - 1
        return self._links

    def _next(self) -> None:
        pairs = list(self._find())
        if not pairs:
            self._current = None
            self._outline.hide()
            self._section.set_doubt(_NONE)
            return
        if self._current is not None:
            self._past.append(self._current)
        self._at = (max(self._at, -1) + 1) % len(pairs)
        self._go(pairs[self._at])

    def _back(self) -> None:
        links = self._find()
        while self._past:
            pair = self._past.pop()
            if pair in links:
                self._at = list(links).index(pair)
                self._go(pair)
                return
        self._section.set_doubt(_FIRST, self._current is not None)

    def _accept(self) -> None:
        if self._current is None or self._current not in self._find():
            return
        self._film.accept(self._current)
        links = self._find()
        del links[self._current]
        self._current, self._at = None, self._at - 1
        self._next()

    def _go(self, pair: Pair) -> None:
        """Bring both cells of a link into view, and say what is odd about it."""
        layer, tracks = self._film.layer, self._film.tracks
        if layer is None or tracks is None:
            return
        self._current = pair
        cells, rows = tracks.cells, list(pair)
        names, frames = cells.track[rows].tolist(), cells.frame[rows].tolist()
        low = np.maximum(cells.box[rows, :2].min(0) - _PAD, 0)
        high = np.minimum(cells.box[rows, 2:].max(0) + _PAD, layer.data.shape[-2:])
        part = np.s_[low[0] : high[0], low[1] : high[1]]
        shown = _outlines(
            *(
                self._film.plane(frame)[part] == name
                for name, frame in zip(names, frames, strict=True)
            )
        )
        begin = [round(p) for p in self._film.place_of(frames[1], low.tolist())]
        ones = (1,) * (layer.ndim - 2)
        self._outline.cover(
            shown.reshape(ones + shown.shape), placement_at(layer, begin)
        )
        usual = float(np.median(np.sqrt(cells.area))) if self._is_new else 0.0
        self._is_new = False
        zoom_for(self._viewer, layer, (high - low).astype(float), usual)
        middle = ((low + high) / 2).tolist()
        centre_on(self._viewer, layer, self._film.place_of(frames[1], middle))
        who = (
            f"track {names[0]}" if names[0] == names[1] else f"{names[0]} → {names[1]}"
        )
        count = len(self._find())
        more = "the only one" if count == 1 else f"one of {count:,}"
        self._section.set_doubt(
            f"Frame {frames[0]} → {frames[1]}, {who}: {self._find()[pair]} ({more}).",
            True,
        )


def _outlines(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return lines around two cells: 1 around the first, 2 around the second."""
    from scipy.ndimage import binary_dilation

    shown = np.zeros(before.shape, np.uint8)
    for value, mask in ((1, before), (2, after)):
        shown[binary_dilation(mask) & ~mask] = value
    return shown
