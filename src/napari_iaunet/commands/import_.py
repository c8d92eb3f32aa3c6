"""``napari-iaunet import``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.common import add_reading, check_stay, local, read, say
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.cells import Cells
    from napari_iaunet.io.read import ImageFile

HELP = "make a label image of outlines from another program"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add(
        "path",
        type=local,
        metavar="PATH",
        help="ROIs of ImageJ, GeoJSON or COCO, or a label image",
    )
    add(
        "--like",
        required=True,
        type=local,
        metavar="IMAGE",
        help="image of the cells: the label image gets its size and its pixel size",
    )
    add("--out", required=True, type=local, metavar="LABELS", help="TIFF to write")
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Write outlines as a label image that fits an image."""
    import numpy as np

    from napari_iaunet.io.labels import read_cells
    from napari_iaunet.io.ours import check_picture
    from napari_iaunet.io.write import write_labels

    if args.out.suffix.lower() not in (".tif", ".tiff"):
        raise ImageError(f"{args.out} does not end in .tif. Name another file.")
    check_stay(args.out, (args.path, args.like))
    check_picture(args.out)
    image = read(args.like, args, lazily=True)
    cells = read_cells(args.path)
    axes = "".join(a for i, a in enumerate(image.axes) if i != image.channel_axis)
    labels = _fitted(cells, image, axes)
    check_picture(args.out)
    write_labels(args.out, labels, axes=axes, places=image.places)
    count = np.unique(labels[labels > 0]).size
    say(f"{args.path}: {count} cell{'' if count == 1 else 's'}, {args.out}")
    return 0


def _fitted(cells: Cells, image: ImageFile, axes: str) -> NDArray[Any]:
    """Labels of an image's size: what outlines leave out beyond them is background."""
    import numpy as np

    sizes = (n for i, n in enumerate(image.array.shape) if i != image.channel_axis)
    shape = tuple(map(int, sizes))
    fits = len(cells.labels.shape) == len(shape)
    if not fits or any(n > m for n, m in zip(cells.labels.shape, shape, strict=True)):
        raise ImageError(
            f"The cells of {cells.name} cover {_sides(cells.labels.shape)} pixels, but "
            f"{image.path.name} has {_sides(shape)}: they are of another image."
        )
    labels = np.zeros(shape, cells.labels.dtype)
    labels[tuple(slice(n) for n in cells.labels.shape)] = cells.labels
    return labels


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
