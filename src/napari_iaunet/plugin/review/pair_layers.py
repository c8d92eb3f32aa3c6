"""The layers that pairs of nuclei and cells become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import napari_iaunet
from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.find import OURS, pixels_of
from napari_iaunet.plugin.layers.geometry import offset_between, placement

if TYPE_CHECKING:
    import napari.viewer
    from napari.layers import Labels

    from napari_iaunet.plugin.review.pair_job import Paired

# In the metadata of such a layer: which layers it was made of.
_PAIRED = "paired"


def is_paired(layer: Labels) -> bool:
    """Whether a layer was made by a pairing."""
    return _PAIRED in layer.metadata.get(OURS, {})


def check_together(nuclei: Labels, cells: Labels) -> None:
    """Raise `ImageError` if two layers are one, or do not lie on each other."""
    if nuclei is cells:
        raise ImageError("Choose two layers: one of nuclei, and one of whole cells.")
    shapes = {tuple(pixels_of(layer).shape) for layer in (nuclei, cells)}
    offset = offset_between(nuclei, cells) if len(shapes) == 1 else None
    if offset is None or any(offset):
        msg = (
            f"The layers “{nuclei.name}” and “{cells.name}” do not lie on each other "
            "pixel by pixel. Choose layers of one image."
        )
        raise ImageError(msg)


def write_pairs(
    viewer: napari.viewer.Viewer,
    nuclei: Labels,
    cells: Labels,
    found: Paired,
    image: str,
) -> list[Labels]:
    """Add pairs as new layers that lie on the cells; the last has the table.

    ``image`` is the name of the image that was measured, or "".
    """
    made_of = {"nuclei": nuclei.name, "cells": cells.name}
    about = {"version": napari_iaunet.__version__, _PAIRED: made_of, "image": image}
    shape, name = pixels_of(cells).shape, cells.name
    options: dict[str, Any] = {"metadata": {OURS: about}, **placement(cells)}
    parts = {
        f"{name} cytoplasm": found.pairs.cytoplasm,
        f"{name} nuclei": found.pairs.nuclei,
        f"{name} with nuclei": found.pairs.cells,
    }
    added = []
    if found.alone is not None:
        alone = found.alone.reshape(shape)
        title = f"{nuclei.name} without cell"
        added.append(viewer.add_labels(alone, name=title, **options))
    for title, labels in parts.items():
        added.append(viewer.add_labels(labels.reshape(shape), name=title, **options))
    added[-1].features = found.features
    # A nucleus has the colour of its cell: it is brighter, and the cell an outline.
    added[-2].blending = "additive"
    added[-1].contour = 1
    return added
