"""Somebody who clicks cells in a viewer that has no window."""

import functools
from types import SimpleNamespace

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.key_bindings import KeymapHandler
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QObject, Signal
from scipy.ndimage import gaussian_filter

import napari_iaunet
from napari_iaunet.errors import IAUNetError
from napari_iaunet.plugin.click.controller import ClickController
from napari_iaunet.plugin.click.panel import ClickPanel
from napari_iaunet.plugin.core.session import Session
from napari_iaunet.plugin.core.settings import Settings
from napari_iaunet.plugin.layers.find import selected_layer
from napari_iaunet.plugin.layers.images import describe_all

A, B, C = (30, 30), (30, 80), (30, 130)
LEFT_OF_PAIR, RIGHT_OF_PAIR = (90, 60), (90, 81)
BACKGROUND = (60, 110)
SHAPE = (128, 160)
RADIUS = 11
NUCLEI = (A, B, C, LEFT_OF_PAIR, RIGHT_OF_PAIR)


def nuclei(places=NUCLEI, shape=SHAPE):
    """Discs as bright as nuclei; two of them touch."""
    y, x = np.indices(shape)
    image = np.zeros(shape)
    for place in places:
        image[np.hypot(y - place[0], x - place[1]) < RADIUS] = 1
    noise = np.random.default_rng(0).normal(0, 4, shape)
    return (gaussian_filter(image, 1.2) * 150 + 30 + noise).astype(np.uint8)


def disc(place):
    y, x = np.indices(SHAPE)
    return np.hypot(y - place[0], x - place[1]) < RADIUS


def iou(a, b):
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def is_cell(mask, place):
    return iou(mask, disc(place)) > 0.7


def squares(*cells, shape=SHAPE, dtype=np.int32):
    """Labels: (label id, row, column, side) each."""
    labels = np.zeros(shape, dtype)
    for label_id, y, x, side in cells:
        labels[y : y + side, x : x + side] = label_id
    return labels


def messages():
    return [record.message for record in notification_manager.records]


@functools.cache
def bundled():
    return napari_iaunet.Segmenter("default", "cpu")


class Encoder:
    """The bundled model, which encodes an image once for all tests."""

    known = {}  # noqa: RUF012

    def __init__(self):
        self.encoded = []

    def __getattr__(self, name):
        return getattr(bundled(), name)

    def encode(self, image, *, progress, **options):
        self.encoded.append(np.array(image))
        key = (image.shape, image.tobytes(), str(options))
        if key not in self.known:
            segmenter = bundled()
            self.known[key] = segmenter.encode(image, progress=progress, **options)
        return self.known[key]


class HeldJobs(QObject):
    """Jobs that are done when the test says so."""

    progressed = Signal(int, int)
    succeeded = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self):
        super().__init__()
        self._work = None

    @property
    def is_running(self):
        return self._work is not None

    def start(self, work, description):
        self._work = work

    def finish(self):
        work, self._work = self._work, None
        try:
            value = work(self.progressed.emit)
        except IAUNetError as error:
            self.failed.emit(str(error))
        else:
            self.succeeded.emit(value)

    def cancel(self):
        self._work = None
        self.cancelled.emit()

    def close(self):
        self._work = None


class Witness:
    """What somebody who clicks sees in the viewer and in the panel."""

    @property
    def said(self):
        return self.panel.status.text()

    @property
    def cells(self):
        """The layer that the cells go into."""
        return self.viewer.layers[self.panel.target.currentText()]

    @property
    def preview(self):
        return preview_of(self.viewer)


class Clicker(Witness):
    """Somebody who clicks cells; what takes time happens in `wait` only."""

    def __init__(self, qtbot):
        self.qtbot = qtbot
        self.viewer, self.settings = ViewerModel(), Settings()
        self.settings.model, self.settings.device = "default", "cpu"
        self.settings.estimate, self.settings.diameter = False, 2 * RADIUS
        self.viewer.layers.events.inserted.connect(self._offer_images)
        self.viewer.layers.events.removed.connect(self._offer_images)
        self.viewer.layers.selection.events.active.connect(self._offer_images)
        self.panel, self.jobs, self.encoder = ClickPanel(), HeldJobs(), Encoder()
        self.more_jobs, self.rest_jobs = HeldJobs(), HeldJobs()
        self.load = lambda: self.encoder
        segmenters = SimpleNamespace(get=lambda model, device: self.load())
        session = Session(self.viewer, self.settings, segmenters)
        self.controller = ClickController(
            session,
            self.panel,
            self.jobs,
            more_jobs=self.more_jobs,
            rest_jobs=self.rest_jobs,
        )
        qtbot.addWidget(self.panel)

    def _offer_images(self, event=None):
        """Do what the Segment tab does: a new image is selected, and so picked."""
        self.settings.offer_images(describe_all(self.viewer))
        image = selected_layer(self.viewer, Image)
        if image is not None:
            self.settings.pick_image(str(image.unique_id))

    def toggle(self, wait=True):
        self.panel.button.click()
        if wait:
            self.wait()

    def wait(self):
        """Wait until changes have settled, and all is prepared."""
        timer = self.controller._timer
        if timer.isActive():
            self.qtbot.waitUntil(lambda: not timer.isActive())
        while self.jobs.is_running:
            self.jobs.finish()

    def world(self, pixel):
        """Where a pixel of the lowest layer, in its plane on view, is in the world."""
        layer = self.viewer.layers[0]
        position = np.array(layer.world_to_data(self.viewer.dims.point))
        position[-2:] = pixel
        world = np.array(self.viewer.dims.point, float)
        world[-layer.ndim :] = layer.data_to_world(position)
        return tuple(world)

    def hover(self, pixel):
        self.viewer.cursor.position = self.world(pixel)

    def click(self, pixel, *modifiers):
        self.hover(pixel)
        event = SimpleNamespace(
            type="mouse_press",
            button=1,
            modifiers=modifiers,
            pos=np.zeros(2),
            position=self.world(pixel),
        )
        for callback in list(self.viewer.mouse_drag_callbacks):
            if callback.__module__.startswith("napari_iaunet"):
                press = callback(self.viewer, event)
                next(press, None)
                event.type = "mouse_release"
                next(press, None)

    def drag(self, way, *modifiers, release=True):
        """Draw a line through pixels."""
        event = SimpleNamespace(
            type="mouse_press",
            button=1,
            modifiers=modifiers,
            pos=np.zeros(2),
            position=self.world(way[0]),
        )
        (callback,) = [
            c
            for c in self.viewer.mouse_drag_callbacks
            if c.__module__.startswith("napari_iaunet")
        ]
        drag = callback(self.viewer, event)
        next(drag, None)
        event.type = "mouse_move"
        for pixel in way[1:]:
            event.pos, event.position = event.pos + 9, self.world(pixel)
            next(drag, None)
        if release:
            event.type = "mouse_release"
            next(drag, None)

    def key(self, key):
        handler, active = KeymapHandler(), self.viewer.layers.selection.active
        handler.keymap_providers = [p for p in (active, self.viewer) if p is not None]
        handler.press_key(key)

    def pick_target(self, name):
        self.panel.target.setCurrentText(name)
        self.panel.target.activated.emit(self.panel.target.currentIndex())


def preview_of(viewer):
    """The pixels of the preview in the image's plane, None if it is hidden."""
    found = [i for i in viewer.layers if i.name == "click preview"]
    if not found or not found[0].visible:
        return None
    image = viewer.layers[0]
    data = found[0].data
    corner = image.world_to_data(found[0].data_to_world((0,) * found[0].ndim))
    y, x = (round(float(c)) for c in corner[-2:])
    shape = image.level_shapes[0] if image.multiscale else image.data.shape
    plane = np.zeros(shape[-2:], bool)
    plane[y : y + data.shape[-2], x : x + data.shape[-1]] = data.reshape(
        data.shape[-2:]
    )
    return plane
