"""Where an image was read from, and so where its cells belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import CompositeAffine

from napari_iaunet.plugin.core.settings import split_axes

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LayerImage:
    """Pixels of one or several Image layers, and where they lie in the first.

    Attributes
    ----------
    array : array-like
        Lazy where the layer is.
    channel_axis : int or None
        Axis of the channels in ``array``.
    layer_channel_axis : int or None
        Axis of the channels in the layer.
    n_layer_channels : int
        Channels that the layer has, used or not.
    plane : tuple of int or None
        Position of a single plane in its stack; None: the whole layer.
    """

    array: Any
    channel_axis: int | None
    layer_channel_axis: int | None = None
    n_layer_channels: int = 1
    plane: tuple[int, ...] | None = None


def added_axes(layer: Layer, image: LayerImage) -> tuple[int, ...]:
    """Axes of length 1 that labels get to fit a layer, by their place among all.

    A plane keeps its stack axes with length 1. So does a channel axis, but a
    leading one is dropped, since napari aligns the last axes.
    """
    channel = image.layer_channel_axis
    stack, _ = split_axes(layer.ndim, channel)
    added = [
        *(stack if image.plane is not None else ()),
        *([channel] if channel else ()),
    ]
    return tuple(a - (channel == 0) for a in added)


def fit(
    labels: NDArray[np.integer[Any]],
    layer: Layer,
    image: LayerImage,
    corner: tuple[int, int] = (0, 0),
) -> tuple[NDArray[np.integer[Any]], CompositeAffine, NDArray[np.float64]]:
    """Bring labels to the axes and the place of the layer.

    Parameters
    ----------
    labels : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
    layer : Layer
    image : LayerImage
    corner : (int, int)
        Row and column of the image where the labels begin.

    Returns
    -------
    labels : int array
        With the axes that `added_axes` names.
    place, affine
        As of `place_of`.
    """
    return np.expand_dims(labels, added_axes(layer, image)), *place_of(
        layer, image, corner
    )


def place_of(
    layer: Layer, image: LayerImage, corner: tuple[int, int] = (0, 0)
) -> tuple[CompositeAffine, NDArray[np.float64]]:
    """Where labels belong that have the axes of the layer.

    A channel axis is stretched over all channels, so that the cells show on each.

    Returns
    -------
    place : CompositeAffine
        Scale, translate, rotate, shear, units and axis labels.
    affine : (n + 1, n + 1) float64
        What the layer's own ``affine`` becomes.
    """
    ndim, channel = layer.ndim, image.layer_channel_axis
    stack, plane = split_axes(ndim, channel)
    kept = list(range(1 if channel == 0 else 0, ndim))
    offset, stretch = np.zeros(ndim), np.ones(ndim)
    offset[plane] = corner
    if image.plane is not None:
        offset[stack] = image.plane
    if channel:
        offset[channel] = (image.n_layer_channels - 1) / 2
        stretch[channel] = image.n_layer_channels
    place = CompositeAffine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        ndim=ndim,
        units=layer.units,
        axis_labels=layer.axis_labels,
    )
    place.translate = np.asarray(place(offset))
    place.scale = np.asarray(layer.scale) * stretch
    matrix = np.asarray(layer.affine.affine_matrix)
    return place.set_slice(kept), matrix[np.ix_([*kept, ndim], [*kept, ndim])]


def placement(layer: Labels) -> dict[str, Any]:
    """Return where a layer lies, as the arguments of a new one."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }
