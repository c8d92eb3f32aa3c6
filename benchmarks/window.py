"""The window: how long it stands still meanwhile, and how soon it is drawn anew.

Needs a display, or ``xvfb-run -a -s "-screen 0 1600x1200x24"`` before the command. A
timer ticks every 2 ms in a viewer with the dock: the longest time between two ticks is
how long the window stood still. Models and settings of the user are not touched.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
import napari
import numpy as np
import tifffile
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.ndimage import gaussian_filter

from benchmarks import harness
from napari_iaunet.identity.describe import DescribedCells
from napari_iaunet.identity.lasso import rows_inside
from napari_iaunet.plugin.layers.camera import camera_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from numpy.typing import NDArray

OPTIONS = ("write",)
_STEP = 48  # pixels from cell to cell
_PIECE = 1500  # of the large image, which repeats it
_PATIENCE = 600  # seconds
_LATEST_KILL = 40.0  # seconds
_IMAGES, _WAITING = 24, 2000  # of a batch: to be segmented, and beside them
_FILTERED = 24  # pixels from cell to cell where 100,000 are filtered
_MOVES, _PICKS = 60, 10  # of the threshold; of targets, of a weight and of a lasso
# Pixels from cell to cell where 100,000 are on a map, and numbers of their vectors.
_MAPPED, _WIDTH = 10, 128


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--side", type=int, help="of the image, in pixels (default: 2048, 6000 or 4096)"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="times that an image is prepared"
    )
    parser.add_argument("--clicks", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=1.0, help="of fine-tuning")
    parser.add_argument("--kills", type=int, default=10, help="trainings to kill")
    parser.add_argument(
        "--step", type=int, default=40, help="pixels between cells that are compared"
    )


def run(args: argparse.Namespace) -> None:
    for part in args.only:
        with tempfile.TemporaryDirectory() as home:
            os.environ["NAPARI_IAUNET_HOME"] = home
            with harness.Worker() as worker:
                worker.call(segment_once)
            with harness.Worker() as sleeper:
                window = Window(sleeper)
                PARTS[part](window, args)
                text, machine = "\n".join(window.told), harness.machine()
                name = f"window-{part}"
                harness.publish(name, text, machine=machine, write=args.write)
                window.viewer.close()


def segment_once() -> None:
    """Let OpenVINO convert the network, as it does once on every machine."""
    from napari_iaunet import Segmenter

    Segmenter().segment(np.zeros((256, 256), np.uint8), diameter=20)


class Window:
    """A viewer with the dock, whose longest standstill is measured.

    Beside it a process sleeps for as long as a tick, again and again: where that one
    was kept waiting, too, it was not the window that stood still, but the machine.

    Parameters
    ----------
    sleeper : Worker

    Attributes
    ----------
    viewer : napari.Viewer
    dock : IAUNetDock
    told : list of str
        What was measured, a line of a list each.
    longest : float
        Longest time between two ticks since `restart`, in ms.
    drawn : int
        How often the picture was drawn.
    """

    def __init__(self, sleeper: harness.Worker) -> None:
        self.viewer = napari.Viewer(show_welcome_screen=False)
        self.viewer.window.resize(1400, 900)
        _, self.dock = self.viewer.window.add_plugin_dock_widget("napari-iaunet")
        self.told: list[str] = []
        self.longest, self.drawn, self._last = 0.0, 0, time.perf_counter()
        self._sleeper = sleeper
        self._timer = QTimer(interval=round(1000 * harness.TICK))
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._on_tick)
        scene = self.viewer.window._qt_viewer.canvas._scene_canvas
        scene.events.draw.connect(self._on_draw)

    def idle(self) -> None:
        """Measure the window while nothing happens."""
        QTest.qWait(1000)
        self._timer.start()
        self.restart()
        QTest.qWait(1000)
        self.tell_gap("idle:")

    def restart(self) -> None:
        """Forget the gaps so far, those of the sleeper, too."""
        self._sleeper.call(harness.longest_wait)
        self.longest, self._last = 0.0, time.perf_counter()

    def tell(self, what: str) -> None:
        """Say what was measured."""
        line = f"- {what[0].upper()}{what[1:]}."
        print(line, file=sys.stderr, flush=True)
        self.told.append(line)

    def tell_gap(self, what: str) -> None:
        """Say the longest gap since `restart`, which is measured anew from now on."""
        longest, slept = self.longest, self._sleeper.call(harness.longest_wait)
        self.tell(
            f"{what} longest gap {longest:.0f} ms (a mere sleeper {slept:.0f} ms)"
        )
        self.restart()

    def click(self, pixel: tuple[float, float]) -> None:
        """Click on a pixel of an image that is neither scaled nor moved."""
        canvas = self.viewer.window._qt_viewer.canvas
        transform = canvas.view.transform * canvas.view.scene.transform
        x, y = transform.map([pixel[1], pixel[0]])[:2]
        place, button = QPoint(round(x), round(y)), Qt.MouseButton.LeftButton
        QTest.mouseClick(canvas.native, button, Qt.KeyboardModifier.NoModifier, place)

    def _on_tick(self) -> None:
        now = time.perf_counter()
        self.longest = max(self.longest, 1000 * (now - self._last))
        self._last = now

    def _on_draw(self, event: object) -> None:
        self.drawn += 1


def _press(button: Any) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        QTest.qWait(1)


# -- made images -------------------------------------------------------------


def discs(side: int, step: int, radius: float) -> NDArray[np.int32]:
    """(side, side): label a disc in every square that lies whole in the image."""
    y, x = np.indices((side, side))
    inside = np.hypot(y % step - step / 2, x % step - step / 2) < radius
    across = side // step
    inside &= (y // step < across) & (x // step < across)
    return np.where(inside, y // step * across + x // step + 1, 0).astype(np.int32)


def picture(
    labels: NDArray[np.int32], contrast: float, noise: float
) -> NDArray[np.uint8]:
    """Cells with soft borders, brighter than what is around them, in noise."""
    soft = gaussian_filter((labels > 0).astype(np.float32), 2)
    image = 40 + contrast * soft + np.random.default_rng(0).normal(0, noise, soft.shape)
    return image.clip(0, 255).astype(np.uint8)


# -- clicks ------------------------------------------------------------------


def _click(window: Window, args: argparse.Namespace) -> None:
    """While an image is prepared for clicks, and clicks.

    The first run loads torch and the model, too.
    """
    dock, side = window.dock, args.side or 2048
    image = picture(discs(side, _STEP, 14), 180, 5)
    window.viewer.add_image(image)
    window.idle()
    for run in range(args.repeats):
        begin = time.perf_counter()
        dock.click_panel.button.setChecked(True)
        _wait(lambda: not dock.click_controller.jobs.is_running)
        seconds = time.perf_counter() - begin
        QTest.qWait(100)
        window.tell_gap(f"encoding {side} x {side}, run {run + 1}: {seconds:.1f} s,")
        if run < args.repeats - 1:
            dock.click_panel.button.setChecked(False)
            QTest.qWait(200)
    places = np.random.default_rng(1).integers(50, side - 50, (200, 2))
    bright = [tuple(p) for p in places if image[tuple(p)] > 150][: args.clicks]
    took = []
    for place in bright:
        window.restart()
        window.click(place)
        QTest.qWait(300)
        took.append(window.longest)
    if took[2:]:
        window.tell(
            f"first click {took[0]:.0f} ms, second (makes the new layer) "
            f"{took[1]:.0f} ms; the other {len(took) - 2}, each keeping the cell "
            f"before: median {np.median(took[2:]):.0f} ms, "
            f"longest {max(took[2:]):.0f} ms"
        )


# -- fine-tuning -------------------------------------------------------------


def _finetune(window: Window, args: argparse.Namespace) -> None:
    """While a model is fine-tuned, and trainings that are killed."""
    viewer, dock, panel = window.viewer, window.dock, window.dock.finetune_panel
    labels = discs(args.side or 2048, _STEP, 14)
    viewer.add_image(picture(labels, 25, 15), name="image")
    viewer.add_labels(labels, name="cells")
    dock.tabs.setCurrentWidget(panel)
    panel.pairs.menu.aboutToShow.emit()
    panel.pairs.menu.actions()[0].trigger()
    window.idle()
    _start_training(panel, args.minutes)
    _wait(lambda: dock.finetune_controller.process.is_running)
    window.tell_gap("reading the layers, torch loads:")
    _wait(lambda: _has_ended(dock.finetune_controller))
    count = len(panel.plot.training), len(panel.plot.precision)
    window.tell_gap(f"training, {count[0]} steps told and {count[1]} measurements:")
    _kill_at_random(window, args.kills)


def _start_training(panel: Any, minutes: float) -> None:
    if panel.discard_button.isVisible():
        _press(panel.discard_button)
    panel.form["minutes"].setValue(minutes)
    _press(panel.train_button)


def _has_ended(controller: Any) -> bool:
    return not (controller.process.is_running or controller.jobs.is_running)


def _kill_at_random(window: Window, kills: int) -> None:
    """Layers must be as they were, and the best model readable."""
    from napari_iaunet.model.checkpoint import load_model
    from napari_iaunet.training.task import MODEL

    dock, controller = window.dock, window.dock.finetune_controller
    before = [layer.data.copy() for layer in window.viewer.layers]
    intact = readable = begun = 0
    for moment in np.random.default_rng(0).uniform(0.5, _LATEST_KILL, kills):
        _start_training(dock.finetune_panel, 10)
        _wait(lambda: controller.process.is_running)
        model: Path = controller._folder / MODEL
        QTest.qWait(int(1000 * moment))
        os.kill(controller.process._process.processId(), signal.SIGKILL)
        if (model / "card.json").is_file():
            begun += 1
            readable += bool(load_model(model))
        _wait(lambda: _has_ended(controller))
        now = [layer.data for layer in window.viewer.layers]
        intact += all(map(np.array_equal, before, now))
    window.tell(
        f"killed {kills} times: layers intact {intact} times; a model was on disk "
        f"{begun} times, and could be read {readable} times"
    )


# -- a large image -----------------------------------------------------------


def _large(window: Window, args: argparse.Namespace) -> None:
    """While a large image fills a layer part by part.

    What is on view is zoomed in and moved meanwhile. Beside it, what napari itself
    needs: the same moves with the finished layer, and one more layer of its labels.
    """
    viewer, dock, side = window.viewer, window.dock, args.side or 6000
    times = -(-side // _PIECE)
    piece = da.from_array(picture(discs(_PIECE, _STEP, 14), 180, 5), chunks=500)
    image = da.tile(piece, (times, times))[:side, :side]
    levels = [image[:: 2**i, :: 2**i] for i in range(4)]
    viewer.add_image(levels, multiscale=True, contrast_limits=(0, 255))
    dock.segment_panel.form["estimate"].setChecked(False)
    window.idle()
    begin = time.perf_counter()
    _press(dock.segment_panel.run.start_button)
    first, moved = 0.0, 0
    while dock.segment_controller.jobs.is_running:
        QTest.qWait(1)
        if not first and len(viewer.layers) > 1:
            first = time.perf_counter() - begin
            window.tell_gap(f"first cells after {first:.1f} s:")
        if first and time.perf_counter() - begin > first + 3 * (moved + 1):
            moved += 1
            _move(viewer, moved, side)
    QTest.qWait(500)
    seconds, cells = time.perf_counter() - begin, len(viewer.layers[-1].features)
    window.tell_gap(
        f"filling {side} x {side} with {moved} moves, and the end after {seconds:.0f} "
        f"s, {cells} cells:"
    )
    for number in range(1, moved + 1):
        _move(viewer, number, side)
        QTest.qWait(300)
    window.tell_gap("napari alone, the same moves:")
    labels = np.array(viewer.layers[-1].data)
    window.restart()
    viewer.add_labels(labels)
    QTest.qWait(500)
    window.tell_gap("napari alone, one more layer of the same:")


def _move(viewer: napari.Viewer, number: int, side: int) -> None:
    place = np.random.default_rng(number).uniform(0, side, 2)
    camera_of(viewer).center = (0, *place)
    camera_of(viewer).zoom = 0.1 * 3 ** (number % 3)


# -- look-alikes -------------------------------------------------------------


def _lookalikes(window: Window, args: argparse.Namespace) -> None:
    """From a move in the Look-alikes tab to the picture drawn anew."""
    dock, panel, side = window.dock, window.dock.lookalike_panel, args.side or 4096
    dock.tabs.setCurrentWidget(panel)
    labels = discs(side, args.step, 0.4 * args.step)
    window.viewer.add_image(picture(labels, 180, 5))
    window.viewer.add_labels(labels, name="cells")
    window.viewer.reset_view()
    panel.pick_button.setChecked(True)
    QTest.qWait(1000)
    middles = [(args.step / 2, (i + 0.5) * args.step) for i in range(_PICKS)]
    begin = time.perf_counter()
    _pick(dock, middles[0])
    _wait(lambda: not dock.lookalike_controller.jobs.is_running)
    seconds = time.perf_counter() - begin
    QTest.qWait(1000)
    window.tell(
        f"{panel.found.count.text()} in {side} x {side} pixels; the first target, "
        f"with the network: {seconds:.1f} s"
    )
    threshold, size = (
        panel.found.slider.setValue,
        panel.weights.sliders["size"].setValue,
    )
    moves = {
        "threshold moved": [partial(threshold, 600 + 3 * i) for i in range(_MOVES)],
        "weight moved": [partial(size, i) for i in range(_PICKS)],
        "next target": [partial(_pick, dock, place) for place in middles],
    }
    for name, steps in moves.items():
        took = [_milliseconds_to_draw(window, step) for step in steps]
        median, worst = np.median(took), max(took)
        window.tell(f"{name}: median {median:.0f} ms, worst {worst:.0f} ms")
        _wait(lambda: not dock.lookalike_controller.jobs.is_running)
        QTest.qWait(1000)


def _pick(dock: Any, place: tuple[float, float]) -> None:
    """Do what a click on a cell does."""
    dock.lookalike_controller._on_click(place, "target")


def _milliseconds_to_draw(window: Window, step: Callable[[], object]) -> float:
    before, begin = window.drawn, time.perf_counter()
    step()
    while window.drawn == before:
        QApplication.processEvents()
    return 1000 * (time.perf_counter() - begin)


# -- the map -----------------------------------------------------------------


class _Cheap:
    """Describes cells at once, as eight kinds: what is measured needs no network."""

    def describe(
        self,
        image: object,
        labels: NDArray[np.int32],
        *,
        channel_axis: int | None = None,
        progress: Callable[[int, int], None],
    ) -> DescribedCells:
        progress(0, 1)
        ids = np.arange(1, int(labels.max()) + 1, dtype=np.int64)
        rng = np.random.default_rng(0)
        kinds = rng.normal(size=(8, _WIDTH))[rng.integers(0, 8, len(ids))]
        vectors = kinds + 0.5 * rng.normal(size=kinds.shape)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        properties = {"size": np.ones((len(ids), 3), np.float32)}
        return DescribedCells(ids, vectors.astype(np.float32), properties)


def _map(window: Window, args: argparse.Namespace) -> None:
    """From a gesture on the map of 100,000 cells to the map drawn anew."""
    from napari_iaunet.plugin.core import segmenters

    dock, side = window.dock, args.side or _MAPPED * 317
    panel, controller = dock.map_panel, dock.map_controller
    segmenters.make_segmenter = lambda model, device: _Cheap()
    labels = discs(side, _MAPPED, 0.4 * _MAPPED)
    window.viewer.add_image(np.broadcast_to(np.uint8(9), labels.shape), name="image")
    window.viewer.add_labels(labels, name="cells")
    window.viewer.reset_view()
    dock.tabs.setCurrentWidget(panel)
    window.idle()
    _press(panel.make_button)
    _wait(lambda: not controller.jobs.is_running)
    window.restart()
    begin = time.perf_counter()
    _wait(lambda: not controller.laying.is_running)
    window.tell_gap(
        f"{panel.count.text().removeprefix('None of ')} laid out by principal axes in "
        f"{time.perf_counter() - begin:.1f} s:"
    )
    QTest.qWait(1000)
    plot, rng = panel.plot, np.random.default_rng(0)
    middle = np.asarray(plot.view.size) / 2
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    lassos = [middle + circle * rng.uniform(0.2, 1, 2) * middle for _ in range(_PICKS)]
    gestures = {
        "zoom": [partial(plot._zoom, 1.02) for _ in range(_PICKS)],
        "lasso of 200 corners, answered": [partial(_lasso, plot, p) for p in lassos],
        "mark moved": [partial(plot.set_mark, i) for i in range(_PICKS)],
        "coloured anew": [
            partial(controller._on_colour, key)
            for key in ("column area", "of classes") * (_PICKS // 2)
        ],
    }
    for name, steps in gestures.items():
        took = []
        for step in steps:
            before, begin = plot.canvas.drawn, time.perf_counter()
            step()
            computed = 1000 * (time.perf_counter() - begin)
            while plot.canvas.drawn == before:
                QApplication.processEvents()
            took.append((computed, 1000 * (time.perf_counter() - begin)))
            QTest.qWait(500)  # the viewer follows
        computed, drawn = np.median(took, axis=0)
        window.tell(
            f"{name}: median {drawn:.0f} ms until it is drawn, {computed:.0f} ms of "
            f"these before the drawing; worst {max(t for _, t in took):.0f} ms"
        )
    window.restart()
    _lasso(plot, lassos[0])
    QTest.qWait(3000)
    window.tell_gap(f"{panel.count.text()} chosen, and shown in the viewer:")


def _lasso(plot: Any, pixels: NDArray[np.float64]) -> None:
    """Do what the release of the mouse does at the end of a lasso."""
    plot.chosen.emit(rows_inside(plot._places, plot.view.on_map(pixels)), "only")


# -- the filter ---------------------------------------------------------------


def _filter(window: Window, args: argparse.Namespace) -> None:
    """From a move of a slider in the Review tab to 100,000 cells drawn anew."""
    dock, side = window.dock, args.side or _FILTERED * 317
    labels = discs(side, _FILTERED, 0.4 * _FILTERED)
    ids = np.unique(labels[labels > 0])
    scores = np.random.default_rng(0).random(len(ids))
    window.viewer.add_labels(labels, features={"index": ids, "score": scores})
    window.viewer.reset_view()
    window.idle()
    begin, cpu = time.perf_counter(), time.process_time()
    dock.tabs.setCurrentWidget(dock.review_panel)
    _wait(lambda: dock.review_panel.filter.rows["score"].isEnabled())
    _wait(lambda: not dock.review_controller.jobs.is_running)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    window.tell_gap(
        f"{len(ids):,} cells in {side} x {side} pixels, looked over in {seconds:.1f} s "
        f"({cpu:.1f} s of the processor):"
    )
    low = dock.review_panel.filter.rows["score"].low.setValue
    window.tell(
        f"first move: {_milliseconds_to_draw(window, partial(low, 0.3)):.0f} ms"
    )
    QTest.qWait(1000)
    took, cpu = [], time.process_time()
    for i in range(_MOVES):
        took.append(_milliseconds_to_draw(window, partial(low, 0.31 + 0.01 * i)))
    cpu = 1000 * (time.process_time() - cpu) / _MOVES
    window.tell(
        f"slider moved: median {np.median(took):.0f} ms, worst {max(took):.0f} ms "
        f"({cpu:.0f} ms of the processor each), {dock.review_panel.filter.count.text()}"
    )
    window.tell(f"peak memory {harness.peak_memory():.0f} MB")


# -- a batch ------------------------------------------------------------------


def _batch(window: Window, args: argparse.Namespace) -> None:
    """While many images are segmented, and some of them looked at.

    Beside it, what napari itself needs to make the same layers, without the dock.
    """
    dock, side = window.dock, args.side or 512
    panel, controller = dock.batch_panel, dock.batch_controller
    dock.tabs.setCurrentWidget(panel)
    labels = discs(side, _STEP, 14)
    with tempfile.TemporaryDirectory() as folder:
        for i in range(_IMAGES):
            tifffile.imwrite(Path(folder, f"{i:03}.tif"), picture(labels, 150 + i, 5))
        for i in range(_WAITING):
            Path(folder, f"waits {i:04}.png").touch()
        window.idle()
        panel.added.emit([folder])
        _wait(lambda: not controller.list_jobs.is_running)
        QTest.qWait(200)
        window.tell_gap(f"{_IMAGES + _WAITING} images are added:")
        _press(panel.run.start_button)
        _wait(lambda: _done(controller) > 0)
        window.tell_gap("torch loads, and a first image is segmented:")
        _wait(lambda: _done(controller) >= _IMAGES // 3)
        window.tell_gap(f"images of {side} x {side} are segmented:")
        _look_at_some(window, args.repeats)
        running = "still" if controller.jobs.is_running else "no longer"
        window.tell(f"images were {running} segmented at the end of that")
        controller.jobs.cancel()
        _wait(lambda: not controller.jobs.is_running)


def _look_at_some(window: Window, repeats: int) -> None:
    """Press Next; by turns napari makes the same layers in a viewer without the dock.

    Both have a layer made in each turn of the event loop, and drawn.
    """
    viewer, panel = window.viewer, window.dock.batch_panel
    controller = window.dock.batch_controller
    alone = napari.Viewer(show_welcome_screen=False)
    alone.window.resize(1400, 900)
    ours, theirs = [], []
    _press(panel.next_button)  # the first one has nothing to close
    for _ in range(repeats + 1):
        _wait(lambda: not controller.view_jobs.is_running)
        _wait(lambda: not controller.turns.is_running)
        QTest.qWait(300)
        ours.append(window.longest)
        layers = [layer.as_layer_data_tuple() for layer in viewer.layers]
        theirs.append(_made_by_napari(window, alone, layers))
        window.restart()
        _press(panel.next_button)
    beside = np.median(np.subtract(ours, theirs)[1:])
    window.tell(
        f"meanwhile {repeats} images are looked at: longest gap {_list(ours[1:])} ms; "
        f"napari alone, the same layers: {_list(theirs[1:])} ms; beside napari's own "
        f"layer making: median {beside:.0f} ms"
    )
    # Were it closed, drawing the other one would fail: they share what is in OpenGL.
    alone.window._qt_window.hide()


def _made_by_napari(window: Window, viewer: napari.Viewer, layers: list[Any]) -> float:
    """Longest gap, in ms, while layers are made."""
    for layer in list(viewer.layers)[::-1]:
        viewer.layers.remove(layer)
        QTest.qWait(100)
    window.restart()
    for data, options, kind in layers:
        viewer.add_layer(napari.layers.Layer.create(data, options, kind))
        QTest.qWait(100)
    viewer.reset_view()
    QTest.qWait(200)
    return window.longest


def _list(values: list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def _done(controller: Any) -> int:
    record = controller.record
    return sum(record.entry(image).state == "done" for image in record.images)


PARTS = {
    "batch": _batch,
    "click": _click,
    "filter": _filter,
    "finetune": _finetune,
    "large": _large,
    "lookalikes": _lookalikes,
    "map": _map,
}
