"""Changes of a layer of cells that can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.undo import EditLog
    from napari_iaunet.segmentation.survey import Survey

_CHANGED = "The cells have changed meanwhile. Wait a moment and try again."


def delete(
    log: EditLog,
    cells: Survey,
    rows: NDArray[np.integer[Any]],
    notes: dict[str, Any] | None = None,
) -> None:
    """Delete cells, given by their rows, as one step of undo.

    ``notes`` are as for `EditLog.describe`. Raises `ImageError` if the layer is not to
    be edited, or no longer holds these cells.
    """
    check_editable(log.layer)
    chosen = np.zeros(len(cells) + 1, bool)
    chosen[rows + 1] = True
    where = np.nonzero(chosen[cells.index])
    data = log.layer.data
    if data.shape != cells.index.shape or not np.array_equal(
        data[where], cells.label_ids[cells.index[where] - 1]
    ):
        raise ImageError(_CHANGED)
    log.write(where, np.zeros(where[0].size, data.dtype))
    log.describe(dict.fromkeys(cells.label_ids[rows].tolist()), notes)


def check_editable(layer: Labels) -> None:
    """Raise `ImageError` if a layer is not to be edited."""
    if not layer.editable:
        msg = f"The layer “{layer.name}” cannot be edited. Choose another layer."
        raise ImageError(msg)
