"""The layers of the image that is looked at."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.plugin.batch.job import Changed
from napari_iaunet.plugin.core.responsive import removed_swiftly

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari.viewer
    from napari.layers import Labels, Layer

    from napari_iaunet.plugin.batch.job import Stored


# Bytes of the layers of an image that may stay in memory for a while.
_SMALL = 64 << 20


class OpenedImage:
    """An image of the list and its cells in the viewer.

    Layers come and go one by one: `adding` and `closing` are the steps of that.
    """

    def __init__(self, viewer: napari.viewer.Viewer, stored: Stored) -> None:
        self.stored, self._viewer = stored, viewer
        self._added: list[list[Layer]] = []  # of an image with channels, one for each

    def adding(self) -> list[Callable[[], None]]:
        """Return what adds the layers, the cells last."""
        return [partial(self._add, *layer) for layer in self.stored.layers]

    def closing(self) -> list[Callable[[], None]]:
        """Return what takes the layers out of the viewer, the topmost first.

        napari 0.9 may crash in OpenGL where lower ones of several go before it.
        """
        layers = [layer for added in self._added for layer in added][::-1]
        arrays = [layer.data for layer in layers]
        held = sum(a.nbytes for a in arrays if isinstance(a, np.ndarray))
        how = removed_swiftly if held <= _SMALL else nullcontext
        return [partial(self._remove, layer, how) for layer in layers]

    def _add(self, data: Any, options: dict[str, Any], kind: str) -> None:
        added = getattr(self._viewer, f"add_{kind}")(data, **options)
        self._added.append(added if isinstance(added, list) else [added])

    def _remove(self, layer: Layer, how: Callable[[], Any]) -> None:
        with how(), suppress(ValueError):  # the user has closed it
            self._viewer.layers.remove(layer)

    @property
    def _cells(self) -> Labels:
        return self._added[-1][-1]

    @property
    def is_closed(self) -> bool:
        """Whether the layer of cells is not there: the user may have closed it."""
        is_added = len(self._added) == len(self.stored.layers)
        return not is_added or self._cells not in self._viewer.layers

    def changed(self, columns: tuple[str, ...]) -> Changed | None:
        """Return the cells as they are now; None if they cannot have been changed."""
        if self.stored.digest is None or self.is_closed:
            return None
        layer = self._cells
        return Changed(self.stored, layer.data, layer.features.copy(), columns)

    def lock(self, on: bool) -> None:
        """Let nobody paint while the cells are written, or again."""
        self._cells.editable = not on
