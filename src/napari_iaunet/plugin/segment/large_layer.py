"""A Labels layer that fills while a large image is segmented."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels

from napari_iaunet.plugin.layers import labels as label_layers
from napari_iaunet.plugin.layers import view_state
from napari_iaunet.plugin.layers.find import KEPT_IN, OURS, list_layers, selection_kept
from napari_iaunet.plugin.layers.geometry import added_axes
from napari_iaunet.plugin.segment.large_job import LargeResult

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.plugin.segment.job import Cells

# In seconds; a refresh reads what is on view from disk.
_BETWEEN_REFRESHES = 0.5
_KEPT = ("opacity", "visible", "blending")


class LargeLayer:
    """Shows the cells of a large image as they are found.

    ``source`` is the layer, or the first of the layers, that ``image`` was read from;
    ``described`` tells the image, and what of it is used, from all others.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        source: Image,
        image: LayerImage,
        described: str,
    ) -> None:
        self._viewer = viewer
        self._options = label_layers.options_of_labels(source, image)
        start = view_state.place_in_view(viewer, source, image.layer_channel_axis)
        if image.plane is not None:
            start = start[-2:]
        self.result = LargeResult(described, start, added_axes(source, image))
        self._layer: Labels | None = None
        self._refreshed = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether the user closed the layer."""
        return self._layer is not None and self._layer not in self._viewer.layers

    def show(self) -> None:
        """Show what there is by now."""
        if not self.result.levels or self.is_closed:
            return
        if self._layer is None:
            self._layer = self._continued() or self._add()
        elif time.monotonic() - self._refreshed < _BETWEEN_REFRESHES:
            return
        self._layer.refresh(extent=False)
        self._refreshed = time.monotonic()

    def stop(self) -> None:
        """Show all that there is; the layer waits for another run to go on."""
        self._refreshed = 0.0
        self.show()

    def finish(self, cells: Cells, parameters: dict[str, Any]) -> None:
        """Show all cells, in an ordinary layer unless they are too many for that."""
        self.stop()
        layer = self._layer
        if layer is None or self.is_closed:
            return
        if not len(cells.features):
            self._viewer.layers.remove(layer)
            return
        if isinstance(cells.labels, np.ndarray):
            layer = self._replace(layer, cells.labels)
        layer.metadata[OURS] = parameters
        layer.features = cells.features
        layer.editable = not layer.multiscale

    def _left_over(self) -> Labels | None:
        """Layer of a run that was stopped, and that goes on now."""
        folder = str(self.result.folder)
        for layer in list_layers(self._viewer, Labels):
            if layer.metadata.get(OURS, {}).get(KEPT_IN) == folder:
                return layer
        return None

    def _continued(self) -> Labels | None:
        """Let the layer of a run that was stopped show this one."""
        layer = self._left_over()
        if layer is not None:
            # Its last level is in memory, where nobody writes any more.
            layer.data = self._shown()
            layer.editable = False
        return layer

    def _shown(self) -> Any:
        levels = self.result.levels
        return levels if len(levels) > 1 else levels[0]

    def _add(self) -> Labels:
        about = {KEPT_IN: str(self.result.folder)}
        with selection_kept(self._viewer):
            layer = self._viewer.add_labels(
                self._shown(),
                multiscale=len(self.result.levels) > 1,
                metadata={OURS: about},
                **self._options,
            )
        # What a user would change here would not outlast the next part.
        layer.editable = False
        return layer

    def _replace(self, layer: Labels, data: np.ndarray) -> Labels:
        """Put an ordinary layer in the place of one that cannot be edited."""
        listed, selection = self._viewer.layers, self._viewer.layers.selection
        active = selection.active
        # Whatever changes in the list draws everything again.
        kept = {name: getattr(layer, name) for name in _KEPT}
        new = Labels(data, **{**self._options, **kept})
        new.contour = layer.contour
        with selection_kept(self._viewer):
            listed.insert(listed.index(layer), new)
            listed.remove(layer)
        new.name = layer.name  # which two layers cannot share
        if active is layer:
            selection.active = new
        return new
