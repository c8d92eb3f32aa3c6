"""``napari-iaunet lookalikes``."""

from __future__ import annotations

import argparse

from napari_iaunet.commands.channels import add_channels, seen_as
from napari_iaunet.commands.common import (
    add_model,
    add_reading,
    check_stay,
    count,
    load,
    local,
    read,
    say,
    show_progress,
)

HELP = "rank cells by likeness"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("image", type=local, metavar="IMAGE", help="PNG, JPEG, TIFF or OME-Zarr image")
    add("labels", type=local, metavar="LABELS", help="label image of its cells")
    for name, needed in (("like", True), ("unlike", False)):
        add(
            f"--{name}",
            nargs="+",
            type=count,
            default=[],
            required=needed,
            metavar="ID",
            help=f"labels of cells that the wanted ones are {name}",
        )
    add(
        "--weights",
        nargs="+",
        type=_weight,
        metavar="NAME=NUMBER",
        help="how much appearance, colour, size, shape and intensity count, such as "
        "size=1 shape=0.5; what is not named does not count",
    )
    add("--out", required=True, type=local, metavar="CSV", help="table to write")
    add_reading(parser)
    add_channels(parser, known_cells=True)
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Rank the cells of an image by their likeness to examples."""
    import numpy as np

    from napari_iaunet.identity.describe import check_weights, rows_of
    from napari_iaunet.identity.ranking import similarity
    from napari_iaunet.io.labels import read_labels
    from napari_iaunet.io.ours import check_table
    from napari_iaunet.io.write import write_table
    from napari_iaunet.segmentation.measure import measure

    check_stay(args.out, (args.image, args.labels), "The table")
    check_table(args.out)  # before the time is spent
    weights = dict(args.weights) if args.weights else None
    if weights:
        check_weights(weights)
    image = read(args.image, args)
    labels, axis = read_labels(args.labels), image.channel_axis
    label_ids = np.unique(labels[labels > 0])
    like, unlike = (rows_of(some, label_ids) for some in (args.like, args.unlike))
    cells = load(args).describe(
        image.array,
        labels,
        progress=show_progress(args.image.name),
        **seen_as(image, args),
    )
    alike = similarity(cells, like, unlike, weights=weights)
    table = measure(labels, image.array, channel_axis=axis)
    table["similarity"] = alike[np.searchsorted(label_ids, table["label"])]
    order = np.argsort(-table["similarity"], kind="stable")
    check_table(args.out)
    write_table(args.out, {key: column[order] for key, column in table.items()})
    say(f"{args.image}: {len(cells)} cells ranked, {args.out}")
    return 0


def _weight(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        msg = f"{text!r} is not a weight such as size=0.5"
        raise argparse.ArgumentTypeError(msg) from None
