"""Write cells into a Labels layer, and tell our own layers from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.disk import why_not
from napari_iaunet.plugin.layers.find import OURS
from napari_iaunet.plugin.layers.geometry import (
    added_axes,
    placement,
    plane_of_labels,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari.viewer
    from napari.layers import Image, Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.geometry import LayerImage

# What our own layers are called in the metadata of the layer that they were made of.
CLASSES_OF, FOUND_IN, SEMANTIC_OF = "classes_of", "found_in", "semantic_of"


def write_labels(
    viewer: napari.viewer.Viewer,
    layer: Image,
    image: LayerImage,
    labels: NDArray[np.integer[Any]],
    features: Any,
    parameters: dict[str, Any],
    corner: tuple[int, int] = (0, 0),
) -> Labels:
    """Add the cells of ``layer`` as a new Labels layer that lies on it.

    ``layer`` is the one, or the first of those, that ``image`` was read from. The
    labels are (Y, X), (T or Z, Y, X) or (T, Z, Y, X); in the features each cell has a
    row, with its label in the column ``index``. The parameters say how the cells were
    found and are kept in ``metadata["napari_iaunet"]``. The labels begin at a row and
    column of the image, its ``corner``.
    """
    return viewer.add_labels(
        np.expand_dims(labels, added_axes(layer, image)),
        features=features,
        metadata={OURS: parameters},
        **options_of_labels(layer, image, corner),
    )


def options_of_labels(
    layer: Image, image: LayerImage, corner: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """Name and place of a Labels layer with the cells of an image."""
    where = ", ".join(str(i) for i in image.plane or ())
    name = f"{layer.name} cells" + (f" [{where}]" if where else "")
    return {"name": name, **placement(layer, image, corner)}


def is_extracted(layer: Labels) -> bool:
    """Whether a layer holds cells that were found in another one."""
    return FOUND_IN in layer.metadata.get(OURS, {})


def is_of_classes(layer: Labels) -> bool:
    """Whether a layer is one of our layers of classes."""
    about = layer.metadata.get(OURS, {})
    return CLASSES_OF in about or SEMANTIC_OF in about


def is_segmented(layer: Labels) -> bool:
    """Whether a layer holds what the model found in a whole image."""
    about = layer.metadata.get(OURS, {})
    return "diameter" in about and not about.get("part")


def check_editable(layer: Labels) -> None:
    """Raise `ImageError` if a layer is not to be edited.

    Of several resolutions napari says that always, since its own tools cannot.
    """
    if not layer.editable and not layer.multiscale:
        msg = f"The layer “{layer.name}” cannot be edited. Choose another layer."
        raise ImageError(msg)


def plane_to_edit(
    layer: Labels, image: Image, channel_axis: int | None, point: Sequence[float]
) -> tuple[int | slice, ...] | None:
    """Return which plane of a layer lies on an image, as `plane_of_labels` does.

    None if its pixels cannot be changed.
    """
    if why_not(layer):
        return None
    return plane_of_labels(layer, image, channel_axis, point)


def has_plane(layer: Labels, index: tuple[int | slice, ...]) -> bool:
    """Whether a plane that `plane_to_edit` returned is one of the layer's."""
    return all(
        isinstance(i, slice) or 0 <= i < n
        for i, n in zip(index, layer.data.shape, strict=True)
    )


def in_plane(
    index: tuple[int | slice, ...], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[NDArray[np.intp], ...]:
    """Return where pixels (P,) of a plane, as of `plane_to_edit`, are in the layer."""
    places = iter((rows, columns))
    return tuple(
        next(places) if isinstance(i, slice) else np.full(len(rows), i) for i in index
    )
