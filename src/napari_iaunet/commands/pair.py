"""``napari-iaunet pair``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.common import add_reading, columns, local, read, say
from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.io.formats.cells import Cells
    from napari_iaunet.io.read import ImageFile
    from napari_iaunet.segmentation.pairs import Pairs

HELP = "nuclei and cells to pairs with one number"

_WITHOUT_CELL = "nucleus without cell"
_WITHOUT_NUCLEUS = "cell without nucleus"
_SEVERAL = "cell with several nuclei"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("nuclei", type=local, metavar="NUCLEI", help="label image of nuclei")
    add("cells", type=local, metavar="CELLS", help="label image of the cells")
    add(
        "image",
        nargs="?",
        type=local,
        metavar="IMAGE",
        help="what is measured: PNG, JPEG, TIFF or OME-Zarr image",
    )
    add("--out", required=True, type=local, metavar="DIR", help="folder to write into")
    add(
        "--columns",
        type=columns,
        metavar="GROUP,...",
        help="columns of the table: position, size, shape, intensity",
    )
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Pair nuclei with cells, write both and their measures."""
    from napari_iaunet.io.labels import read_cells, read_labels
    from napari_iaunet.segmentation.pairs import measure_pairs, pair

    targets = _targets(args)
    _check(args, targets)  # before the time is spent
    cells = read_cells(args.cells)
    found = pair(read_labels(args.nuclei), cells.labels)
    seen = args.image is not None
    about = read(args.image, args) if seen else _as_image(args.cells, cells)
    table = measure_pairs(
        found,
        about.array if seen else None,
        columns=args.columns,
        channel_axis=about.channel_axis if seen else None,
        pixel_size=about.pixel_size,
        channel_names=about.channel_names if seen else None,
    )
    _write(args, targets, found, table, about)
    say(_summary(args.cells, found, args.out))
    return 0


def _as_image(path: Path, cells: Cells) -> ImageFile:
    """Describe labels as an image, which says where they lie."""
    from napari_iaunet.io.pixels import Pixels
    from napari_iaunet.io.read import ImageFile

    pixels = Pixels(cells.labels, cells.axes, cells.places)
    return ImageFile(
        path, cells.labels, cells.axes, None, pixels.pixel_size, cells.places
    )


def _targets(args: argparse.Namespace) -> dict[str, Path]:
    stem = args.cells.name.partition(".")[0]
    ends = {
        "nuclei": "nuclei_mask.tif",
        "cells": "cells_mask.tif",
        "cytoplasm": "cytoplasm_mask.tif",
        "table": "pairs.csv",
        "unpaired": "unpaired.csv",
    }
    return {name: args.out / f"{stem}_{end}" for name, end in ends.items()}


def _check(args: argparse.Namespace, targets: dict[str, Path]) -> None:
    """Refuse to replace what is read, or what something else has written."""
    from napari_iaunet.io.ours import check_picture, check_table

    for target in targets.values():
        for path in (args.nuclei, args.cells, args.image):
            known = path is not None and path.exists() and target.exists()
            if known and target.samefile(path):
                msg = f"{target} would replace {path}. Name another folder."
                raise ImageError(msg)
        if target.is_dir():
            raise ImageError(f"{target} is a folder, so it is not replaced.")
        (check_table if target.suffix == ".csv" else check_picture)(target)


def _write(
    args: argparse.Namespace,
    targets: dict[str, Path],
    found: Pairs,
    table: dict[str, NDArray[Any]],
    about: ImageFile,
) -> None:
    """Write all, or nothing; the labels lie where the image does."""
    from napari_iaunet.atomic import together
    from napari_iaunet.io.write import write_labels, write_table

    try:
        args.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {args.out} cannot be made: {error.strerror}."
        raise ImageError(msg) from error
    _check(args, targets)
    axes = "".join(a for i, a in enumerate(about.axes) if i != about.channel_axis)
    known = axes if len(axes) == found.cells.ndim else None
    with together(args.out, ImageError) as fresh:
        for name in ("nuclei", "cells", "cytoplasm"):
            labels = getattr(found, name)
            path = fresh / targets[name].name
            write_labels(path, labels, axes=known, places=about.places)
        write_table(fresh / targets["table"].name, table)
        write_table(fresh / targets["unpaired"].name, _unpaired(found))


def _unpaired(found: Pairs) -> dict[str, NDArray[Any]]:
    """Table of what is no pair: its label in its own image, and why."""
    import numpy as np

    kinds = {
        _WITHOUT_CELL: found.nuclei_without_cell,
        _WITHOUT_NUCLEUS: found.cells_without_nucleus,
        _SEVERAL: found.cells_with_several,
    }
    return {
        "label": np.concatenate(list(kinds.values())),
        "problem": np.repeat(list(kinds), [len(ids) for ids in kinds.values()]),
    }


def _summary(path: Path, found: Pairs, out: Path) -> str:
    pairs = found.cell_ids.size - found.cells_without_nucleus.size
    counts = [
        _count(found.nuclei_without_cell, "nucleus", "nuclei", "without cell"),
        _count(found.cells_without_nucleus, "cell", "cells", "without nucleus"),
        _count(found.cells_with_several, "cell", "cells", "with several nuclei"),
    ]
    told = "".join(f", {count}" for count in counts)
    return (
        f"{path}: {pairs} cell{'' if pairs == 1 else 's'} with a nucleus{told}, {out}"
    )


def _count(ids: NDArray[Any], one: str, many: str, what: str) -> str:
    return f"{len(ids)} {one if len(ids) == 1 else many} {what}"
