"""What runs in the worker thread when cells are to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.cells_on_image import CellSource
    from napari_iaunet.segmentation.cell_map import CellMap

Key = TypeVar("Key")

# Steps of the progress of each image, whatever the segmenter counts in.
_STEPS = 1000


def describe_cells(
    segmenters: Segmenters,
    sources: Sequence[CellSource],
    *,
    model: str,
    device: str,
    progress: Callable[[int, int], None],
) -> list[CellMap]:
    """Describe the cells of images; raising in ``progress(done, total)`` stops it."""
    from napari_iaunet.segmentation.cell_map import map_cells

    segmenter = segmenters.get(model, device)
    total = _STEPS * len(sources)
    found = []
    for i, source in enumerate(sources):

        def step(done: int, of: int, before: int = i) -> None:
            progress(before * _STEPS + _STEPS * done // max(of, 1), total)

        step(0, 1)
        image, labels = source.image, np.asarray(source.labels)
        found.append(
            map_cells(segmenter, image.array, labels, progress=step, **image.seen_as)
        )
    return found


def changed_cells(
    described: Mapping[Key, CellMap], labels: Mapping[Key, NDArray[np.integer[Any]]]
) -> list[Key]:
    """Return which label images are no longer those that were described."""
    return [
        key
        for key, pixels in labels.items()
        if key in described and not described[key].are_of(pixels)
    ]
