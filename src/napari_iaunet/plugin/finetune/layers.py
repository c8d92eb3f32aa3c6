"""Find annotated images among the layers, and read them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.finetune.job import Region, TrainingSource
from napari_iaunet.plugin.finetune.pair_list import (
    EVERYWHERE,
    LOOKED_AT_ONLY,
    NOWHERE,
)
from napari_iaunet.plugin.layers import cells_on_image, view_state
from napari_iaunet.plugin.layers.features import LOOKED_AT, flagged
from napari_iaunet.plugin.layers.find import find_layer, list_layers
from napari_iaunet.plugin.layers.labels import is_of_classes, is_segmented
from napari_iaunet.plugin.layers.shapes import in_pixels, polygons_of

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage


def annotated(
    viewer: napari.viewer.Viewer, settings: SegmentChoice | None
) -> list[CellsOnImage]:
    """Return the layers of cells, the topmost first, each with its likeliest image.

    Cells of one plane on a stack belong to the plane on view.
    """
    found = []
    for layer in _layers_of_cells(viewer):
        images = cells_on_image.images_under(viewer, layer, settings)
        if images:
            found.append(on_image(viewer, layer, images[0], settings))
    return found


def on_image(
    viewer: napari.viewer.Viewer,
    labels: Labels,
    image: Image,
    settings: SegmentChoice | None,
) -> CellsOnImage:
    """Join cells with an image that they lie on, and with its plane on view."""
    pair = cells_on_image.pair(labels, image, settings)
    return cells_on_image.fixed(viewer, labels, image, pair)


def on_no_image(
    viewer: napari.viewer.Viewer, settings: SegmentChoice | None
) -> list[str]:
    """Return the names of the layers of cells that lie on no open image."""
    return [
        layer.name
        for layer in _layers_of_cells(viewer)
        if not cells_on_image.images_under(viewer, layer, settings)
    ]


def _layers_of_cells(viewer: napari.viewer.Viewer) -> list[Labels]:
    layers = reversed(list_layers(viewer, Labels))
    return [layer for layer in layers if not is_of_classes(layer)]


def usual_place(layer: Labels) -> str:
    """Return where every cell is probably labelled, as of `PairInfo`.

    Of what the model found and somebody corrected, that is everywhere.
    """
    return EVERYWHERE if is_segmented(layer) else NOWHERE


def part_on_view(viewer: napari.viewer.Viewer, labels: Labels) -> Region:
    """Return what is on view of a layer.

    Raises
    ------
    ImageError
        If the viewer shows no rows and columns of it.
    """
    rows_and_columns = [viewer.dims.ndim - 2, viewer.dims.ndim - 1]
    if sorted(viewer.dims.displayed) != rows_and_columns:
        raise ImageError(view_state.NOT_IN_2D)
    corners = view_state.corners_on_view(viewer)
    return Region((in_pixels(corners, labels),))


def read(
    viewer: napari.viewer.Viewer, pair: CellsOnImage, place: str | Region
) -> TrainingSource:
    """Read an image, its cells and where every one of them is labelled.

    The place is as of `PairInfo`, or what `part_on_view` returned. Raises ImageError if
    a layer is gone, or the region is empty.
    """
    cells = cells_on_image.read(viewer, pair)
    layer = find_layer(viewer, pair.labels, Labels)
    assert layer is not None  # it was read
    if place == LOOKED_AT_ONLY:
        cells = replace(cells, labels=_looked_at(layer, cells.labels))
        place = NOWHERE
    return TrainingSource(cells, _region(viewer, layer, place), layer.name)


def _looked_at(layer: Labels, labels: Any) -> NDArray[np.integer[Any]]:
    """Return labels without the cells that nobody has looked at."""
    labels = np.asarray(labels)
    seen = flagged(layer, LOOKED_AT, np.unique(labels))
    if not seen:
        raise ImageError(f"No cell of “{layer.name}” was looked at or corrected.")
    return np.where(np.isin(labels, list(seen)), labels, 0)


def _region(
    viewer: napari.viewer.Viewer, layer: Labels, place: str | Region
) -> Region | None:
    if isinstance(place, Region):
        return place
    if place == EVERYWHERE:
        return None
    if place == NOWHERE:
        return Region(())
    shapes = find_layer(viewer, place, Shapes)
    if shapes is None:
        raise ImageError("The layer with the region was closed.")
    return Region(polygons_of(shapes, layer))
