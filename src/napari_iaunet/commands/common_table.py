"""One table of the cells of many images."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError
from napari_iaunet.io.damage import reason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.io.name_pattern import NamePattern

# How it is called.
COMMON_TABLE = "cells.csv"


def write_common_table(
    target: Path,
    tables: Sequence[tuple[Path, int | None, Mapping[str, NDArray[Any]]]],
    pattern: NamePattern | None = None,
) -> None:
    """Write the tables of images as one, with the name of the file in each row.

    Parameters
    ----------
    target : Path
        An existing file is replaced; `check_table` says whether that is one of ours.
    tables : sequence of (path, number, table)
        At least one: the file of an image, its number within the file if that is given,
        and its cells. Where a file holds several images, its name ends in the number.
        Names begin below the folder that all files share.
    pattern : NamePattern, optional
        Makes columns of the names.

    Raises
    ------
    ImageError
        If the table cannot be written.
    """
    from napari_iaunet.io.read import write_tables

    several = len({path for path, _, _ in tables}) < len(tables)
    shared = Path(os.path.commonpath([path.absolute().parent for path, *_ in tables]))
    named, about = {}, {}
    for path, number, table in tables:
        name = path.absolute().relative_to(shared).as_posix()
        name = f"{name}:{number}" if several and number else name
        named[name] = table
        if pattern:
            columns = dict.fromkeys(pattern.names, "")
            about[name] = columns | (pattern.of(path) or {})
    write_tables(target, named, about)


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Read the table of an image as it is written: columns (N,) of text.

    Raises
    ------
    ImageError
        If there is none that can be read.
    """
    import numpy as np

    # Not row by row: thousands of lists would have the garbage collector look through
    # all of the program, in which a window stands still.
    values: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, strict=True)
            names = next(rows, [])
            fits = "label" in names
            for row in rows:
                fits = fits and len(row) == len(names)
                values.extend(row)
    except (OSError, ValueError, csv.Error) as error:
        raise ImageError(
            f"The table {path} cannot be read: {reason(error)}."
        ) from error
    if not fits:
        raise ImageError(f"{path} is not a table of cells.")
    step = len(names)
    return {n: np.array(values[i::step], object) for i, n in enumerate(names)}
