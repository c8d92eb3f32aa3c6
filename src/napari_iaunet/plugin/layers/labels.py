"""Write Labels layers, and keep the tables of our own up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.plugin.layers.find import OURS
from napari_iaunet.plugin.layers.geometry import added_axes, placement

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.geometry import LayerImage

# What our own layers are called in the metadata of the layer that they were made of.
CLASSES_OF, FOUND_IN = "classes_of", "found_in"


def write_labels(
    viewer: napari.viewer.Viewer,
    layer: Image,
    image: LayerImage,
    labels: NDArray[np.integer[Any]],
    features: Any,
    parameters: dict[str, Any],
) -> Labels:
    """Add the cells of ``layer`` as a new Labels layer that lies on it.

    Parameters
    ----------
    viewer : Viewer
    layer : Image
        The layer, or the first of the layers, that ``image`` was read from.
    image : LayerImage
    labels : (Y, X) or (T or Z, Y, X) or (T, Z, Y, X) int
    features : DataFrame
        A row for each cell; column ``index`` is the label.
    parameters : dict
        How the cells were found; kept in ``metadata["napari_iaunet"]``.
    """
    return viewer.add_labels(
        np.expand_dims(labels, added_axes(layer, image)),
        features=features,
        metadata={OURS: parameters},
        **options_of_labels(layer, image),
    )


def options_of_labels(layer: Image, image: LayerImage) -> dict[str, Any]:
    """Name and place of a Labels layer with the cells of an image."""
    where = ", ".join(str(i) for i in image.plane or ())
    name = f"{layer.name} cells" + (f" [{where}]" if where else "")
    return {"name": name, **placement(layer, image)}


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


def is_extracted(layer: Labels) -> bool:
    """Whether a layer holds cells that were found in another one."""
    return FOUND_IN in layer.metadata.get(OURS, {})


def is_of_classes(layer: Labels) -> bool:
    """Whether a layer is one of our layers of classes."""
    return CLASSES_OF in layer.metadata.get(OURS, {})
