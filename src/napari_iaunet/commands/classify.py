"""``napari-iaunet classify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_iaunet.commands.channels import add_channels, seen_as
from napari_iaunet.commands.common import (
    add_model,
    add_reading,
    check_stay,
    load,
    local,
    measure_image,
    read,
    say,
    show_progress,
)

if TYPE_CHECKING:
    import argparse

HELP = "give cells the classes of a classifier"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("image", type=local, metavar="IMAGE", help="PNG, JPEG, TIFF or OME-Zarr image")
    add("labels", type=local, metavar="LABELS", help="label image of its cells")
    add(
        "--classifier",
        required=True,
        type=local,
        metavar="FILE",
        help="classifier, as the Classes tab or Classifier.save writes it",
    )
    add("--out", required=True, type=local, metavar="CSV", help="table to write")
    add_reading(parser)
    add_channels(parser, known_cells=True)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Write the class of every cell of an image, and how likely it is."""
    import numpy as np

    from napari_iaunet.identity.classifier import Classifier
    from napari_iaunet.io.labels import read_labels
    from napari_iaunet.io.ours import check_table
    from napari_iaunet.io.write import write_table

    check_stay(args.out, (args.image, args.labels, args.classifier), "The table")
    check_table(args.out)  # before the time is spent
    classifier = Classifier.load(args.classifier)
    image = read(args.image, args)
    labels = read_labels(args.labels)
    cells = load(args).describe(
        image.array,
        labels,
        progress=show_progress(args.image.name),
        **seen_as(image, args),
    )
    found = classifier.table(cells)
    table = measure_image(labels, image, None)
    rows = np.searchsorted(cells.label_ids, table["label"])
    table |= {name: column[rows] for name, column in found.items()}
    check_table(args.out)
    write_table(args.out, table)
    counts = ", ".join(
        f"{np.count_nonzero(found['class'] == name)} {name}"
        for name in classifier.names
    )
    say(f"{args.image}: {len(cells)} cells, {counts}, {args.out}")
    return 0
