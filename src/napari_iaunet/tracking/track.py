"""Cells of a stack that keep their label id from plane to plane."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.measure import measure, row_image
from napari_iaunet.tracking.linking import DEPTH, TIME, link

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.segmentation.segmenter import Segmenter

ONLY_STACKS = "Only a stack of planes, in time or in depth, can be linked."
MODES = {"time": TIME, "depth": DEPTH}


@dataclass(frozen=True)
class TrackedCells:
    """Cells through the planes of a stack.

    Attributes
    ----------
    labels : (T|Z, Y, X) int32
        0 background, 1..N consecutive: one id for a cell in all planes.
    table : (n + 1,) int32
        Id of every label that was given, by its rank among the sorted labels; 0 for 0.
    tracks : (n, 4) float64
        Id, plane, y and x in pixels, sorted by id and plane, as napari's Tracks layers
        take them.
    parents : dict of int -> int
        The cell that each daughter of a division came from.
    links : (n, 2) float64
        Score of the link that led to each row of ``tracks``, and its margin: what the
        sum of all scores would lose without it. Zeros where none did.
    """

    labels: NDArray[np.int32]
    table: NDArray[np.int32]
    tracks: NDArray[np.float64]
    parents: dict[int, int]
    links: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


def track(
    segmenter: Segmenter,
    image: Any,
    labels: Any,
    *,
    mode: str = "time",
    channel_axis: int | None = None,
    diameter: float | None = None,
    progress: Progress | None = None,
    nuclei: int | None = None,
    cells: int | Sequence[int] | None = None,
) -> TrackedCells:
    """Link the cells of a stack, by overlap, motion and identity.

    Parameters
    ----------
    segmenter : Segmenter
        Its identity branch tells a cell from its look-alikes.
    image, channel_axis, diameter, nuclei, cells
        As for `Segmenter.segment`; one stack axis.
    labels : (T|Z, Y, X) int
        Every label is one cell in one plane.
    mode : str
        "time": cells move, divide, and may be missing in a plane; "depth": they do
        not, and the detections in successive planes become one cell.
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.

    Raises
    ------
    ImageError
        If there is no such mode, the labels are no stack of planes, or a label lies in
        several planes.
    """
    if mode not in MODES:
        raise ImageError('Cells are tracked in "time" or in "depth".')
    if len(np.shape(labels)) != 3:
        raise ImageError(ONLY_STACKS)
    planes = _renumbered(labels)
    vectors = segmenter.identify(
        image,
        planes,
        channel_axis=channel_axis,
        diameter=diameter,
        progress=progress,
        nuclei=nuclei,
        cells=cells,
    )
    linked = link(planes, vectors, MODES[mode])
    return TrackedCells(linked.table[planes], *linked)


def follow(
    segmenter: Segmenter, image: Any, labels: Any, *, way: str = "time", **options: Any
) -> TrackedCells:
    """Do what `track` does, under its former name; `way` is its `mode`."""
    warnings.warn(
        "follow(way=...) is now track(mode=...) and will go with the next release.",
        DeprecationWarning,
        stacklevel=2,
    )
    return track(segmenter, image, labels, mode=way, **options)


def measure_tracks(
    cells: TrackedCells, image: Any, *, mode: str, channel_axis: int | None = None
) -> DataFrame:
    """Describe each cell by its detections in all planes.

    Parameters
    ----------
    cells : TrackedCells
    image, channel_axis, mode
        As for `track`.

    Returns
    -------
    DataFrame
        ``index`` and ``label`` (the cell's id), ``first`` and ``last`` plane,
        ``planes`` in which it was seen, ``area`` (mean over the planes, in pixels) or,
        in depth, ``volume`` (the sum, in voxels), ``mean_intensity`` and, in time,
        ``mother``, 0 for none.
    """
    from pandas import DataFrame

    detections = DataFrame(measure(cells.labels, image, channel_axis=channel_axis))
    detections["light"] = detections["mean_intensity"] * detections["area"]
    groups = detections.groupby("label")
    label_ids = np.array(list(groups.groups), np.int64)
    total = groups["area"].sum()
    columns = {
        "index": label_ids,
        "label": label_ids,
        "first": groups["plane"].min().to_numpy(),
        "last": groups["plane"].max().to_numpy(),
        "planes": groups["plane"].count().to_numpy(),
    }
    if mode == "depth":
        columns["volume"] = total.to_numpy()
    else:
        columns["area"] = groups["area"].mean().to_numpy()
    columns["mean_intensity"] = (groups["light"].sum() / total).to_numpy()
    if mode == "time":
        mothers = [cells.parents.get(int(i), 0) for i in label_ids]
        columns["mother"] = np.array(mothers, np.int64)
    return DataFrame(columns)


def _renumbered(labels: Any) -> NDArray[np.int32]:
    """Replace all labels by 1..n, in sorted order."""
    stack = np.asarray(labels)
    found = [np.unique(plane[plane > 0]) for plane in stack]
    label_ids, counts = np.unique(np.concatenate(found), return_counts=True)
    if (counts > 1).any():
        raise ImageError(
            "A label lies in several planes already: the cells are linked, or their "
            "ids are not unique over the stack."
        )
    return row_image(stack, label_ids)
