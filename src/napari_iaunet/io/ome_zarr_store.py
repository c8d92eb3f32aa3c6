"""Everything that an OME-Zarr store shows: an image, and labels beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.io.axes import ordered
from napari_iaunet.io.ome_zarr import holds_only_labels, image_folder, is_zarr, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_iaunet.io.pixels import AxisPlace


class StoredImage(NamedTuple):
    """An image or a label image with all its resolutions.

    Attributes
    ----------
    name : str
    levels : list of dask array
        The full resolution first, each with the same axes.
    axes : str
        One letter for each axis, as in `napari_iaunet.io.read.ImageFile`.
    places : mapping of str to AxisPlace
        Of the axes T, Z, Y and X at full resolution, as far as the store says.
    is_labels : bool
    attributes : dict
        Of the store; those of "ome", of version 0.5, among them.
    notes : tuple of str
        What was left out.
    """

    name: str
    levels: list[Any]
    axes: str
    places: Mapping[str, AxisPlace]
    is_labels: bool
    attributes: dict[str, Any]
    notes: tuple[str, ...] = ()


def read_store(path: Path) -> list[StoredImage]:
    """Open an image and the labels that are listed beside it, lazily.

    There may be labels only.

    An array without any description is a label image if it is int32, as
    `napari_iaunet.segment_lazy` writes it.

    Raises `ImageError` if the store is damaged, or holds no image.
    """
    images = []
    if not holds_only_labels(path):
        images = [_open(path, path.name.removesuffix(".zarr").removesuffix(".ome"))]
    beside = image_folder(path) / "labels"
    names = _attributes(beside).get("labels", ()) if is_zarr(beside) else ()
    labels = [
        _open(beside / str(name), str(name))._replace(is_labels=True)
        for name in names
        if is_zarr(beside / str(name))
    ]
    return [*images, *labels]


def _attributes(folder: Path) -> dict[str, Any]:
    import zarr

    attributes = dict(zarr.open(str(folder), mode="r").attrs)
    return {**attributes, **attributes.get("ome", {})}


def _open(path: Path, name: str) -> StoredImage:
    import dask.array as da

    pixels = read(path)
    folder = image_folder(path)
    attributes = _attributes(folder)
    multiscales = attributes.get("multiscales") or [{"datasets": [{}]}]
    coarser = [
        da.from_zarr(str(folder / level["path"]))
        for level in multiscales[0]["datasets"][1:]
    ]
    is_bare = "multiscales" not in attributes and pixels.array.dtype == np.int32
    levels = [ordered(level, pixels.axes) for level in (pixels.array, *coarser)]
    return StoredImage(
        name,
        [level for level, _ in levels],
        levels[0][1],
        pixels.places,
        pixels.holds_labels or is_bare,
        attributes,
        pixels.notes,
    )
