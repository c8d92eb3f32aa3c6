"""What several commands share."""

from __future__ import annotations

import argparse
import logging
import math
import sys
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any

import napari_iaunet
from napari_iaunet.errors import IAUNetError, ImageError, import_explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.read import ImageFile
    from napari_iaunet.segmentation.image import Planes
    from napari_iaunet.segmentation.segmenter import Segmenter

# Characters that do nothing to a terminal although they are not visible: blanks that
# are not to be broken, as macOS writes into names, and joiners of letters.
_HARMLESS = frozenset("\u00a0\u2009\u202f\u200c\u200d")
_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".zarr"}
# Names that large TIFFs have, and those of microscopes and scanners.
_SUFFIXES |= {".btf", ".tf8", ".lsm", ".stk", ".svs", ".scn", ".ndpi", ".qptiff"}
# What --series takes for every image of a file.
ALL = "all"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add ``--model`` and ``--device``, as `load` takes them."""
    parser.add_argument(
        "--model", default="default", help="name of a model, or its folder"
    )
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``."""
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def add_reading(parser: argparse.ArgumentParser, *, every: bool = False) -> None:
    """Add the options of `read`; with `every`, all images of a file may be wanted."""
    add = parser.add_argument
    number = "number of the image, from 1, where a file or store holds several"
    add(
        "--series",
        type=_number_or_all if every else count,
        metavar="N",
        help=f"{number}, or all" if every else number,
    )
    add("--channel-axis", type=int, metavar="AXIS", help="axis of the channels")
    add(
        "--planes",
        type=_axis,
        metavar="AXIS",
        help="axis of the planes (time points or sections), by its number or letter, "
        "where the file calls it channels or has it last",
    )


def read(path: Path, args: argparse.Namespace, *, lazily: bool = False) -> ImageFile:
    """Read an image as the arguments say; `lazily` is as for `read_image`."""
    from napari_iaunet.io.read import read_image

    return read_image(path, **reading(args), lazily=lazily)


def reading(args: argparse.Namespace) -> dict[str, Any]:
    """How images are to be read, as `read_image` takes it."""
    return {name: getattr(args, name) for name in ("series", "channel_axis", "planes")}


def check_stay(target: Path, inputs: Iterable[Path], what: str = "") -> None:
    """Raise ImageError if what is written would replace what is read.

    The target is called by its path, or `what` it is.
    """
    for path in inputs:
        if target.exists() and path.exists() and target.samefile(path):
            raise ImageError(
                f"{what or target} would replace {path}. Name another output."
            )


def _number_or_all(text: str) -> int | str:
    return ALL if text == ALL else count(text)


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


def local(text: str) -> Path:
    """Take the name of a file or folder on this computer as an argument."""
    from napari_iaunet.io.paths import local_path

    try:
        return local_path(text)
    except IAUNetError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error


def count(text: str) -> int:
    """Take a whole number above zero as an argument."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def columns(text: str) -> tuple[str, ...]:
    """Take groups of columns of the table of cells, with commas, as an argument."""
    from napari_iaunet.segmentation.columns import check_columns

    groups = tuple(name.strip() for name in text.split(","))
    try:
        check_columns(groups)
    except IAUNetError as error:
        raise argparse.ArgumentTypeError(str(error).rstrip(".")) from error
    return groups


def measure_image(
    labels: Any,
    image: ImageFile,
    groups: tuple[str, ...] | None,
    planes: Planes | None = None,
    **known: Any,
) -> dict[str, NDArray[Any]]:
    """Measure the cells of a file, in micrometres and by its channels' names.

    Parameters
    ----------
    labels : array
        Lazy or not, of the axes of the image without its channels.
    image : ImageFile
    groups : tuple of str or None
        As `columns` gives them; None: all but the embedding.
    planes : Planes, optional
        The image's planes, if they are known.
    **known
        What is known of each label, as `measure_cells` takes it.
    """
    from napari_iaunet.segmentation.cell_table import measure_cells
    from napari_iaunet.segmentation.columns import COLUMNS, EMBEDDING

    usual = tuple(name for name in COLUMNS if name != EMBEDDING)
    return measure_cells(
        labels,
        image.array if planes is None else planes,
        channel_axis=image.channel_axis,
        columns=usual if groups is None else groups,
        pixel_size=image.pixel_size,
        channel_names=image.channel_names,
        **known,
    )


def load(args: argparse.Namespace) -> Segmenter:
    """Load the model that the arguments name."""
    with import_explained():
        from napari_iaunet.segmentation.segmenter import Segmenter

    return Segmenter(model=args.model, device=args.device)


def images_in(folder: Path) -> list[Path]:
    """List the images of a folder by their names, hidden ones left out."""
    return sorted(
        p
        for p in folder.iterdir()
        if p.suffix.lower() in _SUFFIXES and not p.name.startswith(".")
    )


def say(text: str, *, error: bool = False) -> None:
    """Print to stdout or stderr, harmlessly to a terminal.

    Names of files, and the cards of models, may hold characters that a terminal obeys,
    or that cannot be printed at all; they are shown as escapes, like that of Esc.
    """
    stream = sys.stderr if error else sys.stdout
    # A message is one line; a table has several.
    text = printable(text) if error else "\n".join(map(printable, text.split("\n")))
    known = stream.encoding or "utf-8"
    text = text.encode(known, "backslashreplace").decode(known)
    print(text, file=stream, flush=True)


def printable(text: str) -> str:
    """Return a text of one line in which only visible characters are left."""
    return "".join(
        c
        if c.isprintable() or c in _HARMLESS
        else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def show_progress(title: str) -> Callable[[int, int], None] | None:
    """Rewrite one line, where somebody can see it."""
    if not sys.stderr.isatty():
        return None

    title = printable(title)

    def show(done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        print(f"\r{title} {percent} %", end="", file=sys.stderr, flush=True)
        if done >= total:
            clear_progress()

    return show


@contextmanager
def caught_warnings() -> Iterator[list[str]]:
    """Collect what this thread logs as warnings, for another process to show it."""
    caught: list[str] = []
    here = get_ident()

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == here and record.levelno >= logging.WARNING:
                caught.append(record.getMessage())

    logger, handler = (
        logging.getLogger(napari_iaunet.__name__),
        Collect(logging.WARNING),
    )
    logger.addHandler(handler)
    try:
        yield caught
    finally:
        logger.removeHandler(handler)


def clear_progress() -> None:
    """Empty the line of progress, for something else to be printed there."""
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
