"""``napari-iaunet demo``."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.common import add_model, load, local, say

if TYPE_CHECKING:
    import argparse

    from numpy.typing import NDArray

    from napari_iaunet.segmentation.segmenter import Segmentation


# Seconds that a display may take to answer.
_PATIENCE = 30

HELP = "segment an example image"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add("--headless", action="store_true", help="write files, open no window")
    add("--out", type=local, default=Path(), help="folder for the files")
    add_model(parser)


def run(args: argparse.Namespace) -> int:
    """Segment an example image, in napari or to files."""
    from skimage.data import immunohistochemistry

    why = "" if args.headless else _why_no_window()
    if args.headless or why:
        _check_files(args.out)  # before the time is spent
    image = immunohistochemistry()
    segmenter = load(args)
    begin = time.perf_counter()
    result = segmenter.segment(image, channel_axis=-1)
    seconds = time.perf_counter() - begin
    say(f"{len(result.scores)} cells in {seconds:.1f} seconds")
    if why:
        say(f"{why}, so the result goes to files")
    if args.headless or why:
        _write_demo(args.out, image, result)
    else:
        _show_demo(image, result)
    return 0


def _why_no_window() -> str:
    """Why napari cannot open a window; empty if it can."""
    if not any(map(importlib.util.find_spec, ("PyQt6", "PySide6"))):
        return "Neither PyQt6 nor PySide6 is installed"
    if not sys.platform.startswith("linux"):
        return ""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "There is no display"
    return "" if _display_opens() else "The display cannot be opened"


def _display_opens() -> bool:
    """Ask another process to open it: Qt ends the one in which it cannot."""
    code = "from qtpy.QtWidgets import QApplication; QApplication([])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _files(folder: Path) -> tuple[Path, Path]:
    """Paths of the labels and of the picture."""
    return folder / "demo_mask.tif", folder / "demo_overlay.png"


def _check_files(folder: Path) -> None:
    from napari_iaunet.io.ours import check_picture

    for path in _files(folder):
        check_picture(path)


def _write_demo(folder: Path, image: NDArray[Any], result: Segmentation) -> None:
    from napari_iaunet.io.read import write_labels, write_overlay

    folder.mkdir(parents=True, exist_ok=True)
    _check_files(folder)
    mask, overlay = _files(folder)
    write_labels(mask, result.labels)
    write_overlay(overlay, image, result.labels, channel_axis=-1)
    say(f"wrote {mask} and {overlay}")


def _show_demo(image: NDArray[Any], result: Segmentation) -> None:
    import napari

    viewer = napari.Viewer(title="napari-iaunet demo")
    viewer.add_image(image, name="immunohistochemistry", rgb=True)
    viewer.add_labels(result.labels, name="cells")
    viewer.window.add_plugin_dock_widget("napari-iaunet")
    napari.run()
