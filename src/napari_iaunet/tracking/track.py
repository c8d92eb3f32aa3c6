"""Cells of a stack that keep their id from plane to plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.tracking.linking import DEPTH, LinkSettings, link

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.segmentation.segmenter import Segmenter

ONLY_STACKS = "Only a stack of planes, in time or in depth, can be linked."
WAYS = {"time": LinkSettings(), "depth": DEPTH}


@dataclass(frozen=True)
class Followed:
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
    """

    labels: NDArray[np.int32]
    table: NDArray[np.int32]
    tracks: NDArray[np.float64]
    parents: dict[int, int]


def follow(
    segmenter: Segmenter,
    image: Any,
    labels: Any,
    *,
    way: str = "time",
    channel_axis: int | None = None,
    diameter: float | None = None,
    progress: Progress | None = None,
) -> Followed:
    """Link the cells of a stack, by overlap, motion and identity.

    Parameters
    ----------
    segmenter : Segmenter
        Its identity branch tells a cell from its look-alikes.
    image, channel_axis, diameter
        As for `Segmenter.segment`; one stack axis.
    labels : (T|Z, Y, X) int
        Every label is one cell in one plane.
    way : str
        "time": cells move, divide, and may be missing in a plane; "depth": they do
        not, and their sections become one cell.
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.

    Raises
    ------
    ImageError
        If the labels are no stack of planes, or a label lies in several planes.
    """
    if way not in WAYS:
        raise ImageError('Cells are followed in "time" or in "depth".')
    if len(np.shape(labels)) != 3:
        raise ImageError(ONLY_STACKS)
    planes = _numbered(labels)
    vectors = segmenter.identify(
        image,
        planes,
        channel_axis=channel_axis,
        diameter=diameter,
        progress=progress,
    )
    linked = link(planes, vectors, WAYS[way])
    return Followed(linked.table[planes], linked.table, linked.tracks, linked.parents)


def _numbered(labels: Any) -> NDArray[np.int32]:
    """Replace all labels by 1..n, in sorted order."""
    stack = np.asarray(labels)
    found = [np.unique(plane[plane > 0]) for plane in stack]
    names, counts = np.unique(np.concatenate(found), return_counts=True)
    if (counts > 1).any():
        raise ImageError(
            "A label lies in several planes already: the cells are linked, or their "
            "ids are not unique over the stack."
        )
    numbers = np.searchsorted(names, stack) + 1
    return np.where(stack > 0, numbers, 0).astype(np.int32)
