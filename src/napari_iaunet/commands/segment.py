"""``napari-iaunet segment``."""

from __future__ import annotations

import glob
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari_iaunet.commands.common import images_in, load, show_progress
from napari_iaunet.errors import DeviceError, IAUNetError, ImageError, ModelError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from napari_iaunet.files import ImageFile
    from napari_iaunet.segmentation.segmenter import Segmentation, Segmenter

_NOT_INPUTS = ("_mask", "_overlay")


def run(args: argparse.Namespace) -> int:
    """Segment images one after the other; returns 2 if any of them failed."""
    from napari_iaunet.files import read_image

    inputs = _find_images(args.inputs)
    targets = _targets(inputs, args.out)
    segmenter: Segmenter | None = None
    failures: list[str] = []
    for i, (path, target) in enumerate(zip(inputs, targets, strict=True)):
        counter = f"[{i + 1}/{len(inputs)}] " if len(inputs) > 1 else ""
        try:
            image = read_image(path)
            segmenter = segmenter or load(args)
            begin = time.perf_counter()
            result = _segment(segmenter, image, args, f"{counter}{path.name}")
            _write(args, image, result, target)
        except (ModelError, DeviceError):
            raise
        except IAUNetError as error:
            named = str(path) in str(error) or str(target.parent) in str(error)
            failures.append(str(error) if named else f"{path}: {error}")
        except Exception as error:
            # One damaged image must not keep the others from being segmented.
            if os.environ.get("NAPARI_IAUNET_DEBUG"):
                raise
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            failures.append(f"{path} could not be segmented: {reason.rstrip('.')}.")
        else:
            seconds = time.perf_counter() - begin
            print(f"{path}: {len(result.scores)} cells in {seconds:.1f} s, {target}")
    for failure in failures:
        print(f"napari-iaunet: {failure}", file=sys.stderr)
    return 2 if failures else 0


def _segment(
    segmenter: Segmenter, image: ImageFile, args: argparse.Namespace, title: str
) -> Segmentation:
    return segmenter.segment(
        image.array,
        channel_axis=_channel_axis(image, args.channel_axis),
        diameter=args.diameter,
        progress=show_progress(title),
    )


def _channel_axis(image: ImageFile, given: int | None) -> int | None:
    return image.channel_axis if given is None else given


def _write(
    args: argparse.Namespace, image: ImageFile, result: Segmentation, target: Path
) -> None:
    from napari_iaunet import files

    axis = _channel_axis(image, args.channel_axis)
    count = len(image.axes)
    axes = "".join(
        a for i, a in enumerate(image.axes) if axis is None or i != axis % count
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"The folder {target.parent} cannot be made: {error.strerror}."
        raise ImageError(msg) from error
    beside = target.parent / image.path.stem
    if args.table:
        from napari_iaunet.segmentation.measure import measure

        table = measure(result.labels, image.array, channel_axis=axis)
        table["score"] = result.scores[table["label"] - 1]
        files.write_table(f"{beside}_cells.csv", table)
    if args.overlay:
        files.write_overlay(
            f"{beside}_overlay.png", image.array, result.labels, channel_axis=axis
        )
    write: Callable[..., None] = files.write_labels
    if target.suffix == ".zarr":
        write = files.write_labels_ome_zarr
    write(target, result.labels, axes=axes, pixel_size=image.pixel_size)


def _find_images(inputs: Sequence[str]) -> list[Path]:
    """Files, OME-Zarr folders, images in folders and matches of patterns."""
    from napari_iaunet.omezarr import is_zarr

    found: list[Path] = []
    for text in inputs:
        path = Path(text)
        if path.is_dir() and not is_zarr(path):
            inside = [p for p in images_in(path) if not p.stem.endswith(_NOT_INPUTS)]
            if not inside:
                msg = f"The folder {path} has no PNG, JPEG, TIFF or OME-Zarr images."
                raise ImageError(msg)
            found += inside
        elif not path.exists() and glob.has_magic(text):
            matches = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - may be absolute
            if not matches:
                msg = f"No file matches {text}."
                raise ImageError(msg)
            found += map(Path, matches)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _targets(inputs: Sequence[Path], out: Path) -> list[Path]:
    """Where the labels of each input go."""
    if out.suffix.lower() in (".tif", ".tiff", ".zarr") and not _plain_folder(out):
        if len(inputs) > 1:
            msg = f"Several images cannot go to the one file {out}; name a folder."
            raise ImageError(msg)
        return [out]
    if out.exists() and not out.is_dir():
        msg = f"{out} is a file, not a folder."
        raise ImageError(msg)
    targets = []
    for path in inputs:
        suffix = ".zarr" if path.suffix == ".zarr" else ".tif"
        targets.append(out / f"{path.stem}_mask{suffix}")
    for i, target in enumerate(targets):
        if target in targets[:i]:
            first = inputs[targets.index(target)]
            msg = f"{first} and {inputs[i]} would both be written to {target}."
            raise ImageError(msg)
    return targets


def _plain_folder(path: Path) -> bool:
    from napari_iaunet.omezarr import is_zarr

    return path.is_dir() and not is_zarr(path)
