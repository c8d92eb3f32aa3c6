"""What is known of the cells on a map, from other tabs and from tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_iaunet.plugin.layers.features import (
    column_names,
    column_of,
    with_column,
    without_column,
)
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.map.colouring import by_names, by_values, plain
from napari_iaunet.segmentation.summary import label_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import napari.viewer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.plugin.classes.examples import ClassExamples
    from napari_iaunet.plugin.classes.job import Learnt
    from napari_iaunet.plugin.lookalikes.actions import Found
    from napari_iaunet.plugin.map.colouring import Colouring
    from napari_iaunet.segmentation.cell_map import CellMap

CLASS, SIMILARITY, GROUP = "of classes", "of similarity", "group"
_COLUMN = "column "
# What was measured for the comparison; the tables of cells may lack it.
_MEASURED = ("area", "mean_intensity")
_NO_CLASSES = "No classes yet: give some in the Classes tab, or add cells to one below."
_NO_SEARCH = "Nothing to compare with yet: click a cell in the Look-alikes tab."


def offers(
    viewer: napari.viewer.Viewer, ranking: Ranking[CellMap] | None
) -> list[tuple[str, str]]:
    """Return what the colours may tell, as key and text."""
    names = dict.fromkeys(_MEASURED)
    for layer, _ in _layers(viewer, ranking):
        names |= dict.fromkeys(column_names(layer))
    first = [(CLASS, "class"), (SIMILARITY, "similarity"), (GROUP, "group found here")]
    return [*first, *((f"{_COLUMN}{name}", label_of(name)) for name in names)]


def by_class(
    ranking: Ranking[CellMap], examples: ClassExamples, learnt: Learnt | None
) -> Colouring:
    """Colour cells by what the Classes tab says of them, or by its examples."""
    if not examples.classes:
        return plain(len(ranking.cells), _NO_CLASSES)
    words = np.full(len(ranking.cells), "", object)
    if learnt is not None:
        for key, rows in ranking.rows.items():
            if learnt.ranking.parts.get(key) is ranking.parts[key]:
                words[rows] = learnt.classes[learnt.ranking.rows[key]]
    for cell, name in examples.cells.items():
        row = ranking.row(cell)
        if row is not None:
            words[row] = name
    return by_names("class", words, examples.colours, "no class yet")


def by_similarity(ranking: Ranking[CellMap], found: Found | None) -> Colouring:
    """Colour cells by how much they resemble what the Look-alikes tab looks for."""
    values = np.full(len(ranking.cells), np.nan)
    if found is not None:
        for key, rows in ranking.rows.items():
            if found.ranking.parts.get(key) is ranking.parts[key]:
                values[rows] = found.values[found.ranking.rows[key]]
    if np.isnan(values).all():
        return plain(len(values), _NO_SEARCH)
    return by_values("similarity", values)


def by_column(
    viewer: napari.viewer.Viewer, ranking: Ranking[CellMap], key: str
) -> Colouring:
    """Colour cells by a column of their tables, which `offers` has offered."""
    name = key.removeprefix(_COLUMN)
    parts: list[NDArray[Any]] = []
    for layer, part in _layers(viewer, ranking):
        if name not in column_names(layer) and name in _MEASURED:
            parts.append(np.asarray(part.table[name], np.float64))
        else:
            parts.append(column_of(layer, name, part.label_ids))
    if sum(map(len, parts)) != len(ranking.cells):
        return plain(len(ranking.cells), "")  # a layer is being closed
    if all(part.dtype.kind == "f" for part in parts):
        return by_values(label_of(name), np.concatenate(parts))
    words = [
        np.where(np.isfinite(p), p.astype(str), "") if p.dtype.kind == "f" else p
        for p in parts
    ]
    return by_names(label_of(name), np.concatenate(words))


def keep(
    viewer: napari.viewer.Viewer,
    ranking: Ranking[CellMap],
    name: str,
    words: NDArray[np.object_],
) -> Callable[[], None]:
    """Write words (N,) into a column of the cells' tables; return what undoes it."""
    former: list[tuple[Labels, DataFrame]] = []
    for key, rows in ranking.rows.items():
        layer = find_layer(viewer, key, Labels)
        if layer is not None:
            former.append((layer, layer.features.copy()))
            ids = ranking.parts[key].label_ids
            layer.features = with_column(layer, name, ids, words[rows])

    def undo() -> None:
        for layer, table in former:
            if layer in viewer.layers:
                layer.features = without_column(layer, name, table)

    return undo


def _layers(
    viewer: napari.viewer.Viewer, ranking: Ranking[CellMap] | None
) -> Iterator[tuple[Labels, CellMap]]:
    for key, part in ({} if ranking is None else ranking.parts).items():
        layer = find_layer(viewer, key, Labels)
        if layer is not None:
            yield layer, part
