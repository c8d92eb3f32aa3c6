"""Show a cell on the image before it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.plugin.layers.geometry import added_axes, placement
from napari_iaunet.plugin.layers.overlay import Overlay
from napari_iaunet.segmentation.prompts import pixels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.layers.geometry import LayerImage

_NAME = "click preview"
# The cell, a line on it or around it, a line on the background.
_COLOURS = ("#ffd000", "#00e5ff", "#ff4d6d")
_OPACITY = 0.6  # the image shows through
# A line is a pixel wide for so many pixels that it extends: else it is lost from afar.
_WIDE = 150


class ClickPreview(Overlay):
    """The cell that is being made, and the line that is being drawn."""

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
    ) -> None:
        super().__init__(viewer, own_changes, _NAME, _COLOURS, _OPACITY)
        self._cell: tuple[tuple[int, int], NDArray[np.bool_]] | None = None

    def show(
        self,
        layer: Image,
        image: LayerImage,
        corner: tuple[int, int],
        mask: NDArray[np.bool_],
    ) -> None:
        """Show a cell.

        ``image`` is the plane that it lies on; its mask, (y, x), begins at the row and
        column ``corner``.
        """
        self._cell = corner, mask
        self._cover(layer, image, corner, mask.astype(np.uint8))

    def hide(self) -> None:
        """Show nothing."""
        self._cell = None
        super().hide()

    def draw(
        self,
        layer: Image,
        image: LayerImage,
        line: Sequence[tuple[float, float]],
        *,
        outside: bool,
    ) -> None:
        """Show a line through pixels (y, x) beside the cell."""
        pixels = pixels_of(np.asarray(line)).astype(int)
        width = 1 + int(np.ptp(pixels, axis=0).max()) // _WIDE
        low, high = pixels.min(axis=0), pixels.max(axis=0) + width
        if self._cell is not None:
            corner, mask = self._cell
            low = np.minimum(low, corner)
            high = np.maximum(high, np.add(corner, mask.shape))
        labels = np.zeros(high - low, np.uint8)
        if self._cell is not None:
            y, x = corner - low
            labels[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
        for y, x in np.ndindex(width, width):
            labels[tuple((pixels - low + (y, x)).T)] = 3 if outside else 2
        self._cover(layer, image, (int(low[0]), int(low[1])), labels)

    def _cover(
        self,
        layer: Image,
        image: LayerImage,
        corner: tuple[int, int],
        labels: NDArray[np.uint8],
    ) -> None:
        labels = np.expand_dims(labels, added_axes(layer, image))
        self.cover(labels, placement(layer, image, corner))
