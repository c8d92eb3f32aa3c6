"""What runs in the worker thread before a training begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import uniform_filter
from skimage.draw import polygon2mask
from skimage.segmentation import find_boundaries

from napari_iaunet.errors import IAUNetError, TrainingError
from napari_iaunet.plugin.core.responsive import load_torch
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.training.task import EXAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.plugin.layers.cells_on_image import CellSource
    from napari_iaunet.plugin.layers.geometry import LayerImage
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.task import Task

# The example's picture shows at most so many pixels of the image, and is this wide.
_MOST_SHOWN, _WIDE = 240, 300
# Where to show it is looked for in about so many rows and columns.
_SEARCHED = 1000
_OUTLINE = (255, 200, 0)
# Of a stack that the model shall not forget, so many planes are taken.
_REHEARSED = 3


@dataclass(frozen=True)
class Region:
    """Where every cell is labelled.

    Attributes
    ----------
    polygons : tuple of (int or None, (N, 2) float64)
        The plane, or None for every plane, and (y, x) of the corners in pixels. None
        at all: it is known of no place, and only the labelled cells count.
    """

    polygons: tuple[tuple[int | None, NDArray[np.float64]], ...]

    def mask(self, plane: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        """Return the region of a plane, (Y, X) bool."""
        inside = np.zeros(shape, np.bool_)
        for where, points in self.polygons:
            if where is None or where == plane:
                inside |= polygon2mask(shape, points)
        return inside

    def is_drawn_on(self, plane: int) -> bool:
        """Whether a polygon was drawn on this very plane."""
        return any(where == plane for where, _ in self.polygons)


@dataclass(frozen=True)
class TrainingSource:
    """An annotated image as it was read from the layers."""

    cells: CellSource
    region: Region | None
    name: str


@dataclass(frozen=True)
class Example:
    """The part of an image that shows what the model finds by now.

    Attributes
    ----------
    picture : (Y, X) uint8
    window : tuple of slice
        Where it lies in the first held-out image.
    """

    picture: NDArray[np.uint8]
    window: tuple[slice, slice]

    def with_outlines(self, labels: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Draw outlines of the window's cells; (Y, X, 3) uint8, enlarged."""
        factor = max(1, _WIDE // self.picture.shape[1])
        grow = np.ones((factor, factor), np.uint8)
        shown = np.repeat(np.kron(self.picture, grow)[..., None], 3, axis=2)
        enlarged = np.kron(labels, grow)
        shown[find_boundaries(enlarged, mode="inner")] = _OUTLINE
        return shown


@dataclass(frozen=True)
class Prepared:
    """A task that is ready to be done.

    Attributes
    ----------
    folder : Path
    advice : tuple of str
        What the user may want to change.
    example : Example
    """

    folder: Path
    advice: tuple[str, ...]
    example: Example


def prepare_training(
    sources: Sequence[TrainingSource],
    known: Sequence[LayerImage],
    task: Task,
    folder: Path,
    progress: Callable[[int, int], None],
) -> Prepared:
    """Read the planes, look whether they can be trained on, and write the task.

    ``known`` are images that the model shall not forget. Raises TrainingError if the
    planes cannot be trained on.
    """
    load_torch()
    from napari_iaunet.inference.engines import PYTORCH
    from napari_iaunet.model.checkpoint import load_model
    from napari_iaunet.model.registry import find_model
    from napari_iaunet.segmentation.segmenter import Segmenter
    from napari_iaunet.training.advice import about_held_out, about_unlabelled, advise
    from napari_iaunet.training.holdout import hold_out
    from napari_iaunet.training.task import TaskImages, write_task

    diameter = load_model(find_model(task.start))[0].config.diameter
    annotations: list[Annotation] = []
    advice = []
    for done, source in enumerate(sources):
        progress(done, len(sources))
        found = annotations_of(source)
        if not found:
            advice.append(f"“{source.name}” has no labelled cell: it is left out.")
        annotations += found
    if not annotations:
        raise TrainingError(f"“{sources[0].name}” has no labelled cell.")
    advice += advise(annotations, diameter)
    advice += about_unlabelled(
        annotations, lambda: Segmenter(task.start, task.device, engine=PYTORCH)
    )
    training, held_out = hold_out(annotations)
    advice += about_held_out(held_out)
    rehearsed, unreadable = _rehearsed(known)
    try:
        write_task(folder, task, TaskImages(training, rehearsed, held_out))
    except OSError as error:
        msg = f"The images cannot be written to {folder}: {error}."
        raise TrainingError(msg) from error
    example = _example(held_out[0].annotation, held_out[0].block)
    return Prepared(folder, (*advice, *unreadable), example)


def _rehearsed(known: Sequence[LayerImage]) -> tuple[list[Annotation], list[str]]:
    """Read what is not to be forgotten; also say what cannot be read."""
    planes: list[Annotation] = []
    problems = []
    for image in known:
        try:
            planes += some_planes(image)
        except IAUNetError as error:
            problems.append(f"An open image is not rehearsed: {error}")
    return planes, problems


def read_example(
    folder: Path, window: tuple[slice, slice]
) -> NDArray[np.integer[Any]] | None:
    """Read a part of the cells that the training found last in its first image."""
    try:
        # The window must not wait while all cells of a large image are read.
        labels = np.load(folder / EXAMPLE, mmap_mode="r", allow_pickle=False)
        return np.array(labels[window])
    except (OSError, ValueError):
        return None


def annotations_of(source: TrainingSource) -> list[Annotation]:
    """Return the planes of a source that have labelled cells or a region.

    A region that holds for every plane is of use where cells are labelled.
    """
    from napari_iaunet.training.dataset import with_edges

    image = source.cells.image
    planes = as_planes(image.array, **image.seen_as)
    labels = source.cells.labels
    stack = labels.reshape(-1, *labels.shape[-2:])
    found = []
    for index in range(len(planes)):
        here = np.array(stack[index])
        region = None
        if source.region is not None:
            region = source.region.mask(index, here.shape)
        if here.any() or _is_background(source.region, region, index, len(planes)):
            name = source.name + (f" [{index}]" if len(planes) > 1 else "")
            plane = _plane(image, planes, index)
            plane = plane._replace(labels=here, region=region, name=name)
            found.append(with_edges(plane._replace(stack=source.name)))
    return found


def _is_background(
    drawn: Region | None, region: NDArray[np.bool_] | None, plane: int, planes: int
) -> bool:
    """Whether a plane without cells is meant to be background, at least in part."""
    if drawn is None or region is None or not region.any():
        return False
    return planes == 1 or drawn.is_drawn_on(plane)


def some_planes(image: LayerImage) -> list[Annotation]:
    """Return a few planes of an image, without labels."""
    planes = as_planes(image.array, **image.seen_as)
    count = min(len(planes), _REHEARSED)
    chosen = np.linspace(0, len(planes) - 1, count).round().astype(int)
    return [_plane(image, planes, int(index)) for index in chosen]


def _plane(image: LayerImage, planes: Planes, index: int) -> Annotation:
    """Copy a plane; nothing is labelled in it yet."""
    from napari_iaunet.training.dataset import Annotation

    axis = image.channel_axis
    ndim = len(image.array.shape)
    # A picture, whose colours are normalised together, keeps its channels last.
    last = axis is not None and axis % ndim == ndim - 1
    pixels = planes.raw(index)
    return Annotation(
        np.array(np.moveaxis(pixels, 0, -1) if last else pixels),
        np.zeros(planes.plane_shape, np.int32),
        **image.seen_as | {"channel_axis": 2 if last else 0},
    )


def _example(annotation: Annotation, block: NDArray[np.bool_]) -> Example:
    """Choose the window that shows most of the cells that are held out."""
    step = max(1, max(block.shape) // _SEARCHED)
    cells = (block & (annotation.labels > 0))[::step, ::step].astype(np.float32)
    shown = uniform_filter(cells, max(1, _MOST_SHOWN // step), mode="constant")
    middle = np.array(np.unravel_index(shown.argmax(), shown.shape)) * step
    window = []
    for center, length in zip(middle, block.shape, strict=True):
        side = min(length, _MOST_SHOWN)
        start = int(np.clip(center - side / 2, 0, length - side))
        window.append(slice(start, start + side))
    where = (window[0], window[1])
    plane = as_planes(annotation.image, **annotation.seen_as)[0].mean(axis=0)
    picture = (np.clip(plane[where], 0, 1) * 255).astype(np.uint8)
    return Example(picture, where)
