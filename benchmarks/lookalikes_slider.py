"""From a move in the Look-alikes tab to the picture drawn anew.

    python benchmarks/lookalikes_slider.py [--side 4096] [--step 40]

and, where there is no display, xvfb-run -a -s "-screen 0 1600x1200x24" before it.
Discs, one in every square of ``step`` pixels, are described by random vectors, since
only the window is measured. Each line says how long it took until napari had drawn.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_iaunet.plugin.segment import job as segment_job

if TYPE_CHECKING:
    from collections.abc import Callable

MOVES, PICKS = 60, 10
DIMENSIONS = 128


class RandomSegmenter:
    """Describes every cell by a random vector; a third of the cells are alike."""

    device = "cpu"

    def embed(self, image: Any, labels: Any, **options: Any) -> Any:
        count = len(np.unique(labels[labels > 0]))
        vectors = np.random.default_rng(0).normal(size=(count, DIMENSIONS))
        vectors[::3] += 1
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit.astype(np.float32)


def discs(side: int, step: int) -> np.ndarray:
    """Label a disc in every square that lies whole in the image."""
    y, x = np.indices((side, side))
    inside = np.hypot(y % step - step / 2, x % step - step / 2) < 0.4 * step
    across = side // step
    inside &= (y // step < across) & (x // step < across)
    return np.where(inside, y // step * across + x // step + 1, 0).astype(np.int32)


class Window:
    """A viewer with the dock, which says when it has drawn."""

    def __init__(self, labels: np.ndarray) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.viewer.window.resize(1400, 900)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-iaunet")
        self.panel = self.dock.lookalike_panel
        self.dock.tabs.setCurrentWidget(self.panel)
        noise = np.random.default_rng(0).integers(0, 255, labels.shape, np.uint8)
        self.viewer.add_image(noise)
        self.cells = self.viewer.add_labels(labels, name="cells")
        self.viewer.reset_view()
        self.panel.pick_button.setChecked(True)
        QTest.qWait(1000)
        self.drawn = 0
        canvas = self.viewer.window._qt_viewer.canvas
        canvas._scene_canvas.events.draw.connect(self._on_draw)

    def _on_draw(self, event: object) -> None:
        self.drawn += 1

    def pick(self, place: tuple[float, float]) -> None:
        """Do what a click on a cell does."""
        self.dock.lookalike_controller._on_click(place, "target")

    def settle(self) -> None:
        while self.dock.lookalike_jobs.is_running:
            QTest.qWait(10)
        QTest.qWait(1000)

    def measure(self, name: str, moves: list[Callable[[], object]]) -> None:
        """Print the median and the worst time from a move to the next drawing."""
        times = []
        for move in moves:
            before, begin = self.drawn, time.perf_counter()
            move()
            while self.drawn == before:
                QApplication.processEvents()
            times.append(1000 * (time.perf_counter() - begin))
        print(f"{name}: median {np.median(times):.0f} ms, worst {max(times):.0f} ms")
        self.settle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=4096)
    parser.add_argument("--step", type=int, default=40)
    args = parser.parse_args()
    segment_job.make_segmenter = lambda model, device: RandomSegmenter()
    window = Window(discs(args.side, args.step))
    begin = time.perf_counter()
    middles = [(args.step / 2, (i + 0.5) * args.step) for i in range(PICKS)]
    window.pick(middles[0])
    while window.dock.lookalike_jobs.is_running:
        QTest.qWait(10)
    seconds = time.perf_counter() - begin
    window.settle()
    print(f"{window.panel.found.count.text()} in {args.side} x {args.side} pixels")
    print(f"first target, without the network: {seconds:.1f} s")
    found, weights = window.panel.found, window.panel.weights
    window.measure(
        "threshold moved",
        [lambda i=i: found.slider.setValue(600 + 3 * i) for i in range(MOVES)],
    )
    window.measure(
        "weight moved",
        [lambda i=i: weights.sliders["size"].setValue(i) for i in range(PICKS)],
    )
    window.measure("next target", [lambda p=p: window.pick(p) for p in middles])
    window.viewer.close()


if __name__ == "__main__":
    main()
