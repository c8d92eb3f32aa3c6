"""Interactive cell segmentation with an Identity-Aware U-Net.

The public names are imported on first use, so that ``import napari_iaunet``
loads neither torch nor Qt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_iaunet.evaluation import average_precision
    from napari_iaunet.identity.classifier import Classifier
    from napari_iaunet.identity.ranking import similarity
    from napari_iaunet.io.read import read_image
    from napari_iaunet.io.write import write_labels
    from napari_iaunet.large.lazy import segment_lazy
    from napari_iaunet.model.registry import list_models
    from napari_iaunet.segmentation.cell_table import measure, measure_cells
    from napari_iaunet.segmentation.pairs import Pairs, measure_pairs, pair
    from napari_iaunet.segmentation.segmenter import Segmentation, Segmenter
    from napari_iaunet.tracking.track import follow, track
    from napari_iaunet.training.loop import train

_HOMES = {
    "Classifier": "napari_iaunet.identity.classifier",
    "Pairs": "napari_iaunet.segmentation.pairs",
    "Segmentation": "napari_iaunet.segmentation.segmenter",
    "Segmenter": "napari_iaunet.segmentation.segmenter",
    "average_precision": "napari_iaunet.evaluation",
    "follow": "napari_iaunet.tracking.track",
    "list_models": "napari_iaunet.model.registry",
    "measure": "napari_iaunet.segmentation.cell_table",
    "measure_cells": "napari_iaunet.segmentation.cell_table",
    "measure_pairs": "napari_iaunet.segmentation.pairs",
    "pair": "napari_iaunet.segmentation.pairs",
    "read_image": "napari_iaunet.io.read",
    "segment_lazy": "napari_iaunet.large.lazy",
    "similarity": "napari_iaunet.identity.ranking",
    "track": "napari_iaunet.tracking.track",
    "train": "napari_iaunet.training.loop",
    "write_labels": "napari_iaunet.io.write",
}

__all__ = [
    "Classifier",
    "Pairs",
    "Segmentation",
    "Segmenter",
    "__version__",
    "average_precision",
    "follow",
    "list_models",
    "measure",
    "measure_cells",
    "measure_pairs",
    "pair",
    "read_image",
    "segment_lazy",
    "similarity",
    "track",
    "train",
    "write_labels",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("napari-iaunet")
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
