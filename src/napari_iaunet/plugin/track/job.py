"""What runs in the worker thread when cells are to be followed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.plugin.core.segmenters import Segmenters
    from napari_iaunet.plugin.layers.cells_on_image import CellSource
    from napari_iaunet.tracking.track import Followed


@dataclass(frozen=True)
class FollowedCells:
    """Cells that keep their number through a stack, ready to become layers.

    Attributes
    ----------
    labels : (T or Z, Y, X) int32
    features : DataFrame
        ``index`` and ``label`` (the cell's number), ``first`` and ``last`` plane,
        ``planes`` in which it was seen, ``area`` (mean of its sections in pixels), or
        ``volume`` (their sum, in voxels) in depth, ``mean_intensity``, and in time
        ``mother``, 0 for none.
    tracks : (n, 4) float64
        Number, plane, y and x in pixels.
    parents : dict of int -> int
        The mother of each daughter.
    """

    labels: NDArray[np.int32]
    features: DataFrame
    tracks: NDArray[np.float64]
    parents: dict[int, int]


def follow_cells(
    segmenters: Segmenters,
    source: CellSource,
    *,
    way: str,
    model: str,
    device: str,
    progress: Callable[[int, int], None],
) -> FollowedCells:
    """Link and measure the cells of a stack.

    Parameters
    ----------
    segmenters : Segmenters
    source : CellSource
    way : str
        "time" or "depth".
    model, device : str
    progress : callable
        Called as ``progress(done, total)``; raising in it stops the work.
    """
    from napari_iaunet.tracking.track import follow

    segmenter = segmenters.get(model, device)
    progress(0, 1)
    image = source.image
    found = follow(
        segmenter,
        image.array,
        np.asarray(source.labels),
        way=way,
        channel_axis=image.channel_axis,
        progress=progress,
    )
    return FollowedCells(
        found.labels, _features(found, source, way), found.tracks, found.parents
    )


def _features(found: Followed, source: CellSource, way: str) -> DataFrame:
    """Describe each cell by its sections."""
    from pandas import DataFrame

    from napari_iaunet.segmentation.measure import measure

    image = source.image
    sections = measure(
        np.asarray(found.labels), image.array, channel_axis=image.channel_axis
    )
    label, area = sections["label"], sections["area"]
    light = sections["mean_intensity"] * area
    table = DataFrame({**sections, "light": light}).groupby("label")
    numbers = np.unique(label)
    columns = {
        "index": numbers,
        "label": numbers,
        "first": table["plane"].min().to_numpy(),
        "last": table["plane"].max().to_numpy(),
        "planes": table["plane"].count().to_numpy(),
    }
    name, total = ("volume", "sum") if way == "depth" else ("area", "mean")
    columns[name] = getattr(table["area"], total)().to_numpy()
    columns["mean_intensity"] = (table["light"].sum() / table["area"].sum()).to_numpy()
    if way == "time":
        columns["mother"] = np.array([found.parents.get(int(n), 0) for n in numbers])
    return DataFrame(columns)
