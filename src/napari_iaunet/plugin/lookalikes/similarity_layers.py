"""Show in the viewer how much cells resemble the examples.

Nothing is told by a colour alone: cells that are found are outlined, those that are not
are gray, likes have a cross and unlikes an x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap, ensure_colormap
from scipy.ndimage import distance_transform_edt

from napari_iaunet.plugin.layers.find import HELPER, pixels_of, selection_kept
from napari_iaunet.plugin.layers.geometry import placement
from napari_iaunet.plugin.layers.stand_in import StandIn
from napari_iaunet.segmentation.cell_map import ValuePerCell

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image, Labels, Layer
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.segmentation.cell_map import CellMap

LIKE_COLOUR, UNLIKE_COLOUR, FOUND_COLOUR = "#3ddc5a", "#ff4d4d", "#ffffff"
# Cells below the threshold: gray, so that only those found have a colour.
_BELOW = (0.45, 0.45, 0.45, 0.6)
_FOUND, _LIKE, _UNLIKE, _BORDER = 1, 2, 3, 4
# A mark is so many times as long as its cell is wide; its black border shows on bright
# cells, as its colour does on dark ones.
_MARK_LENGTH, _BORDER_COLOUR = 0.6, "#000000"
# napari needs some way between the contrast limits; the image shows through the cells.
_NARROWEST, _OPACITY = 1e-3, 0.65


class SimilarityLayers(StandIn):
    """An image of similarities, and outlines, on one layer of cells.

    The threshold is the lower contrast limit of the image, which costs little to
    move; the outlines are slower, so they go and come back when the mouse rests.

    The layer of cells is hidden as long as the similarities are shown.
    """

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        own_changes: OwnChanges,
        labels: Labels,
        cells: CellMap,
    ) -> None:
        super().__init__(viewer, own_changes, labels)
        self.cells = cells
        count = len(cells) + 1
        shape = pixels_of(labels).shape
        index = cells.index.reshape(shape)
        where = cells.edges.reshape(shape).astype(np.uint8)
        self._planes = where.reshape(-1, *cells.index.shape[-2:])
        self._marked: list[tuple[tuple[Any, ...], NDArray[np.uint8]]] = []
        self._values = ValuePerCell(index, np.full(count, np.nan, np.float32))
        # As quick as napari's own outlines are slow: these need no search for edges.
        self._numbers = ValuePerCell(index, np.zeros(count, np.uint8), where)
        self._image: Image | None = None
        self._outlines: Labels | None = None
        self._is_waiting = False

    def show(self, similarity: NDArray[np.float32], threshold: float) -> None:
        """Colour the cells by their similarity, (N,) in [0, 1]."""
        self._values.table[1:] = similarity
        if self._image is None or self._image not in self._viewer.layers:
            self._add(threshold)
            return
        self.set_threshold(threshold)
        self._image.refresh()

    def set_threshold(self, threshold: float) -> None:
        """Colour only the cells from a similarity upwards."""
        if self._image is None:
            return
        if self._outlines is not None and self._outlines.visible:
            self._outlines.visible, self._is_waiting = False, True
        low = min(threshold - 1e-6, 1 - _NARROWEST)
        self._image.contrast_limits = (low, 1.0)

    def outline(
        self,
        found: NDArray[np.bool_],
        likes: Sequence[int],
        unlikes: Sequence[int],
    ) -> None:
        """Outline the cells that were found, and mark the examples by their rows."""
        table = self._numbers.table
        while self._marked:
            place, before = self._marked.pop()
            self._planes[place] = before
        table[1:] = np.where(found, _FOUND, 0)
        for rows, number in ((likes, _LIKE), (unlikes, _UNLIKE)):
            table[np.asarray(rows, np.intp) + 1] = number
            for row in rows:
                self._mark(row, number)
        if self._outlines is None or self._outlines not in self._viewer.layers:
            return
        if self._is_waiting:
            self._is_waiting, self._outlines.visible = False, True
        else:
            self._outlines.refresh()

    def _mark(self, row: int, number: int) -> None:
        """Draw a cross into a like, an x into an unlike, as far as the cell reaches."""
        area, index = float(self.cells.table["area"][row]), self.cells.index
        half = max(2, round(_MARK_LENGTH * area**0.5 / 2))
        plane, y, x = self._middle(row)
        rows = slice(max(0, y - half - 1), y + half + 2)
        columns = slice(max(0, x - half - 1), x + half + 2)
        place = (plane, rows, columns)
        part = self._planes[place]
        own = index.reshape(self._planes.shape)[place] == row + 1
        across, down = np.ogrid[rows.start : rows.stop, columns.start : columns.stop]
        mark, border = _drawn(
            (across - y)[: part.shape[0]],
            (down - x)[:, : part.shape[1]],
            half,
            upright=number == _LIKE,
        )
        drawn = np.where(mark, number, np.where(border, _BORDER, part))
        self._marked.append((place, part.copy()))
        self._planes[place] = np.where(own, drawn, part)

    def _middle(self, row: int) -> tuple[int, int, int]:
        """Return the plane and the pixel in the middle of a cell.

        That is its centre of mass, or, where this lies beside the cell, as that of a
        crescent or a ring does, the pixel of the cell that is farthest from its edge.
        """
        table = self.cells.table
        plane, y, x = (round(float(table[key][row])) for key in ("plane", "y", "x"))
        index = self.cells.index.reshape(self._planes.shape)[plane]
        if index[y, x] == row + 1:
            return plane, y, x
        rows, columns = (
            slice(max(int(i.min()) - 1, 0), int(i.max()) + 2)
            for i in np.nonzero(index == row + 1)
        )
        inside = distance_transform_edt(index[rows, columns] == row + 1)
        down, across = np.unravel_index(inside.argmax(), inside.shape)
        return plane, rows.start + int(down), columns.start + int(across)

    @property
    def _own(self) -> tuple[Layer | None, ...]:
        return self._image, self._outlines

    def remove(self) -> None:
        """Take what is shown out of the viewer, and show the cells again."""
        super().remove()
        self._image = self._outlines = None

    def _add(self, threshold: float) -> None:
        with self._own_changes(), selection_kept(self._viewer):
            self._image = self._viewer.add_image(
                self._values,
                name=f"{self._labels.name} similarity",
                colormap=_colours(),
                blending="translucent",  # added to a bright image it would be white
                opacity=_OPACITY,
                contrast_limits=(0.0, 1.0),
                multiscale=False,
                rgb=False,
                metadata={HELPER: True},
                **placement(self._labels),
            )
            self.set_threshold(threshold)
            self._outlines = self._viewer.add_labels(
                self._numbers,
                name=f"{self._labels.name} found",
                colormap=DirectLabelColormap(
                    color_dict={
                        None: "transparent",
                        0: "transparent",
                        _FOUND: FOUND_COLOUR,
                        _LIKE: LIKE_COLOUR,
                        _UNLIKE: UNLIKE_COLOUR,
                        _BORDER: _BORDER_COLOUR,
                    }
                ),
                opacity=1.0,
                multiscale=False,
                metadata={HELPER: True},
                **placement(self._labels),
            )
            self._labels.visible = False


def _drawn(
    y: NDArray[np.intp], x: NDArray[np.intp], half: int, *, upright: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where a cross or an x is around (0, 0), and where it has a border."""
    thick = half // 5
    near, far = (np.abs(y), np.abs(x)) if upright else (np.abs(y - x), np.abs(y + x))
    reach = np.maximum(np.abs(y), np.abs(x))
    line = np.minimum(near, far)
    return (line <= thick) & (reach <= half), (line <= thick + 1) & (reach <= half + 1)


def _colours() -> Colormap:
    """Viridis; cells below the threshold are gray, and nothing is drawn between."""
    viridis = ensure_colormap("viridis")
    return Colormap(
        viridis.colors,
        name="similarity",
        controls=viridis.controls,
        low_color=_BELOW,
        nan_color="transparent",
    )
