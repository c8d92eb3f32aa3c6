"""Write chosen cells, and classes of cells, into layers of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

import napari_iaunet
from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.find import OURS, list_layers, pixels_of
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.labels import CLASSES_OF, FOUND_IN, is_of_classes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import napari.viewer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.segmentation.cell_map import CellMap

# napari's DirectLabelColormap takes no higher labels where numba is not installed.
_MOST_COLOURED = 1 << 16
# Colours that can be told apart, also by the colour-blind (Okabe and Ito, 2008).
_PALETTE = (
    *("#e69f00", "#56b4e9", "#009e73", "#f0e442"),
    *("#0072b2", "#d55e00", "#cc79a7", "#999999"),
)


def table_of(cells: CellMap) -> dict[str, NDArray[Any]]:
    """Return label, plane (stacks only), place, area and intensity of all cells."""
    table = dict(cells.table)
    if cells.index.ndim == 2:
        del table["plane"]
    return table


def extract(
    viewer: napari.viewer.Viewer,
    labels: Labels,
    cells: CellMap,
    similarity: NDArray[np.float32],
    chosen: NDArray[np.bool_],
    parameters: dict[str, Any],
) -> Labels:
    """Add a layer with the chosen cells only; they keep their labels.

    ``similarity`` and ``chosen`` are (N,), as many as ``cells`` describes in the layer.
    The parameters say how the cells were found and are kept in the metadata.
    """
    from pandas import DataFrame

    columns = {"index": cells.label_ids, **table_of(cells), "similarity": similarity}
    columns["class"] = classes_of(viewer, labels, cells.label_ids)
    table = DataFrame(columns)[chosen].reset_index(drop=True)
    if not table["class"].any():
        del table["class"]
    data = pixels_of(labels)
    return viewer.add_labels(
        cells.labels_of(chosen, data.dtype).reshape(data.shape),
        name=f"{labels.name} look-alikes",
        features=table,
        metadata={OURS: {**_about(labels, FOUND_IN), **parameters}},
        **placement(labels),
    )


def classes_layer(viewer: napari.viewer.Viewer, labels: Labels) -> Labels | None:
    """Return our layer with the classes of a layer's cells, if there is one."""
    key, shape = str(labels.unique_id), pixels_of(labels).shape
    for layer in list_layers(viewer, Labels):
        made_for = layer.metadata.get(OURS, {}).get(CLASSES_OF)
        if made_for == key and layer.data.shape == shape:
            return layer
    return None


def classes_of(
    viewer: napari.viewer.Viewer, labels: Labels, names: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return the class of each label, "" for none."""
    layer = classes_layer(viewer, labels)
    classes = np.full(len(names), "", object)
    if layer is None or not {"label", "class"} <= set(layer.features):
        return classes
    features = layer.features
    known = dict(zip(features["label"], features["class"].fillna(""), strict=True))
    classes[:] = [str(known.get(int(name), "")) for name in names]
    return classes


def known_classes(viewer: napari.viewer.Viewer) -> list[str]:
    """Return all classes of all layers of classes, each once."""
    found: dict[str, None] = {}
    for layer in list_layers(viewer, Labels):
        if is_of_classes(layer) and "class" in layer.features:
            found.update(dict.fromkeys(map(str, layer.features["class"].dropna())))
    return sorted(name for name in found if name)


def name_cells(
    viewer: napari.viewer.Viewer,
    labels: Labels,
    cells: CellMap,
    chosen: NDArray[np.bool_],
    name: str,
) -> Labels:
    """Give cells a class, in a layer of ours that is made if need be.

    ``chosen`` is (N,), as many as ``cells`` describes in the layer, which is not
    changed. The name "" takes the class away.

    Raises `ImageError` if there are too many cells.
    """
    from pandas import DataFrame

    classes = classes_of(viewer, labels, cells.label_ids)
    classes[chosen] = name
    numbers = _numbers(cells)
    features = DataFrame({"index": numbers[1:], **table_of(cells), "class": classes})
    wanted = numbers[cells.index].reshape(pixels_of(labels).shape)
    layer = classes_layer(viewer, labels)
    # A class keeps its colour, though no cell may have it for a while.
    order = [] if layer is None else list(layer.metadata[OURS]["classes"])
    order += sorted(set(classes) - set(order) - {""})
    colours = _colours(features, order)
    if layer is None:
        return viewer.add_labels(
            wanted,
            name=f"{labels.name} classes",
            features=features,
            colormap=colours,
            metadata={OURS: {**_about(labels, CLASSES_OF), "classes": order}},
            **placement(labels),
        )
    layer.metadata[OURS]["classes"] = order
    _bring_up_to_date(layer, wanted)
    layer.features = features
    layer.colormap = colours
    return layer


def _numbers(cells: CellMap) -> NDArray[np.int32]:
    """Return the number of each cell in a layer of classes, after a 0.

    That is its label, unless one is too high for napari to colour by class.

    Raises `ImageError` if there are too many cells.
    """
    count = len(cells)
    if count and cells.label_ids[-1] <= _MOST_COLOURED:
        return np.concatenate([[0], cells.label_ids]).astype(np.int32)
    if count > _MOST_COLOURED:
        msg = (
            f"napari can colour up to {_MOST_COLOURED:,} cells by class, and these are "
            f"{count:,}. Extract some of them first."
        )
        raise ImageError(msg)
    return np.arange(count + 1, dtype=np.int32)


def _about(labels: Labels, relation: str) -> dict[str, Any]:
    return {
        "version": napari_iaunet.__version__,
        relation: str(labels.unique_id),
        "image": labels.metadata.get(OURS, {}).get("image", ""),
    }


def _bring_up_to_date(layer: Labels, wanted: NDArray[np.integer[Any]]) -> None:
    """Write what differs, as one step of undo."""
    where = np.nonzero(layer.data != wanted)
    if where[0].size:
        layer.data_setitem(where, wanted[where])


def _colours(features: DataFrame, order: list[str]) -> DirectLabelColormap:
    """Colour cells by class, and leave out those of no class."""
    colours: Mapping[str, str] = {
        name: _PALETTE[i % len(_PALETTE)] for i, name in enumerate(order)
    }
    by_label: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    named = features[features["class"] != ""]
    for label, name in zip(named["index"], named["class"], strict=True):
        by_label[int(label)] = colours[name]
    return DirectLabelColormap(color_dict=by_label)
