"""What runs in the worker thread when cells are to be reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from napari_iaunet.segmentation.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.survey import Survey


class Reviewed(NamedTuple):
    """Cells, and the array that they were found in."""

    data: NDArray[Any]
    cells: Survey


def look_over(data: NDArray[Any], progress: Callable[[int, int], None]) -> Reviewed:
    """Survey the cells of a layer."""
    return Reviewed(data, survey(data, progress))
