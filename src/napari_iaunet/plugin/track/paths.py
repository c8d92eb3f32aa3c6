"""The Tracks layer of edited cells: found, and kept as the cells' tracks are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Tracks

from napari_iaunet.plugin.layers.find import OURS, list_layers

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.tracking.detections import Detections
    from napari_iaunet.tracking.editing import EditedTracks, Graph

# A Tracks layer belongs to cells if so many of its points lie on one of them with the
# same id: by chance few do, and programs that fill gaps put points where no cell is.
_SHARE = 0.5
_SLACK = 1.0  # pixels around the box of a cell in which its point may lie


class Paths:
    """A Tracks layer, and which cell each of its points stands for.

    ``axis`` is that of the frames in the layer of cells.
    """

    def __init__(
        self, layer: Tracks, labels: Labels, axis: int, cells: Detections
    ) -> None:
        self.layer, self._axis = layer, axis
        self._to_cells = _affine_between(layer, labels)
        self._to_points = np.linalg.inv(self._to_cells)
        self._rows = np.zeros(0, np.intp)
        # napari sorts features as it sorted the points that were set last.
        self._is_sorted = False
        self.share = self.bind(cells)

    def bind(self, cells: Detections) -> float:
        """Find the cell of each point; return the share of points that lie on one.

        A point in a gap, where its cell is not seen, goes with the cell before.
        """
        data = self.layer.data
        place = np.c_[data[:, 1:], np.ones(len(data))] @ self._to_cells[:-1].T
        frame = np.rint(place[:, self._axis]).astype(np.int64)
        order = np.lexsort((cells.frame, cells.track))
        known = _keys(cells.track[order], cells.frame[order])
        keys = _keys(data[:, 0].astype(np.int64), frame)
        if not len(order) or not len(keys):
            self._rows = np.full(len(keys), -1)
            return 0.0
        found = np.searchsorted(known, keys, side="right") - 1
        rows = order[np.maximum(found, 0)]
        same = (found >= 0) & (cells.track[rows] == data[:, 0])
        exact = same & (cells.frame[rows] == frame)
        self._rows = np.where(same, rows, -1)
        self._exact = exact
        box, point = cells.box[rows], place[:, -2:]
        inside = (point >= box[:, :2] - _SLACK) & (point <= box[:, 2:] + _SLACK)
        return float((exact & inside.all(1)).mean())

    def columns(self, cells: Detections) -> dict[str, NDArray[np.float64]]:
        """Return the numbers of the layer's features for each cell, 0 where none is."""
        found = {}
        for name, given in self.layer.features.select_dtypes("number").items():
            values = np.zeros(len(cells.track))
            values[self._rows[self._exact]] = given.to_numpy(np.float64)[self._exact]
            found[str(name)] = values
        return found

    def write(self, tracks: EditedTracks, columns: dict[str, NDArray[Any]]) -> None:
        """Let the layer show the tracks as they are, with columns for all cells."""
        layer, cells = self.layer, tracks.cells
        data, table = self._points(cells)
        rows = self._rows
        data[rows >= 0, 0] = cells.track[rows[rows >= 0]]
        order = np.lexsort((data[:, 1], data[:, 0]))  # as the layer sorts them
        data, rows = data[order], rows[order]
        table, self._exact = table.iloc[order], self._exact[order]
        self._rows = rows
        table = table.reset_index(drop=True).drop(columns="track_id", errors="ignore")
        for name, values in columns.items():
            table[name] = np.where(self._exact, values[np.maximum(rows, 0)], 0.0)
        if not self._is_sorted or not np.array_equal(data, layer.data):
            self._is_sorted = True
            coloured_by, layer.color_by = layer.color_by, "track_id"
            layer.data = data
            layer.features = table
            if coloured_by in layer.features:
                layer.color_by = coloured_by
        elif columns:
            layer.features = table
        layer.graph = _known(tracks.graph, data)

    def _points(self, cells: Detections) -> tuple[NDArray[np.float64], DataFrame]:
        """Return the points and their features, one for each cell at least.

        Cells that were drawn since get one; in a layer of ours, a cell that is gone
        takes its point along.
        """
        data, table = np.array(self.layer.data, np.float64), self.layer.features
        if OURS in self.layer.metadata and not self._exact.all():
            data, table = data[self._exact], table[self._exact]
            self._rows = self._rows[self._exact]
            self._exact = self._exact[self._exact]
        has_point = np.zeros(len(cells.track), bool)
        has_point[self._rows[self._exact]] = True
        new = np.flatnonzero(~has_point)
        if new.size:
            place = np.zeros((len(new), self.layer.ndim + 1))
            place[:, self._axis] = cells.frame[new]
            place[:, -3:-1], place[:, -1] = cells.centre[new], 1
            points = place @ self._to_points[:-1].T
            data = np.vstack([data, np.c_[cells.track[new], points]])
            table = table.reindex(range(len(data)), fill_value=0)
            self._rows = np.concatenate([self._rows, new])
            self._exact = np.concatenate([self._exact, np.ones(len(new), bool)])
        return data, table


def find_paths(
    viewer: napari.viewer.Viewer, labels: Labels, axis: int, cells: Detections
) -> Paths | None:
    """Return the Tracks layer that belongs to cells, the topmost; None without one."""
    for layer in reversed(list_layers(viewer, Tracks)):
        if layer.ndim == labels.ndim and len(layer.data):
            paths = Paths(layer, labels, axis, cells)
            if paths.share > _SHARE:
                return paths
    return None


def _keys(track: NDArray[np.int64], frame: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return numbers that sort by track, then by frame."""
    return track * (1 << 24) + frame


def _affine_between(layer: Tracks, labels: Labels) -> NDArray[np.float64]:
    """Return what brings points (D + 1,) of one layer to the pixels of another."""
    ndim = labels.ndim

    def moved(place: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(labels.world_to_data(layer.data_to_world(place)), np.float64)

    matrix = np.eye(ndim + 1)
    matrix[:-1, -1] = origin = moved(np.zeros(ndim))
    for axis, step in enumerate(np.eye(ndim)):
        matrix[:-1, axis] = moved(step) - origin
    return matrix


def _known(graph: Graph, data: NDArray[np.float64]) -> dict[int, list[int]]:
    """Return the divisions of tracks that the layer has, as it takes them."""
    names = set(np.unique(data[:, 0]).astype(np.int64).tolist())
    return {
        daughter: list(mothers)
        for daughter, mothers in graph.items()
        if {daughter, *mothers} <= names
    }
