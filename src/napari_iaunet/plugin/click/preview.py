"""Show a cell on the image before it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.plugin.layers.geometry import added_axes, placement
from napari_iaunet.plugin.layers.overlay import Overlay

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.layers.geometry import LayerImage

_NAME = "click preview"
_COLOUR, _OPACITY = "#ffd000", 0.6  # the image shows through


class ClickPreview(Overlay):
    """The cell that is being made."""

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
    ) -> None:
        super().__init__(viewer, own_changes, _NAME, (_COLOUR,), _OPACITY)

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
        labels = np.expand_dims(mask.astype(np.uint8), added_axes(layer, image))
        self.cover(labels, placement(layer, image, corner))
