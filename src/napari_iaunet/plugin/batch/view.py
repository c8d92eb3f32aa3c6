"""The layers of the image that is looked at."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.plugin.batch.job import Changed
from napari_iaunet.plugin.core.responsive import removed_swiftly

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels, Layer

    from napari_iaunet.plugin.batch.job import Stored


# Bytes of the layers of an image that may stay in memory for a while.
_SMALL = 64 << 20


class OpenedImage:
    """An image of the list and its cells in the viewer."""

    def __init__(self, viewer: napari.viewer.Viewer, stored: Stored) -> None:
        self.stored, self._viewer = stored, viewer
        self._layers: list[Layer] = []
        for data, options, kind in stored.layers:
            added = getattr(viewer, f"add_{kind}")(data, **options)
            self._layers += added if isinstance(added, list) else [added]
        self._cells: Labels = self._layers[-1]

    @property
    def is_closed(self) -> bool:
        """Whether the user has closed the layer of cells."""
        return self._cells not in self._viewer.layers

    def changed(self, columns: tuple[str, ...]) -> Changed | None:
        """Return the cells as they are now; None if they cannot have been changed."""
        if self.stored.digest is None or self.is_closed:
            return None
        layer = self._cells
        return Changed(self.stored, layer.data, layer.features.copy(), columns)

    def lock(self, on: bool) -> None:
        """Let nobody paint while the cells are written, or again."""
        self._cells.editable = not on

    def close(self) -> None:
        """Take the layers out of the viewer."""
        arrays = [layer.data for layer in self._layers]
        held = sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
        with removed_swiftly() if held <= _SMALL else nullcontext():
            for layer in self._layers:
                with suppress(ValueError):  # the user has closed it
                    self._viewer.layers.remove(layer)
