"""Longest gap in the Qt event loop while the click tool prepares an image.

    python benchmarks/click_gap.py [--side 2048] [--repeat 3] [--write]

and, where there is no display, xvfb-run -a -s "-screen 0 1600x1200x24" before it.
A timer ticks every 2 ms in a viewer with the dock; the longest time between two
ticks is how long the window was frozen. The first run loads torch and the model,
too. That napari makes and draws the image's own layer is over before.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import napari
import numpy as np
from gaps import Gaps, Told
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.ndimage import gaussian_filter


def nuclei(side: int) -> np.ndarray:
    """A field of bright discs, one in every square of 48 pixels."""
    random = np.random.default_rng(0)
    centres = np.zeros((side, side), np.float32)
    places = np.arange(24, side - 24, 48)
    y, x = np.meshgrid(places, places, indexing="ij")
    y, x = (a + random.integers(-8, 9, a.shape) for a in (y, x))
    centres[y, x] = 1
    image = gaussian_filter(centres, 8)
    image /= image.max()
    noisy = 30 + 180 * np.minimum(1, 2.5 * image) + random.normal(0, 5, image.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def click(viewer: Any, pixel: tuple[float, float]) -> None:
    canvas = viewer.window._qt_viewer.canvas
    transform = canvas.view.transform * canvas.view.scene.transform
    x, y = transform.map([pixel[1], pixel[0]])[:2]
    place = QPointF(QPoint(round(x), round(y)))
    button = Qt.MouseButton.LeftButton
    for kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease):
        event = QMouseEvent(
            kind,
            place,
            canvas.native.mapToGlobal(place),
            button,
            button,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas.native, event)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    options = parser.parse_args()
    tell = Told()
    viewer = napari.Viewer(show_welcome_screen=False)
    image = nuclei(options.side)
    viewer.add_image(image)
    _, dock = viewer.window.add_plugin_dock_widget("napari-iaunet", "IAU-Net")
    QTest.qWait(1000)
    gaps = Gaps()
    QTest.qWait(1000)
    tell(f"idle: {gaps.told()}")
    for run in range(options.repeat):
        gaps.restart()
        begin = time.perf_counter()
        dock.click_panel.button.setChecked(True)
        while dock.click_jobs.is_running:
            QTest.qWait(1)
        seconds = time.perf_counter() - begin
        QTest.qWait(100)
        tell(
            f"encoding {options.side} x {options.side}, run {run + 1}: "
            f"{seconds:.1f} s, {gaps.told()}"
        )
        if run < options.repeat - 1:
            dock.click_panel.button.setChecked(False)
            QTest.qWait(200)
    places = np.random.default_rng(1).integers(50, options.side - 50, (200, 2))
    bright = [tuple(p) for p in places if image[tuple(p)] > 150][: options.clicks]
    took = []
    for place in bright:
        gaps.restart()
        click(viewer, place)
        QTest.qWait(300)
        took.append(gaps.longest)
    if took[2:]:
        tell(
            f"first click {took[0]:.0f} ms, second (makes the new layer) "
            f"{took[1]:.0f} ms; the other {len(took) - 2}, each keeping the cell "
            f"before: median {np.median(took[2:]):.0f} ms, "
            f"longest {max(took[2:]):.0f} ms"
        )
    viewer.close()
    tell.publish("click-gap", options.write)


if __name__ == "__main__":
    main()
