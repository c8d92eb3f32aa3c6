"""What is known of cells beside their labels: measures, classes, mothers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.errors import ImageError
from napari_iaunet.io.damage import damaged, reason
from napari_iaunet.segmentation.cell_table import measure_cells

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.cells import Cells
    from napari_iaunet.io.read import ImageFile

_LAST_LABEL = np.iinfo(np.uint32).max


def check_cells(path: Path | str, cells: Cells) -> Cells:
    """Return cells that every format can take; ImageError if they are none."""
    labels = cells.labels
    if labels.dtype == np.bool_:
        labels = labels.astype(np.uint8)
    if not 2 <= labels.ndim <= 4:
        raise ImageError(f"{path} has {labels.ndim} axes; label images have 2 to 4.")
    first, last = int(labels.min(initial=0)), int(labels.max(initial=0))
    if first < 0 or last > _LAST_LABEL:
        raise ImageError(
            f"{path}: the labels go from {first:,} to {last:,}; those of cells are 1 "
            "to 4,294,967,295."
        )
    return replace(cells, labels=labels)


def measured(cells: Cells, image: ImageFile) -> Cells:
    """Return cells with what `measure_cells` measures of them, beside what is known.

    Raises ImageError if the image has not the size of the labels.
    """
    shape = list(image.array.shape)
    if image.channel_axis is not None:
        del shape[image.channel_axis]
    if tuple(shape) != cells.labels.shape:
        sizes = " x ".join(map(str, shape)), " x ".join(map(str, cells.labels.shape))
        msg = f"{image.path} has {sizes[0]} pixels, but its labels have {sizes[1]}."
        raise ImageError(msg)
    table = measure_cells(
        cells.labels,
        image.array,
        channel_axis=image.channel_axis,
        pixel_size=image.pixel_size,
        channel_names=image.channel_names,
    )
    places = {**image.places, **cells.places}
    axes = cells.axes
    if "Q" in axes and cells.labels.ndim == len(axes):
        letters = [a for i, a in enumerate(image.axes) if i != image.channel_axis]
        axes = "".join(letters)
    return replace(cells, axes=axes, places=places, table=_joined(cells, table))


def _joined(
    cells: Cells, table: Mapping[str, NDArray[Any]]
) -> Mapping[str, NDArray[Any]]:
    """Add known columns, which count more, to a table that has all cells."""
    if not cells.table:
        return table
    label = table["label"].tolist()
    plane = table["plane"].tolist() if "plane" in table else [0] * len(label)
    rows = [cells.row_of(*pair) for pair in zip(label, plane, strict=True)]
    known = np.array([row is not None for row in rows], bool)
    at = np.array([row for row in rows if row is not None], np.int64)
    joined = dict(table)
    for name, column in cells.table.items():
        if name in ("index", "label", "plane"):
            continue
        values = np.asarray(column)
        is_number = values.dtype.kind in "biuf"
        full: NDArray[Any] = np.full(len(label), np.nan if is_number else "", object)
        full[known] = values[at]
        joined[name] = full.astype(np.float64) if is_number else full
    return joined


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Read a table of cells; ImageError if it is none."""
    columns = _columns(path)
    if "label" not in columns:
        raise ImageError(f"{path} is no table of cells: it has no column “label”.")
    return columns


def read_parents(path: Path) -> dict[int, int]:
    """Read mothers by their daughters from a table of tracks; ImageError if none."""
    columns = _columns(path)
    if not {"track", "parent"} <= columns.keys():
        raise ImageError(
            f"{path} is no table of tracks: it has no columns “track” and “parent”."
        )
    pairs = zip(columns["track"].tolist(), columns["parent"].tolist(), strict=True)
    return {int(track): int(parent) for track, parent in pairs if parent > 0}


def _columns(path: Path) -> dict[str, NDArray[Any]]:
    import pandas as pd

    try:
        table = pd.read_csv(path, encoding="utf-8", keep_default_na=True)
    except OSError as error:
        raise ImageError(f"The file {path} cannot be read: {reason(error)}.") from error
    except (ValueError, RecursionError) as error:
        raise damaged(path, error) from error
    whole = [n for n in ("label", "plane", "track", "parent") if n in table]
    if table.empty:  # of an image without cells: a column has no kind then
        table = table.astype(np.float64).astype(dict.fromkeys(whole, np.int64))
    for name in whole:
        if not pd.api.types.is_integer_dtype(table[name]):
            msg = (
                f"{path} is damaged: not all of the column “{name}” are whole numbers."
            )
            raise ImageError(msg)
    return {
        str(name): column.to_numpy()
        if pd.api.types.is_numeric_dtype(column)
        else column.fillna("").astype(str).to_numpy(dtype=object)
        for name, column in table.items()
    }
