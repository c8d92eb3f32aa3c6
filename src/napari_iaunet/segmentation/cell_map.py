"""Described cells and where they lie: all that a search needs to show them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.properties import edge_pixels
from napari_iaunet.identity.thumbnails import Thumbnails
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.measure import measure, row_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.segmentation.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class CellMap(DescribedCells):
    """Described cells, their pixels, their pictures and what was measured of them.

    Attributes
    ----------
    index : (Y, X) or stack of planes, int32
        0 for background, else a cell's row + 1.
    edges : bool array like ``index``
        Pixels of cells next to another cell or to the background.
    table : dict of (N,) arrays
        ``label``, ``plane``, ``y``, ``x`` (of the plane that shows most of the cell),
        ``area`` and ``mean_intensity``.
    thumbnails : (N, S, S) or (N, S, S, 3) uint8
    """

    index: NDArray[np.int32]
    edges: NDArray[np.bool_]
    table: dict[str, NDArray[Any]]
    thumbnails: NDArray[np.uint8]

    def labels_of(
        self, chosen: NDArray[np.bool_], dtype: np.dtype[Any]
    ) -> NDArray[np.integer[Any]]:
        """Return a label image of some of the cells, with their own labels."""
        table = np.zeros(len(self) + 1, dtype)
        table[1:][chosen] = self.label_ids[chosen]
        labels: NDArray[np.integer[Any]] = table[self.index]
        return labels

    def are_of(self, labels: NDArray[np.integer[Any]]) -> bool:
        """Whether these are the cells of a label image, pixel for pixel."""
        if labels.size != self.index.size:
            return False
        table = np.concatenate([[0], self.label_ids])
        shape = (-1, *self.index.shape[-2:])
        planes = zip(self.index.reshape(shape), labels.reshape(shape), strict=True)
        return all(np.array_equal(table[a], np.maximum(b, 0)) for a, b in planes)


class ValuePerCell:
    """An image of a value for each cell, made when a plane of it is looked at.

    Parameters
    ----------
    index : int array
        0 for background, else a cell's row + 1.
    table : (N + 1,) array
        The values, that of the background first; may be changed.
    where : uint8 array, optional
        0 where it is as in the background, 1 where it is the cell's value; any other
        number is the value itself. May be changed.
    """

    def __init__(
        self,
        index: NDArray[np.int32],
        table: NDArray[Any],
        where: NDArray[np.uint8] | None = None,
    ) -> None:
        self._index, self.table, self.where = index, table, where
        self.shape, self.ndim, self.size = index.shape, index.ndim, index.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.table.dtype

    def __getitem__(self, key: Any) -> NDArray[Any]:
        values: NDArray[Any] = self.table[self._index[key]]
        if self.where is None:
            return values
        where = self.where[key]
        inside = np.where(where == 1, values, self.table[0])
        return np.where(where > 1, where.astype(values.dtype), inside)

    def __array__(
        self, dtype: np.dtype[Any] | None = None, copy: bool | None = None
    ) -> NDArray[Any]:
        return np.asarray(self[...], dtype)


def map_cells(
    segmenter: Segmenter,
    image: Any,
    labels: NDArray[np.integer[Any]],
    *,
    channel_axis: int | None = None,
    progress: Progress,
    nuclei: int | None = None,
    cells: int | Sequence[int] | None = None,
) -> CellMap:
    """Describe the cells of a label image, and find out what is needed to show them.

    Parameters are as for `Segmenter.describe`.
    """
    described = segmenter.describe(
        image,
        labels,
        channel_axis=channel_axis,
        progress=progress,
        nuclei=nuclei,
        cells=cells,
    )
    progress(1, 1)
    index = row_image(labels, described.label_ids)
    measured = measure(index, image, channel_axis=channel_axis)
    table = _one_row_each(measured, described.label_ids)
    planes = as_planes(image, channel_axis)
    length = np.exp(described.properties["size"][:, 1])
    thumbnails = Thumbnails(table["y"], table["x"], length, planes.n_channels == 3)
    for i, plane in enumerate(index.reshape(-1, *index.shape[-2:])):
        here = np.flatnonzero(table["plane"] == i)
        if here.size:
            progress(1, 1)
            thumbnails.cut(here, planes[i], plane)
    return CellMap(
        described.label_ids,
        described.embeddings,
        described.properties,
        index,
        edge_pixels(index),
        table,
        thumbnails.pixels,
        model=described.model,
    )


def _one_row_each(
    measured: dict[str, NDArray[Any]], label_ids: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    """Join the rows of cells that lie in several planes; they are labelled 1..N."""
    count = len(label_ids)
    row, area = measured["label"] - 1, measured["area"]
    order = np.lexsort((-area, row))
    largest = order[np.searchsorted(row[order], np.arange(count))]
    plane = measured.get("plane", np.zeros_like(row))
    total = np.bincount(row, area, minlength=count)
    light = np.bincount(row, area * measured["mean_intensity"], minlength=count)
    return {
        "label": label_ids,
        "plane": plane[largest],
        "y": measured["y"][largest],
        "x": measured["x"][largest],
        "area": total.astype(np.int64),
        "mean_intensity": light / np.maximum(total, 1),
    }
