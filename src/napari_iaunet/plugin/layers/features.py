"""What a Labels layer's table says of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.plugin.layers.find import OURS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Labels
    from numpy.typing import NDArray
    from pandas import DataFrame

    # What is known of cells, by label id; None of those that are gone.
    Rows = dict[int, dict[str, Any] | None]

# Columns that hold the cell's label: napari finds a cell's row by the first, other
# plugins by the others.
LABEL_COLUMNS = ("index", "label", "roi_id")
# Whether somebody has looked at a cell: in a review, or by correcting it.
LOOKED_AT = "looked_at"


def features_of(table: Mapping[str, Any]) -> DataFrame:
    """Return a table of cells, by its columns, as the features of a Labels layer."""
    from pandas import DataFrame

    return DataFrame({**dict.fromkeys(LABEL_COLUMNS, table["label"]), **table})


def numbers_of(
    layer: Labels, name: str, label_ids: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return a column for some cells, (N,); NaN where it says nothing."""
    from pandas import to_numeric

    table = _by_label(layer)
    if table is None or name not in table:
        return np.full(len(label_ids), np.nan)
    column = to_numeric(table[name], errors="coerce").reindex(label_ids)
    return column.to_numpy(np.float64, na_value=np.nan)


def flagged(layer: Labels, name: str, label_ids: NDArray[np.integer[Any]]) -> set[int]:
    """Return for which of some cells a column says yes."""
    table = _by_label(layer)
    if table is None or name not in table:
        return set()
    # A cell that was made since has no value there.
    found = table.index[table[name].isin([True]).to_numpy(bool)]
    return {int(i) for i in np.intersect1d(found, label_ids)}


def set_flag(
    layer: Labels,
    name: str,
    label_ids: Sequence[int],
    on: bool,
    all_ids: NDArray[np.integer[Any]],
) -> None:
    """Write yes or no for some cells into a column of the table.

    Column and rows are added where they are missing; ``all_ids`` are those of all cells
    of the layer, of which each has a row then.
    """
    from pandas import DataFrame, concat

    table = layer.features.copy()
    key = key_of(table)
    if key is None:  # then napari counts the rows
        key = "index"
        table.insert(0, key, np.arange(len(table)))
    missing = np.setdiff1d(all_ids, table[key])
    if missing.size:
        names = [column for column in ("index", "label") if column in table]
        rows = DataFrame(dict.fromkeys(names or [key], missing))
        table = concat([table, rows], ignore_index=True) if len(table) else rows
    old = table[name].isin([True]) if name in table else np.zeros(len(table), bool)
    chosen = table[key].isin(list(label_ids))
    table[name] = np.where(chosen, on, old)
    layer.features = table


def rows_of(layer: Labels, label_ids: list[int]) -> Rows:
    """Return what the table of a layer says of cells, as `set_rows` takes it."""
    rows: Rows = dict.fromkeys(label_ids)
    if "index" in layer.features:
        table = layer.features
        for row in table[table["index"].isin(label_ids)].to_dict("records"):
            rows[int(row["index"])] = {str(name): value for name, value in row.items()}
    return rows


def set_rows(layer: Labels, rows: Rows, *, everybody: bool = False) -> None:
    """Bring the table of a layer up to date after some cells have changed.

    ``rows`` says for each of them what was measured; None if it is gone. The table of a
    layer that is not ours is left alone unless ``everybody``, and so is any that does
    not tell of which cells.
    """
    ours = everybody or OURS in layer.metadata
    if not ours or "index" not in layer.features:
        return
    from pandas import DataFrame, concat

    table = layer.features
    kept = table[~table["index"].isin(list(rows))]
    new = [
        dict.fromkeys(LABEL_COLUMNS, label_id) | row
        for label_id, row in rows.items()
        if row is not None
    ]
    if new:
        columns = [*table.columns]
        if LOOKED_AT not in columns and any(LOOKED_AT in row for row in new):
            columns.append(LOOKED_AT)
        added = DataFrame(new).reindex(columns=columns)
        # Where a table has no value at all, pandas is not to choose a type by it.
        parts = [part.dropna(axis=1, how="all") for part in (kept, added)]
        kept = concat(part for part in parts if len(part)).reindex(columns=columns)
        if LOOKED_AT in columns:  # of cells that have no value, nobody has
            kept[LOOKED_AT] = kept[LOOKED_AT].isin([True])
    kept = kept.sort_values("index", ignore_index=True)
    for column in (*LABEL_COLUMNS, "area", "plane"):
        # What was looked at has a row, though it may have been painted, not measured.
        if column in kept and (kept[column] % 1 == 0).all():  # nor is a mean a number
            kept[column] = kept[column].astype(np.int64)
    layer.features = kept


def column_names(layer: Labels) -> list[str]:
    """Return what the table of a layer tells of its cells, beside their labels."""
    table = layer.features
    if key_of(table) is None:
        return []
    return [str(name) for name in table if name not in LABEL_COLUMNS]


def column_of(
    layer: Labels, name: str, label_ids: NDArray[np.integer[Any]]
) -> NDArray[Any]:
    """Return a column for some cells, (N,): float64, or words.

    Where it says nothing there is NaN, or "".
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    table = _by_label(layer)
    if table is None or name not in table:
        return np.full(len(label_ids), np.nan)
    column = table[name]
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        return numbers_of(layer, name, label_ids)
    words = column.reindex(label_ids)
    known = words.notna().to_numpy()
    texts = words.astype(str).to_numpy(object)
    return np.where(known, texts, "")


def with_column(
    layer: Labels, name: str, label_ids: NDArray[np.integer[Any]], values: NDArray[Any]
) -> DataFrame:
    """Return a layer's table with a column for all cells (N,), new or in place of one.

    Rows of cells that have none are added.
    """
    from pandas import DataFrame, merge

    table = layer.features
    key = key_of(table)
    if key is None:
        table = DataFrame(dict.fromkeys(LABEL_COLUMNS, label_ids))
        key = "index"
    kept = [column for column in table if column != name]
    added = DataFrame({key: label_ids, name: values})
    joined = merge(table[kept], added, on=key, how="outer")
    for column in LABEL_COLUMNS:
        if column in joined:
            joined[column] = joined[key]
    return joined


def without_column(layer: Labels, name: str, former: DataFrame) -> DataFrame:
    """Return a layer's table with a column as in a former table, or without it.

    What else has changed since then stays.
    """
    from pandas import merge

    table = layer.features
    others = [column for column in table if column != name]
    if set(others) <= set(LABEL_COLUMNS) and key_of(former) is None:
        return former
    key = key_of(table)
    if name not in former or key is None or key not in former:
        return table[others]
    return merge(table[others], former[[key, name]], on=key, how="left")


def move_places(
    table: dict[str, NDArray[Any]],
    corner: tuple[int, int],
    pixel_size: Sequence[float] | None,
) -> None:
    """Let places that were measured in a part of a plane be those in the whole.

    ``corner`` is the row and column where the part begins; the size of a pixel is in
    micrometres.
    """
    for axis, start, step in zip("yx", corner, pixel_size or (1, 1), strict=True):
        if axis in table:
            table[axis] = table[axis] + start
        if f"{axis}_um" in table:
            table[f"{axis}_um"] = table[f"{axis}_um"] + start * step


def key_of(table: DataFrame) -> str | None:
    """Return which column of a table tells the cells; None if none does."""
    return next((column for column in ("index", "label") if column in table), None)


def _by_label(layer: Labels) -> DataFrame | None:
    """Return a layer's table by label id; None if it does not tell of which cells."""
    table = layer.features
    key = key_of(table)
    if key is None:
        return None
    return table.drop_duplicates(key).set_index(key, drop=False)
