"""Blood smears: where the experts saw a cell, and of what type."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class Smear(NamedTuple):
    """One image and its cells.

    Attributes
    ----------
    image : (Y, X, 3) uint8
    points : (N, 2) int
        (y, x) in pixels, one in every cell; all of them lie on the image.
    types : (N,) int
        0 to 12, as the experts named the cells.
    """

    image: NDArray[Any]
    points: NDArray[np.int64]
    types: NDArray[np.int64]


def files(data: Path) -> list[Path]:
    """Tables of points, one for each image."""
    return sorted((data / "red-blood-cells" / "train").glob("*_points.csv"))


def read(file: Path) -> Smear:
    """Read an image and its points; points off the image are left out."""
    from napari_iaunet.io.read import read_image

    stem = file.name.removesuffix("_points.csv")
    image = np.asarray(read_image(next(file.parent.glob(f"{stem}_img.*"))).array)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [
            (round(float(r["y"])), round(float(r["x"])), int(r["type"]))
            for r in csv.DictReader(lines)
        ]
    table = np.array(rows, np.int64).reshape(-1, 3)
    points = table[:, :2]
    inside = ((points >= 0) & (points < image.shape[:2])).all(1)
    return Smear(image, points[inside], table[inside, 2])
