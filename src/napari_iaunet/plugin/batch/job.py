"""What runs in the worker thread: images are segmented, opened and written back."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import napari_iaunet
from napari_iaunet.commands.common import caught_warnings, measure_image
from napari_iaunet.commands.common_table import read_table, write_common_table
from napari_iaunet.commands.inputs import (
    find_images,
    find_targets,
    name_of,
    only_images,
)
from napari_iaunet.commands.segment_image import segment_image
from napari_iaunet.errors import IAUNetError, ImageError
from napari_iaunet.io.formats.cells import CLASS
from napari_iaunet.io.read import check_image
from napari_iaunet.plugin.batch.reading import ReadAs, read_as
from napari_iaunet.plugin.batch.record import DONE, FAILED, RUNNING, written
from napari_iaunet.plugin.layers.features import features_of, key_of
from napari_iaunet.plugin.layers.find import OURS
from napari_iaunet.plugin.layers.stored import layers_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from napari.types import LayerDataTuple
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_iaunet.io.name_pattern import NamePattern
    from napari_iaunet.io.pixels import AxisPlace
    from napari_iaunet.plugin.batch.record import Record
    from napari_iaunet.plugin.core.segmenters import Segmenters

    Progress = Callable[[int, int], None]

# Steps of the progress of each image: it moves on while a large one is done.
_STEPS = 1000
# Labels in an OME-Zarr image are called as the command line calls them.
_LABELS = "cells"


@dataclass(frozen=True)
class How:
    """Settings for all images."""

    model: str  # name or folder
    device: str
    diameter: float | None  # in pixels; None: to be estimated for each
    columns: tuple[str, ...]  # groups of columns of the tables
    reading: ReadAs
    classifier: str = ""  # file that gives the cells classes; "" for none

    def asked(self, image: Path, model_written: int) -> str:
        """Return what an image is done with, to know it again."""
        asked = asdict(self) | {
            "device": "",  # the cells are the same
            "version": napari_iaunet.__version__,
            "model_written": model_written,
            "file": written(image),
        }
        if self.classifier:
            asked["classifier_written"] = written(Path(self.classifier))
        else:
            del asked["classifier"]
        return json.dumps(asked, sort_keys=True)


# -- where results are -----------------------------------------------------------------


def target_of(image: Path, series: int | None = None) -> Path:
    """Return where the labels of an image go: beside it, or into the OME-Zarr.

    ``series`` is its number within the file, if that was given.
    """
    place = image if image.is_dir() else image.parent
    return find_targets([image], place, _LABELS, [series])[0]


def table_of(image: Path, target: Path, series: int | None = None) -> Path:
    """Return where the table of an image is."""
    return target.parent / f"{name_of(image, series)}_cells.csv"


def _targets(record: Record, series: int | None) -> dict[str, Path | str]:
    """Where the labels of each image go, or a sentence on why they cannot."""
    first: dict[Path, str] = {}
    found: dict[str, Path | str] = {}
    for image in record.images:
        try:
            target = target_of(Path(image), series)
        except IAUNetError as error:
            found[image] = str(error)
            continue
        other = first.setdefault(target, image)
        found[image] = target
        if other != image:
            found[image] = (
                f"{Path(image).name} and {Path(other).name} would both be written to "
                f"{target}: rename one of them."
            )
        elif str(target) in record.images:
            found[image] = f"The result would replace the image {target}."
    return found


# -- images become cells ---------------------------------------------------------------


def _is_done(record: Record, how: How, model_written: int, image: str) -> bool:
    entry = record.entry(image)
    if entry.state != DONE or entry.asked != how.asked(Path(image), model_written):
        return False
    path, series = Path(image), how.reading.series
    try:
        target = target_of(path, series)
    except IAUNetError:
        return False
    return target.exists() and table_of(path, target, series).exists()


def segment_all(
    segmenters: Segmenters,
    record: Record,
    how: How,
    model_written: int,
    *,
    progress: Progress,
) -> list[str]:
    """Segment what is not done yet with these settings, and note what became of each.

    Returns the images that were to be done; until then they are ``record.queue``. An
    image that cannot be used costs no other one.
    """
    record.queue = images = [
        image
        for image in record.images
        if not record.is_kept(image) and not _is_done(record, how, model_written, image)
    ]
    targets, total = _targets(record, how.reading.series), len(images) * _STEPS
    for i, image in enumerate(images):
        progress(i * _STEPS, total)
        target = targets.get(image)
        # Meanwhile it may have been taken off the list, or looked at.
        if target is None or record.is_kept(image):
            continue
        asked = how.asked(Path(image), model_written)
        if isinstance(target, str):
            record.keep(image, state=FAILED, why=target, asked=asked, cells=0)
            continue
        record.keep(image, state=RUNNING, why="")
        progress(i * _STEPS, total)

        def step(part: int, of: int, i: int = i) -> None:
            share = min(_STEPS - 1, _STEPS * part // max(of, 1))
            progress(i * _STEPS + share, total)

        with caught_warnings() as notes:
            outcome = segment_image(
                lambda: segmenters.get(how.model, how.device),
                Path(image),
                target,
                _arguments(how),
                step,
            )
        if outcome.failure is not None:
            record.keep(image, state=FAILED, why=outcome.failure, asked=asked)
            continue
        if outcome.unsure:
            notes.append(f"Diameter about {outcome.unsure:.0f} px, unsure.")
        why = "\n".join(notes)
        cells = outcome.cells
        record.keep(image, state=DONE, cells=cells, why=why, asked=asked)
    return images


def _arguments(how: How) -> argparse.Namespace:
    """Return what the command line is told for the same."""
    return argparse.Namespace(
        **asdict(how.reading),
        link=None,
        overlay=False,
        table=True,
        columns=how.columns,
        classifier=how.classifier or None,
        diameter=how.diameter,
    )


# -- the list --------------------------------------------------------------------------


class FoundImages(NamedTuple):
    """Paths of images, and what was left out, in words."""

    images: list[str]
    notes: list[str]


def find(paths: Sequence[str], *, progress: Progress) -> FoundImages:
    """Look for the images in folders and plates; what holds none is told of.

    Several files at once are taken as if they were all of a folder: results among them
    are left out.
    """
    found: list[Path] = []
    with caught_warnings() as notes:
        files = [path for path in map(Path, paths) if path.is_file()]
        images = only_images(files) if len(files) > 1 else []
        results = set(files) - set(images) if images else set()
        for path in paths:
            if Path(path) in results:
                continue
            progress(0, 0)
            try:
                inside = find_images([path])
                for image in inside:
                    check_image(image)
            except IAUNetError as error:
                notes.append(str(error))
            else:
                found += inside
    unique = dict.fromkeys(str(path.absolute()) for path in found)
    return FoundImages(list(unique), notes)


def save(record: Record, *, progress: Progress) -> None:
    """Bring the list to the disk."""
    progress(0, 0)
    record.save()


# -- one table -------------------------------------------------------------------------


class SavedTable(NamedTuple):
    """Where the cells of how many images were written."""

    path: Path
    images: int


def write_all(
    record: Record, path: Path, pattern: NamePattern | None, *, progress: Progress
) -> SavedTable:
    """Write the cells of all images that are done as one table.

    Raises ImageError if that cannot be done, or something else is at ``path``.
    """
    from napari_iaunet.io.ours import check_table

    check_table(path)
    done = [i for i in record.images if record.entry(i).state == DONE]
    tables = []
    for i, image in enumerate(done):
        progress(i, len(done))
        series, place = read_as(record.entry(image)).series, Path(image)
        table = table_of(place, target_of(place, series), series)
        tables.append((place, series, read_table(table)))
    if not tables:
        raise ImageError("No image is done yet, so there is no table.")
    write_common_table(path, tables, pattern)
    return SavedTable(path, len(tables))


# -- an image is looked at -------------------------------------------------------------


@dataclass(frozen=True)
class Stored:
    """An image and its cells, as they are on the disk, ready to become layers.

    Attributes
    ----------
    image : str
        Its path.
    reading : ReadAs
        How it is read.
    target : Path
        Where its labels are.
    axes, places
        Of the labels, as `Cells` has them.
    layers : list of LayerDataTuple
        The image, then its cells.
    digest : bytes or None
        As `digest_of` says; None of labels that are not read into memory.
    """

    image: str
    reading: ReadAs
    target: Path
    axes: str
    places: Mapping[str, AxisPlace]
    layers: list[LayerDataTuple]
    digest: bytes | None


@dataclass(frozen=True)
class Changed:
    """Cells as the user leaves them."""

    stored: Stored
    labels: NDArray[Any]
    features: DataFrame
    columns: tuple[str, ...]  # groups of columns of the table


def exchange(
    record: Record, former: Changed | None, image: str, *, progress: Progress
) -> Stored | None:
    """Write what the user has changed in one image, then read another one.

    There is no other one if ``image`` is "".
    """
    progress(0, 0)
    if former is not None:
        _keep(record, former)
    return read_both(image, read_as(record.entry(image))) if image else None


class Kept(NamedTuple):
    """An image that stays on view, as it is on the disk now."""

    stored: Stored


def keep(record: Record, changed: Changed, *, progress: Progress) -> Kept:
    """Write what the user has changed in an image that stays on view."""
    progress(0, 0)
    _keep(record, changed)
    digest = digest_of(changed.labels, changed.features)
    return Kept(replace(changed.stored, digest=digest))


def _keep(record: Record, changed: Changed) -> None:
    cells = write_back(changed)
    if cells is not None:
        record.keep(changed.stored.image, cells=cells, looked_at=True)


def read_both(image: str, reading: ReadAs) -> Stored:
    """Read an image and its cells; ImageError if one of them is not as it was."""
    from napari_iaunet.io.labels import read_cells
    from napari_iaunet.io.ome_zarr import image_folder
    from napari_iaunet.io.ome_zarr_store import StoredImage, read_store
    from napari_iaunet.io.read import read_image

    path, series = Path(image), reading.series
    target = target_of(path, series)
    if not target.exists():
        raise ImageError(f"The cells of {path} are gone: press Segment all again.")
    if path.is_dir():
        shown, *beside = read_store(image_folder(path, series))
        cells = next((c for c in beside if c.name == target.name), None)
        if cells is None:
            raise ImageError(f"The image {path} does not list its cells, {target}.")
    else:
        found = read_cells(target)
        # Only what a file has, without what a store notes besides.
        cells = StoredImage("", [found.labels], found.axes, found.places, True, {})
    if not path.is_dir() or reading.moves_axes:
        read = read_image(path, **reading.options, lazily=True)
        shown = StoredImage("", [read.array], read.axes, read.places, False, {})
    name = name_of(path, series)
    layers = layers_of([shown._replace(name=name), cells])
    labels, options, kind = layers[-1]
    features = features_in(table_of(path, target, series))
    options |= {"name": f"{name} cells", "features": features}
    options["metadata"] = {OURS: {"image": name, "file": image}}
    layers[-1] = labels, options, kind
    in_memory = isinstance(labels, np.ndarray)
    digest = digest_of(labels, features) if in_memory else None
    return Stored(image, reading, target, cells.axes, cells.places, layers, digest)


def features_in(path: Path) -> DataFrame:
    """Return the table of an image as the features of a Labels layer.

    Without a table that can be read, there are none.
    """
    from pandas import DataFrame, read_csv

    try:
        table = read_csv(path)
    except (OSError, ValueError):
        return DataFrame()
    return features_of(dict(table.items())) if "label" in table else DataFrame()


def digest_of(labels: NDArray[Any], features: DataFrame) -> bytes:
    """Return what tells labels, and what was looked at, from those of another time."""
    found = blake2b(np.ascontiguousarray(labels).ravel().data)
    for name, flags in _flags(features).items():
        yes = sorted(label for label, on in flags.items() if on)
        found.update(f"{name} {yes}".encode() if yes else b"")
    return found.digest()


def _flags(features: DataFrame) -> dict[str, dict[int, bool]]:
    """Return what the user has said of cells, by their labels."""
    key = key_of(features)
    if key is None:
        return {}
    return {
        name: {
            int(label): str(flag) == "True"
            for label, flag in zip(features[key], features[name], strict=True)
        }
        for name in ("looked_at", "marked")
        if name in features
    }


def write_back(changed: Changed) -> int | None:
    """Write labels and table if the user has changed them; return how many cells.

    Raises ImageError if the files were written by another program meanwhile, or cannot
    be written; then they stay as they were.
    """
    from napari_iaunet.atomic import together
    from napari_iaunet.io.ome_zarr import version_of
    from napari_iaunet.io.ours import check_picture, check_table
    from napari_iaunet.io.read import (
        write_labels,
        write_labels_ome_zarr,
        write_table,
    )

    stored, labels = changed.stored, changed.labels
    if digest_of(labels, changed.features) == stored.digest:
        return None
    path, target = Path(stored.image), stored.target
    ids = np.unique(labels[labels > 0])
    place: dict[str, Any] = {"axes": stored.axes, "places": stored.places}
    table_path = table_of(path, target, stored.reading.series)
    check_table(table_path)
    table = _measured(changed, ids)
    if target.is_dir():
        write_labels_ome_zarr(target, labels, version=version_of(path), **place)
        write_table(table_path, table)
        return len(ids)
    check_picture(target)
    with together(target.parent, ImageError) as fresh:
        write_table(fresh / table_path.name, table)
        write_labels(fresh / target.name, labels, **place)
    return len(ids)


def _measured(changed: Changed, ids: NDArray[Any]) -> dict[str, NDArray[Any]]:
    from napari_iaunet.io.read import read_image

    stored = changed.stored
    image = read_image(Path(stored.image), **stored.reading.options, lazily=True)
    known = _column(changed.features, "score")
    scores = np.array([known.get(int(i), np.nan) for i in ids], np.float32)
    table = measure_image(
        changed.labels, image, changed.columns, scores=scores if known else None
    )
    for name, flags in _flags(changed.features).items():
        table[name] = np.array([flags.get(int(i), False) for i in table["label"]])
    return table | _classes(changed.features, table["label"])


def _classes(features: DataFrame, label_ids: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return what the table says of the classes of cells; new cells have none."""
    key = key_of(features)
    if key is None or CLASS not in features:
        return {}
    by_label = features.drop_duplicates(key).set_index(key).reindex(label_ids)
    names = [n for n in features if n == CLASS or "probability" in str(n)]
    found = {str(name): by_label[name].to_numpy() for name in names}
    return found | {CLASS: by_label[CLASS].fillna("").astype(str).to_numpy(object)}


def _column(features: DataFrame, name: str) -> Mapping[int, float]:
    key = key_of(features)
    if key is None or name not in features:
        return {}
    return dict(zip(features[key].astype(int), features[name], strict=True))
