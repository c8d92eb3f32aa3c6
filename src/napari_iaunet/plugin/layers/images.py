"""Read Image layers and write Labels layers: nothing else touches layers."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers.geometry import LayerImage, added_axes, place_of
from napari_iaunet.segmentation.image import guess_channel_axis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

# Keys of metadata: layers that we made for the user, and those that only show what
# we are at.
OURS = "napari_iaunet"
HELPER = "napari_iaunet_helper"

_CHANNEL_NAMES = {"c", "ch", "channel", "channels"}


@dataclass(frozen=True)
class ImageInfo:
    """What a panel has to know about an Image layer.

    Attributes
    ----------
    key : str
        Identifies the layer as long as it lives.
    name : str
    shape : tuple of int
        Without the colours of an RGB image.
    rgb : bool
    axis_labels : tuple of str
    channel_axis : int or None
        The axis that is called a channel.
    """

    key: str
    name: str
    shape: tuple[int, ...]
    rgb: bool
    axis_labels: tuple[str, ...]
    channel_axis: int | None


def image_layers(viewer: napari.viewer.Viewer) -> list[Image]:
    """Return the Image layers, the topmost last, without our own helpers."""
    return [
        layer
        for layer in viewer.layers
        if isinstance(layer, Image) and HELPER not in layer.metadata
    ]


def find_layer(viewer: napari.viewer.Viewer, key: str) -> Image | None:
    """Return the Image layer that `ImageInfo.key` names, if it still exists."""
    for layer in image_layers(viewer):
        if str(layer.unique_id) == key:
            return layer
    return None


def selected_image(viewer: napari.viewer.Viewer) -> Image | None:
    """Return the layer that is selected in the layer list, if it is an image."""
    active = viewer.layers.selection.active
    is_image = isinstance(active, Image) and HELPER not in active.metadata
    return active if is_image else None


@contextmanager
def selection_kept(viewer: napari.viewer.Viewer) -> Iterator[None]:
    """Leave the user's selection as it is, though layers are added."""
    selection = viewer.layers.selection
    selected, active = list(selection), selection.active
    try:
        yield
    finally:
        selection.active = active
        for layer in selected:
            if layer in viewer.layers:
                selection.add(layer)


def describe(layer: Image) -> ImageInfo:
    """Return what a panel has to know about a layer."""
    labels = tuple(str(label) for label in layer.axis_labels)
    named = [i for i, label in enumerate(labels) if label.lower() in _CHANNEL_NAMES]
    shape = tuple(int(n) for n in pixels_of(layer).shape)
    return ImageInfo(
        key=str(layer.unique_id),
        name=layer.name,
        shape=shape[:-1] if layer.rgb else shape,
        rgb=bool(layer.rgb),
        axis_labels=labels,
        channel_axis=named[0] if named and len(shape) > 2 and not layer.rgb else None,
    )


def chosen_layers(
    viewer: napari.viewer.Viewer, key: str, together_with: Sequence[str]
) -> list[Image] | None:
    """Return the layers of an image and its channels; None if one is gone."""
    keys = {key, *together_with}
    found = [i for i in image_layers(viewer) if str(i.unique_id) in keys]
    return found if len(found) == len(keys) else None


def read_image(
    layers: Sequence[Image],
    *,
    channel_axis: int | None = None,
    channels: Sequence[int] | None = None,
    plane: tuple[int, ...] | None = None,
) -> LayerImage:
    """Read one layer, or several of the same shape as channels.

    Parameters
    ----------
    layers : sequence of Image
        More than one: each is a channel of the same scene.
    channel_axis : int, optional
        Axis of the only layer that holds its channels.
    channels : sequence of int, optional
        Which of them to use; all if left out.
    plane : tuple of int, optional
        Position of the only plane to read, one number for each stack axis.

    Raises
    ------
    ImageError
        If the layers differ in shape, or no channel is left.
    """
    arrays = [pixels_of(layer) for layer in layers]
    if len({tuple(array.shape) for array in arrays}) > 1:
        msg = "Images that are used as channels of one another must be of one size."
        raise ImageError(msg)
    if len(layers) > 1:
        return LayerImage(_stacked(arrays, plane), 0, plane=plane)
    layer, array = layers[0], arrays[0]
    ndim = len(array.shape)
    if layer.rgb:
        array = _plane_of(array, plane, ndim - 1)
        if array.shape[-1] == 4:  # transparency is no colour
            array = _lazy(array)[..., :3]
        return LayerImage(array, len(array.shape) - 1, plane=plane)
    if channel_axis is not None:
        return _read_channels(array, channel_axis, channels, plane)
    array = _plane_of(array, plane, None)
    if _would_be_guessed(tuple(array.shape)):
        return LayerImage(_lazy(array)[None], 0, plane=plane)
    return LayerImage(array, None, plane=plane)


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


def pixels_of(layer: Image) -> Any:
    """Pixels at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def _lazy(array: Any) -> Any:
    """``array``, or a dask view of it if slicing would read from disk."""
    if isinstance(array, np.ndarray) or hasattr(array, "dask"):
        return array
    from dask.array import from_array

    return from_array(array, name=False)


def _stacked(arrays: Sequence[Any], plane: tuple[int, ...] | None) -> Any:
    """Arrays along a new first axis, without copying them."""
    from dask.array import from_array, stack

    planes = [_plane_of(array, plane, None) for array in arrays]
    return stack(
        [
            a
            if hasattr(a, "dask")
            else from_array(a, chunks=(1,) * (a.ndim - 2) + a.shape[-2:], name=False)
            for a in planes
        ]
    )


def _would_be_guessed(shape: tuple[int, ...]) -> bool:
    """Whether a gray image looks like colours because of its shape."""
    try:
        return guess_channel_axis(shape) is not None
    except ImageError:
        return True


def write_labels(
    viewer: napari.viewer.Viewer,
    layer: Image,
    image: LayerImage,
    labels: NDArray[np.integer[Any]],
    features: Any,
    parameters: dict[str, Any],
) -> Labels:
    """Add the cells of ``layer`` as a new Labels layer that lies on it.

    Parameters
    ----------
    viewer : Viewer
    layer : Image
        The layer, or the first of the layers, that ``image`` was read from.
    image : LayerImage
    labels : (Y, X) or (T or Z, Y, X) or (T, Z, Y, X) int
    features : DataFrame
        A row for each cell; column ``index`` is the label.
    parameters : dict
        How the cells were found; kept in ``metadata["napari_iaunet"]``.
    """
    return viewer.add_labels(
        np.expand_dims(labels, added_axes(layer, image)),
        features=features,
        metadata={OURS: parameters},
        **options_of_labels(layer, image),
    )


def options_of_labels(layer: Image, image: LayerImage) -> dict[str, Any]:
    """Name and place of a Labels layer with the cells of an image."""
    place, affine = place_of(layer, image)
    where = ", ".join(str(i) for i in image.plane or ())
    return {
        "name": f"{layer.name} cells" + (f" [{where}]" if where else ""),
        "scale": place.scale,
        "translate": place.translate,
        "rotate": place.rotate,
        "shear": place.shear,
        "affine": affine,
        "units": place.units,
        "axis_labels": place.axis_labels,
    }


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
