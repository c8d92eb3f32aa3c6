"""Which channels of a file show nuclei, and which whole cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    import argparse

    from napari_iaunet.io.read import ImageFile
    from napari_iaunet.segmentation.image import Planes


def add_channels(parser: argparse.ArgumentParser, *, known_cells: bool = False) -> None:
    """Add ``--nuclei`` and ``--cells``, as `seen_planes` takes them.

    The cells are to be found, or are known already.
    """
    use = "as for `segment`, so that the model sees the cells as it did there"
    if not known_cells:
        use = (
            "alone, these are found; beside --cells it helps to tell cells from one "
            "another"
        )
    parser.add_argument(
        "--nuclei",
        metavar="CHANNEL",
        help=f"name or number, from 1, of the channel that shows nuclei: {use}",
    )
    parser.add_argument(
        "--cells",
        metavar="CHANNEL,...",
        help="name or number of the channel, or two with a comma, that show whole "
        "cells (cytoplasm, membranes)",
    )


def seen_planes(image: ImageFile, args: argparse.Namespace) -> Planes:
    """Return the planes of an image in the channels that the arguments name.

    Raises
    ------
    ImageError
        If the image has no such channel.
    """
    from napari_iaunet.segmentation.image import as_planes

    return as_planes(image.array, **seen_as(image, args))


def seen_as(image: ImageFile, args: argparse.Namespace) -> dict[str, Any]:
    """Return axis of the channels and what they show, as `Segmenter.segment` takes it.

    Errors are as for `seen_planes`.
    """
    nuclei = None if args.nuclei is None else _channel(image, args.nuclei)
    cells = None
    if args.cells is not None:
        cells = [_channel(image, text) for text in args.cells.split(",")]
    return {"channel_axis": image.channel_axis, "nuclei": nuclei, "cells": cells}


def _channel(image: ImageFile, text: str) -> int:
    """Return the place of a channel, from 0."""
    wanted = text.strip()
    names = [name.casefold() for name in image.channel_names or ()]
    if names.count(wanted.casefold()) == 1:
        return names.index(wanted.casefold())
    axis = image.channel_axis
    count = 1 if axis is None else int(image.array.shape[axis])
    if wanted.isdecimal() and 1 <= int(wanted) <= count:
        return int(wanted) - 1
    there = "one channel" if count == 1 else f"channels 1 to {count}"
    if image.channel_names:
        there += f" ({', '.join(image.channel_names)})"
    raise ImageError(f"{image.path} has no channel {wanted!r}, but {there}.")
