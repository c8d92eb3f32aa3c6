"""What can be done with the cells that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.plugin import cell_layers, label_edits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.lookalike_job import DescribedCells
    from napari_iaunet.plugin.lookalike_search import Query, Ranking


class Found(NamedTuple):
    """The outcome of a search.

    Attributes
    ----------
    ranking : Ranking
    values : (N,) float32
        Similarities, by the rows of the ranking.
    threshold : float
    query : Query
    """

    ranking: Ranking
    values: NDArray[np.float32]
    threshold: float
    query: Query

    def total(self) -> int:
        """Return how many cells are similar enough."""
        return int(np.count_nonzero(self.values >= self.threshold))


def _parts(
    viewer: napari.viewer.Viewer, found: Found
) -> Iterator[tuple[Labels, DescribedCells, NDArray[np.float32]]]:
    for key, cells in found.ranking.parts.items():
        layer = label_edits.find_labels(viewer, key)
        if layer is not None:
            yield layer, cells, found.values[found.ranking.rows[key]]


def extract(
    viewer: napari.viewer.Viewer, found: Found, parameters: dict[str, Any]
) -> int:
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
            about = {**parameters, **examples, "threshold": found.threshold}
            cell_layers.extract(viewer, layer, cells, values, chosen, about)
            total += int(np.count_nonzero(chosen))
    return total


def name_cells(viewer: napari.viewer.Viewer, found: Found, name: str) -> int:
    """Give the cells that were found a class; return how many there are."""
    total = 0
    for layer, cells, values in list(_parts(viewer, found)):
        chosen = values >= found.threshold
        if chosen.any() and (name or cell_layers.classes_layer(viewer, layer)):
            cell_layers.name_cells(viewer, layer, cells, chosen, name)
            total += int(np.count_nonzero(chosen))
    return total


def save_table(viewer: napari.viewer.Viewer, found: Found, path: Path) -> None:
    """Write all cells, the most alike first, as comma-separated values."""
    from napari_iaunet.writing import write_table

    columns: dict[str, list[NDArray[Any]]] = {}
    several = len(found.ranking.parts) > 1
    for layer, cells, values in _parts(viewer, found):
        part: dict[str, NDArray[Any]] = {}
        if several:
            part["layer"] = np.full(len(values), layer.name, object)
        part |= {"label": cells.names, **cells.table, "similarity": values}
        part["class"] = cell_layers.classes_of(viewer, layer, cells.names)
        for key, column in part.items():
            columns.setdefault(key, []).append(column)
    table = {key: np.concatenate(column) for key, column in columns.items()}
    order = np.argsort(-table["similarity"], kind="stable")
    write_table(path, {key: column[order] for key, column in table.items()})
