"""What runs in the worker thread when cells are to be reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.segmentation.large_survey import (
    LargeSurvey,
    survey_large,
    untouched,
)
from napari_iaunet.segmentation.survey import solidities, survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.io.stored_labels import StoredLabels
    from napari_iaunet.segmentation.survey import CellPlaces


class Reviewed(NamedTuple):
    """Cells, and the pixels at full resolution that they were found in."""

    data: Any
    cells: CellPlaces
    # Which share of its convex hull each cell fills, (N,); None if nobody asked.
    solidity: NDArray[np.float64] | None = None
    version: int = 0  # of pixels on the disk


def look_over_stored(
    stored: StoredLabels,
    former: Reviewed | None,
    *,
    shapes: bool,
    progress: Callable[[int, int], None],
) -> Reviewed:
    """Survey the cells of a layer on the disk, as `look_over` does.

    What has not changed since the former survey is not read again.
    """
    version, labels = stored.version, stored.levels[0]
    known = {}
    if former is not None and isinstance(former.cells, LargeSurvey):
        boxes = stored.touched_since(former.version)
        if former.cells.labels is labels and boxes is not None:
            known = untouched(former.cells, boxes)
    cells, solidity = survey_large(
        labels, stored.chunk, shapes=shapes, known=known, progress=progress
    )
    return Reviewed(labels, cells, solidity, version)


def look_over(
    data: NDArray[Any],
    former: Reviewed | None,
    *,
    shapes: bool,
    progress: Callable[[int, int], None],
) -> Reviewed:
    """Survey the cells of a layer, and their shapes if wanted.

    Shapes take longest, so those of the former survey are taken over where the cell is
    still where it was and as large.
    """
    cells = survey(data, progress)
    if not shapes:
        return Reviewed(data, cells)
    known = np.full(len(cells), np.nan)
    if former is not None and former.solidity is not None:
        old = former.cells
        _, here, there = np.intersect1d(
            cells.label_ids, old.label_ids, assume_unique=True, return_indices=True
        )
        same = (
            (cells.area[here] == old.area[there])
            & (cells.plane[here] == old.plane[there])
            & (cells.box[here] == old.box[there]).all(1)
        )
        known[here[same]] = former.solidity[there[same]]
    return Reviewed(data, cells, solidities(cells, progress, known))
