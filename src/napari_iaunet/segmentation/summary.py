"""Cells of many images in short: how many, and how a measure of them is distributed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

# The measure that every image has, and the grouping in which each image is a group.
COUNT, EACH_IMAGE = "cells", ""
# The group of images whose names do not tell one, which is the last.
NO_GROUP = "(none)"
# Shares of the values that lie below the whiskers, the box and its line.
SHARES = (5, 25, 50, 75, 95)
# Columns that say which cell it is and where it lies, and those that cannot be compared
# between two images.
_NO_MEASURE = re.compile(
    r"label|roi_id|plane|t|z|q|track|parent|(cell_|nucleus_|cytoplasm_)?"
    r"([yx](_um)?|embedding_\d+)"
)
_WELL = re.compile(r"([A-P])0*([1-9]|1\d|2[0-4])", re.IGNORECASE)
# In columns of another name, d2 may be a day and p1 a plate.
_CLEARLY_WELL = re.compile(r"[A-P](0[1-9]|1\d|2[0-4])")
# The column of names that tells of which plate a well is.
_PLATE = "plate"
# Rows and columns of plates with 96 and with 384 wells.
_PLATES = ((8, 12), (16, 24))
_PARTS = re.compile(r"(cell|nucleus|cytoplasm)_(.+)")
_STATISTICS = {
    "mean": "mean",
    "min": "minimum",
    "max": "maximum",
    "std": "standard deviation",
}
_LENGTHS = ("area", "perimeter", "axis_major_length", "axis_minor_length")
# Groups that a description names one by one.
_TOLD = 30
# What the columns of a saved summary end in.
_ENDS = (*("p5", "p25", "median", "p75", "p95"), "mean")


@dataclass(frozen=True)
class ImageCells:
    """What is known of the cells of an image.

    Attributes
    ----------
    name : str
        Tells the image from the others.
    about : mapping of str to str
        Columns that its name makes.
    count : int
        How many cells there are.
    measures : mapping of str to (N,) float64
        Numbers of each cell, in each of its planes; NaN where there is none.
    """

    name: str
    about: Mapping[str, str]
    count: int
    measures: Mapping[str, NDArray[np.float64]]


class Spread(NamedTuple):
    """Percentiles and mean of values; NaN if there are none."""

    low: float
    lower: float
    median: float
    upper: float
    high: float
    mean: float


@dataclass(frozen=True)
class Group:
    """Images that belong together.

    Attributes
    ----------
    name : str
    images : tuple of I str
        Those that have values.
    counts : (I,) int64
        How many values each has; of `COUNT`, how many cells.
    medians : (I,) float64
        Of the values of each image; of `COUNT`, its number of cells.
    spreads : tuple of I Spread
        Of the values of each image.
    spread : Spread
        Of the values of all images; of `COUNT`, of the numbers of the images.
    plate : str
        Of a well, where there are several plates.
    """

    name: str
    images: tuple[str, ...]
    counts: NDArray[np.int64]
    medians: NDArray[np.float64]
    spreads: tuple[Spread, ...]
    spread: Spread
    plate: str = ""

    @property
    def title(self) -> str:
        """The name, with that of the plate before a well where there are several."""
        return f"{self.plate} {self.name}" if self.plate else self.name

    @property
    def cells(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Summary:
    """Groups of images, by one measure; notes are sentences on what is not as asked."""

    measure: str
    by: str
    groups: tuple[Group, ...]
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """How many images have values."""
        return sum(len(group.images) for group in self.groups)

    @property
    def cells(self) -> int:
        """How many values there are."""
        return sum(group.cells for group in self.groups)


@dataclass(frozen=True)
class Plate:
    """A plate seen from above.

    Attributes
    ----------
    values : (rows, columns) float64
        NaN where there is none.
    name : str
        "" of the only one.
    """

    values: NDArray[np.float64]
    name: str = ""


# -- what is read --------------------------------------------------------------------


def numbers_in(
    table: Mapping[str, NDArray[Any]],
) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """Return how many cells a table has, and its measures.

    Parameters
    ----------
    table : mapping of str to (N,) array
        Columns of text or of numbers. A label has a row in each of its planes.

    Returns
    -------
    int, dict of (N,) float64
        Columns of words, and those that say which cell it is, are left out.
    """
    measures = {}
    for name, column in table.items():
        if _NO_MEASURE.fullmatch(name):
            continue
        values = _numbers(column)
        if values is not None:
            measures[name] = values
    return np.unique(table["label"].astype(str)).size, measures


def _numbers(column: NDArray[Any]) -> NDArray[np.float64] | None:
    if column.dtype.kind == "b":
        return None
    texts = np.where(column == "", "nan", column) if column.dtype == object else column
    try:
        return texts.astype(np.float64)
    except ValueError:  # words
        return None


def with_well(about: Mapping[str, str]) -> dict[str, str]:
    """Return columns of a name with the well that its row and column make."""
    known = dict(about)
    if "row" in known and "column" in known and "well" not in known:
        well = known["row"] + known["column"]
        if well_of(well) is not None:
            known["well"] = well
    return known


def well_of(text: str) -> tuple[int, int] | None:
    """Return row and column of a well such as B03, both from 0; None of other text."""
    found = _WELL.fullmatch(text.strip())
    if found is None:
        return None
    return ord(found[1].upper()) - ord("A"), int(found[2]) - 1


# -- what there is to choose ----------------------------------------------------------


def measures_of(images: Iterable[ImageCells]) -> tuple[str, ...]:
    """Return `COUNT` and the measures with a value, in the order of the tables."""
    known: dict[str, bool] = {COUNT: True}
    for image in images:
        for name, values in image.measures.items():
            known[name] = known.get(name, False) or bool(np.isfinite(values).any())
    return tuple(name for name, is_measured in known.items() if is_measured)


def groupings_of(images: Iterable[ImageCells]) -> tuple[str, ...]:
    """Return `EACH_IMAGE` and the columns that the names make."""
    names = (n for i in images for n, value in i.about.items() if value)
    return tuple(dict.fromkeys([EACH_IMAGE, *names]))


def well_column(images: Sequence[ImageCells]) -> str | None:
    """Return the column that has wells only, if there is one; "well" before others.

    In those of another name wells are written like B03.
    """
    columns = groupings_of(images)[1:]
    for column in sorted(columns, key=lambda name: not _is_of_wells(name)):
        if _are_wells(images, column):
            return column
    return None


def _are_wells(images: Iterable[ImageCells], column: str) -> bool:
    told = {image.about.get(column, "") for image in images} - {""}
    is_well = well_of if _is_of_wells(column) else _CLEARLY_WELL.fullmatch
    return bool(told) and all(is_well(text) is not None for text in told)


def _is_of_wells(column: str) -> bool:
    return "well" in column.lower()


def label_of(measure: str) -> str:
    """Return what a column of the table is called on an axis, with its unit."""
    if measure == COUNT:
        return "number of cells"
    part = _PARTS.fullmatch(measure)
    if part is not None:
        return f"{part[1]}: {label_of(part[2])}"
    statistic, _, channel = measure.partition("_")
    if measure == "mean_intensity":
        return "mean intensity"
    if channel and statistic in _STATISTICS:
        return f"{_STATISTICS[statistic]} of {channel}"
    for end, unit in (("_um2", "µm²"), ("_um", "µm"), ("", "px")):
        name = measure.removesuffix(end)
        if measure.endswith(end) and name in _LENGTHS:
            return f"{name.replace('_', ' ')} ({unit})"
    return measure.replace("_", " ")


# -- the summary ---------------------------------------------------------------------


def summarise(
    images: Sequence[ImageCells], measure: str = COUNT, by: str = EACH_IMAGE
) -> Summary:
    """Bring images into groups, and a measure of their cells into a few numbers.

    Parameters
    ----------
    images : sequence of ImageCells
    measure : str
        `COUNT` or one of `measures_of`. NaN and infinities are left out.
    by : str
        `EACH_IMAGE` or one of `groupings_of`. Groups are sorted by their names, numbers
        in them by their size; images stay in their order. Where it has wells, and the
        names tell of several plates by a column "plate", each plate has its own.

    Returns
    -------
    Summary
    """
    members: dict[tuple[str, str], list[ImageCells]] = {}
    wells = by not in (EACH_IMAGE, _PLATE) and _are_wells(images, by)
    several = wells and len({image.about.get(_PLATE, "") for image in images}) > 1
    for image in images:
        plate = (image.about.get(_PLATE, "") or NO_GROUP) if several else ""
        members.setdefault((plate, _group_of(image, by, wells)), []).append(image)
    keys = list(members)
    if by != EACH_IMAGE:
        keys.sort(key=lambda key: [(part == NO_GROUP, _natural(part)) for part in key])
    groups = [_group(*key, members[key], measure) for key in keys]
    groups = [group for group in groups if group.images]
    lacking = len(images) - sum(len(group.images) for group in groups)
    notes = []
    if lacking:
        what = "1 image has" if lacking == 1 else f"{lacking:,} images have"
        notes.append(f"{what} no {label_of(measure)}.")
    return Summary(measure, by, tuple(groups), tuple(notes))


def _group_of(image: ImageCells, by: str, wells: bool) -> str:
    if by == EACH_IMAGE:
        return image.name
    name = image.about.get(by, "")
    place = well_of(name) if wells else None
    if place is not None:
        return f"{'ABCDEFGHIJKLMNOP'[place[0]]}{place[1] + 1:02}"
    return name or NO_GROUP


def _group(plate: str, name: str, images: Iterable[ImageCells], measure: str) -> Group:
    if measure == COUNT:
        members = [(i.name, np.array([i.count], np.float64)) for i in images]
    else:
        found = [(i.name, i.measures.get(measure)) for i in images]
        known = ((n, v[np.isfinite(v)]) for n, v in found if v is not None)
        members = [(n, values) for n, values in known if values.size]
    all_values = np.concatenate([v for _, v in members] or [np.zeros(0)])
    counts = [v[0] if measure == COUNT else v.size for _, v in members]
    spreads = tuple(spread_of(values) for _, values in members)
    return Group(
        name,
        tuple(name for name, _ in members),
        np.array(counts, np.int64),
        np.array([spread.median for spread in spreads], np.float64),
        spreads,
        spread_of(all_values),
        plate,
    )


def spread_of(values: NDArray[np.float64]) -> Spread:
    """Return percentiles and mean of values (N,) without NaN."""
    if not values.size:
        return Spread._make([np.nan] * 6)
    return Spread._make([*np.percentile(values, SHARES).tolist(), float(values.mean())])


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return what sorts day2 before day10."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(p), "") if i % 2 else (1, 0, p) for i, p in enumerate(parts)]


def plates_of(summary: Summary) -> tuple[Plate, ...]:
    """Return the wells of a summary on their plates; none if its groups are none.

    A well has the mean number of cells of its images, or the median of its cells. The
    plates have 96 wells, or 384 if one of them needs more.
    """
    wells = [(well_of(g.name), g) for g in summary.groups]
    known = [(place, group) for place, group in wells if place is not None]
    if not known:
        return ()
    rows, columns = (max(p[k] for p, _ in known) + 1 for k in (0, 1))
    shape = next(s for s in _PLATES if rows <= s[0] and columns <= s[1])
    plates: dict[str, NDArray[np.float64]] = {}
    for place, group in known:
        values = plates.setdefault(group.plate, np.full(shape, np.nan))
        is_count, spread = summary.measure == COUNT, group.spread
        values[place] = spread.mean if is_count else spread.median
    return tuple(Plate(values, name) for name, values in plates.items())


# -- the summary in words and as a table ---------------------------------------------


def n_images(count: int) -> str:
    """Return a number of images in words."""
    return "1 image" if count == 1 else f"{count:,} images"


def n_cells(count: int) -> str:
    """Return a number of cells in words."""
    return "1 cell" if count == 1 else f"{count:,} cells"


def tell(summary: Summary, group: Group) -> str:
    """Return a group in words, for those who hear the plot or point at it."""
    spread = group.spread
    if summary.by == EACH_IMAGE and summary.measure == COUNT:
        return f"{group.title}: {n_cells(group.cells)}"
    n = n_cells(group.cells)
    if summary.by != EACH_IMAGE:
        n = f"{n_images(len(group.images))}, {n}"
    told = f"{group.title}: {n}; median {short(spread.median)}"
    if summary.measure == COUNT:
        return f"{told} in an image, mean {short(spread.mean)}"
    box = f"half of the cells {short(spread.lower)} to {short(spread.upper)}"
    return f"{told}, {box}"


def describe(summary: Summary) -> str:
    """Return a summary in sentences."""
    by = f" by {summary.by}" if summary.by != EACH_IMAGE else " of each image"
    what = label_of(summary.measure)
    head = f"{what[:1].upper()}{what[1:]}{by}: {n_images(summary.images)}, "
    lines = [tell(summary, group) for group in summary.groups[:_TOLD]]
    more = len(summary.groups) - _TOLD
    lines += [f"and {more:,} more"] if more > 0 else []
    told = [head + n_cells(summary.cells), *lines]
    return " ".join([*(f"{line}." for line in told), *summary.notes])


def short(value: float) -> str:
    """Return a number with four digits, or all of a larger one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def as_table(summary: Summary) -> dict[str, NDArray[Any]]:
    """Return a summary as columns (rows,) of text and whole numbers.

    There is a row for each group, in which the image is empty, and one for each of its
    images; where wells are of several plates, a column has these. Percentiles are those
    of `SHARES`; of `COUNT`, a group has those of the numbers of its images.
    """
    names = [f"{summary.measure}_{end}" for end in _ENDS]
    rows: list[list[Any]] = []
    for group in summary.groups:
        numbers = [f"{value:.6g}" for value in group.spread]
        if summary.by != EACH_IMAGE:
            rows.append([group.name, "", len(group.images), group.cells, *numbers])
        is_count = summary.measure == COUNT
        for image, count, spread in zip(
            group.images, group.counts.tolist(), group.spreads, strict=True
        ):
            own = [""] * len(names) if is_count else [f"{v:.6g}" for v in spread]
            name = "" if summary.by == EACH_IMAGE else group.name
            rows.append([name, image, 1, count, *own])
    head = _unique([summary.by or "group", "image", "images", "cells", *names])
    if any(group.plate for group in summary.groups):
        plates = [group.plate for group in summary.groups for _ in (0, *group.images)]
        rows = [[plate, *row] for plate, row in zip(plates, rows, strict=True)]
        head.insert(0, _PLATE)
    columns = zip(*rows, strict=True) if rows else ([] for _ in head)
    table = {
        name: np.array(list(column), object)
        for name, column in zip(head, columns, strict=True)
    }
    if summary.by == EACH_IMAGE:
        del table["group"]
    if summary.by == EACH_IMAGE and summary.measure == COUNT:
        table = {name: table[name] for name in ("image", "cells")}
    return table


def _unique(names: Sequence[str]) -> list[str]:
    """Give the first name, which the user has made, an end where it is one of ours."""
    first = names[0]
    while first in names[1:]:
        first += "_"
    return [first, *names[1:]]
