"""The tables of the images are read, and brought into a summary, in a worker thread."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_iaunet.atomic import write_bytes
from napari_iaunet.commands.common_table import read_table
from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.plugin.batch.job import table_of, target_of
from napari_iaunet.plugin.batch.reading import read_as
from napari_iaunet.plugin.batch.record import DONE, written
from napari_iaunet.segmentation.summary import (
    COUNT,
    EACH_IMAGE,
    ImageCells,
    Summary,
    as_table,
    groupings_of,
    measures_of,
    numbers_in,
    summarise,
    well_column,
    with_well,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.io.name_pattern import NamePattern
    from napari_iaunet.plugin.batch.record import Record

    Progress = Callable[[int, int], None]

_NO_TABLE = "The table of {} cannot be read: press Segment all again."


class Asked(NamedTuple):
    """What is to be summarised.

    Attributes
    ----------
    measure : str
    by : str or None
        None is the first column of the pattern, or each image.
    on_plate : bool
        Whether wells are the groups, if there are any.
    pattern : NamePattern or None
    """

    measure: str
    by: str | None
    on_plate: bool
    pattern: NamePattern | None


class Summarised(NamedTuple):
    """A summary, and what else can be asked for.

    Attributes
    ----------
    summary : Summary
    measures, groupings : tuple of str
    well : str or None
        The column that has the wells.
    folder : str
        That all images share; "" if there is none.
    """

    summary: Summary
    measures: tuple[str, ...]
    groupings: tuple[str, ...]
    well: str | None
    folder: str


class _Read(NamedTuple):
    series: int | None
    path: Path  # where it is; to find that out takes longer than to look at it
    written: str  # tells the file from a later one
    cells: int
    measures: dict[str, NDArray[Any]]


class Tables:
    """Tables of images; one that has not changed since is not read again."""

    def __init__(self) -> None:
        self._known: dict[str, _Read] = {}

    def clear(self) -> None:
        """Forget all of them."""
        self._known = {}

    def read(self, image: str, series: int | None) -> _Read:
        """Return what is in the table of an image; ImageError if there is none.

        ``series`` is its number within the file, if that was given.
        """
        known = self._known.get(image)
        if known is None or known.series != series:
            place = Path(image)
            path, known = table_of(place, target_of(place, series), series), None
        else:
            path = known.path
        now = written(path)
        if known is None or known.written != now:
            known = _Read(series, path, now, *numbers_in(read_table(path)))
            self._known[image] = known
        return known


def summarise_all(
    tables: Tables, record: Record, asked: Asked, *, progress: Progress
) -> Summarised:
    """Summarise the cells of all images that are done.

    What is asked for and is not there is replaced: the measure by the number of cells,
    the grouping by what None says. A table that cannot be read costs no other one.
    """
    done = [i for i in record.images if record.entry(i).state == DONE]
    folder, names = _names(done)
    cells, lost = [], []
    for i, (image, name) in enumerate(zip(done, names, strict=True)):
        progress(i, len(done))
        try:
            read = tables.read(image, read_as(record.entry(image)).series)
        except IAUNetError:
            lost.append(name)
            continue
        told = asked.pattern.of(Path(image)) if asked.pattern else None
        about = with_well({k: _text(v) for k, v in (told or {}).items()})
        cells.append(ImageCells(name, about, read.cells, read.measures))
    measures, groupings = measures_of(cells), groupings_of(cells)
    well = well_column(cells)
    measure = asked.measure if asked.measure in measures else COUNT
    by = asked.by
    if by not in groupings:
        by = groupings[1] if len(groupings) > 1 else EACH_IMAGE
    summary = summarise(cells, measure, well if asked.on_plate and well else by)
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        notes = (*summary.notes, _NO_TABLE.format(lost[0] + more))
        summary = replace(summary, notes=notes)
    return Summarised(summary, measures, groupings, well, folder)


def _names(images: Sequence[str]) -> tuple[str, list[str]]:
    """Return the folder that all images share, and their paths from there."""
    try:
        folder = os.path.commonpath({os.path.dirname(image) for image in images})  # noqa: PTH120 - of thousands
    except ValueError:  # no images, or several disks of Windows
        return "", [_text(image) for image in images]
    begin = len(os.path.join(folder, ""))  # noqa: PTH118 - ends in a slash
    return folder, [_text(image[begin:].replace(os.sep, "/")) for image in images]


def _text(name: str) -> str:
    """Return a part of a path as it can be drawn and written."""
    return os.fsencode(name).decode(errors="backslashreplace")


def save_picture(path: Path, draw: Callable[[], bytes], *, progress: Progress) -> Path:
    """Draw a picture, which takes a while, and write it; ImageError if it cannot be."""
    progress(0, 0)
    write_bytes(path, draw(), ImageError)
    return path


def save_numbers(path: Path, summary: Summary, *, progress: Progress) -> Path:
    """Write the numbers of a summary as CSV; ImageError if that cannot be done."""
    from napari_iaunet.io.read import write_table

    progress(0, 0)
    write_table(path, as_table(summary))
    return path
