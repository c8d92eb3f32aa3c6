"""Describe and read Image layers."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.io.alpha import holds_picture
from napari_iaunet.plugin.core.settings import ImageInfo, by_name, split_axes
from napari_iaunet.plugin.layers.find import list_layers, pixels_of
from napari_iaunet.plugin.layers.geometry import (
    LayerImage,
    offset_between,
    pixel_size_of,
)
from napari_iaunet.segmentation.image import guess_channel_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer

_TRANSPARENCY = (
    "The transparency (alpha) of “{}” is left out, but may be a channel with a picture "
    "of its own. If it is, split the layer (right click, Split RGB) and tick the "
    "channels."
)
# What an axis of channels is called.
CHANNEL_NAMES = {"c", "ch", "channel", "channels"}


def describe(layer: Image) -> ImageInfo:
    """Return what a panel has to know about a layer."""
    labels = tuple(str(label) for label in layer.axis_labels)
    named = [i for i, label in enumerate(labels) if label.lower() in CHANNEL_NAMES]
    shape = tuple(int(n) for n in pixels_of(layer).shape)
    return ImageInfo(
        key=str(layer.unique_id),
        name=layer.name,
        shape=shape[:-1] if layer.rgb else shape,
        rgb=bool(layer.rgb),
        axis_labels=labels,
        channel_axis=named[0] if named and len(shape) > 2 and not layer.rgb else None,
    )


def describe_all(viewer: napari.viewer.Viewer) -> list[ImageInfo]:
    """Describe every Image layer, the topmost last."""
    return [describe(layer) for layer in list_layers(viewer, Image)]


def chosen_layers(
    viewer: napari.viewer.Viewer,
    key: str,
    together_with: Sequence[str],
    nuclei: int | str | None = None,
) -> list[Image] | None:
    """Return the layers of an image and its channels by name; None if one is gone.

    The one that shows `nuclei`, if its key is known, comes first.
    """
    keys = {key, *together_with}
    found = [i for i in list_layers(viewer, Image) if str(i.unique_id) in keys]
    found.sort(
        key=lambda layer: (
            str(layer.unique_id) != nuclei,
            by_name(layer.name, str(layer.unique_id)),
        )
    )
    return found if len(found) == len(keys) else None


def read_image(
    layers: Sequence[Image],
    *,
    channel_axis: int | None = None,
    channels: Sequence[int] | None = None,
    plane: tuple[int, ...] | None = None,
    on: Image | None = None,
    nuclei_first: bool = False,
) -> LayerImage:
    """Read one layer, or several of the same shape as channels, with their pixel size.

    Several layers name the channels. With `nuclei_first` the first channel is known to
    show nuclei. The rest is as `_read_pixels` says.
    """
    image = _read_pixels(
        layers, channel_axis=channel_axis, channels=channels, plane=plane, on=on
    )
    names = tuple(layer.name for layer in layers) if len(layers) > 1 else None
    size = pixel_size_of(on or layers[0], channel_axis)
    return replace(
        image, pixel_size=size, channel_names=names, nuclei_first=nuclei_first
    )


def _read_pixels(
    layers: Sequence[Image],
    *,
    channel_axis: int | None = None,
    channels: Sequence[int] | None = None,
    plane: tuple[int, ...] | None = None,
    on: Image | None = None,
) -> LayerImage:
    """Read one layer, or several of the same shape as channels.

    Channels are laid on the layer ``on``, by default the first one, as the viewer shows
    them; where one of them does not reach, it is NaN.

    Only a single layer has an axis of channels; of these all are read if none are
    named. ``plane`` is the position of the only plane to read, one number for each
    stack axis.

    Raises `ImageError` if the layers differ in shape, their pixels do not lie on each
    other, or no channel is left.
    """
    arrays = [pixels_of(layer) for layer in layers]
    if len({tuple(array.shape) for array in arrays}) > 1:
        msg = "Images that are used as channels of one another must be of one size."
        raise ImageError(msg)
    if len(layers) > 1:
        first = on or layers[0]
        arrays = [_laid_on(first, layer) for layer in layers]
        return LayerImage(_stacked(arrays, plane), 0, plane=plane)
    layer, array = layers[0], arrays[0]
    ndim = len(array.shape)
    if layer.rgb:
        array = _plane_of(array, plane, ndim - 1)
        note = ""
        if array.shape[-1] == 4:  # transparency is no colour
            # What lies on the disk is not read for this.
            if isinstance(array, np.ndarray) and holds_picture(array, -1, 3):
                note = _TRANSPARENCY.format(layer.name)
            array = _lazy(array)[..., :3]
        return LayerImage(array, len(array.shape) - 1, plane=plane, note=note)
    if channel_axis is not None:
        return _read_channels(array, channel_axis, channels, plane)
    array = _plane_of(array, plane, None)
    if _would_be_guessed(tuple(array.shape)):
        return LayerImage(_lazy(array)[None], 0, plane=plane)
    return LayerImage(array, None, plane=plane)


def open_planes_first(viewer: napari.viewer.Viewer, layer: Image) -> Image:
    """Show a layer of the same pixels, with its last axis before rows and columns.

    The layer itself is hidden, and nothing is copied or read.
    """
    ndim = layer.ndim
    order = [*range(ndim - 3), ndim - 1, ndim - 3, ndim - 2]
    axes = [*order, ndim] if layer.rgb else order
    levels = list(layer.data) if layer.multiscale else [layer.data]
    turned = [_lazy(level).transpose(axes) for level in levels]
    options: dict[str, Any] = {
        key: [getattr(layer, key)[i] for i in order]
        for key in ("scale", "translate", "units")
    }
    labels = [str(layer.axis_labels[i]) for i in order]
    if not any(label.lstrip("-").isdigit() for label in labels):
        options["axis_labels"] = labels
    if not layer.rgb:
        options |= {
            "contrast_limits": layer.contrast_limits,
            "colormap": layer.colormap,
        }
    found = viewer.add_image(
        turned if layer.multiscale else turned[0],
        name=f"{layer.name} planes first",
        multiscale=layer.multiscale,
        rgb=bool(layer.rgb),
        **options,
    )
    layer.visible = False
    # The plane on view would be one of as many as there were rows.
    middle = found.extent.world.mean(axis=0)[-3]
    viewer.dims.set_point(viewer.dims.ndim - 3, middle)
    return found


def part_of(
    image: LayerImage, corner: tuple[int, int], shape: tuple[int, int]
) -> LayerImage:
    """Return rows and columns of an image, lazily where it is."""
    ndim = len(image.array.shape)
    _, axes = split_axes(ndim, image.channel_axis)
    where = [slice(None)] * ndim
    for axis, start, size in zip(axes, corner, shape, strict=True):
        where[axis] = slice(start, start + size)
    return replace(image, array=_lazy(image.array)[tuple(where)])


def _read_channels(
    array: Any,
    axis: int,
    channels: Sequence[int] | None,
    plane: tuple[int, ...] | None,
) -> LayerImage:
    total = int(array.shape[axis])
    kept = list(range(total)) if channels is None else list(channels)
    if not kept:
        msg = "Tick at least one channel."
        raise ImageError(msg)
    if kept != list(range(total)):
        array = _lazy(array)[(slice(None),) * axis + (kept,)]
    stack, _ = split_axes(len(array.shape), axis)
    placed = axis if plane is None else axis - sum(a < axis for a in stack)
    array = _plane_of(array, plane, axis)
    return LayerImage(array, placed, axis, total, plane)


def _plane_of(array: Any, plane: tuple[int, ...] | None, axis: int | None) -> Any:
    if plane is None:
        return array
    stack, _ = split_axes(len(array.shape), axis)
    where = dict(zip(stack, plane, strict=True))
    return _lazy(array)[
        tuple(where.get(a, slice(None)) for a in range(len(array.shape)))
    ]


def _laid_on(first: Image, layer: Image) -> Any:
    """Pixels of a layer where those of another one are."""
    array, offset = pixels_of(layer), offset_between(first, layer)
    if offset is None:
        msg = (
            f"“{layer.name}” and “{first.name}” cannot be channels of one image: the "
            "pixels of one do not lie on those of the other. Give both layers the same "
            "scale and rotation, or use one of them alone."
        )
        raise ImageError(msg)
    if not any(offset):
        return array
    if any(abs(o) >= n for o, n in zip(offset, array.shape, strict=True)):
        msg = (
            f"“{layer.name}” lies beside “{first.name}”, so they cannot be channels of "
            "one image."
        )
        raise ImageError(msg)
    return _moved(array, offset)


def _moved(array: Any, offset: Sequence[int]) -> Any:
    """Let an array begin at another pixel, lazily; NaN where it has none."""
    import dask.array as da

    inside = [
        slice(max(0, o), n + min(0, o))
        for o, n in zip(offset, array.shape, strict=True)
    ]
    beside = [(max(0, -o), max(0, o)) for o in offset]
    kind = np.result_type(array.dtype, np.float32)
    lazy = _one_by_one(array)[tuple(inside)].astype(kind)
    return da.pad(lazy, beside, constant_values=np.nan)


def _one_by_one(array: Any) -> Any:
    """``array`` as one of dask, plane by plane unless it is one already."""
    from dask.array import from_array

    if hasattr(array, "dask"):
        return array
    return from_array(
        array, chunks=(1,) * (array.ndim - 2) + array.shape[-2:], name=False
    )


def _lazy(array: Any) -> Any:
    """``array``, or a dask view of it if slicing would read from disk."""
    if isinstance(array, np.ndarray) or hasattr(array, "dask"):
        return array
    from dask.array import from_array

    return from_array(array, name=False)


def _stacked(arrays: Sequence[Any], plane: tuple[int, ...] | None) -> Any:
    """Arrays along a new first axis, without copying them."""
    from dask.array import stack

    return stack([_one_by_one(_plane_of(array, plane, None)) for array in arrays])


def _would_be_guessed(shape: tuple[int, ...]) -> bool:
    """Whether a gray image looks like colours because of its shape."""
    try:
        return guess_channel_axis(shape) is not None
    except ImageError:
        return True


def source_of(layers: Sequence[Image]) -> str:
    """Tell where layers come from; the same again when they are opened again."""
    return " + ".join(map(_source, layers))


def _source(layer: Image) -> str:
    path = layer.source.path
    if path:
        written = Path(path).stat().st_mtime_ns if Path(path).exists() else 0
        return f"{path} {written} {layer.name}"
    # Dask names an array after what it is made of.
    made_of = getattr(pixels_of(layer), "name", None)
    return str(made_of or f"{layer.unique_id} of process {os.getpid()}")
