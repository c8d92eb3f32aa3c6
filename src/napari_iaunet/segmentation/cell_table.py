"""The table of all cells: place, size, shape, every channel, and the embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.identity.axes import leading_axes
from napari_iaunet.segmentation.cell_parts import (
    MARGIN,
    hull_areas,
    join,
    measure_part,
)
from napari_iaunet.segmentation.columns import (
    COLUMNS,
    EMBEDDING,
    INTENSITY,
    POSITION,
    SHAPE,
    SIZE,
    check_columns,
)
from napari_iaunet.segmentation.image import as_planes, channel_names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.segmentation.cell_parts import Parts
    from napari_iaunet.segmentation.image import Planes

    Table = dict[str, NDArray[Any]]

# Side, in pixels, of the tiles that are looked at one after the other: at work, each
# pixel takes some 60 bytes.
_TILE = 1024


@dataclass(frozen=True)
class _Wanted:
    columns: frozenset[str]
    pixel_size: tuple[float, float] | None
    channel_names: tuple[str, ...]

    @property
    def shapes(self) -> bool:
        return bool(self.columns & {SIZE, SHAPE})


def measure(
    labels: Any,
    image: Any = None,
    *,
    channel_axis: int | None = None,
    channel_names: Sequence[str] | None = None,
    pixel_size: float | tuple[float, float] | None = None,
) -> DataFrame:
    """Measure all cells of an image or of a stack: all of `measure_cells` as a frame.

    Parameters
    ----------
    labels, image, channel_axis, channel_names
        As for `measure_cells`.
    pixel_size : float or (float, float), optional
        Width, or height and width, of a pixel in micrometres.

    Returns
    -------
    pandas.DataFrame
        A row for each cell and plane. Columns are in pixels unless their names end in
        ``_um`` or ``_um2``, which they have where the pixel size is known.

    Raises
    ------
    ImageError
        As of `measure_cells`.
    """
    import pandas

    if pixel_size is None or isinstance(pixel_size, tuple):
        size = pixel_size
    else:
        size = (pixel_size, pixel_size)
    table = measure_cells(
        labels,
        image,
        channel_axis=channel_axis,
        channel_names=channel_names,
        pixel_size=size,
    )
    return pandas.DataFrame(table)


def measure_cells(
    labels: Any,
    image: Any = None,
    *,
    channel_axis: int | None = None,
    columns: Sequence[str] = COLUMNS,
    pixel_size: tuple[float, float] | None = None,
    channel_names: Sequence[str] | None = None,
    scores: NDArray[Any] | None = None,
    classes: Sequence[str] | None = None,
    embeddings: NDArray[Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Table:
    """Measure all cells of an image or of a stack, tile by tile.

    The numbers are those of `skimage.measure.regionprops`, with its names. Labels and
    image may be larger than memory: dask and zarr arrays are read tile by tile.

    Parameters
    ----------
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) array of int or bool
        0 is background. A label in several planes has a row for each.
    image : array_like, optional
        As `Segmenter.segment` takes it; without it there are no intensities.
    channel_axis : int, optional
        Axis of the channels, as for `Segmenter.segment`.
    columns : sequence of str
        Groups of `COLUMNS`: ``position``, ``size``, ``shape``, ``intensity`` and
        ``embedding``.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres. With it, lengths and areas stand in
        micrometres, too.
    channel_names : sequence of str, optional
        One for each channel.
    scores : (N,) array, optional
        For each label, in the order of the sorted labels.
    classes : sequence of N str, optional
        Likewise.
    embeddings : (N, D) array, optional
        Likewise; without them there are no columns of the embedding.
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.

    Returns
    -------
    dict of (rows,) arrays, sorted by plane, then label
        ``label``; ``plane`` (stacks only: position in the flattened stack), ``y``,
        ``x``; ``area``, ``perimeter``, ``axis_major_length``, ``axis_minor_length``;
        ``eccentricity``, ``solidity``; ``mean_intensity`` (over all channels) and
        ``mean_``, ``min_``, ``max_`` and ``std_`` of each channel, NaN and infinities
        left out; ``embedding_1`` ..., the leading principal axes; ``score``; ``class``.
        With a pixel size also ``y_um``, ``x_um``, ``area_um2``, ``perimeter_um``,
        ``axis_major_length_um``, ``axis_minor_length_um`` and ``eccentricity_um``,
        which differs from that in pixels where these are oblong.

    Raises
    ------
    ImageError
        If labels and image do not fit one another, or a group is unknown.
    """
    chosen = check_columns(columns)
    labels = _as_labels(labels)
    shape = tuple(int(n) for n in labels.shape)
    planes = None
    if image is not None and INTENSITY in chosen:
        planes = as_planes(image, channel_axis)
        if (*planes.shape, *planes.plane_shape) != shape:
            own = (*planes.shape, *planes.plane_shape)
            msg = f"The labels have the shape {shape}, the image {own}: they must fit."
            raise ImageError(msg)
    names = () if planes is None else channel_names_of(planes, channel_names)
    wanted = _Wanted(chosen, _checked_size(pixel_size), names)
    tables = list(_planes(labels, planes, wanted, progress))
    table = {key: np.concatenate([t[key] for t in tables]) for key in tables[0]}
    if len(shape) > 2 and POSITION in chosen:
        counts = [t["label"].size for t in tables]
        plane = np.repeat(np.arange(len(tables)), counts)
        table = {"label": table.pop("label"), "plane": plane, **table}
    return table | _of_labels(table["label"], chosen, scores, classes, embeddings)


def _checked_size(size: tuple[float, float] | None) -> tuple[float, float] | None:
    if size is None:
        return None
    height, width = map(float, size)
    if not (0 < height < np.inf and 0 < width < np.inf):
        msg = f"A pixel of {height:g} by {width:g} micrometres is none."
        raise ImageError(msg)
    return height, width


def _as_labels(labels: Any) -> Any:
    """Labels as something with a shape and a dtype, of whole numbers."""
    if not (hasattr(labels, "shape") and hasattr(labels, "dtype")):
        labels = np.asarray(labels)
    if np.dtype(labels.dtype).kind not in "bui" or not 2 <= len(labels.shape) <= 4:
        msg = (
            "Labels are whole numbers in one to three axes more than columns, but this "
            f"array has the shape {tuple(labels.shape)} and holds {labels.dtype}."
        )
        raise ImageError(msg)
    return labels


# -- tiles ---------------------------------------------------------------------------


def _planes(
    labels: Any,
    planes: Planes | None,
    wanted: _Wanted,
    progress: Callable[[int, int], None] | None,
) -> Iterator[Table]:
    stack, plane_shape = labels.shape[:-2], labels.shape[-2:]
    tiles = list(_tiles(plane_shape))
    count, done = int(np.prod(stack, dtype=int)), 0
    size = wanted.pixel_size or (1.0, 1.0)
    for i in range(count):
        found = []
        for rows, columns in tiles:
            at = tuple(map(int, np.unravel_index(i, stack))) if stack else ()
            around = _around(labels, at, rows, columns)
            part = around[MARGIN:-MARGIN, MARGIN:-MARGIN]
            raw = planes.raw(i, rows, columns) if planes else np.zeros((0, *part.shape))
            corner = rows.start, columns.start
            found.append(
                measure_part(around, raw, corner, size, outlines=wanted.shapes)
            )
            done += 1
            if progress:
                progress(done, count * len(tiles))
        cells = join([part for part, _ in found])
        hulls = (
            hull_areas([e for _, e in found], cells.label) if wanted.shapes else None
        )
        yield _as_columns(cells, hulls, wanted)


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    for top in range(0, shape[0], _TILE):
        for left in range(0, shape[1], _TILE):
            yield (
                slice(top, min(top + _TILE, shape[0])),
                slice(left, min(left + _TILE, shape[1])),
            )


def _around(
    labels: Any, at: tuple[int, ...], rows: slice, columns: slice
) -> NDArray[np.integer[Any]]:
    """Labels of a tile and of its margin, 0 beyond the plane."""
    beyond, inner = [], []
    for part, length in zip((rows, columns), labels.shape[-2:], strict=True):
        low, high = max(part.start - MARGIN, 0), min(part.stop + MARGIN, length)
        inner.append(slice(low, high))
        beyond.append((MARGIN - part.start + low, MARGIN - high + part.stop))
    tile = np.asarray(labels[(*at, *inner)])
    kind = np.uint8 if tile.dtype == bool else tile.dtype.newbyteorder("=")
    return np.pad(tile.astype(kind, copy=False), beyond)


# -- columns -------------------------------------------------------------------------


def _as_columns(
    cells: Parts, hulls: NDArray[np.int64] | None, wanted: _Wanted
) -> Table:
    table: Table = {"label": cells.label}
    height, width = wanted.pixel_size or (1.0, 1.0)
    micrometres = wanted.pixel_size is not None
    if POSITION in wanted.columns:
        table |= {"y": cells.y, "x": cells.x}
        if micrometres:
            table |= {"y_um": cells.y * height, "x_um": cells.x * width}
    if SIZE in wanted.columns:
        table["area"] = np.rint(cells.area).astype(np.int64)
        table["perimeter"] = cells.outline
        table |= _axes(cells, (1.0, 1.0), "")
        if micrometres:
            table["area_um2"] = cells.area * height * width
            table["perimeter_um"] = cells.outline_um
            table |= _axes(cells, (height, width), "_um")
    if hulls is not None and SHAPE in wanted.columns:
        table["eccentricity"] = _eccentricity(cells, (1.0, 1.0))
        table["solidity"] = cells.area / hulls
        if micrometres:
            table["eccentricity_um"] = _eccentricity(cells, (height, width))
    if INTENSITY in wanted.columns and wanted.channel_names:
        table |= _intensities(cells, wanted.channel_names)
    return table


def _variances(
    cells: Parts, size: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variances (N,) along the long and the short axis of each cell."""
    height, width = size
    yy, xx = cells.yy / cells.area * height**2, cells.xx / cells.area * width**2
    yx = cells.yx / cells.area * height * width
    middle, half = (yy + xx) / 2, np.hypot((yy - xx) / 2, yx)
    # Cells of one row or column have no width, whatever is rounded.
    least = np.where(middle - half > 1e-12 * middle, middle - half, 0.0)
    return middle + half, least


def _axes(cells: Parts, size: tuple[float, float], unit: str) -> Table:
    longest, shortest = _variances(cells, size)
    return {
        f"axis_major_length{unit}": 4 * np.sqrt(longest),
        f"axis_minor_length{unit}": 4 * np.sqrt(shortest),
    }


def _eccentricity(cells: Parts, size: tuple[float, float]) -> NDArray[np.float64]:
    longest, shortest = _variances(cells, size)
    ratio = shortest / np.where(longest > 0, longest, 1.0)
    return np.where(longest > 0, np.sqrt(1 - ratio), 0.0)


def _intensities(cells: Parts, names: tuple[str, ...]) -> Table:
    known = cells.values > 0
    mean = np.where(known, cells.mean, np.nan)
    n = cells.values.sum(axis=1)
    overall = (cells.values * cells.mean).sum(axis=1) / np.maximum(n, 1)
    spread = np.sqrt(cells.square / np.maximum(cells.values, 1))
    table: Table = {"mean_intensity": np.where(n > 0, overall, np.nan)}
    for k, name in enumerate(names):
        measured = {"mean": mean, "min": cells.low, "max": cells.high, "std": spread}
        for key, values in measured.items():
            column = np.where(known[:, k], values[:, k], np.nan)
            table[f"{key}_{name}"] = column
    return table


def _of_labels(
    label: NDArray[np.int64],
    chosen: frozenset[str],
    scores: NDArray[Any] | None,
    classes: Sequence[str] | None,
    embeddings: NDArray[Any] | None,
) -> Table:
    """Columns of what is known of each label, wherever it lies."""
    label_ids, row = np.unique(label, return_inverse=True)

    def spread(values: Any, what: str) -> NDArray[Any]:
        known = np.asarray(values)
        if len(known) != label_ids.size:
            msg = f"There are {len(known)} {what} for {label_ids.size} labels."
            raise ImageError(msg)
        return known[row]

    table: Table = {}
    if embeddings is not None and EMBEDDING in chosen:
        axes = leading_axes(spread(embeddings, "embeddings"))
        table |= {f"embedding_{k + 1}": axis for k, axis in enumerate(axes.T)}
    if scores is not None:
        table["score"] = spread(scores, "scores")
    if classes is not None:
        table["class"] = spread(classes, "classes")
    return table
