"""A picture of the cells as the viewer shows them: outlined, with a scale bar."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.scale_bar import draw_scale_bar
from napari_iaunet.plugin.layers.geometry import pixel_size_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

# Longest side of a picture in pixels: what graphics cards surely draw, and more than a
# page can show.
_LONGEST = 4096
# Width of an outline in pixels of the cells, where they are shown filled.
_OUTLINE = 1


def picture_of(viewer: napari.viewer.Viewer, layer: Labels) -> NDArray[np.uint8]:
    """Draw all that is visible in the viewer, the cells of a layer as outlines.

    One pixel is one of the finest visible layer, or more of a picture whose side would
    be above 4096 pixels. A scale bar is drawn where the layer has a pixel size. The
    viewer is as before afterwards.

    Returns (Y, X, 3) uint8. ImageError while the viewer shows its layers in 3D.
    """
    if viewer.dims.ndisplay != 2:
        raise ImageError("A picture is of one plane: switch to the 2D view first.")
    axes = list(viewer.dims.displayed)
    extent = viewer.layers.extent
    step = float(min(extent.step[axes]))
    sides = (extent.world[1] - extent.world[0])[axes] / step + 1
    factor = min(1.0, _LONGEST / float(max(sides)))
    with _outlined(viewer, layer):
        found = viewer.export_figure(scale_factor=factor, flash=False)
    drawn = np.ascontiguousarray(found[..., :3])
    size = pixel_size_of(layer)
    if size is not None:
        # Of the layer's own pixels; in the world these are as wide as its scale says.
        origin, beside = (layer.data_to_world(p) for p in _first_two(layer.ndim))
        world = float(np.linalg.norm(np.subtract(beside, origin)))
        draw_scale_bar(drawn, size[1] / world * step / factor)
    return drawn


def _first_two(ndim: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Places of the first pixel of a layer, and of the one to its right."""
    return np.zeros(ndim), np.eye(ndim)[-1]


@contextmanager
def _outlined(viewer: napari.viewer.Viewer, layer: Labels) -> Iterator[None]:
    """Show a layer, as outlines, and no scale bar of napari's own."""
    canvas = getattr(viewer, "canvas", None)  # before napari 0.9 it has no overlays
    bar = viewer.scale_bar if canvas is None else canvas.overlays.scale_bar
    former = layer.contour, layer.visible, layer.opacity, bar.visible
    try:
        layer.contour, layer.visible = layer.contour or _OUTLINE, True
        layer.opacity = 1.0  # thin lines are hardly seen otherwise
        bar.visible = False
        yield
    finally:
        layer.contour, layer.visible, layer.opacity, bar.visible = former
