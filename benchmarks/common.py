"""What the benchmarks share: arguments, images, the classical method, scores."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
NUCLEI = "nuclei-fluorescence"
# Median diameters within a factor of 1.5 of that of all test cells, 22 px.
USUAL = (15.0, 33.0)

Labels = NDArray[np.integer[Any]]
Pair = tuple[Path, Path]


class Sample(NamedTuple):
    """An image and its annotated cells."""

    image: NDArray[Any]
    labels: Labels


class Found(NamedTuple):
    """Cells found in an image, and the diameter that was used for that."""

    labels: Labels
    diameter: float | None = None


@dataclass(frozen=True)
class Score:
    """How a method did on a set of images.

    Attributes
    ----------
    ap : AveragePrecision
    cells, images : int
    true_diameter, used_diameter : float
        Medians over cells and over images, in pixels; NaN if none was used.
    seconds_per_megapixel : float
    """

    ap: Any
    cells: int
    images: int
    true_diameter: float
    used_diameter: float
    seconds_per_megapixel: float

    def place(self, iou: float) -> int:
        """Where a threshold is among those of `ap`."""
        return list(self.ap.thresholds).index(iou)

    def pooled(self, iou: float) -> float:
        """AP of the cells of all images together at a threshold."""
        return float(self.ap.pooled[self.place(iou)])


# -- arguments ---------------------------------------------------------------


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the arguments that every benchmark has."""
    found = argparse.ArgumentParser(description=description)
    default = os.environ.get("NAPARI_IAUNET_DATA", ROOT.parent / "shared" / "data")
    found.add_argument(
        "--data",
        type=Path,
        default=Path(default),
        help="folder of the images (default: $NAPARI_IAUNET_DATA or ../shared/data)",
    )
    found.add_argument(
        "--runs", type=Path, default=ROOT / "runs", help="folder for what is made"
    )
    found.add_argument("--model", default="default", help="name or folder of a model")
    found.add_argument("--device", default="auto")
    found.add_argument("--threads", type=int, help="of torch (default: its own choice)")
    found.add_argument(
        "--write", action="store_true", help="put the tables into RESULTS.md"
    )
    return found


def limit_threads(threads: int | None) -> int:
    """Set the number of torch's threads and return it."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    return int(torch.get_num_threads())


# -- images ------------------------------------------------------------------


def read(pairs: Sequence[Pair]) -> list[Sample]:
    """Read images and masks."""
    from napari_iaunet.io.read import read_image

    return [
        Sample(np.asarray(read_image(a).array), np.asarray(read_image(b).array))
        for a, b in pairs
    ]


def test_pairs(data: Path) -> list[Pair]:
    """Test images of fluorescent nuclei."""
    from napari_iaunet.training.dataset import find_pairs

    return find_pairs([data / NUCLEI / "test"])


def split(data: Path) -> dict[str, tuple[list[Pair], list[Pair]]]:
    """Training and held-out pairs of every kind of image that has masks."""
    from napari_iaunet.training.dataset import find_pairs, split_pairs

    folders = sorted(data.glob("*/train"))
    kinds = [folder for folder in folders if any(folder.glob("*_mask.*"))]
    if not kinds:
        sys.exit(f"There are no annotated images in {data}: say --data FOLDER.")
    return {folder.parent.name: split_pairs(find_pairs([folder])) for folder in kinds}


def mosaic(
    data: Path,
    height: int,
    width: int,
    *,
    diameters: Sequence[float] = USUAL,
    piece: int = 250,
) -> Sample:
    """Lay pieces of the test images side by side.

    Each piece is stretched to 8 bits, as exposures differ. Its side is no power
    of two, so that seams of the mosaic do not fall on borders of tiles.

    Parameters
    ----------
    data : Path
    height, width : int
    diameters : (least, most)
        Median cell diameters of the images that are used: an image has cells of
        one kind, and pieces with hundreds of tiny ones would outvote the others.
    piece : int
        Side of a piece in pixels.

    Returns
    -------
    Sample
        (height, width) uint8 and int32.
    """
    pieces = _pieces(data, diameters, piece)
    rows, columns = -(-height // piece), -(-width // piece)
    picture = np.zeros((rows * piece, columns * piece), np.uint8)
    cells = np.zeros(picture.shape, np.int64)
    order = np.random.default_rng(0).permutation(rows * columns) % len(pieces)
    for place, index in enumerate(order):
        y, x = (n * piece for n in divmod(place, columns))
        box = np.s_[y : y + piece, x : x + piece]
        image, labels = pieces[index]
        picture[box] = image
        cells[box] = np.where(labels > 0, labels + np.int64(place * 2**16), 0)
    numbers = np.unique(cells[:height, :width], return_inverse=True)[1]
    return Sample(
        picture[:height, :width], numbers.reshape(height, width).astype(np.int32)
    )


def _pieces(data: Path, diameters: Sequence[float], piece: int) -> list[Sample]:
    pieces = []
    for image, labels in read(test_pairs(data)):
        sizes = cell_diameters(labels)
        if not sizes.size or not diameters[0] <= np.median(sizes) <= diameters[1]:
            continue
        low, high = np.percentile(image, (1, 99.8))
        scaled = np.clip((image - low) / max(high - low, 1) * 255, 0, 255)
        for y in range(0, image.shape[0] - piece + 1, piece):
            for x in range(0, image.shape[1] - piece + 1, piece):
                box = np.s_[y : y + piece, x : x + piece]
                pieces.append(Sample(scaled[box].astype(np.uint8), labels[box]))
    if not pieces:
        sys.exit("No test image has cells of these diameters.")
    return pieces


def otsu_watershed(image: NDArray[Any]) -> Labels:
    """Otsu's threshold, then a watershed of the distance to the background.

    The two smoothings and the least distance of peaks are the best of a grid on
    training images.
    """
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian, threshold_otsu
    from skimage.measure import label
    from skimage.segmentation import watershed

    gray = image.mean(axis=-1) if image.ndim == 3 else image
    smooth = gaussian(gray.astype(np.float32), 1)
    inside = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = gaussian(ndimage.distance_transform_edt(inside), 2)
    peaks = peak_local_max(
        depth, min_distance=5, labels=label(inside), exclude_border=False
    )
    markers = np.zeros(inside.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-depth, markers, mask=inside)
    labels[np.bincount(labels.ravel())[labels] < 20] = 0
    return labels


# -- scores ------------------------------------------------------------------


def cell_diameters(labels: Labels) -> NDArray[np.float64]:
    """Diameters, in pixels, of discs of the cells' areas."""
    areas = np.bincount(labels.ravel())[1:]
    return np.sqrt(areas[areas > 0] * 4 / np.pi)


def evaluate(method: Callable[[Sample], Found], samples: Sequence[Sample]) -> Score:
    """Run a method over images, and score and time it."""
    from napari_iaunet.evaluation import average_precision

    method(samples[0])
    begin = time.perf_counter()
    found = [method(sample) for sample in samples]
    taken = time.perf_counter() - begin
    true = [sample.labels for sample in samples]
    used = [f.diameter for f in found if f.diameter]
    return Score(
        ap=average_precision(true, [f.labels for f in found]),
        cells=sum(cell_diameters(t).size for t in true),
        images=len(samples),
        true_diameter=float(np.median(np.concatenate(list(map(cell_diameters, true))))),
        used_diameter=float(np.median(used)) if used else float("nan"),
        seconds_per_megapixel=taken * 1e6 / sum(t.size for t in true),
    )


def by_model(segmenter: Any, *, given: bool = False) -> Callable[[Sample], Found]:
    """Return a method that segments with a model.

    Parameters
    ----------
    segmenter : Segmenter
    given : bool
        Whether it is told the median diameter of the image's true cells.
    """

    def method(sample: Sample) -> Found:
        sizes = cell_diameters(sample.labels)
        diameter = float(np.median(sizes)) if given and sizes.size else None
        found = segmenter.segment(sample.image, diameter=diameter)
        return Found(found.labels, found.diameter)

    return method
