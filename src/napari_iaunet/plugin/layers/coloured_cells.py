"""Cells in colours of ours, in place of their layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_iaunet.plugin.layers.find import (
    HELPER,
    find_layer,
    pixels_of,
    selection_kept,
)
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.stand_in import StandIn
from napari_iaunet.segmentation.cell_map import ValuePerCell

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Layer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.identity.search import Ranking
    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.segmentation.cell_map import CellMap

# The number and the colour of edges of cells that are picked out; numbers of colours
# are lower. The image shows through the cells.
EDGE, _EDGE_COLOUR, _OPACITY = 255, "#ffffff", 0.6
# Of larger planes, napari draws anew what a canvas of so many pixels can show.
_DRAWN = 2_000_000


class ColouredCells(StandIn):
    """Cells in a few colours; some of them have a white outline.

    The layer of cells is hidden as long as these are shown.

    Parameters
    ----------
    viewer : napari.Viewer
    own_changes : OwnChanges
    labels : Labels
    cells : CellMap
        Those of the layer.
    what : str
        Follows the name of the layer of cells.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
        labels: Labels,
        cells: CellMap,
        what: str,
    ) -> None:
        super().__init__(viewer, own_changes, labels)
        self.cells = cells
        self._what = what
        shape = pixels_of(labels).shape
        # A key is answered at once in large images, too: only edges are looked at.
        self._edges = np.flatnonzero(cells.edges)
        self._rows = cells.index.ravel()[self._edges]
        self._where = np.ones(cells.index.size, np.uint8)
        self._table = np.zeros(len(cells) + 1, np.uint8)
        self._levels = [
            ValuePerCell(index, self._table, where)
            for index, where in zip(
                coarser(cells.index.reshape(shape)),
                coarser(self._where.reshape(shape)),
                strict=True,
            )
        ]
        self._layer: Labels | None = None
        self._colours: tuple[Any, ...] = ()

    def show(
        self,
        numbers: NDArray[np.integer[Any]],
        colours: Sequence[Any],
        outlined: NDArray[np.bool_],
        about: DataFrame,
    ) -> None:
        """Colour the cells.

        Parameters
        ----------
        numbers : (N,) int
            Of each cell's colour, from 1 to 254; 0 for none.
        colours : sequence
            As napari takes them; the first one has the number 1.
        outlined : (N,) bool
        about : DataFrame
            What the status bar tells of each number, by its column "index".
        """
        self._table[1:] = numbers
        chosen = np.concatenate([[False], outlined])
        self._where[self._edges] = np.where(chosen[self._rows], EDGE, 1)
        if self._layer is None or self._layer not in self._viewer.layers:
            self._add(colours)
        elif self._colours != tuple(colours):
            self._layer.colormap = colormap_of(colours)
        self._colours = tuple(colours)
        assert self._layer is not None
        self._layer.refresh(thumbnail=False, highlight=False, extent=False)
        self._layer.features = about

    @property
    def _own(self) -> tuple[Layer | None, ...]:
        return (self._layer,)

    def remove(self) -> None:
        """Take what is shown out of the viewer, and show the cells again."""
        super().remove()
        self._layer = None

    def _add(self, colours: Sequence[Any]) -> None:
        several = len(self._levels) > 1
        with self._own_changes(), selection_kept(self._viewer):
            self._layer = self._viewer.add_labels(
                self._levels if several else self._levels[0],
                name=f"{self._labels.name} {self._what}",
                colormap=colormap_of(colours),
                opacity=_OPACITY,
                multiscale=several,
                metadata={HELPER: True},
                **placement(self._labels),
            )
            self._labels.visible = False


class ColouredLayers:
    """The cells of several layers in the same colours, as `ColouredCells` shows each.

    Parameters
    ----------
    viewer : napari.Viewer
    own_changes : OwnChanges
    what : str
        Follows the names of the layers of cells.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, own_changes: OwnChanges, what: str
    ) -> None:
        self._viewer, self._own_changes, self._what = viewer, own_changes, what
        self._shown: dict[str, ColouredCells] = {}

    @property
    def is_closed(self) -> bool:
        """Whether the user closed one of the layers."""
        return any(shown.is_closed for shown in self._shown.values())

    def show(
        self,
        ranking: Ranking[CellMap],
        numbers: NDArray[np.integer[Any]],
        colours: Sequence[Any],
        outlined: NDArray[np.bool_],
        about: DataFrame,
    ) -> None:
        """Colour all cells of a ranking; the others are as for `ColouredCells.show`."""
        for key, shown in list(self._shown.items()):
            if ranking.parts.get(key) is not shown.cells:
                shown.remove()
                del self._shown[key]
        for key, rows in ranking.rows.items():
            layer = find_layer(self._viewer, key, Labels)
            if layer is None:
                continue
            if key not in self._shown:
                self._shown[key] = ColouredCells(
                    self._viewer,
                    self._own_changes,
                    layer,
                    ranking.parts[key],
                    self._what,
                )
            self._shown[key].show(numbers[rows], colours, outlined[rows], about)

    def remove(self) -> None:
        """Show the layers of cells again, as they were."""
        for shown in self._shown.values():
            shown.remove()
        self._shown.clear()


def coarser(pixels: NDArray[Any]) -> list[NDArray[Any]]:
    """Return an image and, if its planes are large, ever coarser looks at it.

    They show every second row and column of the one before, and take no memory.
    """
    levels = [pixels]
    while levels[-1].shape[-2] * levels[-1].shape[-1] > _DRAWN:
        levels.append(levels[-1][..., ::2, ::2])
    return levels


def colormap_of(colours: Sequence[Any]) -> DirectLabelColormap:
    """Return a colormap whose numbers from 1 have colours, as napari takes them."""
    table: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    table.update(enumerate(colours, 1))
    table[EDGE] = _EDGE_COLOUR
    return DirectLabelColormap(color_dict=table)
