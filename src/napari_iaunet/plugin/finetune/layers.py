"""Find annotated images among the layers, and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.finetune.job import Region, TrainingSource
from napari_iaunet.plugin.layers import cells_on_image
from napari_iaunet.plugin.layers.find import HELPER, find_layer, list_layers, pixels_of
from napari_iaunet.plugin.layers.labels import is_of_classes

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.settings import SegmentChoice
    from napari_iaunet.plugin.layers.cells_on_image import CellsOnImage

_ELLIPSE_POINTS = 64
_AREAS = {"rectangle", "polygon", "ellipse"}


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


def regions(viewer: napari.viewer.Viewer) -> list[tuple[str, str]]:
    """Return key and name of the Shapes layers, the topmost first."""
    return [
        (str(layer.unique_id), layer.name)
        for layer in reversed(viewer.layers)
        if isinstance(layer, Shapes) and HELPER not in layer.metadata
    ]


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
    shapes = next((i for i in viewer.layers if str(i.unique_id) == region), None)
    if not isinstance(shapes, Shapes):
        raise ImageError("The layer with the region was closed.")
    return TrainingSource(cells, _region(shapes, layer), layer.name)


def _region(shapes: Shapes, labels: Labels) -> Region:
    polygons = []
    for corners, kind in zip(shapes.data, shapes.shape_type, strict=True):
        if kind not in _AREAS:
            continue
        if kind == "ellipse":
            corners = _on_ellipse(np.asarray(corners, np.float64))
        world = np.array([shapes.data_to_world(point) for point in corners])
        polygons.append(_in_labels(world, labels))
    if not polygons:
        msg = f"The layer “{shapes.name}” has no rectangle, ellipse or polygon."
        raise ImageError(msg)
    return Region(tuple(polygons))


def _on_ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on the ellipse that touches the sides of a parallelogram."""
    middle = corners.mean(axis=0)
    one, two = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angle = np.linspace(0, 2 * np.pi, _ELLIPSE_POINTS, endpoint=False)[:, None]
    points: NDArray[np.float64] = middle + np.cos(angle) * one + np.sin(angle) * two
    return points


def _in_labels(
    world: NDArray[np.float64], labels: Labels
) -> tuple[int | None, NDArray[np.float64]]:
    """Bring the corners of a shape to the pixels of a plane of labels.

    Returns
    -------
    plane : int or None
        Counted over all planes of the layer; None: the shape holds for every plane.
    points : (N, 2) float64
    """
    stack = pixels_of(labels).shape[:-2]
    known = min(world.shape[1], labels.ndim)
    place = np.zeros((len(world), labels.ndim))
    place[:, labels.ndim - known :] = world[:, world.shape[1] - known :]
    points = np.array([labels.world_to_data(point) for point in place])
    plane: Any = None
    if stack and known == labels.ndim:
        index = np.clip(np.rint(points[0, :-2]).astype(int), 0, np.array(stack) - 1)
        plane = int(np.ravel_multi_index(tuple(index), stack))
    return plane, points[:, -2:]
