"""What several commands share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from napari_iaunet.segmentation.segmenter import Segmenter

_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".zarr"}


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
        end = "\r\033[K" if done >= total else ""
        percent = 100 * done // max(total, 1)
        print(f"\r{title} {percent} %{end}", end="", file=sys.stderr, flush=True)

    return show
