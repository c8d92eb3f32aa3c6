"""The view state: what of a layer the viewer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from napari_iaunet.plugin.core.settings import split_axes
from napari_iaunet.plugin.layers import images as image_layers
from napari_iaunet.plugin.layers.camera import camera_of, size_of_canvas

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image, Layer
    from numpy.typing import NDArray


NOT_IN_2D = "A part is chosen in the 2D view, with rows and columns of the image."


class ViewState(NamedTuple):
    """Which plane the viewer shows."""

    plane: tuple[int, ...]  # where the plane lies in the image's stack
    point: tuple[float, ...]  # where it lies in the viewer, in world coordinates


def plane_in_view(
    viewer: napari.viewer.Viewer, layer: Image, channel_axis: int | None
) -> tuple[int, ...]:
    """Return where the plane that the viewer shows lies in the layer's stack."""
    shape = image_layers.describe(layer).shape
    stack, _ = split_axes(layer.ndim, channel_axis)
    position = layer.world_to_data(viewer.dims.point)
    return tuple(int(np.clip(round(position[a]), 0, shape[a] - 1)) for a in stack)


def view_of(
    viewer: napari.viewer.Viewer, layer: Image, channel_axis: int | None
) -> ViewState | None:
    """Return which plane of a layer is on view; None if it is seen otherwise."""
    _, own = split_axes(layer.ndim, channel_axis)
    shown = [a - viewer.dims.ndim + layer.ndim for a in viewer.dims.displayed]
    if sorted(shown) != own:
        return None
    plane = plane_in_view(viewer, layer, channel_axis)
    return ViewState(plane, tuple(float(p) for p in viewer.dims.point))


def place_in_view(
    viewer: napari.viewer.Viewer, layer: Image, channel_axis: int | None
) -> tuple[float, ...]:
    """Return what a layer has in the middle of the canvas: (..., y, x) in pixels."""
    point, shown = np.array(viewer.dims.point, float), list(viewer.dims.displayed)
    point[shown] = camera_of(viewer).center[-len(shown) :]
    place = layer.world_to_data(point)
    return tuple(float(place[a]) for a in range(layer.ndim) if a != channel_axis)


def corners_on_view(viewer: napari.viewer.Viewer) -> NDArray[np.float64]:
    """Return the corners of the canvas in the world, (4, D)."""
    shown = list(viewer.dims.displayed)
    corners = np.tile(np.asarray(viewer.dims.point, np.float64), (4, 1))
    camera = camera_of(viewer)
    half = np.asarray(size_of_canvas(viewer), np.float64) / 2 / camera.zoom
    middle = np.asarray(camera.center, np.float64)[-2:]
    corners[:, shown] = middle + half * [(-1, -1), (-1, 1), (1, 1), (1, -1)]
    return corners


def plane_shown(viewer: napari.viewer.Viewer, layer: Layer) -> tuple[object, ...]:
    """Return what tells a plane of a layer from others, whatever becomes of it.

    napari draws a layer again when another plane is shown and, without telling so,
    when a change was undone: then this stays the same.
    """
    dims = viewer.dims
    shown = {a - dims.ndim + layer.ndim for a in dims.displayed}
    place = layer.world_to_data(dims.point)
    hidden = [round(float(place[a])) for a in range(layer.ndim) if a not in shown]
    return (*hidden, tuple(dims.order), dims.ndisplay)
