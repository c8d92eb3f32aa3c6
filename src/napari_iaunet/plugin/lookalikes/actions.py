"""What can be done with the cells that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.core.notify import show_info, show_warning
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.lookalikes import classes as class_layers
from napari_iaunet.plugin.widgets.saving import ask_where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import napari.viewer
    from numpy.typing import NDArray

    from napari_iaunet.identity.search import Query, Ranking
    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
    from napari_iaunet.segmentation.cell_map import CellMap

_NONE_FOUND = "No cell is that similar. Lower the threshold."


class Found(NamedTuple):
    """The outcome of a search."""

    ranking: Ranking[CellMap]
    values: NDArray[np.float32]  # (N,), by the rows of the ranking
    threshold: float
    query: Query
    model: str
    weights: dict[str, float]  # what counted, and how much

    def total(self) -> int:
        """Return how many cells are similar enough."""
        return int(np.count_nonzero(self.values >= self.threshold))


class LookalikeActions(QObject):
    """Extract, name and save.

    ``done`` comes with what the user is told.

    ``current`` returns what was found; None if nothing was, or it is out of date.
    """

    done = Signal(str)

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        panel: LookalikePanel,
        own_changes: OwnChanges,
        current: Callable[[], Found | None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._viewer, self._panel = viewer, panel
        self._own_changes, self._current = own_changes, current

    def extract(self) -> None:
        """Put the cells found into layers of their own."""
        found = self._similar()
        if found is not None:
            with self._own_changes():
                count = _extract(self._viewer, found)
            self.done.emit(f"{_cells(count)} extracted.")

    def name(self, name: str) -> None:
        """Give the cells found a class; "" takes it away."""
        found = self._similar()
        if found is None:
            return
        try:
            with self._own_changes():
                count = _name(self._viewer, found, name)
        except IAUNetError as error:
            show_warning(str(error))
            return
        how = f"named “{name}”." if name else "without a class now."
        self.done.emit(f"{_cells(count)} {how}")

    def save(self) -> None:
        """Ask for a file, and write the table of all cells."""
        found = self._current()
        if found is None:
            return
        suggested = f"{self._panel.labels.currentText()} look-alikes.csv"
        kinds = "Tables (*.csv)"
        file = ask_where(self._panel, "Save table", suggested, kinds, ".csv")
        if file is None:
            return
        try:
            _save(self._viewer, found, file)
        except IAUNetError as error:
            show_warning(f"The table could not be written: {error}")
        else:
            self.done.emit(f"Saved {file.name}.")

    def _similar(self) -> Found | None:
        """Return what was found if there is a cell above the threshold."""
        found = self._current()
        if found is not None and not found.total():
            show_info(_NONE_FOUND)
            return None
        return found


def _cells(count: int) -> str:
    return f"{count:,} cell{'' if count == 1 else 's'}"


def _parts(
    viewer: napari.viewer.Viewer, found: Found
) -> Iterator[tuple[Labels, CellMap, NDArray[np.float32]]]:
    for key, cells in found.ranking.parts.items():
        layer = find_layer(viewer, key, Labels)
        if layer is not None:
            yield layer, cells, found.values[found.ranking.rows[key]]


def _extract(viewer: napari.viewer.Viewer, found: Found) -> int:
    """Add a layer for each layer with cells that were found; return how many cells."""
    total = 0
    for layer, cells, values in list(_parts(viewer, found)):
        chosen = values >= found.threshold
        if chosen.any():
            key = str(layer.unique_id)
            examples = {
                word: [c.label for c in some if c.layer == key]
                for word, some in zip(("like", "unlike"), found.query, strict=True)
            }
            about = {
                "model": found.model,
                "weights": found.weights,
                "threshold": found.threshold,
                **examples,
            }
            class_layers.extract(viewer, layer, cells, values, chosen, about)
            total += int(np.count_nonzero(chosen))
    return total


def _name(viewer: napari.viewer.Viewer, found: Found, name: str) -> int:
    """Give the cells that were found a class; return how many there are."""
    total = 0
    for layer, cells, values in list(_parts(viewer, found)):
        chosen = values >= found.threshold
        if chosen.any() and (name or class_layers.classes_layer(viewer, layer)):
            class_layers.name_cells(viewer, layer, cells, chosen, name)
            total += int(np.count_nonzero(chosen))
    return total


def _save(viewer: napari.viewer.Viewer, found: Found, path: Path) -> None:
    """Write all cells, the most alike first, as comma-separated values."""
    from napari_iaunet.io.write import write_table

    columns: dict[str, list[NDArray[Any]]] = {}
    several = len(found.ranking.parts) > 1
    for layer, cells, values in _parts(viewer, found):
        part: dict[str, NDArray[Any]] = {}
        if several:
            part["layer"] = np.full(len(values), layer.name, object)
        part |= {**cells.table, "similarity": values}
        part["class"] = class_layers.classes_of(viewer, layer, cells.label_ids)
        for key, column in part.items():
            columns.setdefault(key, []).append(column)
    table = {key: np.concatenate(column) for key, column in columns.items()}
    order = np.argsort(-table["similarity"], kind="stable")
    write_table(path, {key: column[order] for key, column in table.items()})
