"""Which images a TIFF holds."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

# What scanners of slides keep beside the image itself.
_BESIDE_SLIDES = {"label", "macro", "map", "thumbnail", "probability"}
# Rows and columns of a page, in the middle, by which it is known as a smaller copy of
# another one: how alike both must be, and how far their brightness may differ, as part
# of its standard deviation.
_COMPARED, _ALIKE, _BRIGHTER = 512, 0.9, 0.2


def images_of(tif: Any) -> list[list[Any]]:
    """Images of a file, each as the series of pages that are its planes.

    Reduced images, masks and what belongs to a slide rather than to the specimen are
    left out.

    Parameters
    ----------
    tif : ``tifffile.TiffFile``

    Returns
    -------
    list of lists of ``tifffile.TiffPageSeries``
    """
    every = [part for series in tif.series for part in _without_copies(series)]
    found = [
        series
        for series in every
        if not series.keyframe.subfiletype & 0b101
        and (series.kind == "ome" or series.name.lower() not in _BESIDE_SLIDES)
    ] or every
    planes = {(s.shape, s.dtype, s.axes, s.kind) for s in found}
    if (
        len(planes) == 1
        and found[0].kind == "shaped"
        and found[0].axes in ("YX", "YXS")
    ):
        # Planes of one size, appended one by one, are a stack for any viewer.
        return [found]
    return [[series] for series in found]


def area_of(series: Any) -> int:
    """Pixels of a plane."""
    return prod(_plane(series))


def _plane(series: Any) -> tuple[int, ...]:
    sides = zip(series.shape, series.axes, strict=True)
    return tuple(n for n, axis in sides if axis in "YX")


def _without_copies(series: Any) -> Iterator[Any]:
    """Yield a series, and what tifffile takes for smaller copies of it but is none.

    It goes by the size, where a file says nothing of its pages.
    """
    yield series
    if series.kind != "generic":
        return
    larger = series
    for level in series.levels[1:]:
        page = level.keyframe
        if page.is_reduced or page.is_subifd or _is_copy(larger, level):
            larger = level
        else:
            yield level


def _is_copy(larger: Any, smaller: Any) -> bool:
    """Whether a series of pages shows the same as a larger one."""
    try:
        sides = [min(n, _COMPARED) for n in _plane(smaller)]
        step = max(2, round(_plane(larger)[0] / _plane(smaller)[0]))
        starts = [
            (n - side) // 2 for n, side in zip(_plane(smaller), sides, strict=True)
        ]
        part = _part(smaller, starts, sides)
        full = _part(larger, [step * n for n in starts], [step * n for n in sides])
    except Exception:  # noqa: BLE001 - of a damaged page, which is not read
        return True
    rows, columns = (n // step for n in full.shape[:2])
    part, full = part[:rows, :columns], full[: rows * step, : columns * step]
    blocks = full.reshape(rows, step, columns, step, -1)
    # It may be made of means, or of every second pixel.
    tried = [blocks.mean(axis=(1, 3))]
    tried += [blocks[:, y, :, x] for y in range(step) for x in range(step)]
    return any(_are_alike(part.reshape(one.shape), one) for one in tried)


def _part(
    series: Any, starts: Sequence[int], sides: Sequence[int]
) -> NDArray[np.float64]:
    """Part of the middle plane of a series; (rows, columns) or (rows, columns, S)."""
    import zarr

    stored = zarr.open_array(series.aszarr(level=0), mode="r")
    places = iter(zip(starts, sides, strict=True))
    key: list[Any] = []
    for n, axis in zip(series.shape, series.axes, strict=True):
        if axis in "YX":
            start, side = next(places)
            key.append(slice(start, start + side))
        else:
            key.append(slice(None) if axis == "S" else n // 2)
    part = np.asarray(stored[tuple(key)], np.float64)
    axes = [axis for axis in series.axes if axis in "YXS"]
    return np.moveaxis(part, axes.index("S"), -1) if "S" in axes else part


def _are_alike(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    spread = min(one.std(), other.std())
    if abs(one.mean() - other.mean()) > max(1, _BRIGHTER * spread):
        return False
    if spread == 0:
        return bool(one.std() == other.std())
    return bool(np.corrcoef(one.ravel(), other.ravel())[0, 1] > _ALIKE)
