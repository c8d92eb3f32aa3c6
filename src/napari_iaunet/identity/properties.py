"""Measured properties of cells, and how they join their embeddings.

Every property becomes an angle, so that two cells resemble each other in it the
less, the more they differ, and the cosine stays the one measure of likeness.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

APPEARANCE = "appearance"
# What counts for likeness, in the order in which it is shown, and how much: chosen
# on blood smears, whose types trained nothing, by one example and by eight and eight.
DEFAULT_WEIGHTS = {
    APPEARANCE: 1.0,
    "colour": 0.1,
    "size": 0.25,
    "shape": 0.25,
    "intensity": 0.1,
}

# Cells further from the mean, in standard deviations, count as equally far; the
# full range is half a turn, from like to opposite. If it were larger, all but outliers
# would seem alike; if smaller, many would seem to be opposites.
_FAR = 3.0
# Sums, lengths and relative spreads below this count as zero.
_TINY = 1e-9
_AXIAL = ((0, 1), (0, -1), (1, 0), (-1, 0))
_DIAGONAL = ((1, 1), (1, -1), (-1, 1), (-1, -1))


def measure_properties(
    planes: Iterable[tuple[NDArray[np.integer[Any]], NDArray[Any]]],
    label_ids: NDArray[np.integer[Any]],
) -> dict[str, NDArray[np.float32]]:
    """Measure size, shape, colour and intensity of every cell.

    Parameters
    ----------
    planes : iterable of (labels, image)
        (Y, X) int, 0 is background, and (C, Y, X) of any real dtype; NaN and
        infinities are left out.
    label_ids : (N,) int
        All labels above 0, sorted. A label in several planes gets the mean
        over these, weighted by area.

    Returns
    -------
    dict of (N, D) float32
        ``size``: logarithms of area, major and minor axis in pixels. ``shape``:
        eccentricity, logarithm of the aspect ratio, circularity, and the share of
        the ellipse of equal moments that the area fills. ``colour``: share of each
        channel in the sum of all; no columns for a single channel. ``intensity``:
        mean, standard deviation, minimum and maximum of the mean of the channels.
    """
    total: dict[str, NDArray[np.float64]] = {}
    weight = np.zeros((len(label_ids), 1))
    for labels, image in planes:
        y, x = np.nonzero(labels)
        row = np.searchsorted(label_ids, labels[y, x])
        area, centroid = area_and_centroid(row, y, x, len(label_ids))
        found = {
            **_outline(labels, row, y, x, area, centroid),
            **_light(image[:, y, x], row, len(label_ids)),
        }
        for key, values in found.items():
            weighted = np.where(area[:, None] > 0, values * area[:, None], 0.0)
            total[key] = total.get(key, 0.0) + weighted
        weight += area[:, None]
    return {
        key: (values / np.maximum(weight, 1)).astype(np.float32)
        for key, values in total.items()
    }


def area_and_centroid(
    row: NDArray[np.integer[Any]],
    y: NDArray[np.integer[Any]],
    x: NDArray[np.integer[Any]],
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Area (N,) and centroid (N, 2), (y, x), of `count` cells from their pixels.

    Pixel i, at (y[i], x[i]), is one of cell ``row[i]``.
    """
    area = np.bincount(row, minlength=count).astype(np.float64)
    sums = np.stack([np.bincount(row, place, count) for place in (y, x)], 1)
    return area, sums / np.maximum(area, 1)[:, None]


def _outline(
    labels: NDArray[np.integer[Any]],
    row: NDArray[np.int64],
    y: NDArray[np.int64],
    x: NDArray[np.int64],
    area: NDArray[np.float64],
    centroid: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Size and shape, from moments and the number of borders between pixels."""
    count = np.maximum(area, 1)
    dy, dx = y - centroid[row, 0], x - centroid[row, 1]
    # A pixel is a square, not a point: 1/12 is the variance along its side.
    yy, xx, xy = (
        np.bincount(row, product, minlength=area.size) / count + extra
        for product, extra in ((dy * dy, 1 / 12), (dx * dx, 1 / 12), (dy * dx, 0.0))
    )
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, xy)
    major = 4 * np.sqrt(middle + half)
    minor = 4 * np.sqrt(np.maximum(middle - half, 1 / 48))
    perimeter = _perimeter(labels, row, y, x, area.size)
    size = np.stack([np.log(count), np.log(major), np.log(minor)], 1)
    shape = np.stack(
        [
            np.sqrt(np.maximum(1 - (minor / major) ** 2, 0)),
            np.log(major / minor),
            4 * np.pi * area / np.maximum(perimeter, 1) ** 2,
            area / (np.pi / 4 * major * minor),
        ],
        1,
    )
    return {"size": size, "shape": shape}


def _perimeter(
    labels: NDArray[np.integer[Any]],
    row: NDArray[np.int64],
    y: NDArray[np.int64],
    x: NDArray[np.int64],
    count: int,
) -> NDArray[np.float64]:
    """Length of outlines, from their crossings with lines in four directions.

    By Cauchy and Crofton it is pi times the mean width, so hardly depends on how
    the cell is turned. Diagonal lines lie closer by the root of two.
    """
    padded = np.pad(labels, 1)
    own = labels[y, x]
    crossings = np.zeros(y.size, np.float32)
    for steps, spacing in ((_AXIAL, 1.0), (_DIAGONAL, 0.5**0.5)):
        for down, right in steps:
            differs = padded[y + (1 + down), x + (1 + right)] != own
            crossings += np.float32(spacing) * differs
    length = np.bincount(row, crossings, minlength=count) * (np.pi / 8)
    return np.asarray(length, np.float64)


def _light(
    values: NDArray[Any], row: NDArray[np.int64], count: int
) -> dict[str, NDArray[np.float64]]:
    """Colour and intensity, from the values of the cells' pixels, (C, P)."""
    values = values.astype(np.float64)
    usable = np.isfinite(values)
    if not usable.all():
        values = np.where(usable, values, 0.0)
    pixels = np.stack([np.bincount(row, u, minlength=count) for u in usable], 1)
    sums = np.stack([np.bincount(row, v, minlength=count) for v in values], 1)
    means = sums / np.maximum(pixels, 1)
    gray, known = values.mean(axis=0), usable.all(axis=0)
    row, gray = row[known], gray[known]
    n = np.maximum(np.bincount(row, minlength=count), 1)
    mean = np.bincount(row, gray, minlength=count) / n
    square = np.bincount(row, (gray - mean[row]) ** 2, minlength=count) / n
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, row, gray)
    np.maximum.at(high, row, gray)
    low, high = (np.where(np.isfinite(e), e, mean) for e in (low, high))
    share = means / np.maximum(np.abs(means).sum(axis=1, keepdims=True), _TINY)
    return {
        "colour": share if len(values) > 1 else share[:, :0],
        "intensity": np.stack([mean, np.sqrt(square), low, high], 1),
    }


def edge_pixels(labels: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Find the pixels of cells (..., Y, X) next to another cell or to the background.

    The border of the image is no edge.
    """
    edges = np.zeros(labels.shape, bool)
    for axis in (-1, -2):
        here, there = (np.moveaxis(a, axis, 0) for a in (labels, edges))
        differs = here[1:] != here[:-1]
        there[1:] |= differs
        there[:-1] |= differs
    return edges & (labels > 0)


def as_angles(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Turn properties into unit vectors whose cosine falls as they differ.

    Each property is standardised over all cells given, and becomes an angle; the
    cosine of two cells is the mean of the cosines of their angles' differences. Values
    (N, D) become (N, 2 * D) float32.
    """
    values = np.asarray(values, np.float64)
    if not values.size:
        return np.zeros((len(values), 0), np.float32)
    away, spread = values - values.mean(axis=0), values.std(axis=0)
    usable = spread > _TINY * np.maximum(np.abs(values).max(axis=0), _TINY)
    away = np.where(usable, away / np.where(usable, spread, 1.0), 0.0)
    angle = np.clip(away, -_FAR, _FAR) * (np.pi / 2 / _FAR)
    turned = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    return np.asarray(turned / np.sqrt(values.shape[1]), np.float32)


def combine(
    groups: Mapping[str, NDArray[np.floating[Any]]], weights: Mapping[str, float]
) -> NDArray[np.float32]:
    """Join groups (N, D_g) of unit vectors; the cosine becomes their weighted mean.

    Weights are zero or more. A group without one, or without columns, is left out; if
    none is left, that is an ImageError. Returns (N, sum of D_g), rows of unit length.
    """
    used = {
        key: float(weights.get(key, 0.0))
        for key, values in groups.items()
        if values.shape[1] and weights.get(key, 0.0) > 0
    }
    if not used:
        raise ImageError(
            "Nothing counts: give something that these images have more weight than "
            "zero."
        )
    parts = [_unit(groups[key]) * np.float32(used[key] ** 0.5) for key in used]
    return _unit(np.concatenate(parts, axis=1))


def _unit(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    values = np.asarray(values, np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(length, np.float32(_TINY)))
