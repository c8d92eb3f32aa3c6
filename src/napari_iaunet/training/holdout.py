"""Keep a part of the annotation back, to see whether training helps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from scipy.ndimage import find_objects

from napari_iaunet.evaluation import overlaps
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.training.dataset import (
    Annotation,
    check_labels,
    consecutive,
    read_pairs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.image import Planes

    Labels = NDArray[np.integer[Any]]

Other = TypeVar("Other")

# From so many files on, whole images are held out.
MANY_FILES = 8
# Share of an image's cells that is held out.
_SHARE = 0.25
# Some cells train, others show whether that helps.
FEWEST_CELLS = 4
# Strips are tried at this many widths on every side of the image.
_WIDTHS = 40


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Annotated cells that training never sees.

    Attributes
    ----------
    annotation : Annotation
        The whole image.
    block : (Y, X) bool
        The part of it that is held out.
    """

    annotation: Annotation
    block: NDArray[np.bool_]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Where in the block every cell is labelled; (Y, X) bool."""
        region = self.annotation.region
        return self.block if region is None else self.block & region

    @cached_property
    def labels(self) -> NDArray[np.int32]:
        """Labels of the whole image, consecutive."""
        return consecutive(self.annotation.labels)

    @cached_property
    def counts(self) -> NDArray[np.bool_]:
        """Whether the cell of each of `labels` lies mostly in the block."""
        return _share(self.labels, self.block) > 0.5

    def alone(self) -> Annotation:
        """Keep what is known of the block only."""
        labels = self.labels
        kept = np.where(self.counts[labels], labels, 0)
        region = self.complete & ((labels == 0) | (kept > 0))
        return self.annotation._replace(labels=kept, region=region)


def _series(path: Path) -> str:
    """Name of the series that a file belongs to: its id without the last number."""
    stem = path.stem.removesuffix("_img")
    hexadecimal = len(stem) >= 8 and all(c in "0123456789abcdef" for c in stem)
    return f"{path.parent}/{'' if hexadecimal else stem.rstrip('0123456789')}"


def split_pairs(
    pairs: Sequence[tuple[Path, Other]], fraction: float = 0.125
) -> tuple[list[tuple[Path, Other]], list[tuple[Path, Other]]]:
    """Hold out the last part of every series of images.

    Files of one folder that differ in their last number only are a series, such
    as the frames of a film: neighbours in it show the same cells, so a series
    is cut once instead of being shuffled. Files named by hashes are one series.

    Parameters
    ----------
    pairs : sequence of (image path, mask path)
        Or anything else beside a path.
    fraction : float
        Share of each series that is held out; one image at least where the
        series has four or more.

    Returns
    -------
    training, validation : lists of pairs
    """
    series: dict[str, list[tuple[Path, Other]]] = {}
    for pair in pairs:
        series.setdefault(_series(Path(pair[0])), []).append(pair)
    training, validation = [], []
    for members in series.values():
        count = round(len(members) * fraction)
        if len(members) >= 4:
            count = max(1, count)
        training += members[: len(members) - count]
        validation += members[len(members) - count :]
    return training, validation


def split(
    pairs: Sequence[Sequence[Any]],
    validation: Sequence[Sequence[Any] | HeldOut] | None = None,
) -> tuple[list[Annotation], list[HeldOut]]:
    """Read images, and hold out a part of them if no others are given for that.

    Parameters
    ----------
    pairs, validation
        As for `train`.

    Returns
    -------
    training, held_out : lists
    """
    annotations = list(read_pairs(pairs))
    if validation is None:
        return _normalised_once(*divide(pairs, annotations))
    ready = [part for part in validation if isinstance(part, HeldOut)]
    others = [pair for pair in validation if not isinstance(pair, HeldOut)]
    held_out = [*ready, *map(whole, read_pairs(others))]
    return _normalised_once(annotations, held_out)


def divide(
    pairs: Sequence[Sequence[Any]], annotations: Sequence[Annotation]
) -> tuple[list[Annotation], list[HeldOut]]:
    """Hold out whole images of many files, else a part of each image.

    Parameters
    ----------
    pairs
        As for `train`.
    annotations : sequence of Annotation
        What `read_pairs` makes of them.

    Returns
    -------
    training, held_out : lists
    """
    paths = [pair[0] for pair in pairs if isinstance(pair[0], str | Path)]
    if len(pairs) == len(paths) >= MANY_FILES:
        numbered = [(Path(path), number) for number, path in enumerate(paths)]
        first, last = split_pairs(numbered)
        if last:  # not if each image is a series of its own
            held_out = [whole(annotations[number]) for _, number in last]
            return [annotations[number] for _, number in first], held_out
    return hold_out(annotations)


def _normalised_once(
    annotations: Sequence[Annotation], held_out: Sequence[HeldOut]
) -> tuple[list[Annotation], list[HeldOut]]:
    """Let the percentiles of an image be found once, for all that is made of it."""
    known: dict[tuple[int, str], Planes] = {}

    def share(annotation: Annotation) -> Annotation:
        image, seen_as = annotation.image, annotation.seen_as
        # Nuclei and cells of one image are seen in other channels each.
        key = id(image), str(seen_as)
        if key not in known:
            known[key] = as_planes(image, **seen_as)
        seen = annotation._replace(image=known[key], channel_axis=None)
        return seen._replace(nuclei=None, cells=None)

    parts = [replace(part, annotation=share(part.annotation)) for part in held_out]
    return [share(annotation) for annotation in annotations], parts


def hold_out(
    annotations: Sequence[Annotation],
) -> tuple[list[Annotation], list[HeldOut]]:
    """Divide every image into a part that trains and a strip that is held out.

    The strip lies at the side of the image, and has the width, where it holds about
    a quarter of the cells and cuts the fewest. Cells that it cuts train nothing. It
    is the same in all planes of a stack, which may show the same cells. Images of
    less than four cells are not divided; if there are no others, about a quarter of
    them is held out as a whole.

    Parameters
    ----------
    annotations : sequence of Annotation

    Returns
    -------
    training : list of Annotation
    held_out : list of HeldOut

    Raises
    ------
    TrainingError
        If a mask is no label image, or its region does not fit.
    """
    training: list[Annotation] = []
    held_out: list[HeldOut] = []
    images = _images(annotations)
    for planes in images:
        block = _strip([plane.labels for plane in planes])
        if block is None:
            training += planes
            continue
        training += [without(plane, block) for plane in planes]
        parts = [HeldOut(plane, block) for plane in planes]
        held_out += [part for part in parts if part.alone().labels.any()]
    if not held_out:
        return _hold_out_whole(images)
    return training, held_out


def _images(annotations: Sequence[Annotation]) -> list[list[Annotation]]:
    """Put the planes of each stack together."""
    images: dict[Any, list[Annotation]] = {}
    for index, annotation in enumerate(annotations):
        check_labels(annotation)
        stack = (annotation.stack, annotation.labels.shape)
        images.setdefault(stack if annotation.stack else index, []).append(annotation)
    return list(images.values())


def _hold_out_whole(
    images: Sequence[list[Annotation]],
) -> tuple[list[Annotation], list[HeldOut]]:
    """Hold out the last images with about a quarter of the cells; one has to train."""
    counts = [sum(_count(plane.labels) for plane in planes) for planes in images]
    cut, total = len(images), sum(counts)
    if total >= FEWEST_CELLS:
        while sum(counts[cut:]) < _SHARE * total and any(counts[: cut - 1]):
            cut -= 1
    training = [plane for planes in images[:cut] for plane in planes]
    others = [plane for planes in images[cut:] for plane in planes]
    return training, [whole(plane) for plane in others if plane.labels.any()]


def _count(labels: Labels) -> int:
    return int(np.unique(labels[labels > 0]).size)


def whole(annotation: Annotation) -> HeldOut:
    """Hold out a whole image."""
    return HeldOut(annotation, np.ones(annotation.labels.shape, np.bool_))


def without(annotation: Annotation, block: NDArray[np.bool_]) -> Annotation:
    """Forget all that is known of a block, and of the cells that reach into it."""
    labels = annotation.labels
    inside = np.isin(labels, np.unique(labels[block])) & (labels > 0)
    region = ~block & ~inside
    if annotation.region is not None:
        region &= annotation.region
    return annotation._replace(labels=np.where(inside, 0, labels), region=region)


def _strip(planes: Sequence[Labels]) -> NDArray[np.bool_] | None:
    """Choose the strip to hold out; None if there are too few cells."""
    shape = planes[0].shape
    boxes = [box for labels in planes for box in find_objects(consecutive(labels))]
    if len(boxes) < FEWEST_CELLS:
        return None
    wanted = max(1, round(_SHARE * len(boxes)))
    best: tuple[float, int, bool, int] | None = None
    for axis, length in enumerate(shape):
        low = np.array([box[axis].start for box in boxes])
        high = np.array([box[axis].stop for box in boxes])
        for width in np.unique(np.linspace(1, length - 1, _WIDTHS).astype(int)):
            for at_end in (False, True):
                cut = length - width if at_end else width
                inside = low >= cut if at_end else high <= cut
                crossed = int(((low < cut) & (high > cut)).sum())
                if not inside.any() or inside.sum() + crossed >= len(boxes):
                    continue
                cost = abs(int(inside.sum()) - wanted) + crossed
                if best is None or cost < best[0]:
                    best = (cost, axis, at_end, int(cut))
    if best is None:
        return None
    _, axis, at_end, cut = best
    place = np.arange(shape[axis])
    block = place >= cut if at_end else place < cut
    return np.broadcast_to(block[:, None] if axis == 0 else block, shape).copy()


def counted(
    held_out: Sequence[HeldOut], segment: Callable[[Annotation], Labels]
) -> list[tuple[Labels, Labels]]:
    """Return, of each part, the true and the found cells that count.

    Cells count that lie mostly in the block. Found cells that match none of them
    count where they lie mostly in the block and in the completely annotated region,
    and are not found where a cell is that does not count.

    Parameters
    ----------
    held_out : sequence of HeldOut
    segment : callable
        Annotation -> (Y, X) labels that were found in its image.
    """
    return [_counted(part, segment(part.annotation)) for part in held_out]


def _counted(part: HeldOut, found: Labels) -> tuple[Labels, Labels]:
    """Keep the true and the found cells that count."""
    true, counts, found = part.labels, part.counts, consecutive(found)
    there = _share(found, part.complete) > 0.5
    pairs = overlaps(true, found)
    # The true cell that each found one overlaps most.
    order = np.argsort(pairs.iou)
    partner = np.zeros(len(there), np.int64)
    partner[pairs.pred[order] + 1] = pairs.true[order] + 1
    kept = np.where(partner > 0, counts[partner], there)
    kept[0] = False
    return np.where(counts[true], true, 0), np.where(kept[found], found, 0)


def _share(labels: Labels, part: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of each label's pixels that lie in a part of the image; 0 of label 0."""
    area = np.bincount(labels.ravel())
    inside = np.bincount(labels.ravel(), part.ravel(), len(area))
    share: NDArray[np.float64] = inside / np.maximum(area, 1)
    share[0] = 0.0
    return share
