"""Areas that the user has drawn into Shapes layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Shapes

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers.find import list_layers, pixels_of

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    # The plane, or None for every plane, and (y, x) of the corners in pixels.
    Polygon = tuple[int | None, NDArray[np.float64]]

_ELLIPSE_POINTS = 64
_AREAS = {"rectangle", "polygon", "ellipse"}


def shapes_layers(viewer: napari.viewer.Viewer) -> list[tuple[str, str]]:
    """Return key and name of the user's Shapes layers, the topmost first."""
    found = reversed(list_layers(viewer, Shapes))
    return [(str(layer.unique_id), layer.name) for layer in found]


def polygons_of(
    shapes: Shapes, layer: Image | Labels, channel_axis: int | None = None
) -> tuple[Polygon, ...]:
    """Return the drawn areas in the pixels of a layer, by its axis of channels.

    A plane is counted over all planes of the layer. Raises `ImageError` if no area is
    drawn.
    """
    polygons = []
    for corners, kind in zip(shapes.data, shapes.shape_type, strict=True):
        if kind not in _AREAS:
            continue
        if kind == "ellipse":
            corners = _on_ellipse(np.asarray(corners, np.float64))
        world = np.array([shapes.data_to_world(point) for point in corners])
        polygons.append(in_pixels(world, layer, channel_axis))
    if not polygons:
        msg = f"The layer “{shapes.name}” has no rectangle, ellipse or polygon."
        raise ImageError(msg)
    return tuple(polygons)


def _on_ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the ellipse that touches the sides of a parallelogram."""
    middle = corners.mean(axis=0)
    one, two = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)[:, None]
    points: NDArray[np.float64] = middle + np.cos(angle) * one + np.sin(angle) * two
    return points


def in_pixels(
    world: NDArray[np.float64], layer: Image | Labels, channel_axis: int | None = None
) -> Polygon:
    """Bring the corners of a polygon, (N, D) in the world, to the pixels of a layer.

    It holds for every plane if it has fewer axes than the layer.
    """
    stack, (row, column) = split_axes(layer.ndim, channel_axis)
    known = min(world.shape[1], layer.ndim)
    place = np.zeros((len(world), layer.ndim))
    place[:, layer.ndim - known :] = world[:, world.shape[1] - known :]
    points = np.array([layer.world_to_data(point) for point in place])
    plane: Any = None
    if stack and known == layer.ndim:
        sizes = [pixels_of(layer).shape[axis] for axis in stack]
        index = np.clip(np.rint(points[0, stack]).astype(int), 0, np.array(sizes) - 1)
        plane = int(np.ravel_multi_index(tuple(index), sizes))
    return plane, points[:, [row, column]]
