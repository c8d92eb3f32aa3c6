"""Cells as rows of AnnData, which scanpy, squidpy and many others take."""

from __future__ import annotations

import os
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.cells import CLASS, check_free_for_file
from napari_iaunet.io.formats.extras import needed
from napari_iaunet.io.ours import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.io.formats.cells import Cells


def write_anndata(path: Path, images: Sequence[Cells]) -> None:
    """Write the cells of images as one table.

    ``X`` holds the measures, NaN where one is not known; ``obs`` label, plane, class
    and file; ``obsm["spatial"]`` the centres (x, y) in pixels and, where all images
    have them, ``obsm["embedding"]`` the embeddings.

    Raises ImageError if something else is there, or it cannot be written;
    InstallationError without the package anndata.
    """
    anndata = needed("anndata", "anndata", "AnnData")
    check_anndata(path)
    rows = [_rows(cells) for cells in images]
    names = list(dict.fromkeys(name for cells in images for name in cells.measured))
    found = anndata.AnnData(
        X=np.concatenate([_measures(c, r, names) for c, r in _both(images, rows)]),
        obs=_obs(images, rows),
        var=_indexed({}, names),
        obsm={"spatial": np.concatenate([row[:, 2:] for row in rows])},
        uns={PROGRAM: {"version": version(PROGRAM)}},
    )
    if all(cells.embeddings is not None for cells in images):
        found.obsm["embedding"] = np.concatenate(
            [_embeddings(c, r) for c, r in _both(images, rows)]
        )
    with replacing(path, ImageError) as fresh:
        found.write_h5ad(fresh, convert_strings_to_categoricals=False)


def _both(
    images: Sequence[Cells], rows: Sequence[NDArray[np.float64]]
) -> zip[tuple[Cells, NDArray[np.float64]]]:
    return zip(images, rows, strict=True)


def _rows(cells: Cells) -> NDArray[np.float64]:
    """Return (N, 4): label, plane and centre (x, y) of each cell in each plane."""
    found = [np.zeros((0, 4))]
    for number, _, labels in cells.planes():
        y, x = np.nonzero(labels)
        ids, row, area = np.unique(
            labels[y, x], return_inverse=True, return_counts=True
        )
        centre = [np.bincount(row, at, len(ids)) / area for at in (x, y)]
        found.append(np.stack([ids, np.full(len(ids), number), *centre], axis=1))
    return np.concatenate(found)


def _measures(
    cells: Cells, rows: NDArray[np.float64], names: Sequence[str]
) -> NDArray[np.float64]:
    values = np.full((len(rows), len(names)), np.nan)
    at = [cells.row_of(int(label), int(plane)) for label, plane in rows[:, :2]]
    known = np.array([row is not None for row in at], bool)
    in_table = np.array([row for row in at if row is not None], np.int64)
    for i, name in enumerate(names):
        if name in cells.measured:
            values[known, i] = np.asarray(cells.table[name])[in_table]
    return values


def _embeddings(cells: Cells, rows: NDArray[np.float64]) -> NDArray[np.float32]:
    assert cells.embeddings is not None
    label_ids = np.unique(cells.labels[cells.labels > 0])
    return cells.embeddings[np.searchsorted(label_ids, rows[:, 0])]


def _obs(images: Sequence[Cells], rows: Sequence[NDArray[np.float64]]) -> DataFrame:
    columns: dict[str, list[Any]] = {"label": [], "plane": [], CLASS: [], "file": []}
    names: list[str] = []
    for number, (cells, row) in enumerate(_both(images, rows), start=1):
        file = os.fsencode(cells.name).decode(errors="backslashreplace")
        for label, plane in row[:, :2].astype(np.int64).tolist():
            columns["label"].append(label)
            columns["plane"].append(plane)
            columns[CLASS].append(cells.class_of(label, plane))
            columns["file"].append(file)
            names.append(f"{number}-{plane}-{label}")
    return _indexed(columns, names)


def _indexed(columns: dict[str, list[Any]], names: Sequence[str]) -> DataFrame:
    """Return columns with names of rows, texts as plain Python has them."""
    from pandas import DataFrame, Index, Series

    index = Index(list(names), dtype=object)
    kinds = {"label": np.int64, "plane": np.int64}
    return DataFrame(
        {
            name: Series(values, index=index, dtype=kinds.get(name, object))
            for name, values in columns.items()
        },
        index=index,
    )


def check_anndata(path: Path) -> None:
    """Raise ImageError if something is there that `write_anndata` did not write."""
    check_free_for_file(path, _is_ours)


def _is_ours(path: Path) -> bool:
    h5py = needed("h5py", "anndata", "AnnData")
    with suppress(OSError, KeyError, ValueError), h5py.File(path, "r") as file:
        return PROGRAM in file["uns"]
    return False
