"""Which part of a plane is meant, and which layer its cells go into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from skimage.draw import polygon2mask

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.settings import IN_VIEW, split_axes
from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.disk import is_in_memory
from napari_iaunet.plugin.layers.find import (
    OURS,
    find_layer,
    list_layers,
    pixels_of,
    selected_layer,
)
from napari_iaunet.plugin.layers.shapes import in_pixels, polygons_of
from napari_iaunet.segmentation.region import seen_around

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Target:
    """The plane of a Labels layer that the cells go into."""

    key: str  # of the layer
    index: tuple[int | slice, ...]  # of the plane, with slices for rows and columns
    shape: tuple[int, ...]  # of the layer


@dataclass(frozen=True)
class Part:
    """A part of a plane, and what is seen around it.

    Attributes
    ----------
    corner : (row, column)
        Where in the plane begins what is seen.
    mask : (y, x) bool
        Where cells are wanted, of what is seen.
    plane : int or None
        Number of the plane in its stack.
    target : Target or None
        What the cells go into; None: a new layer.
    before : (y, x) int or None
        The cells that the target has there.
    """

    corner: tuple[int, int]
    mask: NDArray[np.bool_]
    plane: int | None = None
    target: Target | None = None
    before: NDArray[np.integer[Any]] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are seen."""
        height, width = self.mask.shape
        return height, width

    @property
    def seen(self) -> tuple[slice, slice]:
        """What is seen, as an index into the plane."""
        (y, x), (height, width) = self.corner, self.shape
        return slice(y, y + height), slice(x, x + width)


def find_part(
    viewer: napari.viewer.Viewer,
    image: Image,
    channel_axis: int | None,
    where: str,
    diameter: float | None,
) -> Part:
    """Return the part of the plane on view that `Settings.where` means.

    Raises `ImageError` if there is nothing of the image in it.
    """
    view = view_state.view_of(viewer, image, channel_axis)
    if view is None:
        raise ImageError(view_state.NOT_IN_2D)
    stack, axes = split_axes(image.ndim, channel_axis)
    shape = tuple(int(pixels_of(image).shape[axis]) for axis in axes)
    sizes = tuple(int(pixels_of(image).shape[axis]) for axis in stack)
    plane = int(np.ravel_multi_index(view.plane, sizes)) if stack else None
    if where == IN_VIEW:
        polygons = [
            in_pixels(view_state.corners_on_view(viewer), image, channel_axis)[1]
        ]
        nothing = f"Nothing of “{image.name}” is on view. Move it into view."
    else:
        drawn = find_layer(viewer, where, Shapes)
        if drawn is None:
            raise ImageError("The layer with the drawn part was closed.")
        found = polygons_of(drawn, image, channel_axis)
        polygons = [points for at, points in found if at is None or at == plane]
        nothing = f"Nothing on this plane of “{image.name}” is inside “{drawn.name}”."
    part = _around(polygons, (shape[0], shape[1]), diameter)
    if part is None:
        raise ImageError(nothing)
    return replace(part, plane=plane)


def _around(
    polygons: list[NDArray[np.float64]], shape: tuple[int, int], diameter: float | None
) -> Part | None:
    """Return the part of a plane inside polygons; None if that is nothing."""
    if not polygons:
        return None
    points = np.concatenate(polygons)
    low, high = np.floor(points.min(0)).astype(int), np.ceil(points.max(0)).astype(int)
    seen = seen_around(low, high + 1, shape, diameter)
    if seen is None:
        return None
    corner = np.array([side.start for side in seen])
    size = seen[0].stop - seen[0].start, seen[1].stop - seen[1].start
    mask = np.zeros(size, bool)
    for corners in polygons:
        mask |= polygon2mask(size, corners - corner)
    return Part((seen[0].start, seen[1].start), mask) if mask.any() else None


def with_target(
    viewer: napari.viewer.Viewer, image: Image, channel_axis: int | None, part: Part
) -> Part:
    """Let the cells of a part go into a layer, if there is one that can take them.

    That is the selected one, else the topmost that the plugin made.
    """
    selected = selected_layer(viewer, Labels)
    layers = list_layers(viewer, Labels)[::-1]
    ours = [layer for layer in layers if OURS in layer.metadata]
    point = tuple(viewer.dims.point)
    for layer in [*([selected] if selected is not None else []), *ours]:
        if label_layers.is_of_classes(layer) or not layer.editable:
            continue
        if not is_in_memory(layer):
            continue
        index = label_layers.plane_to_edit(layer, image, channel_axis, point)
        if index is not None and label_layers.has_plane(layer, index):
            target = Target(str(layer.unique_id), index, layer.data.shape)
            before = layer.data[index][part.seen].copy()
            return replace(part, target=target, before=before)
    return part
