"""What several commands share."""

from __future__ import annotations

import argparse
import math
import sys
from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.segmenter import Segmenter

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".zarr"}


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--device``, as `load` takes them."""
    parser.add_argument(
        "--model", default="default", help="name of a model, or its folder"
    )
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def add_axes(parser: argparse.ArgumentParser) -> None:
    """Add ``--channel-axis`` and ``--planes``, as `read_image` takes them."""
    add = parser.add_argument
    add("--channel-axis", type=int, metavar="AXIS", help="axis of the channels")
    add(
        "--planes",
        type=_axis,
        metavar="AXIS",
        help="axis of the planes (time points or sections), by its number or letter, "
        "where the file calls it channels or has it last",
    )


def _axis(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def positive(text: str) -> float:
    """Take a number above zero as an argument."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def count(text: str) -> int:
    """Take a whole number above zero as an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def load(args: argparse.Namespace) -> Segmenter:
    """Load the model that the arguments name."""
    from napari_iaunet.segmentation.segmenter import Segmenter

    return Segmenter(model=args.model, device=args.device)


def images_in(folder: Path) -> list[Path]:
    """List the images of a folder by their names, hidden ones left out."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".")
    )


def show_progress(title: str) -> Callable[[int, int], None] | None:
    """Rewrite one line, where somebody can see it."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        print(f"\r{title} {percent} %", end="", file=sys.stderr, flush=True)
        if done >= total:
            clear_progress()

    return show


def clear_progress() -> None:
    """Empty the line of progress, for something else to be printed there."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def read_labels(path: Path) -> NDArray[Any]:
    """Read a label image; ImageError if it holds colours or fractions."""
    import numpy as np

    from napari_iaunet.io.read import read_image

    image = read_image(path)
    labels = np.asarray(image.array)
    if image.channel_axis is not None or labels.dtype.kind not in "biu":
        raise ImageError(f"{path} is not a label image: it holds colours or fractions.")
    return labels
