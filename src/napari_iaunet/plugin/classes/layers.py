"""Show the classes of cells in the viewer, and keep them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import napari_iaunet
from napari_iaunet.plugin.layers.coloured_cells import colormap_of
from napari_iaunet.plugin.layers.features import LABEL_COLUMNS, key_of
from napari_iaunet.plugin.layers.find import OURS, pixels_of
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.labels import SEMANTIC_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.segmentation.cell_map import CellMap


def names_of(colours: Mapping[str, str]) -> DataFrame:
    """Return the names of classes by their numbers, as a table of a Labels layer."""
    from pandas import DataFrame

    return DataFrame({"index": range(1, len(colours) + 1), "class": list(colours)})


def add_semantic(
    viewer: napari.viewer.Viewer,
    labels: Labels,
    cells: CellMap,
    numbers: NDArray[np.integer[Any]],
    colours: Mapping[str, str],
) -> Labels:
    """Add a layer whose labels are classes (N,), numbered from 1 as their colours are.

    It lies beside the cells, of which each keeps its own label.
    """
    table = np.concatenate([[0], numbers]).astype(np.uint8)
    key = str(labels.unique_id)
    about = {"version": napari_iaunet.__version__, SEMANTIC_OF: key}
    return viewer.add_labels(
        table[cells.index].reshape(pixels_of(labels).shape),
        name=f"{labels.name} semantic",
        features=names_of(colours),
        colormap=colormap_of(list(colours.values())),
        metadata={OURS: about},
        **placement(labels),
    )


def with_columns(
    labels: Labels, cells: CellMap, columns: Mapping[str, NDArray[Any]]
) -> DataFrame:
    """Return a layer's table with more columns; classes of before are left out."""
    from pandas import DataFrame, merge

    table = labels.features
    key = key_of(table)
    if key is None:
        table = DataFrame(dict.fromkeys(LABEL_COLUMNS, cells.label_ids))
        key = "index"
    kept = [name for name in table if not _is_of_classes(str(name))]
    added = DataFrame({key: cells.label_ids, **columns})
    joined = merge(table[kept], added, on=key, how="outer")
    for name in LABEL_COLUMNS:
        if name in joined:
            joined[name] = joined[key]
    joined["class"] = joined["class"].fillna("")
    return joined


def without_columns(labels: Labels, former: DataFrame) -> DataFrame:
    """Return a layer's table with the classes of a former one, or with none.

    What else has changed since then stays.
    """
    from pandas import merge

    table = labels.features
    others = [name for name in table if not _is_of_classes(str(name))]
    if set(others) <= set(LABEL_COLUMNS) and key_of(former) is None:
        return former
    classes = [name for name in former if _is_of_classes(str(name))]
    key = key_of(table)
    if not classes or key is None or key not in former:
        return table[others]
    return merge(table[others], former[[key, *classes]], on=key, how="left")


def _is_of_classes(name: str) -> bool:
    return name in ("class", "class_probability") or name.startswith("probability_")
