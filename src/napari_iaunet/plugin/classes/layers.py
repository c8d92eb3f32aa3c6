"""Show the classes of cells in the viewer, and keep them there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

import napari_iaunet
from napari_iaunet.plugin.layers.features import LABEL_COLUMNS, key_of
from napari_iaunet.plugin.layers.find import HELPER, OURS, pixels_of, selection_kept
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.labels import SEMANTIC_OF
from napari_iaunet.plugin.layers.stand_in import StandIn
from napari_iaunet.segmentation.cell_map import ValuePerCell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import napari.viewer
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.segmentation.cell_map import CellMap

# The edges of examples, and the image that shows through the cells. Numbers of classes
# are lower.
_EXAMPLE, _EXAMPLE_COLOUR, _OPACITY = 255, "#ffffff", 0.6


class ClassLayer(StandIn):
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
        super().__init__(viewer, own_changes, labels)
        self.cells = cells
        shape = pixels_of(labels).shape
        index = cells.index.reshape(shape)
        # A key is answered at once in large images, too: only edges are looked at.
        self._edges = np.flatnonzero(cells.edges)
        self._rows = cells.index.ravel()[self._edges]
        self._where = np.ones(cells.index.size, np.uint8)
        self._values = ValuePerCell(
            index, np.zeros(len(cells) + 1, np.uint8), self._where.reshape(shape)
        )
        self._layer: Labels | None = None

    def show(
        self,
        numbers: NDArray[np.integer[Any]],
        colours: Mapping[str, str],
        examples: NDArray[np.bool_],
    ) -> None:
        """Colour the cells by the numbers of their classes (N,), and mark the examples.

        The first class, by its name, has the number 1.
        """
        self._values.table[1:] = numbers
        chosen = np.concatenate([[False], examples])
        self._where[self._edges] = np.where(chosen[self._rows], _EXAMPLE, 1)
        colormap = _colormap(list(colours.values()))
        if self._layer is None or self._layer not in self._viewer.layers:
            self._add(colormap)
        else:
            self._layer.colormap = colormap
            self._layer.refresh()
        assert self._layer is not None
        # So the status bar tells the class under the mouse in words.
        self._layer.features = _names(colours)

    @property
    def _own(self) -> tuple[Layer | None, ...]:
        return (self._layer,)

    def remove(self) -> None:
        """Take what is shown out of the viewer, and show the cells again."""
        super().remove()
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


def _names(colours: Mapping[str, str]) -> DataFrame:
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
        features=_names(colours),
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
