"""Annotated images, prepared once so that crops are cheap to draw."""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage
from skimage.segmentation import relabel_sequential

from napari_iaunet.errors import TrainingError
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation.image import as_planes
from napari_iaunet.segmentation.measure import median_diameter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.image import Planes

log = logging.getLogger(__name__)

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")

# Images are stored at this multiple of the scale that the network sees on average.
# Crops are drawn up to 1.55 times as large, so the largest lose a little sharpness.
# Nearer to their own size than the second factor images stay as they are: to store them
# smaller would save little.
_MARGIN, _WORTH_RESCALING = 1.4, 0.8
# Limits of the factor to the network's diameter. Beyond them are labels that are no
# cells: specks, or one label for a whole image.
_SCALES = (0.1, 4.0)
# Outside of a region of which all is known, so much of a diameter around painted cells
# is background: two pixels of a usual cell, as the outlines of the losses.
_EDGE = 0.08


@dataclass(frozen=True)
class AnnotatedImage:
    """One image with everything that a crop needs.

    Attributes
    ----------
    image : (3, Y, X) float16
        Normalised.
    labels : (Y, X) int32
        Consecutive, 0 is background.
    edge_distance : (Y, X) float16
        Distance to the cell's edge over the cell's largest such distance.
    centres : (N + 1, 2) float32
        (y, x) of each cell's centre, in pixels; row 0 is unused.
    radii : (N + 1,) float32
        Radius of a disc of the same area, in pixels; row 0 is 1.
    scale : float
        Multiply by this to bring the median cell to the network's diameter.
    stored_scale : float
        By this factor the image was rescaled already.
    name, domain : str
        The file's stem and its folder's name.
    known : (Y, X) bool or None
        Pixels of which the annotation tells what they are; None: of all.
    stains : bool
        Whether the channels are stains of their own, not red, green and blue. By habit
        the first one shows nuclei.
    """

    image: NDArray[np.float16]
    labels: NDArray[np.int32]
    edge_distance: NDArray[np.float16]
    centres: NDArray[np.float32]
    radii: NDArray[np.float32]
    scale: float
    stored_scale: float
    name: str = ""
    domain: str = ""
    known: NDArray[np.bool_] | None = None
    stains: bool = False

    @property
    def is_sparse(self) -> bool:
        """Whether it is unknown of some pixels what they are."""
        return self.known is not None and not bool(self.known.all())


class Annotation(NamedTuple):
    """An image and its cells as people drew them.

    Attributes
    ----------
    image : (Y, X) or (Y, X, 3) array
        Or any array with `channel_axis`, or `Planes`.
    labels : (Y, X) integer array
        0 background, one number per cell.
    region : (Y, X) bool or None
        Where every cell is labelled; None: everywhere. Outside, what has no label
        may be anything.
    name, domain : str
    channel_axis : int or None
        Of the image, where it is not a last axis of 3 or 4.
    stack : str
        The same for planes of one stack, which may show the same cells; "" for an
        image of its own.
    nuclei : int or None
    cells : int, sequence of int or None
        Channels that show nuclei and whole cells, as `as_planes` takes them.
    """

    image: Any
    labels: NDArray[Any]
    region: NDArray[np.bool_] | None = None
    name: str = ""
    domain: str = ""
    channel_axis: int | None = None
    stack: str = ""
    nuclei: int | None = None
    cells: int | Sequence[int] | None = None

    @property
    def seen_as(self) -> dict[str, Any]:
        """Axis of the channels and what they show, as `as_planes` takes it."""
        return {
            "channel_axis": self.channel_axis,
            "nuclei": self.nuclei,
            "cells": self.cells,
        }


def find_pairs(folders: Sequence[Path]) -> list[tuple[Path, Path]]:
    """Pair ``<id>_img.*`` with ``<id>_mask.*`` in folders.

    A log line tells how many images of a folder have no mask and are left out.

    Parameters
    ----------
    folders : sequence of Path

    Returns
    -------
    list of (image path, mask path), sorted by folder and id.

    Raises
    ------
    TrainingError
        If a folder does not exist or has no pair.
    """
    pairs = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise TrainingError(f"There is no folder {folder}.")
        found = _pairs_in(folder)
        if not found:
            raise TrainingError(
                f"{folder} holds no pair of files named <id>_img.* and <id>_mask.*."
            )
        pairs += found
    return pairs


def _pairs_in(folder: Path) -> list[tuple[Path, Path]]:
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_ENDINGS)
    images = {_id_of(p, "_img"): p for p in files if p.stem.endswith("_img")}
    masks = {_id_of(p, "_mask"): p for p in files if p.stem.endswith("_mask")}
    alone = [images[key].name for key in images if key not in masks]
    if alone and len(alone) < len(images):
        more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
        log.warning("%s: left out for want of a mask: %s%s", folder, alone[0], more)
    return [(images[key], masks[key]) for key in images if key in masks]


def _id_of(path: Path, ending: str) -> str:
    """Name without its ending; a Mac writes accents as characters of their own."""
    return unicodedata.normalize("NFC", path.stem.removesuffix(ending))


def geometry(
    labels: NDArray[np.int32],
) -> tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32]]:
    """Edge distance, centres and radii of consecutive labels, as in `AnnotatedImage`.

    Parameters
    ----------
    labels : (Y, X) int32
    """
    distance = np.zeros(labels.shape, np.float16)
    count = int(labels.max(initial=0))
    centres = np.zeros((count + 1, 2), np.float32)
    radii = np.ones(count + 1, np.float32)
    shape = np.asarray(labels.shape)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        # A frame of one background pixel, but none where the image ends: a cell
        # that is cut by the border has no edge there.
        inside = labels[box] == number
        top, left = (int(s.start > 0) for s in box)
        bottom, right = (int(s.stop < n) for s, n in zip(box, shape, strict=True))
        height, width = inside.shape
        framed = np.zeros((top + height + bottom, left + width + right), bool)
        middle = np.s_[top : top + height, left : left + width]
        framed[middle] = inside
        depth = ndimage.distance_transform_edt(framed)[middle]
        relative = depth / max(float(depth.max()), 1e-6)
        # The middle of the thickest part: inside also for bent cells, mostly. A lower
        # power would give their centroid, a higher one jumps between equal parts.
        weight = relative**4
        weight /= weight.sum()
        distance[box][inside] = relative[inside]
        centres[number] = (
            weight.sum(1) @ np.arange(height) + box[0].start,
            weight.sum(0) @ np.arange(width) + box[1].start,
        )
        radii[number] = np.sqrt(np.count_nonzero(inside) / np.pi)
    return distance, centres, radii


def prepare(annotation: Annotation, diameter: float) -> AnnotatedImage:
    """Normalise an image and measure its cells.

    Parameters
    ----------
    annotation : Annotation
    diameter : float
        The network's cell diameter, in pixels.

    Raises
    ------
    TrainingError
        If the shapes differ or the mask is not a label image.
    """
    planes = _checked(annotation)
    plane = planes[0]
    labels = consecutive(annotation.labels)
    known = None
    if annotation.region is not None:
        known = annotation.region | (labels > 0)
    scale, stored_scale = _scale_to(diameter, labels), 1.0
    if scale * _MARGIN < _WORTH_RESCALING:
        stored_scale = scale * _MARGIN
        plane = rescale(plane, stored_scale)
        rows, columns = (
            np.clip(((np.arange(n) + 0.5) * m / n).astype(int), 0, m - 1)
            for n, m in zip(plane.shape[1:], labels.shape, strict=True)
        )
        labels = consecutive(labels[rows][:, columns])
        known = None if known is None else known[rows][:, columns]
        scale = _scale_to(diameter, labels)
    distance, centres, radii = geometry(labels)
    return AnnotatedImage(
        plane.astype(np.float16),
        labels,
        distance,
        centres,
        radii,
        scale,
        stored_scale,
        annotation.name,
        annotation.domain,
        known,
        planes.has_stains,
    )


def with_edges(annotation: Annotation) -> Annotation:
    """Let what lies just outside of the labelled cells be known, too.

    Who paints a cell says where it ends, if nothing of what lies beyond.

    Parameters
    ----------
    annotation : Annotation
        With all of its cells: of one that was left out, this would say that it is none.
    """
    labels, region = annotation.labels, annotation.region
    typical = median_diameter(np.bincount(consecutive(labels).ravel())[1:])
    if region is None or not typical:
        return annotation
    wide = max(1.0, _EDGE * typical)
    away = ndimage.distance_transform_edt(labels == 0)
    edges = (away > 0) & (away <= wide)
    return annotation._replace(region=region | edges)


def _checked(annotation: Annotation) -> Planes:
    """Return the image of a usable annotation: a single plane."""
    check_labels(annotation)
    title = f"{annotation.name}: " if annotation.name else ""
    planes = as_planes(annotation.image, **annotation.seen_as)
    if len(planes) != 1:
        msg = (
            f"{title}the image is a stack of {len(planes)} planes, and its mask is one "
            "plane. Save every plane that has a mask as an image of its own."
        )
        raise TrainingError(msg)
    shape, size = planes.plane_shape, annotation.labels.shape
    if shape != size:
        msg = f"{title}image and mask differ in size: {shape} and {size}."
        raise TrainingError(msg)
    return planes


def check_labels(annotation: Annotation) -> None:
    """Raise TrainingError unless the mask is a label image that its region fits."""
    title = f"{annotation.name}: " if annotation.name else ""
    labels, region = annotation.labels, annotation.region
    if labels.dtype.kind not in "biu" or labels.ndim != 2 or (labels < 0).any():
        raise TrainingError(
            f"{title}the mask must be one plane of whole numbers, one per cell."
        )
    if region is not None and region.shape != labels.shape:
        raise TrainingError(
            f"{title}mask and region differ in size: {labels.shape} and {region.shape}."
        )


def consecutive(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Renumber the cells of a label image from 1 without gaps."""
    numbers = labels.view(np.uint8) if labels.dtype == np.bool_ else labels
    # scikit-image takes neither another byte order nor what cannot be written to.
    native = np.require(numbers, numbers.dtype.newbyteorder("="), "W")
    return np.asarray(relabel_sequential(native)[0], np.int32)


def _scale_to(diameter: float, labels: NDArray[np.int32]) -> float:
    """Factor that brings the median cell to a diameter, in pixels."""
    typical = median_diameter(np.bincount(labels.ravel())[1:]) or diameter
    return float(np.clip(diameter / typical, *_SCALES))


def read_pairs(
    pairs: Iterable[Annotation | Sequence[Any]], **reading: Any
) -> Iterator[Annotation]:
    """Read pairs of images and masks one by one.

    Parameters
    ----------
    pairs : iterable of (image, mask) or (image, mask, region)
        Paths or arrays; annotations stay as they are. Beside a path ``<id>_img.*``
        lies ``<id>_region.*`` if not every cell of the image is labelled; it is not 0
        where all are.
    **reading
        How images are read, as `read_image` takes it.
    """
    from napari_iaunet.io.labels import read_labels
    from napari_iaunet.io.read import read_image

    def array(value: Any) -> Any:
        return read_labels(value) if isinstance(value, str | Path) else value

    for index, pair in enumerate(pairs):
        if isinstance(pair, Annotation):
            yield pair
            continue
        image, mask, *more = pair
        name, domain, axis = f"pair {index + 1}", "", None
        region = more[0] if more else None
        if isinstance(image, str | Path):
            path = Path(image)
            name = path.stem.removesuffix("_img")
            domain = next(
                (p.name for p in path.parents if p.name not in ("train", "test")), ""
            )
            region = _region_beside(path) if region is None else region
            found = read_image(path, **reading)
            image, axis = found.array, found.channel_axis
        if region is not None:
            region = np.asarray(array(region)) != 0
        labels = np.asarray(array(mask))
        annotation = Annotation(image, labels, region, name, domain, axis)
        # A mask that does not fit is told of later.
        fits = region is not None and region.shape == labels.shape
        yield with_edges(annotation) if fits else annotation


def _region_beside(image: Path) -> Path | None:
    stem = image.stem.removesuffix("_img")
    stems = (stem, *(unicodedata.normalize(form, stem) for form in ("NFC", "NFD")))
    names = (image.with_name(f"{s}_region{e}") for s in stems for e in IMAGE_ENDINGS)
    return next((name for name in names if name.is_file()), None)


def load_pairs(
    pairs: Iterable[Annotation | Sequence[Any]], diameter: float
) -> list[AnnotatedImage]:
    """Read and prepare pairs, as `read_pairs` takes them."""
    return [prepare(annotation, diameter) for annotation in read_pairs(pairs)]


# Cells are of a usual size if their median in every image is within this factor of it.
_ALIKE = 2.0


def usual_diameter(images: Sequence[AnnotatedImage], diameter: float) -> float | None:
    """Median cell diameter of images, in their pixels; None if they differ much.

    Parameters
    ----------
    images : sequence of AnnotatedImage
    diameter : float
        The network's cell diameter, in pixels.
    """
    found = [_own_diameter(i, diameter) for i in images if len(i.centres) > 1]
    typical = float(np.median(found))
    alike = max(found) / typical <= _ALIKE and typical / min(found) <= _ALIKE
    return round(typical, 2) if alike else None


def _own_diameter(image: AnnotatedImage, diameter: float) -> float:
    return diameter / (image.scale * image.stored_scale)


# A domain without a weight of its own is drawn in proportion to this power of its
# number of images: 1 would let the largest domain drown the others, 0 would show a
# domain of three images as often as one of hundreds.
_DOMAIN_POWER = 0.35


def sampling_probabilities(
    images: Sequence[AnnotatedImage], weights: Mapping[str, float]
) -> np.ndarray:
    """Probability of each image, by the weight of its domain; see `Recipe`."""
    counts = Counter(image.domain for image in images)
    usual = {domain: float(count) ** _DOMAIN_POWER for domain, count in counts.items()}
    # Weights are given in units of their own: a domain that is not named counts as it
    # would beside the named ones.
    named = sum(usual[domain] for domain in counts if domain in weights)
    given = sum(weights[domain] for domain in counts if domain in weights)
    of_domain = {
        domain: weights[domain] * named / given if domain in weights else usual[domain]
        for domain in counts
    }
    drawn = np.array([of_domain[i.domain] / counts[i.domain] for i in images])
    return np.asarray(drawn / drawn.sum())


class TrainingData(NamedTuple):
    """Images of a run.

    Attributes
    ----------
    images : list of AnnotatedImage
        To train on.
    held_out : list of AnnotatedImage
        What is held out of them.
    rehearsal : list of AnnotatedImage
        What the model knows already and is not to forget.
    """

    images: list[AnnotatedImage]
    held_out: list[AnnotatedImage]
    rehearsal: list[AnnotatedImage]

    @classmethod
    def prepare(
        cls,
        annotations: Sequence[Annotation],
        held_out: Sequence[Annotation],
        rehearsal: Sequence[Sequence[Any]],
        diameter: float,
    ) -> TrainingData:
        """Prepare all images for a network of a cell diameter, in pixels.

        Raises
        ------
        TrainingError
            If an image cannot be used, or there is no cell to train on.
        """
        images = [prepare(annotation, diameter) for annotation in annotations]
        if not any(len(image.centres) > 1 for image in images):
            raise TrainingError("There is no annotated cell to train on.")
        checks = [prepare(annotation, diameter) for annotation in held_out]
        return cls(images, checks, load_pairs(rehearsal, diameter))
