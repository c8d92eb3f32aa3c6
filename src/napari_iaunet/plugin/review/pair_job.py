"""What runs in the worker thread when nuclei and cells are paired."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.plugin.layers.features import features_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.segmentation.pairs import Pairs

    Table = dict[str, NDArray[Any]]

# Of 100 steps, those for the pairs; the others are for the measures.
_STEPS, _PAIRING = 100, 30
_TOO_LARGE = (
    "These layers are too large to be paired in the memory that is free. Close other "
    "programs, or crop them."
)
WITHOUT_NUCLEUS, SEVERAL = "cell without nucleus", "cell with several nuclei"


class Paired(NamedTuple):
    """Pairs and their measures, ready to become layers.

    Attributes
    ----------
    pairs : Pairs
    alone : (..., Y, X) int or None
        Nuclei without a cell, with the labels that they had; None if there are none.
    table : dict of (rows,) arrays
        As `measure_pairs` gives it, and a column ``problem``.
    features : DataFrame
        The same, as a layer has it.
    """

    pairs: Pairs
    alone: NDArray[np.integer[Any]] | None
    table: Table
    features: DataFrame


class Measuring(NamedTuple):
    """What is measured of each compartment."""

    image: LayerImage | None
    shape: tuple[int, ...]  # in which labels fit the image
    pixel_size: tuple[float, float] | None  # in micrometres
    columns: tuple[str, ...]  # groups, as `measure_cells` takes them


def pair_cells(
    nuclei: Any,
    cells: Any,
    measuring: Measuring,
    *,
    progress: Callable[[int, int], None],
) -> Paired:
    """Pair and measure nuclei and cells, two arrays of one size, lazy or not."""
    from napari_iaunet.segmentation.pairs import measure_pairs, pair

    _check_memory(nuclei, cells)

    def first(done: int, total: int) -> None:
        progress(_PAIRING * done // total, _STEPS)

    def then(done: int, total: int) -> None:
        progress(_PAIRING + (_STEPS - _PAIRING) * done // total, _STEPS)

    nuclei, cells = (
        _copy(labels, lambda: progress(0, _STEPS)).reshape(measuring.shape)
        for labels in (nuclei, cells)
    )
    pairs = pair(nuclei, cells, progress=first)
    lone = pairs.nuclei_without_cell
    alone = np.where(np.isin(nuclei, lone), nuclei, 0) if lone.size else None
    image = measuring.image
    table = measure_pairs(
        pairs,
        None if image is None else image.array,
        columns=measuring.columns,
        channel_axis=None if image is None else image.channel_axis,
        channel_names=None if image is None else image.channel_names,
        pixel_size=measuring.pixel_size,
        progress=then,
    )
    table = _with_problems(table)
    return Paired(pairs, alone, table, features_of(table))


def _check_memory(*layers: Any) -> None:
    """Raise `ImageError` if layers that are not in memory would not fit into it."""
    import psutil

    # Of each a copy and a result; the work itself needs as much again.
    needed = 3 * sum(math.prod(a.shape) * a.dtype.itemsize for a in layers)
    if needed > psutil.virtual_memory().available:
        raise ImageError(_TOO_LARGE)


def _copy(labels: Any, progress: Callable[[], None]) -> NDArray[Any]:
    """Read labels, of which the user may change those in the layer meanwhile."""
    from napari_iaunet.segmentation.pairs import bands

    found = np.empty(labels.shape, labels.dtype)
    for at in bands(labels.shape):
        found[at] = labels[at]
        progress()
    return found


def _with_problems(table: Table) -> Table:
    """Add a column that says what is odd about a cell, after the number of nuclei."""
    count = table["n_nuclei"]
    problem = np.array(["", WITHOUT_NUCLEUS, SEVERAL], object)
    kinds = problem[np.where(count == 0, 1, np.where(count > 1, 2, 0))]
    found: Table = {}
    for name, column in table.items():
        found[name] = column
        if name == "n_nuclei":
            found["problem"] = kinds
    return found
