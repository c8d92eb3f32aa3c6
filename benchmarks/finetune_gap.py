"""Longest gap in the Qt event loop while a model is fine-tuned, and kills at random.

    python benchmarks/finetune_gap.py [--side 2048] [--minutes 1] [--kills 10]
        [--write]

and, where there is no display, xvfb-run -a -s "-screen 0 1600x1200x24" before it.
A timer ticks every 2 ms in a viewer with the dock; the longest time between two
ticks is how long the window was frozen. Then the training process is killed with
SIGKILL at random moments: layers must be as they were, and the best model readable.
The user's models are not touched: a temporary folder takes their place.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from gaps import Gaps, Told
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 600
LATEST_KILL = 40.0


def discs(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Label a disc in every square of 48 pixels; dim and noisy ones in the image."""
    random = np.random.default_rng(0)
    y, x = np.indices((side, side))
    inside = np.hypot(y % 48 - 24, x % 48 - 24) < 14
    labels = np.where(inside, y // 48 * (side // 48 + 1) + x // 48 + 1, 0)
    image = 40 + 25 * inside + random.normal(0, 15, labels.shape)
    return labels.astype(np.int32), image.clip(0, 255).astype(np.uint8)


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        QTest.qWait(1)


class Window:
    """A viewer with an annotated image and the Fine-tune tab."""

    def __init__(self, side: int) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.labels, self.image = discs(side)
        self.viewer.add_image(self.image, name="image")
        self.viewer.add_labels(self.labels.copy(), name="cells")
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-iaunet")
        self.panel = self.dock.finetune_panel
        self.process = self.dock.finetune_controller.process
        self.dock.tabs.setCurrentWidget(self.panel)
        self.panel.pairs.menu.aboutToShow.emit()
        self.panel.pairs.menu.actions()[0].trigger()
        QTest.qWait(1000)

    def train(self, minutes: float) -> None:
        if self.panel.discard_button.isVisible():
            self._press(self.panel.discard_button)
        self.panel.length.setValue(minutes)
        self._press(self.panel.train_button)

    def has_ended(self) -> bool:
        busy = self.process.is_running or self.dock.finetune_jobs.is_running
        return not busy

    def is_intact(self) -> bool:
        layers = self.viewer.layers
        return bool(
            np.array_equal(layers["image"].data, self.image)
            and np.array_equal(layers["cells"].data, self.labels)
        )

    def _press(self, button: Any) -> None:
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def measure_gaps(window: Window, minutes: float, tell: Told) -> None:
    gaps = Gaps()
    QTest.qWait(1000)
    tell(f"idle: {gaps.told()}")
    gaps.restart()
    window.train(minutes)
    wait(lambda: window.process.is_running)
    tell(f"reading the layers, torch loads: {gaps.told()}")
    gaps.restart()
    wait(window.has_ended)
    count = len(window.panel.plot.training), len(window.panel.plot.precision)
    tell(f"training, {count[0]} steps told and {count[1]} measurements: {gaps.told()}")


def kill_at_random(window: Window, kills: int, tell: Told) -> None:
    from napari_iaunet.model.checkpoint import load_model
    from napari_iaunet.training.task import MODEL

    random = np.random.default_rng(0)
    intact = readable = begun = 0
    for moment in random.uniform(0.5, LATEST_KILL, kills):
        window.train(10)
        wait(lambda: window.process.is_running)
        folder: Path = window.dock.finetune_controller._folder
        QTest.qWait(int(1000 * moment))
        model = folder / MODEL
        os.kill(window.process._process.processId(), signal.SIGKILL)
        if (model / "card.json").is_file():
            begun += 1
            readable += bool(load_model(model))
        wait(window.has_ended)
        intact += window.is_intact()
    tell(
        f"killed {kills} times: layers intact {intact} times; a model was on disk "
        f"{begun} times, and could be read {readable} times"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    tell = Told()
    with tempfile.TemporaryDirectory() as home:
        os.environ["NAPARI_IAUNET_HOME"] = home
        window = Window(args.side)
        measure_gaps(window, args.minutes, tell)
        kill_at_random(window, args.kills, tell)
        window.viewer.close()
    tell.publish("finetune-gap", args.write)


if __name__ == "__main__":
    main()
