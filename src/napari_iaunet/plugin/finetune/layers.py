"""Find annotated images among the layers, and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels, Shapes

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.finetune.job import Region, TrainingSource
from napari_iaunet.plugin.layers import cells_on_image
from napari_iaunet.plugin.layers.find import find_layer, list_layers
from napari_iaunet.plugin.layers.labels import is_of_classes
from napari_iaunet.plugin.layers.shapes import polygons_of

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image

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


def read(
    viewer: napari.viewer.Viewer, pair: CellsOnImage, region: str
) -> TrainingSource:
    """Read an image, its cells and where all of them are labelled.

    ``region`` is the key of a Shapes layer, or "" for the whole image. Raises
    ImageError if a layer is gone, or the region is empty.
    """
    cells = cells_on_image.read(viewer, pair)
    layer = find_layer(viewer, pair.labels, Labels)
    assert layer is not None  # it was read
    if not region:
        return TrainingSource(cells, None, layer.name)
    shapes = find_layer(viewer, region, Shapes)
    if shapes is None:
        raise ImageError("The layer with the region was closed.")
    return TrainingSource(cells, Region(polygons_of(shapes, layer)), layer.name)
