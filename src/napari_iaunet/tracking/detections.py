"""Where the cells of a film are, frame by frame, without keeping their pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.runs import find_runs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_CHANGED = "The cells have changed meanwhile. Wait a moment and try again."


class Detections(NamedTuple):
    """The cells of all frames, one row for each cell of a frame.

    Attributes
    ----------
    track : (N,) int64
        Label id.
    frame : (N,) int64
    centre : (N, 2) float64
        y and x of the centroid, in pixels.
    area : (N,) int64
        In pixels.
    box : (N, 4) int64
        First row and column, and the first ones beyond.
    """

    track: NDArray[np.int64]
    frame: NDArray[np.int64]
    centre: NDArray[np.float64]
    area: NDArray[np.int64]
    box: NDArray[np.int64]


def find_detections(
    labels: Any, progress: Callable[[int, int], None] | None = None
) -> Detections:
    """Find the cells of each frame of a film.

    Parameters
    ----------
    labels : (T, Y, X) int
        0 is background, and so is what is below.
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.

    Returns
    -------
    Detections
        Sorted by frame, then by label id.
    """
    found = []
    for frame in range(len(labels)):
        found.append(_in_frame(np.asarray(labels[frame]), frame))
        if progress:
            progress(frame + 1, len(labels))
    return Detections(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _in_frame(plane: NDArray[np.integer[Any]], frame: int) -> Detections:
    runs = find_runs(plane)
    held = np.flatnonzero(runs.values > 0)
    track, row = np.unique(runs.values[held], return_inverse=True)
    y, x, length = runs.y[held], runs.x[held], runs.lengths[held]
    area = np.bincount(row, length, len(track))
    sums = [
        np.bincount(row, length * place, len(track))
        for place in (y, x + (length - 1) / 2)
    ]
    order = np.argsort(row, kind="stable")
    begin = np.searchsorted(row[order], np.arange(len(track)))
    ends = [y, x, y + 1, x + length]
    box = np.zeros((len(track), 4), np.int64)
    if len(track):
        for i, (reach, end) in enumerate(
            zip([np.minimum] * 2 + [np.maximum] * 2, ends, strict=True)
        ):
            box[:, i] = reach.reduceat(end[order], begin)
    return Detections(
        track.astype(np.int64),
        np.full(len(track), frame),
        np.stack(sums, axis=1) / np.maximum(area, 1)[:, None],
        area.astype(np.int64),
        box,
    )


def pixels_of(
    labels: NDArray[np.integer[Any]], cells: Detections, rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return where the pixels of some cells are; only their boxes are read.

    Parameters
    ----------
    labels : (T, Y, X) int
        What the detections were found in.
    rows : (K,) int

    Returns
    -------
    frame, y, x : (P,) int
        Cell by cell, in the order of the rows: of each as many as its area.

    Raises
    ------
    ImageError
        If a cell is no longer as it was found.
    """
    found = []
    for row in rows:
        top, left, bottom, right = cells.box[row].tolist()
        # A cell that has grown shows beyond its box.
        top, left = max(top - 1, 0), max(left - 1, 0)
        part = labels[cells.frame[row], top : bottom + 1, left : right + 1]
        y, x = np.nonzero(part == cells.track[row])
        if y.size != cells.area[row]:
            raise ImageError(_CHANGED)
        found.append((np.full(y.size, cells.frame[row]), y + top, x + left))
    if not found:
        nothing = np.zeros(0, np.intp)
        return nothing, nothing, nothing
    frame, y, x = (np.concatenate(axis) for axis in zip(*found, strict=True))
    return frame, y, x
