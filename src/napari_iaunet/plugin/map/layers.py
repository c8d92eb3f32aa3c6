"""The cells of a map in the viewer: in the map's colours, those chosen outlined."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_iaunet.plugin.layers.coloured_cells import ColouredLayers
from napari_iaunet.plugin.map.colouring import PLAIN

if TYPE_CHECKING:
    import napari.viewer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.map.colouring import Colouring
    from napari_iaunet.segmentation.cell_map import CellMap

# The gray of cells that are not chosen, where others are. Colours of scales have lower
# numbers.
_ASIDE, _ASIDE_COLOUR = 253, (0.45, 0.45, 0.45, 0.6)


class MapLayers:
    """Shows cells as the map has them, beside the user's layers, which stay."""

    def __init__(self, viewer: napari.viewer.Viewer, own_changes: OwnChanges) -> None:
        self._shown = ColouredLayers(viewer, own_changes, "map")

    @property
    def is_closed(self) -> bool:
        """Whether the user closed one of the layers."""
        return self._shown.is_closed

    def show(
        self,
        ranking: Ranking[CellMap],
        colouring: Colouring,
        chosen: NDArray[np.bool_],
    ) -> None:
        """Colour the cells of a ranking; of chosen ones (N,), the others are gray.

        Where there is nothing to tell of them, they look as they did before.
        """
        if colouring.missing and not chosen.any():
            self.remove()
            return
        numbers = colouring.numbers
        if chosen.any():
            numbers = np.where(chosen, numbers, _ASIDE)
        gap = _ASIDE - 1 - len(colouring.colours)
        colours = [*colouring.colours, *[PLAIN] * gap, _ASIDE_COLOUR]
        about = _about(colouring)
        self._shown.show(ranking, numbers, colours, chosen, about)

    def remove(self) -> None:
        """Show the layers of cells again, as they were."""
        self._shown.remove()


def _about(colouring: Colouring) -> DataFrame:
    """Return what the status bar tells of each colour."""
    from pandas import DataFrame

    names = colouring.names
    return DataFrame({"index": range(1, len(names) + 1), "map": list(names)})
