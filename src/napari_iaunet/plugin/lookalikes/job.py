"""What runs in the worker thread when cells are to be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.identity.properties import measure_properties
from napari_iaunet.plugin.lookalikes.thumbnails import Thumbnails
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.measure import measure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.cells_on_image import CellSource
    from napari_iaunet.segmentation.image import Planes

    Progress = Callable[[int, int], None]

# The longest list of labels that is looked up directly.
_LONG = 1 << 24
_SHARE = 1000


@dataclass(frozen=True, eq=False)
class DescribedCells:
    """All that is known of the cells of a Labels layer; row i belongs to a cell.

    Attributes
    ----------
    names : (N,) int64
        The cells' labels, sorted.
    index : (Y, X) or stack of planes, int32
        0 for background, else a cell's row + 1.
    edges : bool array like ``index``
        Pixels of cells next to another cell or to the background.
    embeddings : (N, D) float32
    properties : dict of (N, D) float32
        As `measure_properties` gives them.
    table : dict of (N,) arrays
        ``plane``, ``y``, ``x`` (of the largest section), ``area`` and
        ``mean_intensity``.
    thumbnails : (N, S, S) or (N, S, S, 3) uint8
    """

    names: NDArray[np.int64]
    index: NDArray[np.int32]
    edges: NDArray[np.bool_]
    embeddings: NDArray[np.float32]
    properties: dict[str, NDArray[np.float32]]
    table: dict[str, NDArray[Any]]
    thumbnails: NDArray[np.uint8]

    def row(self, label: int) -> int | None:
        """Return the row of a label; None if there is no such cell."""
        row = int(np.searchsorted(self.names, label))
        found = row < len(self.names) and int(self.names[row]) == label
        return row if found else None

    def labels_of(
        self, chosen: NDArray[np.bool_], dtype: np.dtype[Any]
    ) -> NDArray[np.integer[Any]]:
        """Return a label image of some of the cells, with their own labels."""
        table = np.zeros(len(self.names) + 1, dtype)
        table[1:][chosen] = self.names[chosen]
        labels: NDArray[np.integer[Any]] = table[self.index]
        return labels

    def are_of(self, labels: NDArray[np.integer[Any]]) -> bool:
        """Whether these are the cells of a label image, pixel for pixel."""
        if labels.size != self.index.size:
            return False
        table = np.concatenate([[0], self.names])
        shape = (-1, *self.index.shape[-2:])
        planes = zip(self.index.reshape(shape), labels.reshape(shape), strict=True)
        return all(np.array_equal(table[a], np.maximum(b, 0)) for a, b in planes)


def describe_cells(
    segmenters: Segmenters,
    sources: Sequence[CellSource],
    *,
    model: str,
    device: str,
    progress: Progress,
) -> list[DescribedCells]:
    """Describe the cells of one or several images.

    Parameters
    ----------
    segmenters : Segmenters
    sources : sequence of CellSource
    model, device : str
    progress : callable
        Called as ``progress(done, total)``; raising in it stops the work.
    """
    segmenter = segmenters.get(model, device)
    total = _SHARE * len(sources)
    found = []
    for i, source in enumerate(sources):

        def step(done: int, of: int, before: int = i) -> None:
            progress(before * _SHARE + _SHARE * done // max(of, 1), total)

        step(0, 1)
        found.append(_describe(segmenter, source, step))
    return found


def _describe(segmenter: Any, source: CellSource, progress: Progress) -> DescribedCells:
    image, labels = source.image, np.asarray(source.labels)
    if labels.dtype.kind == "i":
        labels = np.maximum(labels, 0)
    names = np.unique(labels[labels > 0]).astype(np.int64)
    index = _index(labels, names)
    planes = as_planes(image.array, image.channel_axis)
    embeddings = segmenter.embed(
        image.array, labels, channel_axis=image.channel_axis, progress=progress
    )
    progress(1, 1)
    measured = measure(labels, image.array, channel_axis=image.channel_axis)
    table = _one_row_each(measured, names)
    numbers = np.arange(1, len(names) + 1)
    properties = measure_properties(_planes(planes, index), numbers)
    progress(1, 1)
    length = np.exp(properties["size"][:, 1])
    coloured = planes.n_channels == 3
    thumbnails = Thumbnails(table["y"], table["x"], length, coloured)
    for i, plane in enumerate(_flat(index)):
        rows = np.flatnonzero(table["plane"] == i)
        if rows.size:
            progress(1, 1)
            thumbnails.cut(rows, planes[i], plane)
    return DescribedCells(
        names, index, _edges(index), embeddings, properties, table, thumbnails.pixels
    )


def _index(
    labels: NDArray[np.integer[Any]], names: NDArray[np.int64]
) -> NDArray[np.int32]:
    """Rows of the cells + 1, where they are."""
    rows = np.arange(1, len(names) + 1, dtype=np.int32)
    if names.size and names[-1] >= _LONG:
        index = np.zeros(labels.shape, np.int32)
        inside = labels > 0
        index[inside] = rows[np.searchsorted(names, labels[inside])]
        return index
    table = np.zeros(int(names[-1]) + 1 if names.size else 1, np.int32)
    table[names] = rows
    found: NDArray[np.int32] = table[labels]
    return found


def _edges(index: NDArray[np.int32]) -> NDArray[np.bool_]:
    edges = np.zeros(index.shape, bool)
    for axis in (-1, -2):
        here, there = (np.moveaxis(a, axis, 0) for a in (index, edges))
        differs = here[1:] != here[:-1]
        there[1:] |= differs
        there[:-1] |= differs
    return edges & (index > 0)


def _flat(index: NDArray[np.int32]) -> NDArray[np.int32]:
    return index.reshape(-1, *index.shape[-2:])


def _planes(
    planes: Planes, index: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[Any]]]:
    for i, plane in enumerate(_flat(index)):
        if i == 0 or plane.any():
            yield plane, planes.raw(i)


def _one_row_each(
    measured: dict[str, NDArray[Any]], names: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Join the sections of cells that lie in several planes."""
    row, area = np.searchsorted(names, measured["label"]), measured["area"]
    order = np.lexsort((-area, row))
    largest = order[np.searchsorted(row[order], np.arange(len(names)))]
    plane = measured.get("plane", np.zeros_like(row))
    total = np.bincount(row, area, minlength=len(names))
    light = np.bincount(row, area * measured["mean_intensity"], minlength=len(names))
    return {
        "plane": plane[largest].astype(np.int64),
        "y": measured["y"][largest],
        "x": measured["x"][largest],
        "area": total.astype(np.int64),
        "mean_intensity": light / np.maximum(total, 1),
    }
