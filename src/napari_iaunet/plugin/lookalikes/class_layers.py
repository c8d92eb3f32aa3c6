"""Show the classes of cells in the viewer, and keep them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

import napari_iaunet
from napari_iaunet.plugin.layers.features import LABEL_COLUMNS, key_of
from napari_iaunet.plugin.layers.find import HELPER, OURS, pixels_of, selection_kept
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.helpers import take_out
from napari_iaunet.plugin.layers.labels import SEMANTIC_OF
from napari_iaunet.segmentation.cell_map import ValuePerCell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.segmentation.cell_map import CellMap

# The edges of examples, and the image that shows through the cells. Numbers of classes
# are lower.
_EXAMPLE, _EXAMPLE_COLOUR, _OPACITY = 255, "#ffffff", 0.6


class ClassLayer:
    """Cells in the colours of their classes; examples have a white outline.

    The layer of cells is hidden as long as the classes are shown.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
        labels: Labels,
        cells: CellMap,
    ) -> None:
        self._viewer, self._own_changes, self._labels = viewer, own_changes, labels
        self._was_visible = bool(labels.visible)
        self.cells = cells
        shape = pixels_of(labels).shape
        index = cells.index.reshape(shape)
        self._edges = cells.edges.reshape(shape)
        where = np.ones(shape, np.uint8)
        self._values = ValuePerCell(index, np.zeros(len(cells) + 1, np.uint8), where)
        self._index = index
        self._layer: Labels | None = None

    def show(
        self,
        numbers: NDArray[np.integer[Any]],
        colours: Sequence[str],
        examples: NDArray[np.bool_],
    ) -> None:
        """Colour the cells by their numbers (N,), of which 1 has the first colour."""
        self._values.table[1:] = numbers
        self._mark(examples)
        colormap = _colormap(colours)
        if self._layer is None or self._layer not in self._viewer.layers:
            self._add(colormap)
        else:
            self._layer.colormap = colormap
            self._layer.refresh()

    def _mark(self, examples: NDArray[np.bool_]) -> None:
        assert self._values.where is not None
        chosen = np.concatenate([[False], examples])
        self._values.where[...] = 1
        self._values.where[self._edges & chosen[self._index]] = _EXAMPLE

    @property
    def is_closed(self) -> bool:
        """Whether the user closed the layer."""
        return self._layer is not None and self._layer not in self._viewer.layers

    def remove(self) -> None:
        """Take the layer out of the viewer, and show the cells again."""
        take_out(self._viewer, self._own_changes, self._layer)
        if self._labels in self._viewer.layers and self._was_visible:
            with self._own_changes():
                self._labels.visible = True
        self._layer = None

    def _add(self, colormap: DirectLabelColormap) -> None:
        with self._own_changes(), selection_kept(self._viewer):
            self._layer = self._viewer.add_labels(
                self._values,
                name=f"{self._labels.name} classes on trial",
                colormap=colormap,
                opacity=_OPACITY,
                multiscale=False,
                metadata={HELPER: True},
                **placement(self._labels),
            )
            self._labels.visible = False


def _colormap(colours: Sequence[str]) -> DirectLabelColormap:
    table: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    table.update(enumerate(colours, 1))
    table[_EXAMPLE] = _EXAMPLE_COLOUR
    return DirectLabelColormap(color_dict=table)


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
    from pandas import DataFrame

    table = np.concatenate([[0], numbers]).astype(np.uint8)
    features = DataFrame({"index": range(1, len(colours) + 1), "class": list(colours)})
    key = str(labels.unique_id)
    about = {"version": napari_iaunet.__version__, SEMANTIC_OF: key}
    return viewer.add_labels(
        table[cells.index].reshape(pixels_of(labels).shape),
        name=f"{labels.name} semantic",
        features=features,
        colormap=_colormap(list(colours.values())),
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


def _is_of_classes(name: str) -> bool:
    return name in ("class", "class_probability") or name.startswith("probability_")
