"""Annotated images, prepared once so that crops are cheap to draw."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from napari_iaunet.errors import TrainingError
from napari_iaunet.inference.tiles import rescale
from napari_iaunet.segmentation.image import as_planes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

# From so many files on, whole images are held out.
MANY_FILES = 8
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


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
    zoom : float
        Multiply by this to bring the median cell to the network's diameter.
    shrunk : float
        By this factor the image was rescaled already.
    name, kind : str
        The file's stem and its folder's name.
    known : (Y, X) bool or None
        Pixels of which the annotation tells what they are; None: of all.
    """

    image: NDArray[np.float16]
    labels: NDArray[np.int32]
    edge_distance: NDArray[np.float16]
    centres: NDArray[np.float32]
    radii: NDArray[np.float32]
    zoom: float
    shrunk: float
    name: str = ""
    kind: str = ""
    known: NDArray[np.bool_] | None = None


class Annotation(NamedTuple):
    """An image and its cells as people drew them.

    Attributes
    ----------
    image : (Y, X) or (Y, X, 3) array
        Or any array with `channel_axis`.
    labels : (Y, X) integer array
        0 background, one number per cell.
    region : (Y, X) bool or None
        Where every cell is labelled; None: everywhere. Outside, what has no label
        may be anything.
    name, kind : str
    channel_axis : int or None
        Of the image, where it is not a last axis of 3 or 4.
    stack : str
        The same for planes of one stack, which may show the same cells; "" for an
        image of its own.
    """

    image: Any
    labels: NDArray[Any]
    region: NDArray[np.bool_] | None = None
    name: str = ""
    kind: str = ""
    channel_axis: int | None = None
    stack: str = ""


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
    images = {p.stem.removesuffix("_img"): p for p in files if p.stem.endswith("_img")}
    masks = {p.stem.removesuffix("_mask"): p for p in files if p.stem.endswith("_mask")}
    alone = [images[key].name for key in images if key not in masks]
    if alone and len(alone) < len(images):
        more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
        log.warning("%s: left out for want of a mask: %s%s", folder, alone[0], more)
    return [(images[key], masks[key]) for key in images if key in masks]


def median_diameter(labels: NDArray[Any]) -> float:
    """Median diameter, in pixels, of discs of the cells' areas; 0 without cells."""
    areas = np.bincount(np.asarray(labels).ravel())[1:]
    areas = areas[areas > 0]
    return float(np.median(np.sqrt(areas * 4 / np.pi))) if areas.size else 0.0


def _geometry(
    labels: NDArray[np.int32],
) -> tuple[NDArray[np.float16], NDArray[np.float32], NDArray[np.float32]]:
    """Edge distance, centres and radii of consecutive labels."""
    distance = np.zeros(labels.shape, np.float16)
    count = int(labels.max(initial=0))
    centres = np.zeros((count + 1, 2), np.float32)
    radii = np.ones(count + 1, np.float32)
    shape = np.asarray(labels.shape)
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        # A frame of one background pixel, but none where the image ends: a cell
        # that is cut by the border has no edge there.
        inside = labels[box] == number
        frame = [
            (int(s.start > 0), int(s.stop < n)) for s, n in zip(box, shape, strict=True)
        ]
        depth = ndimage.distance_transform_edt(np.pad(inside, frame))
        depth = depth[
            frame[0][0] : depth.shape[0] - frame[0][1],
            frame[1][0] : depth.shape[1] - frame[1][1],
        ]
        relative = depth / max(float(depth.max()), 1e-6)
        ys, xs = np.nonzero(inside)
        # The middle of the thickest part: inside also for bent cells, mostly.
        weight = relative[ys, xs] ** 4
        distance[box][inside] = relative[inside]
        centres[number] = (
            np.average(ys, weights=weight) + box[0].start,
            np.average(xs, weights=weight) + box[1].start,
        )
        radii[number] = np.sqrt(inside.sum() / np.pi)
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
    plane = _checked_plane(annotation)
    labels = consecutive(annotation.labels)
    known = None
    if annotation.region is not None:
        known = annotation.region | (labels > 0)
    zoom = _zoom(labels, diameter)
    shrunk = 1.0
    shrink = min(1.0, zoom * 1.4)
    if shrink < 0.8:
        plane = rescale(plane, shrink)
        shrunk = shrink
        rows, columns = (
            np.clip(((np.arange(n) + 0.5) * m / n).astype(int), 0, m - 1)
            for n, m in zip(plane.shape[1:], labels.shape, strict=True)
        )
        labels = consecutive(labels[rows][:, columns])
        known = None if known is None else known[rows][:, columns]
        zoom = _zoom(labels, diameter)
    distance, centres, radii = _geometry(labels)
    return AnnotatedImage(
        plane.astype(np.float16),
        labels,
        distance,
        centres,
        radii,
        zoom,
        shrunk,
        annotation.name,
        annotation.kind,
        known,
    )


def _checked_plane(annotation: Annotation) -> NDArray[np.float32]:
    """Return the normalised image of a usable annotation."""
    check_labels(annotation)
    title = f"{annotation.name}: " if annotation.name else ""
    planes = as_planes(annotation.image, annotation.channel_axis)
    if len(planes) != 1:
        msg = (
            f"{title}the image is a stack of {len(planes)} planes, and its mask is one "
            "plane. Save every plane that has a mask as an image of its own."
        )
        raise TrainingError(msg)
    plane = planes[0]
    shape, size = plane.shape[1:], annotation.labels.shape
    if shape != size:
        msg = f"{title}image and mask differ in size: {shape} and {size}."
        raise TrainingError(msg)
    return plane


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
    values, inverse = np.unique(labels, return_inverse=True)
    first = 1 if values[0] != 0 else 0
    return (inverse.reshape(labels.shape) + first).astype(np.int32)


def _zoom(labels: NDArray[np.int32], diameter: float) -> float:
    typical = median_diameter(labels) or diameter
    return float(np.clip(diameter / typical, 0.1, 4.0))


def read_pairs(
    pairs: Iterable[Annotation | Sequence[Any]],
) -> Iterator[Annotation]:
    """Read pairs of images and masks one by one.

    Parameters
    ----------
    pairs : iterable of (image, mask) or (image, mask, region)
        Paths or arrays; annotations stay as they are. Beside a path ``<id>_img.*``
        lies ``<id>_region.*`` if not every cell of the image is labelled; it is not 0
        where all are.
    """
    from napari_iaunet.io.read import read_image

    def array(value: Any) -> Any:
        return read_image(value).array if isinstance(value, str | Path) else value

    for index, pair in enumerate(pairs):
        if isinstance(pair, Annotation):
            yield pair
            continue
        image, mask, *more = pair
        name, kind, axis = f"pair {index + 1}", "", None
        region = more[0] if more else None
        if isinstance(image, str | Path):
            path = Path(image)
            name = path.stem.removesuffix("_img")
            kind = next(
                (p.name for p in path.parents if p.name not in ("train", "test")), ""
            )
            region = _region_beside(path) if region is None else region
            found = read_image(path)
            image, axis = found.array, found.channel_axis
        if region is not None:
            region = np.asarray(array(region)) != 0
        yield Annotation(image, np.asarray(array(mask)), region, name, kind, axis)


def _region_beside(image: Path) -> Path | None:
    stem = image.stem.removesuffix("_img")
    names = (image.with_name(f"{stem}_region{end}") for end in IMAGE_ENDINGS)
    return next((name for name in names if name.is_file()), None)


def load_pairs(pairs: Iterable[Sequence[Any]], diameter: float) -> list[AnnotatedImage]:
    """Read and prepare pairs, as `read_pairs` takes them."""
    return [prepare(annotation, diameter) for annotation in read_pairs(pairs)]


def _series(path: Path) -> str:
    """Name of the series that a file belongs to: its id without the last number."""
    stem = path.stem.removesuffix("_img")
    hexadecimal = len(stem) >= 8 and all(c in "0123456789abcdef" for c in stem)
    return f"{path.parent}/{'' if hexadecimal else stem.rstrip('0123456789')}"


def split_pairs(
    pairs: Sequence[tuple[Path, Path]], fraction: float = 0.125
) -> tuple[list[tuple[Path, Path]], list[tuple[Path, Path]]]:
    """Hold out the last part of every series of images.

    Files of one folder that differ in their last number only are a series, such
    as the frames of a film: neighbours in it show the same cells, so a series
    is cut once instead of being shuffled. Files named by hashes are one series.

    Parameters
    ----------
    pairs : sequence of (image path, mask path)
    fraction : float
        Share of each series that is held out; one image at least where the
        series has four or more.

    Returns
    -------
    training, validation : lists of pairs
    """
    series: dict[str, list[tuple[Path, Path]]] = {}
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
    return diameter / (image.zoom * image.shrunk)
