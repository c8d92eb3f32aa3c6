"""Longest gap in the Qt event loop while a large image fills a layer part by part.

    python benchmarks/filling_gap.py [--side 6000] [--write]

and, where there is no display, xvfb-run -a -s "-screen 0 1600x1200x24" before it.
A dask image of made nuclei is segmented in the dock; a timer ticks every 2 ms, and the
longest time between two ticks is how long the window was frozen. What is on view is
zoomed in and moved meanwhile. Beside it, what napari itself needs: the same moves with
the finished layer, and one more layer of the same labels. The user's folders are not
touched.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time

import dask.array as da
import napari
import numpy as np
from click_gap import nuclei
from gaps import Gaps, Told
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

_PIECE = 1500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=6000)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    tell = Told()
    with tempfile.TemporaryDirectory() as home:
        os.environ["NAPARI_IAUNET_HOME"] = home
        _measure(args.side, tell)
    tell.publish("filling-gap", args.write)


def _measure(side: int, tell: Told) -> None:
    piece = nuclei(_PIECE)
    times = -(-side // _PIECE)
    image = da.tile(da.from_array(piece, chunks=500), (times, times))[:side, :side]
    viewer = napari.Viewer(show_welcome_screen=False)
    levels = [image[:: 2**i, :: 2**i] for i in range(4)]
    viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    _, dock = viewer.window.add_plugin_dock_widget("napari-iaunet", "IAU-Net")
    dock.segment_panel.estimate.setChecked(False)
    QTest.qWait(1000)
    gaps = Gaps()
    QTest.qWait(1000)
    tell(f"idle: {gaps.told()}")
    gaps.restart()
    begin = time.perf_counter()
    button = dock.segment_panel.run.start_button
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    first, moved = 0.0, 0
    while dock.jobs.is_running:
        QTest.qWait(1)
        if not first and len(viewer.layers) > 1:
            first = time.perf_counter() - begin
            tell(f"first cells after {first:.1f} s: {gaps.told()}")
            gaps.restart()
        if first and time.perf_counter() - begin > first + 3 * (moved + 1):
            moved += 1
            _move(viewer, moved, side)
    QTest.qWait(500)
    seconds = time.perf_counter() - begin
    cells = len(viewer.layers[-1].features)
    tell(
        f"filling {side} x {side} with {moved} moves, and the end after {seconds:.0f} "
        f"s, {cells} cells: {gaps.told()}"
    )
    gaps.restart()
    for number in range(1, moved + 1):
        _move(viewer, number, side)
        QTest.qWait(300)
    tell(f"napari alone, the same moves: {gaps.told()}")
    labels = np.array(viewer.layers[-1].data)
    gaps.restart()
    viewer.add_labels(labels)
    QTest.qWait(500)
    tell(f"napari alone, one more layer of the same: {gaps.told()}")
    viewer.close()


def _move(viewer: napari.Viewer, number: int, side: int) -> None:
    place = np.random.default_rng(number).uniform(0, side, 2)
    viewer.scene.camera.center = (0, *place)
    viewer.scene.camera.zoom = 0.1 * 3 ** (number % 3)


if __name__ == "__main__":
    main()
