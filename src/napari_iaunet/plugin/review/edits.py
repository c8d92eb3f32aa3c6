"""Changes of a layer of cells that can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.labels import check_editable

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.undo import EditLog
    from napari_iaunet.segmentation.survey import CellPlaces, Survey

_CHANGED = "The cells have changed meanwhile. Wait a moment and try again."


def delete(
    log: EditLog,
    cells: CellPlaces,
    rows: NDArray[np.integer[Any]],
    notes: dict[str, Any] | None = None,
) -> None:
    """Delete cells, given by their rows, as one step of undo.

    ``notes`` are as for `EditLog.describe`. Raises `ImageError` if the layer is not to
    be edited, or no longer holds these cells.
    """
    check_editable(log.layer)
    where = cells.pixels_of(rows)
    data = log.pixels
    if (
        data.shape != cells.shape
        or where[0].size != cells.area[rows].sum()
        or not np.isin(data[where], cells.label_ids[rows]).all()
    ):
        raise ImageError(_CHANGED)
    log.write(where, np.zeros(where[0].size, data.dtype))
    log.describe(dict.fromkeys(cells.label_ids[rows].tolist()), notes)


def reshape(log: EditLog, cells: Survey, index: NDArray[np.int32]) -> None:
    """Give cells other pixels, as one step of undo; the table gets their areas.

    ``index`` is as in the survey, of the same cells. Raises `ImageError` as `delete`.
    """
    _check(log.layer, cells)
    where = np.nonzero(cells.index != index)
    label_ids = np.concatenate([[0], cells.label_ids])
    log.write(where, label_ids[index[where]])
    areas = np.bincount(index.ravel(), minlength=len(cells) + 1)[1:]
    changed = cells.label_ids[areas != cells.area].tolist()
    rows = log.rows_of(changed)
    area_of = dict(zip(cells.label_ids.tolist(), areas.tolist(), strict=True))
    for label_id, row in rows.items():
        if row is not None and "area" in row:
            rows[label_id] = {**row, "area": area_of[label_id]}
    log.describe({label_id: row for label_id, row in rows.items() if row is not None})


def renumber(log: EditLog, cells: Survey) -> None:
    """Give cells numbers without gaps, as one step of undo; the table follows.

    Raises `ImageError` as `delete`, or if the table does not say of which label ids it
    tells.
    """
    layer = log.layer
    _check(layer, cells)
    if len(layer.features.columns) and "index" not in layer.features:
        msg = (
            f"The table of the layer “{layer.name}” has no column “index” with the "
            "label ids, so it would not fit any more. The cells keep their numbers."
        )
        raise ImageError(msg)
    new = np.arange(1, len(cells) + 1)
    moved = np.concatenate([[False], new != cells.label_ids])
    where = np.nonzero(moved[cells.index])
    log.write(where, cells.index[where])
    former = log.rows_of(cells.label_ids[moved[1:]].tolist())
    rows: dict[int, dict[str, Any] | None] = dict.fromkeys(former)
    for label_id, row in zip(new[moved[1:]].tolist(), former.values(), strict=True):
        if row is not None:
            given: dict[str, Any] = dict.fromkeys({"index", "label"} & {*row}, label_id)
            rows[label_id] = {**row, **given}
    log.describe(rows, everybody=True)


def _check(layer: Labels, cells: Survey) -> None:
    """Raise `ImageError` if a layer is not to be edited, or holds other cells."""
    check_editable(layer)
    label_ids = np.concatenate([[0], cells.label_ids])
    data = layer.data
    if data.shape != cells.index.shape or not np.array_equal(
        np.maximum(data, 0), label_ids[cells.index]
    ):
        raise ImageError(_CHANGED)
