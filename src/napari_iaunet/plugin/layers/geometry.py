"""Where layers lie: new labels on their image, and labels and images on each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.transforms import CompositeAffine

from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers.find import pixels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

# Pixels are the same if they are less than half of one apart.
_HALF_A_PIXEL = 0.49
# A shift is taken for the nearest one by whole pixels.
_NEAREST = 0.51
# Parts of a pixel, or of a right angle, that are rounding only.
_NOTHING = 1e-6


@dataclass(frozen=True)
class LayerImage:
    """Pixels of one or several Image layers, and where they lie in the first."""

    array: Any  # lazy where the layer is
    channel_axis: int | None  # axis of the channels in ``array``
    layer_channel_axis: int | None = None  # axis of the channels in the layer
    n_layer_channels: int = 1  # channels that the layer has, used or not
    # Position of a single plane in its stack; None: the whole layer.
    plane: tuple[int, ...] | None = None
    # Height and width of a pixel in micrometres, where the layer has such units.
    pixel_size: tuple[float, float] | None = None
    channel_names: tuple[str, ...] | None = None  # where the channels have names
    note: str = ""  # what was left out, and how to say otherwise
    # Whether the first channel is known to show nuclei, and the others cells.
    nuclei_first: bool = False

    @property
    def seen_as(self) -> dict[str, Any]:
        """Axis of the channels and what they show, as `Segmenter.segment` takes it."""
        axis = self.channel_axis
        if not self.nuclei_first or axis is None:
            return {"channel_axis": axis}
        cells = range(1, int(self.array.shape[axis]))
        return {"channel_axis": axis, "nuclei": 0, "cells": list(cells) or None}


def pixel_size_of(
    layer: Layer, channel_axis: int | None = None
) -> tuple[float, float] | None:
    """Height and width of a layer's pixels in micrometres, however it is turned.

    None if the layer has no such units, or is sheared: a length would depend on its
    direction then.
    """
    _, axes = split_axes(layer.ndim, channel_axis)
    length = [u.is_compatible_with("micrometer") for u in layer.units]
    scale = [
        float((1 * u).to("micrometer").magnitude) if known else 0.0
        for u, known in zip(layer.units, length, strict=True)
    ]
    origin = np.asarray(layer.data_to_world(np.zeros(layer.ndim)), np.float64)
    sides = [np.asarray(layer.data_to_world(e)) - origin for e in np.eye(layer.ndim)]
    down, right = (sides[axis] for axis in axes)
    if (np.abs([down, right]) > _NOTHING)[:, ~np.array(length)].any():
        return None
    down, right = down * scale, right * scale
    height, width = float(np.linalg.norm(down)), float(np.linalg.norm(right))
    if not (height > 0 and width > 0):
        return None
    return None if abs(down @ right) > _NOTHING * height * width else (height, width)


def planes_of(image: LayerImage) -> int:
    """Return how many planes were read: 1 unless they are a stack."""
    shape = image.array.shape
    stack, _ = split_axes(len(shape), image.channel_axis)
    return math.prod(shape[axis] for axis in stack)


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


def placement(
    layer: Layer, image: LayerImage | None = None, corner: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """Return where a new layer belongs, as the arguments to add it with.

    A channel axis is stretched over all channels, so that the cells show on each.

    If only a part of the layer was read, ``image`` says which, and ``corner`` is the
    row and column of it where the new layer begins. The new layer has the axes that
    `added_axes` names then; else it has all axes of the layer, and lies on the whole of
    it.
    """
    place, matrix = _own_place(layer), np.asarray(layer.affine.affine_matrix)
    if image is not None:
        ndim, channel = layer.ndim, image.layer_channel_axis
        stack, plane = split_axes(ndim, channel)
        offset, stretch = np.zeros(ndim), np.ones(ndim)
        offset[plane] = corner
        if image.plane is not None:
            offset[stack] = image.plane
        if channel:
            offset[channel] = (image.n_layer_channels - 1) / 2
            stretch[channel] = image.n_layer_channels
        place.translate = np.asarray(place(offset))
        place.scale = np.asarray(layer.scale) * stretch
        kept = list(range(1 if channel == 0 else 0, ndim))
        place = place.set_slice(kept)
        matrix = matrix[np.ix_([*kept, ndim], [*kept, ndim])]
    return {
        "scale": place.scale,
        "translate": place.translate,
        "rotate": place.rotate,
        "shear": place.shear,
        "affine": matrix,
        "units": place.units,
        "axis_labels": place.axis_labels,
    }


def placement_at(layer: Layer, begin: Sequence[int]) -> dict[str, Any]:
    """Return where a new layer belongs that begins at a pixel of a layer.

    It has all axes of the layer.
    """
    begins = np.asarray(_own_place(layer)(np.asarray(begin, np.float64)))
    return {**placement(layer), "translate": begins}


def _own_place(layer: Layer) -> CompositeAffine:
    return CompositeAffine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        ndim=layer.ndim,
        units=layer.units,
        axis_labels=layer.axis_labels,
    )


def offset_between(layer: Layer, other: Layer) -> tuple[int, ...] | None:
    """Return how many pixels of another layer's grid a layer's first one is from its.

    Both have as many axes, and the pixel at ``index`` of the layer lies on that at
    ``index + offset`` of the other, as nearly as pixels can. None if they do not lie on
    each other everywhere.
    """
    # The corners say it all: what brings pixels to the world keeps lines straight.
    last = np.subtract(pixels_of(layer).shape, 1)
    corners = np.vstack([np.zeros(layer.ndim), np.diag(last)])
    away = [
        np.asarray(other.world_to_data(layer.data_to_world(c))) - c for c in corners
    ]
    offset = np.rint(away[0])
    if not np.allclose(away, offset, atol=_NEAREST, rtol=0):
        return None
    return tuple(int(o) for o in offset)


def plane_of_labels(
    labels: Labels, image: Image, channel_axis: int | None, point: Sequence[float]
) -> tuple[int | slice, ...] | None:
    """Return which plane of labels lies on an image's plane, pixel on pixel.

    The image's plane is told by ``point``, a place of the viewer in world coordinates.
    The index may be beside the labels; it has slices for rows and columns. None if the
    labels do not lie on the image.
    """
    axes = _rows_and_columns(labels, image, channel_axis)
    if axes is None:
        return None
    position = np.asarray(image.world_to_data(point), np.float64)
    place = _facing(image, axes[1], position, labels, axes[0], point)
    if place is None:
        return None
    return tuple(
        slice(None) if a in axes[0] else round(float(p)) for a, p in enumerate(place)
    )


def plane_of_image(
    labels: Labels, image: Image, channel_axis: int | None, point: Sequence[float]
) -> tuple[int, ...] | None:
    """Return on which plane of an image the first plane of labels lies.

    That is the index in the image's stack, which may be beside it. None if the labels
    do not lie on the image; ``point`` is as for `plane_of_labels`.
    """
    axes = _rows_and_columns(labels, image, channel_axis)
    if axes is None:
        return None
    position = np.zeros(labels.ndim)
    place = _facing(labels, axes[0], position, image, axes[1], point)
    if place is None:
        return None
    stack, _ = split_axes(image.ndim, channel_axis)
    return tuple(round(float(place[a])) for a in stack)


def _rows_and_columns(
    labels: Labels, image: Image, channel_axis: int | None
) -> tuple[list[int], list[int]] | None:
    """Axes of rows and columns of labels and image, which share their last axes."""
    _, axes = split_axes(image.ndim, channel_axis)
    own = [a - image.ndim + labels.ndim for a in axes]
    return None if len(axes) < 2 or min(own) < 0 else (own, axes)


def _facing(
    layer: Layer,
    axes: list[int],
    position: NDArray[np.float64],
    other: Layer,
    other_axes: list[int],
    point: Sequence[float],
) -> NDArray[np.float64] | None:
    """Return the place in another layer of the plane at a position of a layer.

    None unless both have the same rows and columns there.
    """
    shapes = pixels_of(layer).shape, pixels_of(other).shape
    height, width = (shapes[0][a] for a in axes)
    if [shapes[1][a] for a in other_axes] != [height, width]:
        return None
    place, world = np.zeros(other.ndim), np.array(point, np.float64)
    for corner in ((0, 0), (0, width - 1), (height - 1, 0)):
        position[axes] = corner
        world[-layer.ndim :] = layer.data_to_world(position)
        place = np.asarray(other.world_to_data(world), np.float64)
        if not np.allclose(place[other_axes], corner, atol=_HALF_A_PIXEL, rtol=0):
            return None
    return place
