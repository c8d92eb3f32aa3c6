"""Size, place and brightness of every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.identity.properties import area_and_centroid
from napari_iaunet.segmentation.image import as_planes

if TYPE_CHECKING:
    from numpy.typing import NDArray


def measure(
    labels: NDArray[np.integer[Any]], image: Any, *, channel_axis: int | None = None
) -> dict[str, NDArray[Any]]:
    """Measure the cells of an image or of a stack.

    Parameters
    ----------
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        0 is background; a label belongs to one plane only.
    image : array-like
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
    y, x = np.nonzero(labels)
    names, index = np.unique(labels[y, x], return_inverse=True)
    area, centroid = area_and_centroid(index, y, x, names.size)
    values = raw[:, y, x].astype(np.float64)
    usable = np.isfinite(values)
    values = np.where(usable, values, 0.0).sum(axis=0)
    count = np.bincount(index, usable.sum(axis=0), minlength=names.size)
    total = np.bincount(index, values, minlength=names.size)
    mean = np.full(names.size, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return {
        "label": names.astype(np.int64),
        "y": centroid[:, 0],
        "x": centroid[:, 1],
        "area": area.astype(np.int64),
        "mean_intensity": mean,
    }


def disc_area(diameter: float) -> float:
    """Area of a disc of a diameter: what is meant by the area of a usual cell."""
    return np.pi / 4 * diameter**2


def disc_diameters(areas: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Diameters of discs of areas in pixels, as what is meant by a cell's diameter."""
    return np.asarray(np.sqrt(4 * areas / np.pi), np.float64)


def median_diameter(areas: NDArray[np.integer[Any]]) -> float | None:
    """Median diameter, in pixels, of cells of these areas.

    Parameters
    ----------
    areas : (N,) integer array
        In pixels, as ``numpy.bincount(labels.ravel())[1:]`` counts them; 0 is no cell.

    Returns
    -------
    float or None
        None without cells.
    """
    areas = areas[areas > 0]
    return float(np.median(disc_diameters(areas))) if areas.size else None


def sums(
    index: NDArray[np.integer[Any]], values: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Sum the values of equal index; item i is the sum of those of index i."""
    summed: NDArray[np.float64] = np.bincount(index, values, count).astype(np.float64)
    return summed
