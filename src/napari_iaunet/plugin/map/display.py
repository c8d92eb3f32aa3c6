"""Show cells on the map and in the viewer, and which of them are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer

from napari_iaunet.plugin.layers.camera import centre_on
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.lookalikes.display import place_of
from napari_iaunet.plugin.map.colouring import plain
from napari_iaunet.plugin.map.layers import MapLayers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from numpy.typing import NDArray
    from qtpy.QtCore import QObject

    from napari_iaunet.identity.layout import Layout
    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.map.colouring import Colouring
    from napari_iaunet.plugin.map.panel import MapPanel
    from napari_iaunet.segmentation.cell_map import CellMap

# The viewer follows when the map has been drawn.
_REST_MS = 30


class MapDisplay:
    """Draws the map, and the same colours in the viewer.

    Attributes
    ----------
    ranking : Ranking, optional
        The cells.
    layout : Layout, optional
        Their places, if these are known.
    chosen : (N,) bool
        Which cells are chosen.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        panel: MapPanel,
        own_changes: OwnChanges,
        parent: QObject,
    ) -> None:
        self._viewer, self._panel = viewer, panel
        self._layers = MapLayers(viewer, own_changes)
        self._timer = QTimer(parent, singleShot=True, interval=_REST_MS)
        self._timer.timeout.connect(self.settle)
        self.ranking: Ranking[CellMap] | None = None
        self.layout: Layout | None = None
        self.begin(None)

    @property
    def is_closed(self) -> bool:
        """Whether the user closed one of the layers."""
        return self._layers.is_closed

    def begin(self, ranking: Ranking[CellMap] | None) -> None:
        """Go on with other cells, or with none; no one of them is chosen."""
        count = 0 if ranking is None else len(ranking.cells)
        self.ranking, self.layout = ranking, None
        self.chosen = np.zeros(count, bool)
        self._colouring = plain(count, "")
        self._rgba = self._colouring.rgba()
        self._panel.set_chosen(0, count)
        self._panel.set_about("")
        if ranking is None:
            self.remove()
            self._panel.set_colouring(None, named=False)
            self._panel.plot.set_points(np.zeros((0, 2), np.float32), ("", ""))

    def place(self, layout: Layout) -> None:
        """Draw the cells at their places."""
        if layout is not self.layout:
            self.layout = layout
            self._panel.plot.set_points(layout.places, layout.names)

    def colour(self, colouring: Colouring, *, named: bool) -> None:
        """Colour the cells, and say what it means; ``named``: they can be renamed."""
        self._colouring, self._rgba = colouring, colouring.rgba()
        self._panel.set_colouring(colouring, named=named)
        self._show()

    def remove(self) -> None:
        """Show the viewer's layers as they were before."""
        self._timer.stop()
        self._layers.remove()

    # -- which cells are chosen --------------------------------------------------

    def choose(self, rows: Sequence[int] | NDArray[Any], kind: str) -> None:
        """Choose "only" some cells, these and "more", or one "less" of these."""
        self._panel.forget_names()
        self._choose(np.asarray(rows, np.intp), kind)

    def choose_names(self, places: Sequence[int]) -> None:
        """Choose the cells of some rows of the legend."""
        self._choose(np.isin(self._colouring.numbers - 1, list(places)), "only")

    def _choose(self, rows: NDArray[Any], kind: str) -> None:
        only = kind == "only"
        chosen = np.zeros_like(self.chosen) if only else self.chosen.copy()
        chosen[rows] = kind != "less"
        self.chosen = chosen
        self._show()

    def _show(self) -> None:
        self._panel.plot.set_colours(self._rgba, self.chosen)
        count = int(np.count_nonzero(self.chosen))
        self._panel.set_chosen(count, len(self.chosen))
        self._timer.start()

    def settle(self) -> None:
        """Show in the viewer what the map shows."""
        if self.ranking is not None and self.layout is not None:
            self._layers.show(self.ranking, self._colouring, self.chosen)

    # -- one cell ----------------------------------------------------------------

    def mark(self, row: int | None) -> None:
        """Mark a cell on the map, and tell of it."""
        self._panel.plot.set_mark(row)
        self.tell_of(-1 if row is None else row)

    def tell_of(self, row: int) -> None:
        """Say what is known of a cell; -1: of none."""
        ranking = self.ranking
        if ranking is None or row < 0:
            self._panel.set_about("")
            return
        cell = ranking.cell(row)
        layer = find_layer(self._viewer, cell.layer, Labels)
        of = f" of {layer.name}" if layer and len(ranking.parts) > 1 else ""
        word, title = self._colouring.word(row), self._colouring.title
        said = f": {title} {word}" if word else ""
        self._panel.set_about(f"Cell {cell.label}{of}{said}")

    def centre(self, row: int) -> None:
        """Bring a cell to the middle of the viewer."""
        ranking = self.ranking
        if ranking is None:
            return
        cell = ranking.cell(row)
        layer = find_layer(self._viewer, cell.layer, Labels)
        if layer is None:
            return
        place = place_of(ranking.parts[cell.layer], cell.label, layer)
        if place is not None:
            centre_on(self._viewer, layer, place)
