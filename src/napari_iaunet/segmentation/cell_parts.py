"""What is measured of the part of a cell that lies in one tile, and how parts join."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.segmentation.measure import sum_by
from napari_iaunet.segmentation.runs import (
    convex_areas,
    find_runs,
    outline_lengths,
    row_ends,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.runs import Runs

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

# Pixels beyond a tile by which its outlines are known.
MARGIN = 2
# Cells whose hulls are found together: more take more memory, and hold up a window.
_AT_ONCE = 10_000


@dataclass(frozen=True)
class Parts:
    """Measures of N cells, or of parts of them, in pixels.

    Attributes
    ----------
    label : (N,) int64
    area : (N,) float64
    y, x : (N,) float64
        Means of the positions.
    yy, xx, yx : (N,) float64
        Sums of the products of the distances from these.
    outline, outline_um : (N,) float64
        Lengths of outline.
    values, mean, square, low, high : (N, C) float64
        Of each channel, NaN and infinities left out: number of values, mean, sum of
        the squared distances from it, minimum and maximum.
    """

    label: Ints
    area: Floats
    y: Floats
    x: Floats
    yy: Floats
    xx: Floats
    yx: Floats
    outline: Floats
    outline_um: Floats
    values: Floats
    mean: Floats
    square: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class RowEnds:
    """First and last column (R,) that a cell has in a row, by its label."""

    label: Ints
    y: Ints
    first: Ints
    last: Ints


def measure_part(
    around: NDArray[np.integer[Any]],
    raw: NDArray[Any],
    corner: tuple[int, int],
    pixel_size: tuple[float, float],
    *,
    outlines: bool = True,
) -> tuple[Parts, RowEnds]:
    """Measure what of cells lies in a tile.

    Parameters
    ----------
    around : (Y + 4, X + 4) int
        Labels of the tile and `MARGIN` pixels beyond it, 0 beyond the plane.
    raw : (C, Y, X) array
        The tile's pixels; no channels if none are to be measured.
    corner : (int, int)
        Row and column of the tile in its plane.
    pixel_size : (float, float)
        Height and width of a pixel.
    outlines : bool
        Whether outlines and the ends of rows are asked for; else they are 0 and none.
    """
    labels = np.ascontiguousarray(around[MARGIN:-MARGIN, MARGIN:-MARGIN])
    runs = find_runs(labels)
    label, row = np.unique(runs.values, return_inverse=True)
    own = runs.values != 0
    count, row = label.size, row.reshape(-1)
    places = _places(runs, row, count)
    lengths = np.zeros((2, count))
    if outlines:
        rows = np.repeat(row.astype(np.int32), runs.lengths)
        for k, size in enumerate(((1.0, 1.0), pixel_size)):
            place, length = outline_lengths(around, size)
            lengths[k] = sum_by(rows[place], length, count)
    light = [_light(channel, runs, row, count) for channel in raw]
    columns = np.array(light).reshape(len(light), 5, count).transpose(1, 2, 0)
    found = Parts(label.astype(np.int64), *places, *lengths, *columns)
    kept = _rows(found, label != 0)
    kept = _shifted(kept, corner)
    if not outlines:
        own = np.zeros_like(own)
    first = runs.x[own]
    cell, y, first, last = row_ends(
        row[own], runs.y[own], first, first + runs.lengths[own] - 1
    )
    ends = RowEnds(
        label[cell].astype(np.int64), y + corner[0], first + corner[1], last + corner[1]
    )
    return kept, ends


def _places(runs: Runs, row: Ints, count: int) -> list[Floats]:
    """Area, means and central sums of positions, from runs."""
    n = runs.lengths.astype(np.float64)
    y, x = runs.y.astype(np.float64), runs.x + (n - 1) / 2
    area = sum_by(row, n, count)
    mean_y, mean_x = (sum_by(row, n * place, count) / area for place in (y, x))
    y, x = y - mean_y[row], x - mean_x[row]
    # Within a run of n pixels, the squared distances from its middle sum up to this.
    along = n * (n * n - 1) / 12
    sums = [n * y * y, n * x * x + along, n * y * x]
    return [area, mean_y, mean_x, *(sum_by(row, s, count) for s in sums)]


def _light(
    channel: NDArray[Any], runs: Runs, row: Ints, count: int
) -> tuple[Floats, ...]:
    """Count, average and spread of a channel's values, and their extremes."""
    values = channel.ravel().astype(np.float64)
    begin, low, high = runs.starts, values, values
    number = runs.lengths.astype(np.float64)
    usable = np.isfinite(values) if channel.dtype.kind == "f" else np.array(True)
    if not usable.all():
        low, high = (np.where(usable, values, e) for e in (np.inf, -np.inf))
        values = np.where(usable, values, 0.0)
        number = np.add.reduceat(usable.astype(np.float64), begin)
    n = sum_by(row, number, count)
    mean = sum_by(row, np.add.reduceat(values, begin), count) / np.maximum(n, 1)
    away = values - np.repeat(mean[row], runs.lengths)
    if usable.ndim:
        away *= usable
    square = sum_by(row, np.add.reduceat(away * away, begin), count)
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, row, np.minimum.reduceat(low, begin))
    np.maximum.at(most, row, np.maximum.reduceat(high, begin))
    return n, mean, square, least, most


def _rows(parts: Parts, keep: NDArray[Any]) -> Parts:
    return Parts(*(getattr(parts, f.name)[keep] for f in fields(Parts)))


def _shifted(parts: Parts, corner: tuple[int, int]) -> Parts:
    values = {f.name: getattr(parts, f.name) for f in fields(Parts)}
    values["y"], values["x"] = parts.y + corner[0], parts.x + corner[1]
    return Parts(**values)


def join(parts: Sequence[Parts]) -> Parts:
    """Join the parts of each cell; sorted by label."""
    if len(parts) == 1:
        return parts[0]
    found = Parts(
        *(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Parts))
    )
    label, row = np.unique(found.label, return_inverse=True)
    count = label.size
    if count == row.size:
        return _rows(found, np.argsort(found.label))
    area, y, x = _joined_means(row, count, found.area, found.y, found.x)
    dy, dx, n = found.y - y[row], found.x - x[row], found.area
    sums = [
        found.yy + n * dy * dy,
        found.xx + n * dx * dx,
        found.yx + n * dy * dx,
        found.outline,
        found.outline_um,
    ]
    summed = [sum_by(row, s, count) for s in sums]
    channels = [_joined_light(found, k, row, count) for k in range(found.mean.shape[1])]
    light = np.array(channels).reshape(len(channels), 5, count).transpose(1, 2, 0)
    return Parts(label, area, y, x, *summed, *light)


def _joined_means(
    row: Ints, count: int, weight: Floats, *values: Floats
) -> list[Floats]:
    total = sum_by(row, weight, count)
    means = (
        sum_by(row, weight * v, count) / np.where(total > 0, total, 1) for v in values
    )
    return [total, *means]


def _joined_light(found: Parts, k: int, row: Ints, count: int) -> tuple[Floats, ...]:
    n, mean = found.values[:, k], found.mean[:, k]
    total, joined = _joined_means(row, count, n, mean)
    square = found.square[:, k] + n * (mean - joined[row]) ** 2
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, row, found.low[:, k])
    np.maximum.at(high, row, found.high[:, k])
    return total, joined, sum_by(row, square, count), low, high


def hull_areas(ends: Sequence[RowEnds], label: Ints) -> Ints:
    """Pixels in the convex hulls of the cells of these labels (N,), sorted."""
    known, y, first, last = (
        np.concatenate([getattr(e, f.name) for e in ends]) for f in fields(RowEnds)
    )
    cell = np.searchsorted(label, known)
    cell, y, first, last = row_ends(cell, y, first, last)
    areas = np.zeros(label.size, np.int64)
    for low in range(0, label.size, _AT_ONCE):
        high = min(low + _AT_ONCE, label.size)
        part = slice(*np.searchsorted(cell, (low, high)))
        areas[low:high] = convex_areas(
            cell[part] - low, y[part], first[part], last[part], high - low
        )
    return areas
