"""A nucleus and its cell get one number, and each compartment its measures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.segmentation.cell_table import measure_cells
from napari_iaunet.segmentation.columns import COLUMNS, EMBEDDING, POSITION, SIZE
from napari_iaunet.segmentation.measure import row_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from pandas import DataFrame

    Ints = NDArray[np.int64]
    Labels = NDArray[np.integer[Any]]
    Progress = Callable[[int, int], None]

# Share of a nucleus that lies in its cell at least: less is a neighbour's edge.
_LEAST = 0.5
# Of what is looked at together, at most.
_PIXELS = 1 << 22


@dataclass(frozen=True)
class Pairs:
    """Nuclei and cells that belong together have one label.

    It can be taken apart: ``nuclei, cells, table = pair(nuclei, cells)``.

    Attributes
    ----------
    nuclei, cells, cytoplasm : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) int
        Of one shape; cells keep their labels, nuclei have those of their cells, and the
        cytoplasm is the cell without any nucleus. Nuclei without a cell are left out.
    nucleus_ids : (M,) int64
        Labels that nuclei had, sorted.
    cell_of : (M,) int64
        Label of each one's cell, 0 if it has none.
    cell_ids : (N,) int64
        Labels of the cells, sorted.
    nuclei_in : (N,) int64
        Number of nuclei in each cell.
    """

    nuclei: Labels
    cells: Labels
    cytoplasm: Labels
    nucleus_ids: Ints
    cell_of: Ints
    cell_ids: Ints
    nuclei_in: Ints

    def __iter__(self) -> Iterator[Any]:
        """Give ``nuclei, cells, table``."""
        return iter((self.nuclei, self.cells, self.table))

    @cached_property
    def table(self) -> DataFrame:
        """What `measure_pairs` tells of sizes: a row for each cell and plane."""
        import pandas

        return pandas.DataFrame(measure_pairs(self, columns=[SIZE]))

    @property
    def nuclei_without_cell(self) -> Ints:
        """Labels that nuclei without a cell had."""
        found: Ints = self.nucleus_ids[self.cell_of == 0]
        return found

    @property
    def cells_without_nucleus(self) -> Ints:
        """Labels of the cells in which no nucleus lies."""
        found: Ints = self.cell_ids[self.nuclei_in == 0]
        return found

    @property
    def cells_with_several(self) -> Ints:
        """Labels of the cells in which more than one nucleus lies."""
        found: Ints = self.cell_ids[self.nuclei_in > 1]
        return found


def pair(
    nuclei: Any, cells: Any, *, least: float = _LEAST, progress: Progress | None = None
) -> Pairs:
    """Give a nucleus and its cell one number.

    A nucleus belongs to the cell in which most of it lies.

    Parameters
    ----------
    nuclei, cells : (Y, X), (T or Z, Y, X) or (T, Z, Y, X) array of int
        Label images of one shape; 0 is background.
    least : float
        Share of a nucleus, 0 to 1, that lies in its cell at least.
    progress : callable, optional
        Called as ``progress(done, total)``; raising in it stops the work.

    Raises
    ------
    ImageError
        If the shapes differ, or these are no labels.
    """
    nuclei, cells = np.asarray(nuclei), np.asarray(cells)
    _check(nuclei, cells)
    nuclei, cells = (
        a.astype(np.uint8) if a.dtype == bool else a for a in (nuclei, cells)
    )
    parts = list(bands(cells.shape))
    steps = _Steps(2 * len(parts), progress)
    counted = [steps.after(_count(nuclei[at], cells[at])) for at in parts]
    found = _joined(counted, least)
    numbered, cytoplasm = np.zeros_like(cells), np.zeros_like(cells)
    numbers = np.append(0, found.cell_of).astype(cells.dtype)
    for at in parts:
        numbered[at] = numbers[row_image(nuclei[at], found.nucleus_ids)]
        cytoplasm[at] = np.where(nuclei[at] == 0, cells[at], cells.dtype.type(0))
        steps.after(None)
    return Pairs(numbered, cells, cytoplasm, **vars(found))


def _check(nuclei: NDArray[Any], cells: NDArray[Any]) -> None:
    if nuclei.shape != cells.shape:
        msg = (
            f"The nuclei have the shape {nuclei.shape}, the cells {cells.shape}: they "
            "must be of one image."
        )
        raise ImageError(msg)
    for array, what in ((nuclei, "nuclei"), (cells, "cells")):
        if array.dtype.kind not in "bui" or not 2 <= array.ndim <= 4:
            raise ImageError(
                f"The {what} are no label image: labels are whole numbers."
            )


# -- part by part, so that progress can be told ----------------------------------------


class _Steps:
    """Tells how many of all steps are done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def after(self, value: Any) -> Any:
        """Count a step, of which ``value`` came."""
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
        return value


def bands(shape: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """Yield indices of rows of one plane after the other, some at a time."""
    rows = max(1, _PIXELS // max(shape[-1], 1))
    for plane in np.ndindex(shape[:-2]):
        for top in range(0, max(shape[-2], 1), rows):
            yield (*plane, slice(top, top + rows))


class _Counts(NamedTuple):
    """Pixels of each nucleus, the cells, and pixels that a nucleus shares with one."""

    nucleus_ids: Ints
    sizes: Ints
    cell_ids: Ints
    nucleus: Ints  # of each pair that meets
    cell: Ints
    shared: Ints


def _count(nuclei: NDArray[Any], cells: NDArray[Any]) -> _Counts:
    ids, sizes = _counted(nuclei)
    cell_ids, _ = _counted(cells)
    both = (nuclei > 0) & (cells > 0)
    row = np.searchsorted(ids, nuclei[both].astype(np.int64))
    column = np.searchsorted(cell_ids, cells[both].astype(np.int64))
    met, shared = np.unique(row * max(cell_ids.size, 1) + column, return_counts=True)
    row, column = np.divmod(met, max(cell_ids.size, 1))
    return _Counts(ids, sizes, cell_ids, ids[row], cell_ids[column], shared)


def _counted(labels: NDArray[Any]) -> tuple[Ints, Ints]:
    """Labels above 0, sorted, and the number of pixels of each."""
    ids, counts = np.unique(labels, return_counts=True)
    return ids[ids > 0].astype(np.int64), counts[ids > 0].astype(np.int64)


@dataclass(frozen=True)
class _Found:
    """As `Pairs` has them."""

    nucleus_ids: Ints
    cell_of: Ints
    cell_ids: Ints
    nuclei_in: Ints


def _joined(parts: Sequence[_Counts], least: float) -> _Found:
    """Find the cell in which most of each nucleus lies; 0 where that is not enough."""
    nuclei, sizes, cells, nucleus, cell, shared = (
        np.concatenate([part[k] for part in parts]) if parts else np.zeros(0, np.int64)
        for k in range(len(_Counts._fields))
    )
    ids, row = np.unique(nuclei, return_inverse=True)
    size = np.bincount(row, sizes, ids.size)
    cell_ids = np.unique(cells)
    key = np.searchsorted(ids, nucleus) * max(cell_ids.size, 1)
    met, place = np.unique(key + np.searchsorted(cell_ids, cell), return_inverse=True)
    together = np.bincount(place, shared, met.size)
    row, column = np.divmod(met, max(cell_ids.size, 1))
    # The largest overlap of each nucleus comes first, of equal ones the lower label.
    order = np.lexsort((column, -together, row))
    row, first = np.unique(row[order], return_index=True)
    best = order[first]
    enough = together[best] >= size[row] * least
    cell_of = np.zeros(ids.size, np.int64)
    cell_of[row[enough]] = cell_ids[column[best][enough]]
    inside = np.searchsorted(cell_ids, cell_of[cell_of > 0])
    nuclei_in = np.bincount(inside, minlength=cell_ids.size).astype(np.int64)
    return _Found(ids, cell_of, cell_ids, nuclei_in)


# -- measures --------------------------------------------------------------------------


def measure_pairs(
    pairs: Pairs,
    image: Any = None,
    *,
    columns: Sequence[str] | None = None,
    progress: Progress | None = None,
    **how: Any,
) -> dict[str, NDArray[Any]]:
    """Measure cells, their nuclei and their cytoplasm.

    Parameters
    ----------
    pairs : Pairs
        As `pair` gives them.
    image : array_like, optional
        As `Segmenter.segment` takes it; without it there are no intensities.
    columns : sequence of str, optional
        Groups of columns, as for `measure_cells`; all but the embedding if left out.
    progress : callable, optional
        As for `pair`.
    **how
        ``channel_axis``, ``pixel_size`` and ``channel_names`` of `measure_cells`.

    Returns
    -------
    dict of (rows,) arrays
        A row for each cell, and in stacks for each plane of it: ``label``, ``plane``
        (stacks only), ``n_nuclei`` (number of nuclei in the cell), and the columns of
        `measure_cells` as ``cell_...``, ``nucleus_...`` and ``cytoplasm_...``. Where a
        cell has no such compartment, its area is 0 and the rest NaN.
    """
    usual = [name for name in COLUMNS if name != EMBEDDING]
    groups = usual if columns is None else columns
    wanted = {*groups, POSITION}  # to tell planes apart
    parts = {"cell": pairs.cells, "nucleus": pairs.nuclei, "cytoplasm": pairs.cytoplasm}
    tables = {}
    for i, (name, labels) in enumerate(parts.items()):
        if progress is not None:

            def step(done: int, total: int, i: int = i) -> None:
                progress(i * total + done, len(parts) * total)

            how["progress"] = step
        tables[name] = measure_cells(labels, image, columns=tuple(wanted), **how)
    cell = tables["cell"]
    keys: list[str] = ["label", *(["plane"] if "plane" in cell else [])]
    table: dict[str, NDArray[Any]] = {name: cell[name] for name in keys}
    table["n_nuclei"] = pairs.nuclei_in[np.searchsorted(pairs.cell_ids, cell["label"])]
    places = {"y", "x", "y_um", "x_um"} if POSITION not in groups else set()
    for name, measured in tables.items():
        rows, found = _rows_in(cell, measured, keys)
        for key, values in measured.items():
            if key not in keys and key not in places:
                table[f"{name}_{key}"] = _laid(values, rows, found)
    return table


def _rows_in(
    cell: dict[str, NDArray[Any]], measured: dict[str, NDArray[Any]], keys: list[str]
) -> tuple[Ints, NDArray[np.bool_]]:
    """Row of each cell in another table, and whether it is there."""
    ids = np.unique(np.concatenate([cell["label"], measured["label"]]))

    def key_of(table: dict[str, NDArray[Any]]) -> Ints:
        row: Ints = np.searchsorted(ids, table["label"])
        return row + table["plane"] * ids.size if "plane" in keys else row

    there, wanted = key_of(measured), key_of(cell)
    order = np.argsort(there)
    place = np.searchsorted(there[order], wanted)
    place = np.minimum(place, max(there.size - 1, 0))
    if not there.size:
        return place, np.zeros(wanted.size, bool)
    rows = order[place]
    return rows, there[rows] == wanted


def _laid(values: NDArray[Any], rows: Ints, found: NDArray[np.bool_]) -> NDArray[Any]:
    whole = values.dtype.kind == "i"
    laid = np.full(rows.size, 0 if whole else np.nan, values.dtype)
    laid[found] = values[rows[found]]
    return laid
