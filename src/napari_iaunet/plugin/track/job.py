"""What runs in the worker thread when cells are to be tracked."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from pandas import DataFrame

    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.cells_on_image import CellSource
    from napari_iaunet.tracking.track import TrackedCells


class MeasuredTracks(NamedTuple):
    """Cells that keep their number through a stack, ready to become layers."""

    cells: TrackedCells
    features: DataFrame  # as `measure_tracks` gives them


def track_cells(
    segmenters: Segmenters,
    source: CellSource,
    *,
    mode: str,
    model: str,
    device: str,
    progress: Callable[[int, int], None],
) -> MeasuredTracks:
    """Link and measure the cells of a stack, through "time" or "depth"."""
    from napari_iaunet.tracking.track import measure_tracks, track

    segmenter = segmenters.get(model, device)
    progress(0, 1)
    image, labels = source.image, np.asarray(source.labels)
    cells = track(
        segmenter, image.array, labels, mode=mode, progress=progress, **image.seen_as
    )
    features = measure_tracks(
        cells, image.array, mode=mode, channel_axis=image.channel_axis
    )
    return MeasuredTracks(cells, features)
