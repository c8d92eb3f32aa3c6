"""What the benchmarks share: their images, and the scores of a method on them."""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.registration import REGISTERED, register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

NUCLEI = "nuclei-fluorescence"
# Median diameters within a factor of 1.5 of that of all test cells, 22 px.
USUAL = (15.0, 33.0)
# Ids that begin like these are held out, where the last eighth of every series would be
# too little or would show what is trained on: whole fields, animals or places. Equal
# names in the two folders of bacteria are equal places. Of bacteria in phase contrast
# there is only one film; its last frame is held out.
HELD_OUT: dict[str, tuple[str, ...]] = {
    "axons-em": ("rat5_",),
    "bacteria-brightfield": ("ds1_10_", "ds2_66_", "ds3_2_"),
    "bacteria-fluorescence": ("ds1_10_", "ds2_66_", "ds3_2_"),
    "bacteria-phase": ("trpL_19",),
    "nuclei-plant-tissue": ("1136_",),
    "nuclei-u2os": ("O07_", "P19_", "P24_"),
    "plant-walls": ("maize_c", "ovule_z23"),
    "tissue-codex": ("f2_",),
}

Labels = NDArray[np.integer[Any]]
Pair = tuple[Path, Path]


class Sample(NamedTuple):
    """An image and its annotated cells; `channel_axis` as for `Segmenter.segment`."""

    image: NDArray[Any]
    labels: Labels
    channel_axis: int | None = None

    def picture(self) -> NDArray[Any]:
        """(Y, X) or, with channels, (Y, X, C)."""
        if self.channel_axis is None:
            return self.image
        return np.moveaxis(self.image, self.channel_axis, -1)


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

    @property
    def mean(self) -> float:
        """Mean of the pooled AP at IoU 0.5 to 0.95."""
        return float(self.ap.mean)

    def pooled(self, iou: float) -> float:
        """AP of the cells of all images together at a threshold."""
        return float(self.ap.pooled[self.place(iou)])


def limit_threads(threads: int | None) -> int:
    """Set the number of torch's threads and return it."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    return int(torch.get_num_threads())


# -- images ------------------------------------------------------------------


def read(pairs: Iterable[Pair]) -> list[Sample]:
    """Read images as their files hold them, and masks.

    Channels that lie beside each other are laid onto the masks.
    """
    from napari_iaunet.io.read import read_image

    samples = []
    for file, mask in pairs:
        found = read_image(file)
        image, labels = np.asarray(found.array), np.asarray(read_image(mask).array)
        if kind_of(file) in REGISTERED:
            image, labels = register(image, labels)
        samples.append(Sample(image, labels, found.channel_axis))
    return samples


def kind_of(image: Path) -> str:
    """Name of the folder that holds a kind's images for training or testing."""
    return image.parent.parent.name


def test_pairs(data: Path) -> list[Pair]:
    """Test images of fluorescent nuclei."""
    from napari_iaunet.training.dataset import find_pairs

    return find_pairs([data / NUCLEI / "test"])


def split(data: Path) -> dict[str, tuple[list[Pair], list[Pair]]]:
    """Training and held-out pairs of every kind of image that has masks."""
    from napari_iaunet.training.dataset import find_pairs

    folders = sorted(data.glob("*/train"))
    kinds = [folder for folder in folders if any(folder.glob("*_mask.*"))]
    if not kinds:
        sys.exit(f"There are no annotated images in {data}: say --data FOLDER.")
    return {
        folder.parent.name: _divide(folder.parent.name, find_pairs([folder]))
        for folder in kinds
    }


def _divide(kind: str, pairs: list[Pair]) -> tuple[list[Pair], list[Pair]]:
    from napari_iaunet.training.holdout import split_pairs

    if kind not in HELD_OUT:
        return split_pairs(pairs)
    held_out = [pair for pair in pairs if pair[0].name.startswith(HELD_OUT[kind])]
    return [pair for pair in pairs if pair not in held_out], held_out


def held_out(data: Path) -> dict[str, list[Pair]]:
    """Held-out pairs of every kind that has some."""
    return {kind: pairs for kind, (_, pairs) in split(data).items() if pairs}


def mosaic(
    data: Path,
    height: int,
    width: int,
    *,
    diameters: Sequence[float] = USUAL,
    piece: int = 250,
) -> Sample:
    """Lay pieces of the test images side by side.

    Each piece is normalised by percentiles, to 8 bits, as exposures differ. Its side is
    no power of two, so that seams of the mosaic do not fall on borders of tiles.

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
        image, labels, _ = pieces[index]
        picture[box] = image
        cells[box] = np.where(labels > 0, labels + np.int64(place * 2**16), 0)
    numbers = np.unique(cells[:height, :width], return_inverse=True)[1]
    return Sample(
        picture[:height, :width], numbers.reshape(height, width).astype(np.int32)
    )


def _pieces(data: Path, diameters: Sequence[float], piece: int) -> list[Sample]:
    pieces = []
    for image, labels, _ in read(test_pairs(data)):
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


class Smear(NamedTuple):
    """A blood smear, and what the experts saw in it.

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


def smear_files(data: Path) -> list[Path]:
    """Tables of the points in blood smears, one for each image."""
    return sorted((data / "red-blood-cells" / "train").glob("*_points.csv"))


def read_smear(file: Path) -> Smear:
    """Read a smear and its points; points off the image are left out."""
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
        found = segmenter.segment(
            sample.image, channel_axis=sample.channel_axis, diameter=diameter
        )
        return Found(found.labels, found.diameter)

    return method
