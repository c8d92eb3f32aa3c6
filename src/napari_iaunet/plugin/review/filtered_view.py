"""Show only some of the cells of a layer, at once, without touching its pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from napari_iaunet.plugin.layers.coloured_cells import coarser
from napari_iaunet.plugin.layers.find import HELPER, selection_kept
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.helpers import take_out
from napari_iaunet.segmentation.cell_map import ValuePerCell

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.segmentation.survey import Survey

# Labels of 8 bits go to the graphics card as they are; napari converts wider ones at
# every change, which takes longer than all the rest.
_COLOURS = np.iinfo(np.uint8).max


class FilteredView:
    """A layer that looks like one of cells, but for those that do not pass.

    That layer itself is hidden meanwhile.
    """

    def __init__(self, viewer: napari.viewer.Viewer, own_changes: OwnChanges) -> None:
        self._viewer, self._own_changes = viewer, own_changes
        self._labels: Labels | None = None
        self._cells: Survey | None = None
        self._layer: Labels | None = None
        self._was_visible = True

    def show(self, labels: Labels, cells: Survey, passed: NDArray[np.bool_]) -> None:
        """Show the cells of a layer that pass, (N,)."""
        if (
            self._layer is None
            or labels is not self._labels
            or cells is not self._cells
        ):
            self.remove()
            self._add(labels, cells, passed)
            return
        self._table[1:] = np.where(passed, self._numbers, 0)
        self._layer.refresh(thumbnail=False, highlight=False, extent=False)

    def remove(self) -> None:
        """Show the layer of cells again, as it was."""
        take_out(self._viewer, self._own_changes, self._layer)
        labels = self._labels
        if labels is not None and labels in self._viewer.layers and self._was_visible:
            with self._own_changes():
                labels.visible = True
        self._layer = self._labels = self._cells = None

    @property
    def is_shown(self) -> bool:
        """Whether such a layer is there."""
        return self._layer is not None and self._layer in self._viewer.layers

    @property
    def is_closed(self) -> bool:
        """Whether the user closed the layer."""
        return self._layer is not None and self._layer not in self._viewer.layers

    def _add(self, labels: Labels, cells: Survey, passed: NDArray[np.bool_]) -> None:
        self._labels, self._cells = labels, cells
        self._was_visible = bool(labels.visible)
        colours, self._numbers = _colours(labels, cells.label_ids)
        self._table = np.zeros(len(cells) + 1, np.uint8)
        self._table[1:] = np.where(passed, self._numbers, 0)
        levels = [ValuePerCell(index, self._table) for index in coarser(cells.index)]
        several = len(levels) > 1
        with self._own_changes(), selection_kept(self._viewer):
            self._layer = self._viewer.add_labels(
                levels if several else levels[0],
                name=f"{labels.name} filtered",
                colormap=colours,
                opacity=labels.opacity,
                blending=labels.blending,
                multiscale=several,
                metadata={HELPER: True},
                **placement(labels),
            )
            self._layer.contour = labels.contour
            labels.visible = False


def _colours(
    labels: Labels, label_ids: NDArray[np.int64]
) -> tuple[DirectLabelColormap, NDArray[np.uint8]]:
    """Return a layer's colours, and the number of each cell's one among them."""
    own = labels.colormap.map(label_ids.astype(labels.data.dtype)).reshape(-1, 4)
    colours, numbers = np.unique(own, axis=0, return_inverse=True)
    colours = colours[:_COLOURS]
    table: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    table |= dict(enumerate(colours, 1))
    # More colours than there are numbers for: some are shared.
    used = numbers.reshape(-1) % max(len(colours), 1) + 1
    return DirectLabelColormap(color_dict=table), used.astype(np.uint8)
