"""Take the screenshots of the documentation from the running program.

    python docs/take_screenshots.py

and, where there is no display,

    xvfb-run -a -s "-screen 0 1600x1200x24" python docs/take_screenshots.py

Every image is a sample of the program, comes with scikit-image, or from the folder
$NAPARI_IAUNET_DATA (default: ../shared/data), of images that no model was trained on;
every click goes through the dock. Take them anew whenever the bundled model or the dock
has changed. The name of one of the functions below, given behind it, takes only its
pictures.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from PIL import Image, ImageDraw, ImageOps
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from qtpy.QtGui import QImage, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from skimage import data
from skimage.io import imread

from napari_iaunet.plugin.layers.camera import camera_of, size_of_canvas

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parent / "images"
ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("NAPARI_IAUNET_DATA", ROOT.parent / "shared" / "data"))
SIZE = (1400, 900)
FILM_WIDTH = 840
# Pixels around a part of a widget.
MARGIN = 8
# The outline of the pointer that the film shows, from its tip.
ARROW = [(0, 0), (0, 34), (8, 27), (14, 40), (20, 37), (14, 25), (25, 24)]
PATIENCE = 1800  # a machine may be busy
# Rows and columns of nuclei in the middle of the stained tissue.
NUCLEI = [
    *((251, 297), (259, 298), (279, 295), (291, 316), (271, 241), (285, 230)),
    *((297, 227), (321, 240), (210, 285), (240, 305), (265, 260), (293, 285)),
]

# Two nuclei of the gland in the same picture, and one between the glands.
GLAND, STROMA = ((375, 327), (360, 343)), (270, 333)
# Examples of two classes.
GLANDS = (*GLAND, (345, 370), (390, 305), (330, 350))
BETWEEN = (STROMA, (251, 297), (259, 298), (291, 316), (240, 305))


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        QTest.qWait(50)
    QTest.qWait(500)


def open_viewer() -> tuple[napari.Viewer, Any]:
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(*SIZE)
    _, dock = viewer.window.add_plugin_dock_widget("napari-iaunet")
    QTest.qWait(500)
    return viewer, dock


def clear(viewer: napari.Viewer) -> None:
    viewer.layers.clear()
    # napari 0.9 crashes in OpenGL if layers follow before it has drawn without any.
    QTest.qWait(500)


def segment(dock: Any) -> None:
    dock.tabs.setCurrentWidget(dock.segment_panel)  # napari recalls another one
    button = dock.segment_panel.run.start_button
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.segment_controller.jobs.is_running)


def in_few_colours(picture: Image.Image) -> Image.Image:
    """Return a picture in 256 colours, which take half of the bytes.

    Three in four by how common they are, which keeps soft shades; the others from an
    octree, which keeps colours that are rare, such as those of marks and of frames.
    """
    rgb, palette = picture.convert("RGB"), Image.new("P", (1, 1))
    common = rgb.quantize(192, method=Image.Quantize.MEDIANCUT).getpalette() or []
    rare = rgb.quantize(64, method=Image.Quantize.FASTOCTREE).getpalette() or []
    palette.putpalette(common[: 3 * 192] + rare[: 3 * 64])
    return rgb.quantize(palette=palette, dither=Image.Dither.NONE)


def save(picture: Image.Image, name: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    in_few_colours(picture).save(IMAGES / name, optimize=True)
    print(f"wrote {IMAGES / name}")


def picture_of(viewer: napari.Viewer) -> Image.Image:
    return Image.fromarray(viewer.screenshot(canvas_only=False, flash=False))


def save_window(viewer: napari.Viewer, name: str) -> None:
    QTest.qWait(500)
    save(picture_of(viewer), name)


def save_part(widget: Any, name: str, area: QRect | None = None) -> None:
    """Save a widget, or an area of it with a margin."""
    QTest.qWait(500)
    grabbed = widget.grab() if area is None else widget.grab(area)
    image = grabbed.toImage().convertToFormat(QImage.Format.Format_RGB888)
    shape = image.height(), image.bytesPerLine()
    rows = np.frombuffer(image.constBits().asstring(shape[0] * shape[1]), np.uint8)
    pixels = rows.reshape(shape)[:, : 3 * image.width()]
    picture = Image.fromarray(pixels.reshape(shape[0], -1, 3))
    if area is not None:  # which may touch the edge of what it is in
        picture = ImageOps.expand(picture, MARGIN, picture.getpixel((0, 0)))
    save(picture, name)


def place_of(widget: Any, within: Any) -> QRect:
    return QRect(widget.mapTo(within, QPoint(0, 0)), widget.size())


def nuclei(viewer: napari.Viewer, dock: Any) -> None:
    """The picture at the top of the README."""
    clear(viewer)
    image = next((DATA / "nuclei-fluorescence" / "test").glob("4dbbb275960a*_img.*"))
    viewer.add_image(imread(image), name="nuclei", gamma=0.6)
    viewer.reset_view()
    dock.segment_panel.form["estimate"].setChecked(True)
    segment(dock)  # loads the model, too, which takes some seconds
    viewer.layers.pop()
    segment(dock)
    viewer.layers[-1].opacity = 0.6
    print(dock.segment_panel.run.status.text())
    save_window(viewer, "screenshot.png")


def channels(viewer: napari.Viewer, dock: Any) -> None:
    """The tab with all that it can ask, on an image with channels."""
    clear(viewer)
    image = data.immunohistochemistry()
    viewer.add_image(image, channel_axis=-1, name=["red", "green", "blue"])
    viewer.reset_view()
    picker = dock.segment_panel.channel_picker
    for row in range(picker.list.count()):
        picker.list.item(row).setCheckState(Qt.CheckState.Checked)
    dock.segment_panel.form["estimate"].setChecked(False)
    dock.segment_panel.form["diameter"].setValue(14)
    segment(dock)
    panel = dock.segment_panel
    area = QRect(0, 0, panel.width(), dock.click_panel.geometry().top() - 20)
    save_part(panel, "segment-tab.png", area)


def canvas_of(viewer: napari.Viewer) -> Any:
    return viewer.window._qt_viewer.canvas


def on_canvas(viewer: napari.Viewer, pixel: tuple[float, float]) -> QPointF:
    """Return where a pixel of an image that is neither scaled nor moved is shown."""
    view = canvas_of(viewer).view
    return QPointF(*(view.transform * view.scene.transform).map(pixel[::-1])[:2])


def held(keys: tuple[str, ...]) -> Qt.KeyboardModifier:
    modifier = Qt.KeyboardModifier.NoModifier
    for key in keys:
        modifier |= getattr(Qt.KeyboardModifier, f"{key}Modifier")
    return modifier


def click(viewer: napari.Viewer, pixel: tuple[float, float], *keys: str) -> None:
    """Click on a pixel of an image."""
    place = on_canvas(viewer, pixel).toPoint()
    canvas = canvas_of(viewer).native
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, held(keys), place)
    QTest.qWait(600)  # two clicks in quick succession would be a double click


def drag(viewer: napari.Viewer, corners: Any, *keys: str) -> None:
    """Drag from one pixel of an image to another."""
    canvas, (first, last) = canvas_of(viewer).native, corners
    places = [on_canvas(viewer, p) for p in np.linspace(first, last, 6)]
    send_mouse(canvas, "Press", places[0], held(keys))
    for place in places[1:]:
        send_mouse(canvas, "Move", place, held(keys))
        QTest.qWait(30)
    send_mouse(canvas, "Release", places[-1], held(keys))
    QTest.qWait(600)


def clicks(viewer: napari.Viewer, dock: Any) -> None:
    """A few cells that were clicked, and one that is not kept yet."""
    clear(viewer)
    dock.tabs.setCurrentWidget(dock.segment_panel)
    viewer.open_sample("napari-iaunet", "stained_tissue")
    dock.segment_panel.form["estimate"].setChecked(False)
    dock.segment_panel.form["diameter"].setValue(14)
    camera_of(viewer).zoom = 5
    camera_of(viewer).center = (256, 256)
    QTest.mouseClick(dock.click_panel.button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.click_controller.jobs.is_running)
    for nucleus in NUCLEI:
        click(viewer, nucleus)
    print(dock.click_panel.status.text())
    save_window(viewer, "click.png")
    save_part(dock.segment_panel, "click-section.png", dock.click_panel.geometry())
    QTest.mouseClick(dock.click_panel.button, Qt.MouseButton.LeftButton)


def nearest(labels: Any, place: tuple[int, int]) -> tuple[int, int]:
    """Return a pixel of the cell next to a place."""
    y, x = np.nonzero(labels)
    i = int(np.argmin((y - place[0]) ** 2 + (x - place[1]) ** 2))
    y, x = np.nonzero(labels == labels[y[i], x[i]])
    middle = np.argmin((y - y.mean()) ** 2 + (x - x.mean()) ** 2)
    return int(y[middle]), int(x[middle])


def pick(viewer: napari.Viewer, dock: Any, place: tuple[int, int], *keys: str) -> None:
    click(viewer, nearest(viewer.layers["tissue cells"].data, place), *keys)
    wait(lambda: not dock.lookalike_controller.jobs.is_running)


def point_at_tissue(viewer: napari.Viewer, dock: Any, panel: Any) -> None:
    """Segment stained tissue, and let clicks or keys mean its cells in a tab."""
    clear(viewer)
    viewer.add_image(data.immunohistochemistry(), name="tissue")
    viewer.reset_view()
    dock.segment_panel.form["estimate"].setChecked(False)
    dock.segment_panel.form["diameter"].setValue(14)
    segment(dock)
    dock.tabs.setCurrentWidget(panel)
    QTest.qWait(200)
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)


def lookalikes(viewer: napari.Viewer, dock: Any) -> None:
    """Nuclei of the stained gland among all others, and classes."""
    panel = dock.lookalike_panel
    point_at_tissue(viewer, dock, panel)
    pick(viewer, dock, GLAND[0])
    pick(viewer, dock, GLAND[1], "Shift")
    pick(viewer, dock, STROMA, "Control")
    panel.found.slider.setValue(600)
    QTest.qWait(500)
    print(panel.found.count.text())
    save_window(viewer, "lookalikes.png")
    save_part(panel.widget(), "lookalikes-tab.png")
    for place, name in ((None, "gland"), (STROMA, "stroma")):
        if place is not None:
            pick(viewer, dock, place)
        panel.found.name.setCurrentText(name)
        QTest.mouseClick(panel.found.name_button, Qt.MouseButton.LeftButton)
    QTest.mouseClick(panel.clear_button, Qt.MouseButton.LeftButton)
    viewer.layers["tissue cells"].visible = False
    QTest.qWait(500)
    canvas = viewer.screenshot(canvas_only=True, flash=False)
    save(Image.fromarray(canvas), "classes.png")
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)


class Film:
    """Pictures of the window, as a GIF that is small enough for the first screen."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self._frames: list[Image.Image] = []
        self._milliseconds: list[int] = []

    def show(self, seconds: float, clicked: tuple[int, int] | None = None) -> None:
        """Take a picture that is shown for some time; an arrow shows a click."""
        QTest.qWait(300)
        frame = picture_of(self._viewer).convert("RGB")
        if clicked is not None:
            self._point(frame, clicked)
        width = FILM_WIDTH, round(frame.height * FILM_WIDTH / frame.width)
        self._frames.append(
            in_few_colours(frame.resize(width, Image.Resampling.LANCZOS))
        )
        self._milliseconds.append(round(1000 * seconds))

    def _point(self, frame: Image.Image, pixel: tuple[int, int]) -> None:
        canvas = canvas_of(self._viewer).native
        place = on_canvas(self._viewer, pixel).toPoint()
        tip = canvas.mapTo(self._viewer.window._qt_window, place)
        arrow = [(tip.x() + x, tip.y() + y) for x, y in ARROW]
        ImageDraw.Draw(frame).polygon(arrow, fill="white", outline="black", width=2)

    def save(self, name: str) -> None:
        first, *others = self._frames
        options: dict[str, Any] = {"save_all": True, "optimize": True, "loop": 0}
        options |= {"append_images": others, "duration": self._milliseconds}
        first.save(IMAGES / name, **options)
        print(f"wrote {IMAGES / name}")


def moving(viewer: napari.Viewer, dock: Any) -> None:
    """The picture that moves, at the top of the README: segment, click, look-alikes."""
    clear(viewer)
    dock.tabs.setCurrentWidget(dock.segment_panel)
    viewer.open_sample("napari-iaunet", "stained_tissue")
    camera_of(viewer).zoom = 2.2
    dock.segment_panel.form["estimate"].setChecked(False)
    dock.segment_panel.form["diameter"].setValue(14)
    film = Film(viewer)
    film.show(1.2)
    segment(dock)
    film.show(2)
    labels = viewer.layers[-1]
    labels.name = "tissue cells"
    panel = dock.lookalike_panel
    dock.tabs.setCurrentWidget(panel)
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)
    film.show(1)
    for place, keys in (
        (GLAND[0], ()),
        (GLAND[1], ("Shift",)),
        (STROMA, ("Control",)),
    ):
        pick(viewer, dock, place, *keys)
        film.show(1.2, nearest(labels.data, place))
    for value in (900, 800, 700, 600):
        panel.found.slider.setValue(value)
        film.show(0.6)
    film.show(2)
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)
    film.save("moving.gif")


def give(viewer: napari.Viewer, dock: Any, place: tuple[int, int], key: Any) -> None:
    """Point at the cell next to a place, and press the key of its class."""
    pixel = nearest(viewer.layers["tissue cells"].data, place)
    canvas = viewer.window._qt_viewer.canvas
    transform = canvas.view.transform * canvas.view.scene.transform
    x, y = transform.map([pixel[1], pixel[0]])[:2]
    QTest.mouseMove(canvas.native, QPoint(round(x), round(y)))
    QTest.qWait(200)
    QTest.keyClick(canvas.native, key)
    controller = dock.class_controller
    wait(lambda: not (controller.jobs.is_running or controller.learning.is_running))


def classes(viewer: napari.Viewer, dock: Any) -> None:
    """Nuclei of the gland and of what lies between, by a few examples of each."""
    panel = dock.class_panel
    point_at_tissue(viewer, dock, panel)
    for place in GLANDS:
        give(viewer, dock, place, Qt.Key.Key_1)
    for place in BETWEEN:
        give(viewer, dock, place, Qt.Key.Key_2)
    for row, name in enumerate(("gland", "stroma")):
        panel.legend.item(row, 1).setText(name)
        wait(lambda: not dock.class_controller.learning.is_running)
    print(panel.accuracy.text())
    save_window(viewer, "classes-tab.png")
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)


def map_of_cells(viewer: napari.Viewer, dock: Any) -> None:
    """Nuclei of the tissue by their look and their area, and those in a lasso."""
    panel, controller = dock.map_panel, dock.map_controller
    point_at_tissue(viewer, dock, panel)
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)
    wait(lambda: not (controller.jobs.is_running or controller.laying.is_running))
    panel.colour.setCurrentText("area (px)")
    panel.colour.activated.emit(panel.colour.currentIndex())
    native = panel.plot.canvas.native
    middle = np.array([native.width(), native.height()]) / 2
    turn = np.linspace(0, 2 * np.pi, 40)
    lasso = middle * (1 + np.stack([0.5 + 0.4 * np.cos(turn), 0.7 * np.sin(turn)], 1))
    for kind, pixels in (("Press", lasso[:1]), ("Move", lasso), ("Release", lasso[:1])):
        for x, y in pixels.tolist():
            send_mouse(native, kind, QPointF(min(x, native.width() - 2), y))
    QTest.qWait(500)
    print(panel.count.text())
    save_window(viewer, "map-tab.png")


def send_mouse(
    widget: Any,
    kind: str,
    place: QPointF,
    keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
) -> None:
    """Press, move or release the left button."""
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    type_ = {
        "Press": QEvent.Type.MouseButtonPress,
        "Move": QEvent.Type.MouseMove,
        "Release": QEvent.Type.MouseButtonRelease,
    }[kind]
    event = QMouseEvent(
        type_,
        place,
        widget.mapToGlobal(place),
        none if kind == "Move" else left,
        none if kind == "Release" else left,
        keys,
    )
    QApplication.sendEvent(widget, event)


def go_inside(viewer: napari.Viewer, go_on: Callable[[], None]) -> None:
    """Go from cell to cell until one on view has image all around it, if any has."""
    for _ in range(20):
        QTest.qWait(200)
        *_, y, x = camera_of(viewer).center
        height, width = (stop + 1 for stop in viewer.layers.extent.world[1][-2:])
        seen = np.array(size_of_canvas(viewer)) / camera_of(viewer).zoom / 2
        if np.all(np.minimum((y, x), (height - y, width - x)) > seen * 0.9):
            return
        go_on()


def review(viewer: napari.Viewer, dock: Any) -> None:
    """Nuclei of which the small and the doubtful ones are hidden."""
    clear(viewer)
    image = next((DATA / "nuclei-fluorescence" / "test").glob("4dbbb275960a*_img.*"))
    viewer.add_image(imread(image), name="nuclei", gamma=0.6)
    viewer.reset_view()
    dock.segment_panel.form["estimate"].setChecked(True)
    segment(dock)
    panel = dock.review_panel
    dock.tabs.setCurrentWidget(panel)
    wait(lambda: not dock.review_controller.jobs.is_running)
    panel.filter.rows["area"].low.setValue(250)
    panel.filter.rows["border"].low.setValue(1)
    QTest.qWait(500)
    print(panel.filter.count.text())
    save_window(viewer, "review.png")
    panel.filter.reset_button.click()
    QTest.mouseClick(panel.walk.button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.review_controller.jobs.is_running)
    for key in ("A", "A", "Q", "A"):
        panel.walk.pressed.emit(key)
    go_inside(viewer, lambda: panel.walk.pressed.emit("N"))
    print(panel.walk.cell.text())
    save_window(viewer, "review-cells.png")
    QTest.mouseClick(panel.walk.button, Qt.MouseButton.LeftButton)


def pairs(viewer: napari.Viewer, dock: Any) -> None:
    """Nuclei and whole cells of a tissue, with one number and one colour."""
    clear(viewer)
    image = imread(DATA / "tissue-codex" / "train" / "f2_00_img.tif")
    channels = np.moveaxis(image, -1, 0) if image.shape[-1] == 3 else image
    part = channels[:, 100:356, 150:486]
    for name, plane, colour in (
        ("nuclei", part[0], "blue"),
        ("membranes", part[1], "green"),
    ):
        limits = tuple(np.percentile(plane, (1, 99.8)).tolist())
        options = {"colormap": colour, "contrast_limits": limits, "name": name}
        viewer.add_image(plane, **options, blending="additive")
    viewer.reset_view()
    dock.segment_panel.form["estimate"].setChecked(True)
    picker = dock.segment_panel.channel_picker
    for wanted in (("nuclei",), ("nuclei", "membranes")):
        viewer.layers.selection.active = viewer.layers["nuclei"]
        QTest.qWait(300)
        for row in range(picker.list.count()):
            item = picker.list.item(row)
            on = any(item.text().startswith(name) for name in wanted)
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        segment(dock)
        viewer.layers[-1].name = ("found nuclei", "cells")[len(wanted) - 1]
    dock.tabs.setCurrentWidget(dock.review_panel)
    panel, controller = dock.review_panel.pair, dock.pair_controller
    for field, name in (("nuclei", "found nuclei"), ("cells", "cells")):
        combo = panel.form[field]
        combo.setCurrentIndex(combo.findText(name))
    QTest.mouseClick(panel.run.start_button, Qt.MouseButton.LeftButton)
    wait(lambda: not controller.jobs.is_running)
    print(panel.run.status.text())
    for name in ("found nuclei", "cells", "cells cytoplasm"):
        viewer.layers[name].visible = False
    dock.review_panel.ensureWidgetVisible(panel)
    save_window(viewer, "review-pairs.png")


def finetune(viewer: napari.Viewer, dock: Any) -> None:
    """A training, and the model that it offers.

    The image, and what its cells are, comes from the folder of annotated images: the
    model was not trained on it.
    """
    clear(viewer)
    image = next((DATA / "nuclei-histology" / "train").glob("f952cc653760*_img.*"))
    viewer.add_image(imread(image)[..., :3], name="stained tissue")
    mask = image.with_name(image.name.replace("_img.", "_mask."))
    viewer.add_labels(imread(mask), name="labelled cells").contour = 2
    viewer.reset_view()
    panel = dock.finetune_panel
    dock.tabs.setCurrentWidget(panel)
    QTest.qWait(500)
    panel.pairs.menu.aboutToShow.emit()
    panel.pairs.menu.actions()[0].trigger()
    (row,) = panel.pairs.rows.values()
    row.region.setCurrentIndex(row.region.findText("every cell is labelled"))
    row.region.activated.emit(row.region.currentIndex())
    panel.form["minutes"].setValue(2)
    QTest.mouseClick(panel.train_button, Qt.MouseButton.LeftButton)
    wait(lambda: panel.stop_button.isEnabled())
    wait(lambda: not panel.stop_button.isEnabled())
    print(panel.result.text())
    panel.name.setText("my tissue")
    save_window(viewer, "finetune.png")
    save_part(panel.widget(), "finetune-tab.png")
    QTest.mouseClick(panel.discard_button, Qt.MouseButton.LeftButton)


def track(viewer: napari.Viewer, dock: Any) -> None:
    """Nuclei of a film that the program draws."""
    clear(viewer)
    viewer.open_sample("napari-iaunet", "film")
    viewer.reset_view()
    dock.segment_panel.form["estimate"].setChecked(True)
    segment(dock)
    dock.tabs.setCurrentWidget(dock.track_panel)
    button = dock.track_panel.run.start_button
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.track_controller.jobs.is_running)
    print(dock.track_panel.run.status.text())
    viewer.layers[1].visible = False
    viewer.layers[2].contour = 2
    viewer.dims.set_point(0, 7)
    save_window(viewer, "track.png")
    mended(viewer, dock)


def mended(viewer: napari.Viewer, dock: Any) -> None:
    """A doubtful link of the film."""
    edit, film = dock.track_panel.edit, dock.track_edit_controller.film
    QTest.mouseClick(edit.button, Qt.MouseButton.LeftButton)
    wait(lambda: film.tracks is not None)
    QTest.mouseClick(edit.modes["J"], Qt.MouseButton.LeftButton)
    QTest.mouseClick(edit.doubts["N"], Qt.MouseButton.LeftButton)
    camera_of(viewer).zoom = 13
    go_inside(
        viewer,
        lambda: QTest.mouseClick(edit.doubts["N"], Qt.MouseButton.LeftButton),
    )
    viewer.layers[0].visible = True
    QTest.qWait(500)
    print(edit.doubt.text())
    save_window(viewer, "track-edit.png")
    QTest.mouseClick(edit.button, Qt.MouseButton.LeftButton)


def batch(viewer: napari.Viewer, dock: Any) -> None:
    """A folder of nuclei, of which the first image has been looked at."""
    clear(viewer)
    images = sorted((DATA / "nuclei-fluorescence" / "test").glob("*_img.*"))[:6]
    panel, controller = dock.batch_panel, dock.batch_controller
    dock.segment_panel.form["estimate"].setChecked(True)
    dock.tabs.setCurrentWidget(panel)
    with TemporaryDirectory() as folder:
        for i, image in enumerate(images):
            name = f"{('dmso', 'drug')[i // 3]}_B{i % 3 + 2:02}_1{image.suffix}"
            shutil.copy(image, Path(folder, name))
        panel.added.emit([folder])
        wait(lambda: not controller.list_jobs.is_running)
        panel.form["pattern"].setText("{condition}_{well}_{field}")
        QTest.mouseClick(panel.run.start_button, Qt.MouseButton.LeftButton)
        wait(lambda: not controller.jobs.is_running)
        for _ in range(2):
            QTest.mouseClick(panel.next_button, Qt.MouseButton.LeftButton)
            wait(lambda: not controller.view_jobs.is_running)
            wait(lambda: not controller.turns.is_running)
        print(panel.summary.text())
        save_window(viewer, "batch.png")
        summary(panel, dock.summary_controller)


def summary(panel: Any, controller: Any) -> None:
    """The area of the cells by condition."""
    QTest.mouseClick(panel.chart.button, Qt.MouseButton.LeftButton)
    wait(lambda: not controller.jobs.is_running)
    measure = panel.chart.form["measure"]
    measure.setCurrentIndex(measure.findData("area"))
    wait(lambda: not controller.jobs.is_running)
    print(panel.chart.plot.accessibleDescription())
    within = panel.widget()
    save_part(within, "batch-summary.png", place_of(panel.chart, within))


def newcomer(viewer: napari.Viewer, dock: Any) -> None:
    """The first steps: segment a sample, mend a cell, find its like, export."""
    clear(viewer)
    dock.tabs.setCurrentWidget(dock.segment_panel)
    viewer.open_sample("napari-iaunet", "nuclei")
    dock.segment_panel.form["estimate"].setChecked(True)
    QTest.qWait(500)
    save_window(viewer, "first-1-open.png")
    segment(dock)
    save_window(viewer, "first-2-segment.png")
    cells = viewer.layers[-1]
    camera_of(viewer).zoom, camera_of(viewer).center = 3.0, (210, 280)
    QTest.mouseClick(dock.click_panel.button, Qt.MouseButton.LeftButton)
    wait(lambda: not dock.click_controller.jobs.is_running)
    place = nearest(cells.data, (210, 280))
    y, x = np.nonzero(cells.data == cells.data[place])
    box = (y.min() - 2, x.min() - 2), (y.max() + 2, x.max() + 2)
    click(viewer, place)
    canvas = canvas_of(viewer).native
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    QTest.keyClick(canvas, Qt.Key.Key_D)  # a cell that is missing from now on
    QTest.qWait(500)
    drag(viewer, box, "Control", "Shift")
    save_window(viewer, "first-3-box.png")
    QTest.keyClick(canvas, Qt.Key.Key_K)
    QTest.qWait(500)
    assert cells.data[place], dock.click_panel.status.text()
    QTest.mouseClick(dock.click_panel.button, Qt.MouseButton.LeftButton)
    panel = dock.lookalike_panel
    dock.tabs.setCurrentWidget(panel)
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)
    click(viewer, place)
    wait(lambda: not dock.lookalike_controller.jobs.is_running)
    save_window(viewer, "first-4-like.png")
    QTest.mouseClick(panel.pick_button, Qt.MouseButton.LeftButton)
    viewer.layers.selection = {cells}
    with TemporaryDirectory() as folder:
        [written] = viewer.layers.save(
            f"{folder}/cells.geojson", selected=True, plugin="napari-iaunet"
        )
        print(f"wrote {Path(written).stat().st_size} bytes of outlines")


def main() -> None:
    # Neither the models nor the lists of who takes them.
    os.environ["NAPARI_IAUNET_HOME"] = mkdtemp()
    # A few pictures are not worth the minutes that a conversion takes.
    os.environ["NAPARI_IAUNET_ENGINE"] = "pytorch"
    viewer, dock = open_viewer()
    takes = [globals()[name] for name in sys.argv[1:]] or [
        *(moving, nuclei, channels, clicks, lookalikes, classes, map_of_cells),
        *(review, pairs),
        *(track, batch, finetune, newcomer),
    ]
    for take in takes:
        take(viewer, dock)
    viewer.close()


if __name__ == "__main__":
    main()
