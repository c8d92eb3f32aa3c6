"""What a Labels layer's table says of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray
    from pandas import DataFrame


def numbers_of(
    layer: Labels, name: str, label_ids: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return a column for some cells, (N,); NaN where it says nothing."""
    from pandas import to_numeric

    table = _by_label(layer)
    if table is None or name not in table:
        return np.full(len(label_ids), np.nan)
    column = to_numeric(table[name], errors="coerce").reindex(label_ids)
    return column.to_numpy(np.float64, na_value=np.nan)


def _by_label(layer: Labels) -> DataFrame | None:
    """Return a layer's table by label id; None if it does not tell of which cells."""
    table = layer.features
    key = next((name for name in ("index", "label") if name in table), None)
    if key is None:
        return None
    return table.drop_duplicates(key).set_index(key, drop=False)
