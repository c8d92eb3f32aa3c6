"""Show what was found: in the viewer's layers and in the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from napari.layers import Labels

from napari_iaunet.identity.search import best_and_uncertain
from napari_iaunet.plugin.layers.camera import centre_on
from napari_iaunet.plugin.layers.find import find_layer
from napari_iaunet.plugin.lookalikes.gallery import Thumbnail
from napari_iaunet.plugin.lookalikes.similarity_layers import (
    LIKE_COLOUR,
    UNLIKE_COLOUR,
    SimilarityLayers,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari.viewer
    from numpy.typing import NDArray

    from napari_iaunet.identity.search import CellRef, Query, Ranking
    from napari_iaunet.plugin.core.own_changes import OwnChanges
    from napari_iaunet.plugin.lookalikes.panel import LookalikePanel
    from napari_iaunet.segmentation.cell_map import CellMap

# Of each kind, in the gallery: more than are looked at, and shown in a moment.
_PICTURES = 30


class _Kind(NamedTuple):
    """How the pictures of examples are marked."""

    word: str
    colour: str
    mark: str


_LIKE = _Kind("Like", LIKE_COLOUR, "+")
_UNLIKE = _Kind("Unlike", UNLIKE_COLOUR, "\N{MULTIPLICATION SIGN}")
_NO_EXAMPLE = _Kind("", "", "")


class LookalikeDisplay:
    """Colours and outlines cells, and fills the gallery."""

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        panel: LookalikePanel,
        own_changes: OwnChanges,
    ) -> None:
        self._viewer, self._panel, self._own_changes = viewer, panel, own_changes
        self._shown: dict[str, SimilarityLayers] = {}

    def show(
        self, ranking: Ranking[CellMap], values: NDArray[np.float32], threshold: float
    ) -> None:
        """Colour all cells by their similarity, (N,) float32."""
        for key, shown in list(self._shown.items()):
            if ranking.parts.get(key) is not shown.cells:
                shown.remove()
                del self._shown[key]
        for key, rows in ranking.rows.items():
            if key not in self._shown:
                layer = find_layer(self._viewer, key, Labels)
                if layer is None:
                    continue
                self._shown[key] = SimilarityLayers(
                    self._viewer, self._own_changes, layer, ranking.parts[key]
                )
            self._shown[key].show(values[rows], threshold)

    def set_threshold(self, threshold: float) -> None:
        """Colour only the cells from a similarity upwards."""
        for shown in self._shown.values():
            shown.set_threshold(threshold)

    def settle(
        self,
        ranking: Ranking[CellMap],
        values: NDArray[np.float32],
        threshold: float,
        query: Query,
    ) -> None:
        """Outline the cells that were found, and show pictures of cells."""
        for key, shown in self._shown.items():
            likes, unlikes = (
                [
                    row
                    for c in cells
                    if c.layer == key and (row := shown.cells.row(c.label)) is not None
                ]
                for cells in query
            )
            shown.outline(values[ranking.rows[key]] >= threshold, likes, unlikes)
        best, uncertain = best_and_uncertain(values, threshold, _PICTURES)
        self._panel.found.set_gallery(
            *(
                [self._thumbnail(ranking, values, row, query) for row in rows]
                for rows in (best, uncertain)
            )
        )

    def show_examples(self, ranking: Ranking[CellMap] | None, query: Query) -> None:
        """Show pictures of likes and unlikes; none before cells are described."""
        pictures = [] if ranking is None else list(_examples(ranking, query))
        self._panel.set_examples(pictures)

    @property
    def is_closed(self) -> bool:
        """Whether the user closed a layer that shows what was found."""
        return any(shown.is_closed for shown in self._shown.values())

    def remove(self) -> None:
        """Show nothing in the viewer."""
        for shown in self._shown.values():
            shown.remove()
        self._shown.clear()

    def centre(self, ranking: Ranking[CellMap], cell: CellRef) -> None:
        """Bring a cell to the middle of the viewer."""
        part = ranking.parts.get(cell.layer)
        layer = find_layer(self._viewer, cell.layer, Labels)
        if part is None or layer is None:
            return
        place = place_of(part, cell.label, layer)
        if place is not None:
            centre_on(self._viewer, layer, place)

    def _thumbnail(
        self,
        ranking: Ranking[CellMap],
        values: NDArray[np.float32],
        row: int,
        query: Query,
    ) -> Thumbnail:
        cell = ranking.cell(row)
        pixels = _picture(ranking, cell)
        assert pixels is not None
        kind = next((k for k, cells in _kinds(query) if cell in cells), _NO_EXAMPLE)
        text = f"{self._name(ranking, cell)}, similarity {values[row]:.3f}"
        return Thumbnail(cell, pixels, text, kind.colour, kind.mark)

    def _name(self, ranking: Ranking[CellMap], cell: CellRef) -> str:
        layer = find_layer(self._viewer, cell.layer, Labels)
        if layer is None or len(ranking.parts) == 1:
            return f"Cell {cell.label}"
        return f"Cell {cell.label} of {layer.name}"


def place_of(cells: CellMap, label: int, layer: Labels) -> list[float] | None:
    """Return the pixel of a layer in the middle of a cell; None if there is none."""
    row = cells.row(label)
    if row is None:
        return None
    shape = cells.index.shape
    y, x = (round(float(cells.table[a][row])) for a in "yx")
    pixel = int(cells.table["plane"][row]) * shape[-2] * shape[-1]
    pixel += y * shape[-1] + x
    own = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    return [float(p) for p in np.unravel_index(pixel, tuple(own))]


def _picture(ranking: Ranking[CellMap], cell: CellRef) -> NDArray[np.uint8] | None:
    """Return the picture of a cell; None if there is no such cell."""
    part = ranking.parts.get(cell.layer)
    row = None if part is None else part.row(cell.label)
    return None if part is None or row is None else part.thumbnails[row]


def _examples(ranking: Ranking[CellMap], query: Query) -> Iterator[Thumbnail]:
    for kind, cells in _kinds(query):
        for cell in cells:
            pixels = _picture(ranking, cell)
            if pixels is not None:
                text = f"{kind.word}: cell {cell.label}"
                yield Thumbnail(cell, pixels, text, kind.colour, kind.mark)


def _kinds(query: Query) -> Iterator[tuple[_Kind, tuple[CellRef, ...]]]:
    return zip((_LIKE, _UNLIKE), query, strict=True)
