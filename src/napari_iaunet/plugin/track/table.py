"""What the table of tracked cells says of tracks that were edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_iaunet.plugin.layers.features import Rows
    from napari_iaunet.plugin.layers.undo import EditLog
    from napari_iaunet.tracking.detections import Detections
    from napari_iaunet.tracking.editing import EditedTracks, Graph, TrackEdit


def rows_after(
    log: EditLog, tracks: EditedTracks, former: Detections, edit: TrackEdit
) -> Rows:
    """Return the rows of all tracks that an edit changed; None for one that is gone.

    ``former`` are the cells before the edit, ``tracks`` what they are after it. Where
    whole tracks were joined, the mean intensity is that of all their pixels; of a part
    of a track nobody has measured it, and it is left empty.
    """
    changed = {*edit.before.tolist(), *edit.after.tolist()}
    moved = changed | _differ(edit.graph_before, edit.graph_after)
    known = log.rows_of(sorted(moved | set(edit.before.tolist())))
    return {
        name: _row(name, tracks, former, known, name in changed)
        for name in sorted(moved)
    }


def _row(
    name: int, tracks: EditedTracks, former: Detections, known: Rows, changed: bool
) -> dict[str, Any] | None:
    rows = tracks.rows_of(name)
    if not len(rows):
        return None
    columns = _columns(known)
    row: dict[str, Any] = dict(known.get(name) or {})
    if changed:
        cells = tracks.cells
        new = {
            "first": int(cells.frame[rows[0]]),
            "last": int(cells.frame[rows[-1]]),
            "planes": len(rows),
            "area": float(cells.area[rows].mean()),
            "volume": int(cells.area[rows].sum()),
            "mean_intensity": _intensity(rows, former, known),
        }
        row |= {key: value for key, value in new.items() if key in columns}
    if "mother" in columns:
        row["mother"] = next(iter(tracks.graph.get(name, ())), 0)
    return {**row, **{key: name for key in ("index", "label") if key in columns}}


def _intensity(rows: Any, former: Detections, known: Rows) -> float:
    light = area = 0.0
    for name in np.unique(former.track[rows]).tolist():
        every = former.track == name
        row = known.get(name)
        if row is None or every.sum() != (former.track[rows] == name).sum():
            return float("nan")
        share = float(former.area[every].sum())
        light, area = light + share * row.get("mean_intensity", np.nan), area + share
    return light / area


def _columns(known: Rows) -> set[str]:
    return {key for row in known.values() if row is not None for key in row}


def _differ(before: Graph, after: Graph) -> set[int]:
    """Return the tracks whose mothers are others now."""
    return {d for d in {*before, *after} if before.get(d) != after.get(d)}
