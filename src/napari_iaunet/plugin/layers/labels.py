"""Change cells of a Labels layer, each change one step of napari's undo.

Like `layers`, this module reads and writes layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_iaunet.plugin.layers.images import HELPER, OURS

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from numpy.typing import NDArray

    Progress = Callable[[int, int], None]

# What our own layers are called in the metadata of the layer that they were made of.
CLASSES_OF, FOUND_IN = "classes_of", "found_in"


def labels_layers(viewer: napari.viewer.Viewer) -> list[Labels]:
    """Return the Labels layers, the topmost last, without our own helpers."""
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Labels) and HELPER not in layer.metadata
    ]


def find_labels(viewer: napari.viewer.Viewer, key: str) -> Labels | None:
    """Return the Labels layer whose ``unique_id`` is ``key``, if it still exists."""
    for layer in labels_layers(viewer):
        if str(layer.unique_id) == key:
            return layer
    return None


def selected_labels(viewer: napari.viewer.Viewer) -> Labels | None:
    """Return the layer that is selected in the layer list, if it is one of cells."""
    active = viewer.layers.selection.active
    is_cells = isinstance(active, Labels) and HELPER not in active.metadata
    return active if is_cells else None


def rows_of(layer: Labels, numbers: list[int]) -> dict[int, dict[str, Any] | None]:
    """Return what the table of a layer says of cells, as `set_features` takes it."""
    rows: dict[int, dict[str, Any] | None] = dict.fromkeys(numbers)
    if "index" in layer.features:
        table = layer.features
        for row in table[table["index"].isin(numbers)].to_dict("records"):
            rows[int(row["index"])] = {str(name): value for name, value in row.items()}
    return rows


def set_features(layer: Labels, rows: dict[int, dict[str, Any] | None]) -> None:
    """Bring the table of our own layer up to date; leave the user's layers alone.

    Parameters
    ----------
    layer : Labels
    rows : dict
        For each cell that has changed, what was measured; None if it is gone.
    """
    if OURS not in layer.metadata or "index" not in layer.features:
        return
    from pandas import DataFrame, concat

    table = layer.features
    kept = table[~table["index"].isin(list(rows))]
    new = [
        {"index": number, "label": number} | row
        for number, row in rows.items()
        if row is not None
    ]
    if new:
        added = DataFrame(new).reindex(columns=table.columns)
        kept = added if kept.empty else concat([kept, added])
    kept = kept.sort_values("index", ignore_index=True)
    for column in ("index", "label", "area", "plane"):
        if column in kept:
            kept[column] = kept[column].astype(np.int64)
    layer.features = kept


def labels_of(layer: Labels) -> NDArray[np.integer[Any]]:
    """Labels at full resolution; lazy where the layer is."""
    data: NDArray[np.integer[Any]] = layer.data[0] if layer.multiscale else layer.data
    return data


def is_extracted(layer: Labels) -> bool:
    """Whether a layer holds cells that were found in another one."""
    return FOUND_IN in layer.metadata.get(OURS, {})


def is_of_classes(layer: Labels) -> bool:
    """Whether a layer is one of our layers of classes."""
    return CLASSES_OF in layer.metadata.get(OURS, {})
