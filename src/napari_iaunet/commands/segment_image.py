"""One image file becomes one label image."""

from __future__ import annotations

import logging
import math
import os
import re
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.channels import seen_as, seen_planes
from napari_iaunet.commands.common import measure_image, read
from napari_iaunet.commands.inputs import TIFF, name_of
from napari_iaunet.errors import (
    Cancelled,
    DeviceError,
    IAUNetError,
    ImageError,
    InstallationError,
    ModelError,
    is_lack_of_memory,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.inference.progress import Progress
    from napari_iaunet.io.read import ImageFile
    from napari_iaunet.large.lazy import Runner
    from napari_iaunet.segmentation.segmenter import Segmenter
    from napari_iaunet.tracking.track import TrackedCells

    Table = dict[str, NDArray[Any]]

log = logging.getLogger(__name__)

# Rows and columns of an overlay at most, in pixels: it is for looking at, so of larger
# images every second pixel, or fewer, are drawn.
_LARGEST_PICTURE = 4096
# What the planes are that are linked, if the file does not say.
# Of the steps of the progress of an image: done are all but the classes of its cells.
_NEARLY = 99
_LINKED = {"time": "T", "depth": "Z"}


@dataclass(frozen=True)
class Outcome:
    """What became of an image.

    `target` are its labels, or `failure` says why there are none; the table is there if
    it was asked for. `unsure` is the diameter, in pixels, if it was estimated and may
    be wrong. `notes` is what another process had to say about it.
    """

    path: Path
    target: Path
    cells: int = 0
    seconds: float = 0.0
    table: Table | None = None
    failure: str | None = None
    unsure: float | None = None
    notes: tuple[str, ...] = ()


def segment_image(
    load: Callable[[], Segmenter],
    path: Path,
    target: Path,
    args: argparse.Namespace,
    progress: Progress | None = None,
    runner: Runner | None = None,
) -> Outcome:
    """Read an image, find its cells, write what was asked for.

    What concerns only this image is a failure in the outcome; a ModelError, DeviceError
    or InstallationError, after which no image at all can be segmented, is raised, and
    so is Cancelled.
    """
    begin = time.perf_counter()
    try:
        image = read(path, args, lazily=not args.link)
        result = _Result(image, target, args)
        table = result.make(load(), progress, runner)
    except (ModelError, DeviceError, InstallationError, Cancelled):
        raise
    except IAUNetError as error:
        failure = str(error)
        if not _names(failure, path):
            failure = f"{path}: {failure}"
        return Outcome(path, target, failure=failure)
    except Exception as error:
        # One damaged image must not keep the others from being segmented.
        if is_lack_of_memory(error):
            failure = f"{path} could not be segmented: there is not enough memory."
            return Outcome(path, target, failure=failure)
        if os.environ.get("NAPARI_IAUNET_DEBUG"):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        failure = f"{path} could not be segmented: {reason}."
        return Outcome(path, target, failure=failure)
    if not result.cells:
        result.tell_if_blank()
    seconds = time.perf_counter() - begin
    unsure = result.unsure if result.cells else None
    return Outcome(path, target, result.cells, seconds, table, unsure=unsure)


def _names(text: str, path: Path) -> bool:
    """Whether a text has the path of a file in it, however short that is."""
    return bool(re.search(rf"(?<![\w.-]){re.escape(str(path))}(?![\w-])", text))


@dataclass(frozen=True)
class _Found:
    """Cells of an image; `is_written` says whether their labels are on the disk."""

    labels: Any
    table: Table | None
    tracked: TrackedCells | None = None
    is_written: bool = False


class _Result:
    """Labels, table and picture of one image."""

    def __init__(
        self, image: ImageFile, target: Path, args: argparse.Namespace
    ) -> None:
        self.image, self.target, self.args = image, target, args
        self.channel_axis = image.channel_axis
        self.cells = 0
        self.unsure: float | None = None

    @property
    def _name(self) -> str:
        return name_of(self.image.path, self.args.series)

    @property
    def axes(self) -> str:
        """Letters of the labels' axes."""
        letters = "".join(self.image.axes[i] for i in self._places)
        return letters.replace("Q", _LINKED.get(self.args.link, "Q"))

    @property
    def _places(self) -> list[int]:
        """Which axes of the image the labels have: all but that of the channels."""
        return [i for i in range(len(self.image.axes)) if i != self.channel_axis]

    def make(
        self, segmenter: Segmenter, progress: Progress | None, runner: Runner | None
    ) -> Table | None:
        """Segment and write all; the table is returned, too, if there is one."""
        from napari_iaunet.io.ome_zarr import image_folder, version_of
        from napari_iaunet.io.ome_zarr_labels import register_labels
        from napari_iaunet.io.ours import check_labels

        if self.image.holds_labels:
            raise ImageError(f"{self.image.path} holds labels of cells, not an image.")
        if self.args.link:
            self._check_linkable()
        as_zarr = self.target.suffix.lower() not in TIFF
        if as_zarr:
            check_labels(self.target)
        elif self.target.is_dir():
            raise ImageError(f"{self.target} is a folder, so it is not replaced.")
        if self.target.parent.is_dir():
            self._check_names()  # before the time is spent
        if self._is_larger_than_memory(as_zarr):
            found = self._lazily(segmenter, progress, runner)
        else:
            found = self._at_once(segmenter, progress)
        self._write(found)
        if self.target.parent.name == "labels" and self.image.path.is_dir():
            store = image_folder(self.image.path, self.args.series)
            if self.target.parent == store / "labels":
                register_labels(store, self.target.name, version_of(store))
        return found.table

    def _is_larger_than_memory(self, as_zarr: bool) -> bool:
        """Whether it may be; what is linked may not."""
        import numpy as np

        from napari_iaunet.io.bounds import fits_at_once

        array = self.image.array
        if self.args.link or isinstance(array, np.ndarray):
            return False
        pixels = math.prod(array.shape[i] for i in self._places)
        is_file = not self.image.path.is_dir()
        return as_zarr or is_file or not fits_at_once(array.nbytes, pixels)

    def tell_if_blank(self) -> None:
        """Say so if all pixels of the image have one value, or none."""
        from napari_iaunet.segmentation.blank import why_blank

        why = why_blank(seen_planes(self.image, self.args))
        if why:
            log.warning("%s: %s", self.image.path, why)

    def _check_linkable(self) -> None:
        from napari_iaunet.tracking.track import ONLY_STACKS

        image, known = self.image, ONLY_STACKS.rstrip(".")
        if len(self.axes) > 3:
            raise ImageError(f"{known}: this one has planes in both.")
        if len(self.axes) < 3:
            what = "this is one plane"
            if image.channel_axis is not None and image.axes[image.channel_axis] == "C":
                count = image.array.shape[image.channel_axis]
                what += f" of {count} channels; --planes C says that these are planes"
            raise ImageError(f"{known}: {what}.")

    def _at_once(self, segmenter: Segmenter, progress: Progress | None) -> _Found:
        import numpy as np

        from napari_iaunet.segmentation.image import as_planes
        from napari_iaunet.tracking.track import track

        planes = as_planes(self.image.array, self.channel_axis)
        options: dict[str, Any] = {
            "image": seen_planes(self.image, self.args),
            "diameter": self.args.diameter,
            "progress": progress,
        }
        found = segmenter.segment(**options)
        labels, table = found.labels, None
        if self.args.table:
            table = measure_image(
                labels,
                self.image,
                self.args.columns,
                planes,
                scores=found.scores,
                embeddings=found.embeddings,
            )
            if self.args.classifier:
                table |= self._classes(segmenter, labels, table["label"], progress)
        tracked = None
        if self.args.link:
            tracked = track(segmenter, labels=labels, mode=self.args.link, **options)
            labels = tracked.labels
            if table:
                table["label"] = tracked.table[table["label"]].astype(np.int64)
        self.cells = int(labels.max(initial=0))
        self.unsure = None if found.diameter_is_sure else found.diameter
        return _Found(labels, self._with_places(table), tracked)

    def _classes(
        self,
        segmenter: Segmenter,
        labels: NDArray[Any],
        rows: NDArray[Any],
        progress: Progress | None,
    ) -> Table:
        """Return columns with the class of each cell, by the label of each row."""
        import numpy as np

        from napari_iaunet.identity.classifier import Classifier

        classifier = Classifier.load(self.args.classifier)
        cells = segmenter.describe(
            self.image.array,
            labels,
            **seen_as(self.image, self.args),
            # The image is nearly done, and stays so; it can still be stopped.
            progress=progress and (lambda *_: progress(_NEARLY, _NEARLY + 1)),
        )
        place = np.searchsorted(cells.label_ids, rows)
        found = classifier.table(cells)
        return {name: column[place] for name, column in found.items()}

    def _with_places(self, table: Table | None) -> Table | None:
        """Add columns for time and depth where a stack has both."""
        import numpy as np

        letters = self.axes[:-2].lower()
        if table is None or "plane" not in table or len(set(letters)) < 2:
            return table
        shape = [self.image.array.shape[i] for i in self._places[:-2]]
        places = np.unravel_index(table["plane"], shape)
        head = {"label": table["label"], "plane": table["plane"]}
        return head | dict(zip(letters, places, strict=True)) | table

    def _check_names(self) -> None:
        """Refuse names that cannot be written, or are those of something else."""
        from napari_iaunet.io.ours import check_picture, check_table

        wanted = {"overlay.png": self.args.overlay, "cells.csv": self.args.table}
        wanted["tracks.csv"] = self.args.link
        others = [self._beside(end) for end, asked in wanted.items() if asked]
        for path in (self.target, *others):
            try:
                path.lstat()
            except FileNotFoundError:
                continue
            except OSError as error:
                msg = f"{path} cannot be written: {error.strerror}."
                raise ImageError(msg) from error
        for path in others:
            if path.is_dir():
                raise ImageError(f"{path} is a folder, so it is not replaced.")
            if path.suffix == ".csv":
                check_table(path)
            else:
                check_picture(path)
        if self.target.suffix.lower() in TIFF:
            check_picture(self.target)

    def _beside(self, ending: str) -> Path:
        """Path of what is written beside the labels."""
        return self.target.parent / f"{self._name}_{ending}"

    def _write(self, found: _Found) -> None:
        """Write what is not there yet: all of it, or nothing."""
        from napari_iaunet.atomic import together
        from napari_iaunet.io.ome_zarr import version_of
        from napari_iaunet.io.read import write_labels_ome_zarr, write_table

        self._make_folder()
        self._check_names()
        with together(self.target.parent, ImageError) as fresh:
            if self.args.overlay:
                self._write_overlay(fresh / self._beside("overlay.png").name, found)
            if found.table is not None:
                write_table(fresh / self._beside("cells.csv").name, found.table)
            if found.tracked:
                tracks = self._tracks(found.tracked)
                write_table(fresh / self._beside("tracks.csv").name, tracks)
            if self.target.suffix.lower() in TIFF:
                self._write_tiff(fresh / self.target.name, found.labels)
            elif not found.is_written:
                write_labels_ome_zarr(
                    self.target,
                    found.labels,
                    axes=self.axes,
                    places=self.image.places,
                    version=version_of(self.image.path),
                )
        shutil.rmtree(self._aside, ignore_errors=True)

    def _write_tiff(self, path: Path, labels: Any) -> None:
        import numpy as np

        from napari_iaunet.io.read import write_labels, write_labels_in_tiles

        axes, places = self.axes, self.image.places
        if isinstance(labels, np.ndarray):
            write_labels(path, labels, axes=axes, places=places)
        else:
            write_labels_in_tiles(path, labels, self.cells, axes=axes, places=places)

    @property
    def _aside(self) -> Path:
        """Where labels larger than memory lie until they are written as a TIFF."""
        from napari_iaunet.atomic import hidden

        return hidden(self.target, "labels")

    def _tracks(self, tracked: TrackedCells) -> Table:
        """Columns of the table of tracks."""
        import numpy as np

        track, plane, y, x = tracked.tracks.T
        parent = [tracked.parents.get(int(number), 0) for number in track]
        return {
            "track": track.astype(np.int64),
            "plane": plane.astype(np.int64),
            "y": y,
            "x": x,
            "parent": np.array(parent, np.int64),
        }

    def _lazily(
        self, segmenter: Segmenter, progress: Progress | None, runner: Runner | None
    ) -> _Found:
        from napari_iaunet.io.ome_zarr import version_of
        from napari_iaunet.io.ome_zarr_labels import LabelImage
        from napari_iaunet.large.lazy import segment_lazy

        as_tiff = self.target.suffix.lower() in TIFF
        label_image = LabelImage(
            self.target.stem, self.axes, self.image.places, version_of(self.image.path)
        )
        found = segment_lazy(
            segmenter,
            seen_planes(self.image, self.args),
            self._aside if as_tiff else self.target,
            diameter=self.args.diameter,
            source=str(self.image.path.resolve()),
            progress=progress,
            runner=runner,
            ome_zarr=None if as_tiff else label_image,
        )
        self.cells = len(found.table["label"])
        self.unsure = None if found.diameter_is_sure else found.diameter
        table = None
        if self.args.table:
            scores = found.table["score"]
            groups = self.args.columns
            table = measure_image(found.labels, self.image, groups, scores=scores)
            if self.args.classifier:
                log.warning(
                    "%s: cells of images this large get no classes.", self.image.path
                )
        return _Found(found.labels, self._with_places(table), is_written=not as_tiff)

    def _make_folder(self) -> None:
        folder = self.target.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"The folder {folder} cannot be made: {error.strerror}."
            raise ImageError(msg) from error

    def _write_overlay(self, path: Path, found: _Found) -> None:
        from napari_iaunet.io.read import write_overlay

        labels = found.labels
        step = math.ceil(max(labels.shape[-2:]) / _LARGEST_PICTURE)
        every, spatial = slice(None, None, step), [slice(None)] * self.image.array.ndim
        for i in self._places[-2:]:
            spatial[i] = every
        picture, cells = self.image.array[tuple(spatial)], labels[..., every, every]
        size = self.image.pixel_size
        write_overlay(
            path,
            picture,
            cells,
            channel_axis=self.channel_axis,
            pixel_width=size[1] * step if size else None,
        )
