"""Change cells of a Labels layer, each change one step of napari's undo.

Like `layers`, this module reads and writes layers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers import HELPER, OURS, pixels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.click_draft import View
    from napari_iaunet.plugin.edit_log import EditLog


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


class LabelsPlane:
    """The plane of a Labels layer that lies on a plane of an image.

    Parameters
    ----------
    log : EditLog
        Of the layer.
    index : tuple of int or slice
        The plane in the layer's data; slices for rows and columns.
    """

    def __init__(self, log: EditLog, index: tuple[int | slice, ...]) -> None:
        self.log, self.layer = log, log.layer
        self._index = index

    @property
    def labels(self) -> NDArray[np.integer]:
        """The plane's cells, (Y, X) int; not to be written to."""
        plane: NDArray[np.integer] = self.layer.data[self._index]
        return plane

    def at(self, point: tuple[float, float]) -> int:
        """Return the number of the cell at a point, 0 for none."""
        y, x = (round(p) for p in point)
        return int(self.labels[y, x])

    def box(
        self, corner: tuple[int, int], shape: tuple[int, ...]
    ) -> NDArray[np.integer]:
        """Return a copy of a part of the plane."""
        (y, x), (height, width) = corner, shape
        return self.labels[y : y + height, x : x + width].copy()

    def find(self, *numbers: int) -> tuple[tuple[int, int], NDArray[np.integer]] | None:
        """Return corner and copy of the smallest box that holds cells, if any."""
        held = self.labels == numbers[0]
        for number in numbers[1:]:  # np.isin takes ten times as long
            held |= self.labels == number
        rows, columns = (np.flatnonzero(held.any(axis)) for axis in (1, 0))
        if rows.size == 0:
            return None
        corner = (int(rows[0]), int(columns[0]))
        shape = (int(rows[-1]) + 1 - corner[0], int(columns[-1]) + 1 - corner[1])
        return corner, self.box(corner, shape)

    def write(self, corner: tuple[int, int], labels: NDArray[np.integer]) -> bool:
        """Write a part of the plane, as one step of undo; False if nothing changed.

        Raises
        ------
        ImageError
            If the layer is not to be edited.
        """
        if not self.layer.editable:
            msg = (
                f"The layer “{self.layer.name}” cannot be edited. Choose another layer."
            )
            raise ImageError(msg)
        rows, columns = np.nonzero(self.box(corner, labels.shape) != labels)
        if rows.size == 0:
            return False
        places = iter((rows + corner[0], columns + corner[1]))
        indices = tuple(
            next(places) if isinstance(i, slice) else np.full(rows.size, i)
            for i in self._index
        )
        self.log.write(indices, labels[rows, columns])
        return True


def lies_on(
    layer: Labels, image: Image, axes: Sequence[int], point: tuple[float, ...]
) -> bool:
    """Whether a layer can be written to, and its pixels are those of an image.

    Parameters
    ----------
    layer : Labels
    image : Image
    axes : sequence of int
        Rows and columns of the image.
    point : tuple of float
        Any place in the viewer.
    """
    return _place(layer, image, axes, point) is not None


def find_plane(
    log: EditLog, image: Image, axes: Sequence[int], view: View
) -> LabelsPlane | None:
    """Return the plane of a Labels layer that lies on an image's plane.

    None if there is no such plane, or the layer does not lie on the image.
    """
    place = _place(log.layer, image, axes, view.point)
    if place is None:
        return None
    inside = all(
        isinstance(i, slice) or 0 <= i < n
        for i, n in zip(place, log.layer.data.shape, strict=True)
    )
    return LabelsPlane(log, tuple(place)) if inside else None


def _place(
    layer: Labels, image: Image, axes: Sequence[int], at: tuple[float, ...]
) -> list[int | slice] | None:
    """Index of the plane that lies on an image's plane at a place of the viewer."""
    data = None if layer.multiscale else layer.data
    if not isinstance(data, np.ndarray) or not data.flags.writeable:
        return None
    own = [a - image.ndim + layer.ndim for a in axes]
    shape = [pixels_of(image).shape[a] for a in axes]
    if min(own) < 0 or [data.shape[a] for a in own] != shape:
        return None
    point = np.asarray(at, np.float64)
    position = np.asarray(image.world_to_data(point), np.float64)
    place = np.zeros(layer.ndim)
    for corner in ((0, 0), (0, shape[1] - 1), (shape[0] - 1, 0)):
        position[list(axes)] = corner
        point[-image.ndim :] = image.data_to_world(position)
        place = np.asarray(layer.world_to_data(point), np.float64)
        if not np.allclose(place[own], corner, atol=0.49, rtol=0):
            return None
    index: list[int | slice] = [round(float(p)) for p in place]
    for a in own:
        index[a] = slice(None)
    return index


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
