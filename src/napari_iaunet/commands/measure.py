"""``napari-iaunet measure``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_iaunet.commands.common import (
    add_reading,
    check_stay,
    columns,
    local,
    measure_image,
    positive,
    read,
    say,
)

if TYPE_CHECKING:
    import argparse

HELP = "measure the cells of a label image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("image", type=local, metavar="IMAGE", help="PNG, JPEG, TIFF or OME-Zarr image")
    add("labels", type=local, metavar="LABELS", help="label image of its cells")
    add("--out", required=True, type=local, metavar="CSV", help="table to write")
    add(
        "--pixel-size",
        type=positive,
        metavar="UM",
        help="width of a pixel in micrometres, if the image does not say it right",
    )
    add(
        "--columns",
        type=columns,
        metavar="GROUP,...",
        help="columns of the table: position, size, shape, intensity",
    )
    add_reading(parser)


def run(args: argparse.Namespace) -> int:
    """Write the measures of every cell of an image."""
    import numpy as np

    from napari_iaunet.io.labels import read_labels
    from napari_iaunet.io.ours import check_table
    from napari_iaunet.io.write import write_table

    check_stay(args.out, (args.image, args.labels), "The table")
    check_table(args.out)  # before the time is spent
    image = read(args.image, args)
    if args.pixel_size:
        image = replace(image, pixel_size=(args.pixel_size, args.pixel_size))
    table = measure_image(read_labels(args.labels), image, args.columns)
    check_table(args.out)
    write_table(args.out, table)
    cells = np.unique(table["label"]).size
    say(f"{args.labels}: {cells} cell{'' if cells == 1 else 's'}, {args.out}")
    return 0
