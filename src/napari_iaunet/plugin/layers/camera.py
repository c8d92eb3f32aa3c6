"""Bring a place of a layer into the middle of the viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Layer
    from numpy.typing import NDArray

# A usual cell is so many times as wide as what is seen, and no cell is wider than this.
_SHARE, _MOST = 0.12, 0.7


def camera_of(viewer: napari.viewer.Viewer) -> Any:
    """Return the camera, which is a part of the scene from napari 0.9 on."""
    return getattr(viewer, "scene", viewer).camera


def size_of_canvas(viewer: napari.viewer.Viewer) -> Sequence[int]:
    """Return height and width of what is seen, in pixels of the screen."""
    canvas = getattr(viewer, "canvas", None)
    if canvas is None:  # private, so it is warned of in what plugins are given
        size: Sequence[int] = getattr(viewer, "__wrapped__", viewer)._canvas_size
    else:
        size = canvas.size
    return size


def centre_on(
    viewer: napari.viewer.Viewer, layer: Layer, place: Sequence[float]
) -> None:
    """Show the plane that a pixel of a layer lies in, with the pixel in the middle."""
    dims = viewer.dims
    point = np.asarray(dims.point, np.float64)
    point[-layer.ndim :] = layer.data_to_world(place)
    dims.set_point(dims.not_displayed, [float(point[a]) for a in dims.not_displayed])
    camera_of(viewer).center = tuple(float(point[a]) for a in dims.displayed)


def zoom_for(
    viewer: napari.viewer.Viewer, layer: Layer, size: NDArray[np.float64], usual: float
) -> None:
    """Zoom so that a usual cell can be seen well, and one of a size (2,) as a whole.

    Lengths are in pixels of the layer. Called again, it only zooms out if it must.
    """
    pixel = float(np.max(np.abs(np.asarray(layer.extent.step)[-2:])))
    seen = min(size_of_canvas(viewer))
    wide = max(float(np.max(size)), 1.0) * pixel
    zoom = seen * _SHARE / (max(usual, 1.0) * pixel) if usual else np.inf
    most = seen * _MOST / wide
    camera = camera_of(viewer)
    wanted = min(zoom if usual else camera.zoom, most)
    if usual or wanted < camera.zoom:
        camera.zoom = wanted
