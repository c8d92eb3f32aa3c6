"""Write the cells of a part of a plane into a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers.features import LABEL_COLUMNS
from napari_iaunet.plugin.layers.find import pixels_of
from napari_iaunet.plugin.segment.large_job import LARGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.layers.undo import EditLog
    from napari_iaunet.plugin.segment.job import Cells
    from napari_iaunet.plugin.segment.part import Part

_CHANGED = (
    "The cells there have changed meanwhile, so they were left as they are. "
    "Press Segment again."
)


def put(log: EditLog, part: Part, cells: Cells) -> None:
    """Write the cells of a part into its layer, as one step of undo.

    Raises `ImageError` if the layer's cells there are no longer those that the new ones
    were fitted between, or if it cannot hold as many.
    """
    layer, target, before = log.layer, part.target, part.before
    if target is None or before is None or layer.data.shape != target.shape:
        raise ImageError(_CHANGED)
    plane = layer.data[target.index]
    if not np.array_equal(plane[part.seen], before):
        raise ImageError(_CHANGED)
    first, count = log.next_label_id(), len(cells.features)
    most = int(np.iinfo(layer.data.dtype).max)
    if first + count - 1 > most:
        msg = (
            f"The layer “{layer.name}” has no room for {count:,} more cells: its label "
            f"ids go up to {most:,}. Select another layer and press Segment again."
        )
        raise ImageError(msg)
    rows: dict[int, dict[str, Any] | None] = dict.fromkeys(cells.replaced)
    for row in cells.features.to_dict("records"):
        label_id = int(row["index"]) + first - 1
        given = dict.fromkeys(LABEL_COLUMNS, label_id)
        known = {str(name): value for name, value in row.items()}
        rows[label_id] = {**known, **given, "plane": part.plane}
    rows_at, columns_at, values = _changes(plane, part, cells, first)
    log.write(label_layers.in_plane(target.index, rows_at, columns_at), values)
    log.describe(rows)


def add_layer(
    viewer: napari.viewer.Viewer,
    source: Image,
    image: LayerImage,
    part: Part,
    cells: Cells,
    parameters: dict[str, Any],
) -> None:
    """Add a new layer with the cells of a part, as `write_labels` does.

    It covers the whole plane, so that cells of other parts can join them, or only what
    was seen of one that is too large for that.
    """
    _, axes = split_axes(source.ndim, image.layer_channel_axis)
    rows, columns = (int(pixels_of(source).shape[axis]) for axis in axes)
    labels, corner = cells.labels, part.corner
    if rows * columns <= LARGE:
        labels, corner = np.zeros((rows, columns), cells.labels.dtype), (0, 0)
        labels[part.seen] = cells.labels
    features = cells.features
    if image.plane:
        features = features.assign(plane=part.plane)
    label_layers.write_labels(
        viewer, source, image, labels, features, parameters, corner
    )


def _changes(
    plane: NDArray[np.integer[Any]], part: Part, cells: Cells, first: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.int64]]:
    """Return rows and columns of what changes in a plane, (P,), and what it becomes."""
    new = np.where(cells.labels > 0, cells.labels.astype(np.int64) + first - 1, 0)
    gone = np.isin(plane[part.seen], cells.replaced)
    y, x = np.nonzero((new > 0) | gone)
    beyond = _beyond(plane, part, cells.replaced)
    rows = np.concatenate([y + part.corner[0], beyond[0]])
    columns = np.concatenate([x + part.corner[1], beyond[1]])
    return rows, columns, np.concatenate([new[y, x], np.zeros_like(beyond[0])])


def _beyond(
    plane: NDArray[np.integer[Any]], part: Part, replaced: Sequence[int]
) -> tuple[NDArray[np.intp], ...]:
    """Return the pixels that replaced cells have outside of what was seen.

    Only cells at the edge of that have any, and the plane is searched only then.
    """
    before = plane[part.seen]
    edges = np.concatenate([before[0], before[-1], before[:, 0], before[:, -1]])
    cut = np.intersect1d(edges, replaced)
    if not cut.size:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    found = np.isin(plane, cut)
    found[part.seen] = False
    return np.nonzero(found)
