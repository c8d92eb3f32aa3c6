"""Size, place and brightness of every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from skimage.util import map_array

from napari_iaunet.segmentation.image import as_planes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Pixels of a band of rows: at work, each takes some 60 bytes.
_BAND = 1 << 22


def measure(
    labels: NDArray[np.integer[Any]], image: Any, *, channel_axis: int | None = None
) -> dict[str, NDArray[Any]]:
    """Measure the cells of an image or of a stack.

    Parameters
    ----------
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        0 is background; a label belongs to one plane only.
    image : array_like
        What was segmented, as `as_planes` takes it.
    channel_axis : int, optional

    Returns
    -------
    dict of (N,) arrays, rows sorted by plane, then label
        ``label`` int64, ``plane`` int64 (stacks only: position in the
        flattened stack), ``y`` and ``x`` float64 (centroid in pixels),
        ``area`` int64 (pixels), ``mean_intensity`` float64 (over pixels and
        channels, NaN and infinities left out).
    """
    planes = as_planes(image, channel_axis)
    flat = np.asarray(labels).reshape(-1, *planes.plane_shape)
    rows = [_measure_plane(flat[i], planes.raw(i)) for i in range(len(planes))]
    table = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}
    if planes.shape:
        counts = [row["label"].size for row in rows]
        plane = np.repeat(np.arange(len(rows)), counts)
        table = {"label": table.pop("label"), "plane": plane, **table}
    return table


def _measure_plane(labels: NDArray[Any], raw: NDArray[Any]) -> dict[str, NDArray[Any]]:
    bands = list(row_bands(labels.shape))
    label_ids = np.unique(np.concatenate([np.unique(labels[rows]) for rows in bands]))
    label_ids = label_ids[label_ids != 0]
    parts = (_sum_band(labels, raw, rows, label_ids) for rows in bands)
    sums = next(parts)
    for part in parts:
        sums = CellSums._make(a + b for a, b in zip(sums, part, strict=True))
    return as_table(label_ids, sums)


def row_bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Rows of a plane (Y, X) that are looked at together, for memory's sake."""
    step = max(1, _BAND // max(shape[1], 1))
    for start in range(0, max(shape[0], 1), step):
        yield slice(start, start + step)


def _sum_band(
    labels: NDArray[Any],
    raw: NDArray[Any],
    rows: slice,
    label_ids: NDArray[np.integer[Any]],
) -> CellSums:
    y, x = np.nonzero(labels[rows])
    row = np.searchsorted(label_ids, labels[rows][y, x])
    sums = sum_over_cells(row, y, x, raw[:, rows], len(label_ids))
    return sums._replace(y=sums.y + sums.area * rows.start)


class CellSums(NamedTuple):
    """Sums over the pixels of N cells; those of a cell's parts can be added.

    Attributes
    ----------
    area : (N,) int64
        Pixels.
    y, x : (N,) float64
        Of their positions, in pixels.
    intensity : (N,) float64
        Over all channels, NaN and infinities left out.
    values : (N,) int64
        Number of values in that sum.
    """

    area: NDArray[np.int64]
    y: NDArray[np.float64]
    x: NDArray[np.float64]
    intensity: NDArray[np.float64]
    values: NDArray[np.int64]


def sum_over_cells(
    row: NDArray[np.integer[Any]],
    y: NDArray[np.integer[Any]],
    x: NDArray[np.integer[Any]],
    raw: NDArray[Any],
    count: int,
) -> CellSums:
    """Sum over the pixels of cells what tables are made from.

    Pixel i, at ``raw[:, y[i], x[i]]``, is one of cell ``row[i]``, 0..count - 1.
    """
    values = raw[:, y, x].astype(np.float64)
    usable = np.isfinite(values)
    return CellSums(
        area=np.bincount(row, minlength=count).astype(np.int64),
        y=sum_by(row, y, count),
        x=sum_by(row, x, count),
        intensity=sum_by(row, np.where(usable, values, 0.0).sum(axis=0), count),
        values=sum_by(row, usable.sum(axis=0), count).astype(np.int64),
    )


def as_table(
    label_ids: NDArray[np.integer[Any]], sums: CellSums
) -> dict[str, NDArray[Any]]:
    """Return the columns of `measure`, but for the plane."""
    mean = np.full(len(label_ids), np.nan)
    np.divide(sums.intensity, sums.values, out=mean, where=sums.values > 0)
    area = np.maximum(sums.area, 1)
    return {
        "label": label_ids.astype(np.int64),
        "y": sums.y / area,
        "x": sums.x / area,
        "area": sums.area,
        "mean_intensity": mean,
    }


def row_image(
    labels: NDArray[np.integer[Any]], label_ids: NDArray[np.integer[Any]]
) -> NDArray[np.int32]:
    """Replace labels by the row + 1 of each cell among label_ids (N,); 0 elsewhere."""
    # scikit-image takes neither another byte order nor what cannot be written to.
    native = np.require(labels, labels.dtype.newbyteorder("="), "W")
    rows = np.arange(1, len(label_ids) + 1, dtype=np.int32)
    image: NDArray[np.int32] = map_array(native, label_ids, rows)
    return image


def disc_area(diameter: float) -> float:
    """Area of a disc of a diameter: what is meant by the area of a usual cell."""
    return np.pi / 4 * diameter**2


def disc_diameters(areas: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Diameters of discs of areas in pixels, as what is meant by a cell's diameter."""
    return np.asarray(np.sqrt(4 * areas / np.pi), np.float64)


def median_diameter(areas: NDArray[np.integer[Any]]) -> float | None:
    """Median diameter, in pixels, of cells of these areas; None without cells.

    The areas, (N,) in pixels, are as ``numpy.bincount(labels.ravel())[1:]`` counts
    them; 0 is no cell.
    """
    areas = areas[areas > 0]
    return float(np.median(disc_diameters(areas))) if areas.size else None


def sum_by(
    row: NDArray[np.integer[Any]], values: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Sum the values of equal row: item i of (count,) is the sum of those of row i."""
    summed: NDArray[np.float64] = np.bincount(row, values, count).astype(np.float64)
    return summed
