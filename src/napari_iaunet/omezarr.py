"""Read OME-Zarr images and labels, of versions 0.1 to 0.5."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

_METADATA = (".zattrs", ".zgroup", ".zarray", "zarr.json")
_MICROMETRES = {"micrometer": 1.0, "nanometer": 1e-3, "millimeter": 1e3}


def is_zarr(path: Path) -> bool:
    """Whether the folder holds a zarr group or array."""
    return any((path / name).is_file() for name in _METADATA)


def read(path: Path) -> tuple[Any, str, tuple[float, float] | None]:
    """Open the full resolution of an image lazily.

    Parameters
    ----------
    path : Path
        Folder of an OME-Zarr image or of a zarr array.

    Returns
    -------
    array : dask array
    axes : str
        One letter for each axis, as in `napari_iaunet.files.ImageFile`.
    pixel_size : (float, float) or None
        Height and width in micrometres.
    """
    import dask.array as da
    import zarr

    try:
        node = zarr.open(str(path), mode="r")
        array, axes, size = _find_image(path, node)
        lazy = da.from_array(array, chunks=array.chunks)
    except ImageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        msg = f"The zarr folder {path} is damaged: {reason}."
        raise ImageError(msg) from error
    if lazy.ndim < 2:
        msg = f"The zarr array {path} has no rows and columns."
        raise ImageError(msg)
    return lazy, axes, size


def _find_image(path: Path, node: Any) -> tuple[Any, str, Any]:
    import zarr

    if isinstance(node, zarr.Array):
        return node, _default_axes(node.shape), None
    attributes = dict(node.attrs)
    attributes = attributes.get("ome", attributes)
    if "plate" in attributes or "well" in attributes:
        msg = f"{path} is a plate of many images; give one of them, like A/1/0 in it."
        raise ImageError(msg)
    if "multiscales" in attributes:
        return _first_level(node, attributes["multiscales"][0])
    if "bioformats2raw.layout" in attributes and "0" in node:
        return _find_image(path, node["0"])
    arrays = [item for _, item in node.arrays()]
    if len(arrays) != 1:
        msg = f"The zarr folder {path} holds no OME-Zarr image."
        raise ImageError(msg)
    return arrays[0], _default_axes(arrays[0].shape), None


def _first_level(node: Any, multiscale: dict[str, Any]) -> tuple[Any, str, Any]:
    """Array, axes and pixel size of the first entry of "multiscales"."""
    dataset = multiscale["datasets"][0]
    array = node[dataset["path"]]
    described = [
        a if isinstance(a, dict) else {"name": a}
        for a in multiscale.get("axes", "tczyx"[-array.ndim :])
    ]
    axes = "".join(_letter(axis) for axis in described)
    if len(axes) != array.ndim or "Y" not in axes or "X" not in axes:
        return array, _default_axes(array.shape), None
    scale = np.ones(array.ndim)
    for step in (
        *dataset.get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ):
        if step.get("type") == "scale":
            scale = scale * np.asarray(step["scale"], float)
    micrometres = [_MICROMETRES.get(str(axis.get("unit")), 0.0) for axis in described]
    y, x = (float(scale[i] * micrometres[i]) for i in map(axes.index, "YX"))
    return array, axes, (y, x) if y > 0 and x > 0 else None


def _letter(axis: dict[str, Any]) -> str:
    kind, name = axis.get("type"), str(axis.get("name", "")).upper()
    if kind == "channel":
        return "C"
    return name if name in ("T", "C", "Z", "Y", "X") else "Q"


def _default_axes(shape: tuple[int, ...]) -> str:
    """Axes of an array that does not name them; colours may come last."""
    if len(shape) >= 3 and shape[-1] in (3, 4) and min(shape[-3:-1]) > shape[-1]:
        return "Q" * (len(shape) - 3) + "YXS"
    return "Q" * (len(shape) - 2) + "YX"[-len(shape) :]


def version_of(path: Path) -> str:
    """OME-Zarr version in which labels go well with an image: "0.4" or "0.5"."""
    return "0.5" if (path / "zarr.json").is_file() else "0.4"
