"""``napari-iaunet export``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.channels import add_channels, seen_as
from napari_iaunet.commands.common import (
    add_device,
    add_reading,
    check_stay,
    images_in,
    load,
    local,
    read,
    say,
    show_progress,
)
from napari_iaunet.errors import ImageError
from napari_iaunet.io.formats.names import OF_SEVERAL, SUFFIXES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from napari_iaunet.io.formats.cells import Cells

HELP = "write cells for other programs"
# What is also understood.
_SHORT = {"roi": "rois", "zarr": "ome-zarr"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add(
        "labels",
        nargs="+",
        type=local,
        metavar="LABELS",
        help="label images, folders of them, or ROIs of ImageJ, GeoJSON or COCO",
    )
    add(
        "--to",
        required=True,
        type=lambda name: _SHORT.get(name, name),
        choices=list(SUFFIXES),
        help="format to write",
    )
    add("--out", required=True, type=local, metavar="PATH", help="file or folder")
    for name, what in (
        ("image", "images of the cells, to measure them"),
        ("table", "tables of the cells, as `segment --table` writes them"),
        ("tracks", "tables of the tracks, as `segment --link` writes them"),
    ):
        add(
            f"--{name}",
            nargs="+",
            type=local,
            default=[],
            metavar="IMAGE" if name == "image" else "CSV",
            help=f"{what}: one for each label image",
        )
    add("--model", help="with --image: the model that embeds the cells for AnnData")
    add_reading(parser)
    add_channels(parser, known_cells=True)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Write label images in the format of another program."""
    from napari_iaunet.io.formats.write import check_free, write_cells

    inputs = _label_images(args.labels)
    for name in ("image", "table", "tracks"):
        given = len(getattr(args, name))
        if given not in (0, len(inputs)):
            msg = f"--{name} takes one for each of the {len(inputs)} label images."
            raise ImageError(f"{msg} There are {given}.")
    if args.model and not args.image:
        raise ImageError("--model needs the images of the cells: --image IMAGE...")
    targets = _targets(inputs, args.out, args.to)
    for target in targets:
        check_stay(target, [*inputs, *args.image, *args.table, *args.tracks])
    for target in dict.fromkeys(targets):
        check_free(target, args.to)
    args.load = _loading(args)
    if args.to in OF_SEVERAL:
        images = [_read(i, path, args) for i, path in enumerate(inputs)]
        _make_folder(targets[0].parent)
        write_cells(targets[0], images, args.to)
        say(f"{len(images)} label images: {targets[0]}")
        return 0
    for i, (path, target) in enumerate(zip(inputs, targets, strict=True)):
        cells = _read(i, path, args)
        _make_folder(target.parent)
        write_cells(target, [cells], args.to)
        say(f"{path}: {target}")
    return 0


def _label_images(given: Sequence[Path]) -> list[Path]:
    """Files that were named, and those of folders: if some are masks, only these."""
    from napari_iaunet.io.ome_zarr import is_zarr

    found: list[Path] = []
    for path in given:
        if not path.is_dir() or is_zarr(path):
            found.append(path)
            continue
        inside = images_in(path)
        masks = [file for file in inside if file.stem.endswith(("_mask", "_masks"))]
        if not inside:
            raise ImageError(f"The folder {path} has no label images.")
        found += masks or inside
    return list(dict.fromkeys(found))


def _targets(inputs: Sequence[Path], out: Path, to: str) -> list[Path]:
    """Where the cells of each input go; all to one file where the format has several.

    ``out`` is that file, or a folder for files that are named after the inputs.
    """
    suffix = SUFFIXES[to]
    is_file = out.suffix.lower() == suffix and (suffix != "" or len(inputs) == 1)
    if to == "geojson" and out.suffix.lower() == ".json":
        is_file = True
    if is_file and (len(inputs) == 1 or to in OF_SEVERAL):
        return [out] * len(inputs)
    if out.suffix and not out.is_dir():
        msg = f"{out} does not end in {suffix}." if suffix else f"{out} is no folder."
        if is_file:
            msg = f"Several label images cannot go to the one file {out}."
        raise ImageError(f"{msg} Name another file, or a folder.")
    if to in OF_SEVERAL:
        return [out / f"cells{suffix}" if suffix else out] * len(inputs)
    targets = [out / f"{path.stem}{suffix}" for path in inputs]
    first: dict[str, Path] = {}
    for path, target in zip(inputs, targets, strict=True):
        if first.setdefault(target.name.casefold(), path) != path:
            other = first[target.name.casefold()]
            raise ImageError(f"{other} and {path} would both be written to {target}.")
    return targets


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {folder} cannot be made: {error.strerror}."
        raise ImageError(msg) from error


def _loading(args: argparse.Namespace) -> Any:
    """Return what loads the model, once."""
    from functools import cache

    return cache(lambda: load(args))


def _read(number: int, path: Path, args: argparse.Namespace) -> Cells:
    """Read a label image, and what is known or measured of its cells."""
    from dataclasses import replace

    from napari_iaunet.io.formats.tables import (
        check_cells,
        measured,
        read_parents,
        read_table,
    )
    from napari_iaunet.io.labels import read_cells

    cells = check_cells(path, read_cells(path))
    if args.tracks:
        cells = replace(cells, parents=read_parents(args.tracks[number]))
    if args.table:
        cells = replace(cells, table=read_table(args.table[number]))
    if not args.image:
        return cells
    image = read(args.image[number], args)
    cells = replace(measured(cells, image), name=image.path.name)
    if not args.model:
        return cells
    return replace(
        cells,
        embeddings=args.load().embed(
            image.array,
            cells.labels,
            progress=show_progress(path.name),
            **seen_as(image, args),
        ),
    )
