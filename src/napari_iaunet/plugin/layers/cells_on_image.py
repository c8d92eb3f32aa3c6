"""Find the image that a layer of cells lies on, and read both."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers.find import (
    OURS,
    find_layer,
    list_layers,
    pixels_of,
)
from napari_iaunet.plugin.layers.geometry import plane_of_image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import napari.viewer

    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.geometry import LayerImage

    Progress = Callable[[int, int], None]


_CLOSED = "The cells or their image were closed."


@dataclass(frozen=True)
class CellsOnImage:
    """A layer of cells and the image to see them in."""

    labels: str  # keys of the layers
    image: str
    # Keys of the other images that are channels of this one.
    together_with: tuple[str, ...] = ()
    channel_axis: int | None = None  # axis of the channels in the image's layer
    # Channels to use along that axis; None: all.
    channels: tuple[int, ...] | None = None
    # Plane of the image's stack that labels of one plane belong to; None: the one on
    # view.
    plane: tuple[int, ...] | None = None
    nuclei: int | str | None = None  # as in `SegmentChoice`


def pair(labels: Labels, image: Image, settings: SegmentChoice | None) -> CellsOnImage:
    """Join cells and image; the image's channels are as the Segment tab says."""
    keys = str(labels.unique_id), str(image.unique_id)
    if settings is not None and settings.image == keys[1]:
        return CellsOnImage(
            *keys,
            settings.together_with,
            settings.channel_axis,
            settings.channels,
            nuclei=settings.nuclei,
        )
    return CellsOnImage(*keys, channel_axis=image_layers.describe(image).channel_axis)


def fixed(
    viewer: napari.viewer.Viewer, labels: Labels, image: Image, cells: CellsOnImage
) -> CellsOnImage:
    """Let cells of one plane belong to that on view, whatever is on view later."""
    return replace(cells, plane=_plane(viewer, labels, image, cells) or None)


def images_under(
    viewer: napari.viewer.Viewer, labels: Labels, settings: SegmentChoice | None
) -> list[Image]:
    """Return the images that a layer of cells lies on, the likeliest first.

    That is the one that the cells were found in, else the topmost.
    """
    found = [
        image
        for image in reversed(list_layers(viewer, Image))
        if _plane(viewer, labels, image, pair(labels, image, settings)) is not None
    ]
    made_of = labels.metadata.get(OURS, {}).get("image")
    return sorted(found, key=lambda image: image.name != made_of)


def of_one_size(viewer: napari.viewer.Viewer) -> tuple[Labels, Image] | None:
    """Labels and an image of as many pixels, which may not lie on each other."""
    for labels in reversed(list_layers(viewer, Labels)):
        for image in reversed(list_layers(viewer, Image)):
            rgb = 3 if image.rgb else 2
            size = pixels_of(image).shape[-rgb:][:2]
            if size == pixels_of(labels).shape[-2:]:
                return labels, image
    return None


def read(viewer: napari.viewer.Viewer, cells: CellsOnImage) -> CellSource:
    """Read cells and image.

    Raises `ImageError` if a layer is gone, or they no longer lie on each other.
    """
    labels = find_layer(viewer, cells.labels, Labels)
    shape, pixels = image_of(viewer, cells)
    assert labels is not None
    data = pixels_of(labels)
    if isinstance(data, np.ndarray):
        data = data.copy()  # the user may paint while it is being read
    return CellSource(data.reshape(shape), pixels)


def image_of(
    viewer: napari.viewer.Viewer, cells: CellsOnImage
) -> tuple[tuple[int, ...], LayerImage]:
    """Read the image of cells, and say in which shape their labels fit it.

    Raises `ImageError` as `read`.
    """
    labels = find_layer(viewer, cells.labels, Labels)
    image = find_layer(viewer, cells.image, Image)
    if labels is None or image is None:
        raise ImageError(_CLOSED)
    plane = _plane(viewer, labels, image, cells)
    if plane is None:
        msg = f"The layer “{labels.name}” no longer lies on the image “{image.name}”."
        raise ImageError(msg)
    pixels = read_plane(viewer, cells, plane)
    sizes = image_layers.describe(image).shape
    stack = [n for a, n in enumerate(sizes) if a != cells.channel_axis]
    return tuple(stack[-2:] if plane else stack), pixels


def read_plane(
    viewer: napari.viewer.Viewer, cells: CellsOnImage, plane: tuple[int, ...]
) -> LayerImage:
    """Read a plane of the image of cells, all planes for ().

    Raises `ImageError` if it was closed or cannot be read.
    """
    found = image_layers.chosen_layers(
        viewer, cells.image, cells.together_with, cells.nuclei
    )
    image = find_layer(viewer, cells.image, Image)
    if found is None or image is None:
        raise ImageError(_CLOSED)
    return image_layers.read_image(
        found,
        channel_axis=cells.channel_axis,
        channels=cells.channels,
        plane=plane or None,
        on=image,
        nuclei_first=cells.nuclei is not None,
    )


def label_at(layer: Labels, position: Sequence[float]) -> int | None:
    """Return the label at a place of the viewer; None beside the layer."""
    place = np.rint(layer.world_to_data(position)).astype(int)
    data = pixels_of(layer)
    if not all(0 <= p < n for p, n in zip(place, data.shape, strict=True)):
        return None
    return int(np.asarray(data[tuple(place.tolist())]))


def _plane(
    viewer: napari.viewer.Viewer, labels: Labels, image: Image, cells: CellsOnImage
) -> tuple[int, ...] | None:
    """Return which plane of an image cells lie on, () for all of its planes.

    None if the cells do not lie on the image pixel by pixel.
    """
    axis, point = cells.channel_axis, viewer.dims.point
    shape, size = image_layers.describe(image).shape, pixels_of(labels).shape
    if axis is not None and axis >= len(shape):
        return None
    index = plane_of_image(labels, image, axis, point)
    if index is None:
        return None
    stack, axes = split_axes(image.ndim, axis)
    own = [a - image.ndim + labels.ndim for a in axes]
    count = math.prod(n for a, n in enumerate(size) if a not in own)
    planes = [shape[a] for a in stack]
    if count == math.prod(planes):
        return ()
    if count > 1:
        return None
    index = cells.plane or index
    inside = all(0 <= i < n for i, n in zip(index, planes, strict=True))
    return index if inside else None


@dataclass(frozen=True)
class CellSource:
    """Cells that are to be described."""

    labels: Any  # (Y, X) or stack of planes as the image; nobody else may write to it
    image: LayerImage
