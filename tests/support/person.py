"""Somebody with a mouse and a keyboard in front of a viewer."""

from types import SimpleNamespace

import numpy as np
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_iaunet.plugin.dock import IAUNetDock

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PRESS, RELEASE = QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease
MOVE = QEvent.Type.MouseMove
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
# A hand is never quite still between press and release.
TREMOR = QPoint(1, 1)


_KEYS = {PLAIN: (), SHIFT: ("Shift",), CTRL: ("Control",), ALT: ("Alt",)}


def has_window(viewer):
    return hasattr(viewer, "window")


def set_canvas_size(viewer, size):
    """Give a viewer that has no window a canvas of (height, width), in pixels."""
    if hasattr(viewer, "canvas"):
        viewer.canvas.size = size
    else:  # before napari 0.9
        viewer._canvas_size = size


def open_dock(qtbot, viewer):
    """Open the dock in the window of a viewer, or beside one that has no window."""
    if has_window(viewer):
        return viewer.window.add_plugin_dock_widget("napari-iaunet", "IAU-Net")[1]
    dock = IAUNetDock(viewer)
    qtbot.addWidget(dock, before_close_func=IAUNetDock.teardown)
    dock.resize(400, 900)
    dock.show()
    return dock


def click_in(viewer, place, modifiers=()):
    """Click, as napari hands it on, on a place of the world of any viewer."""
    viewer.cursor.position = tuple(place)
    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        modifiers=modifiers,
        pos=np.zeros(2),
        position=tuple(place),
        handled=False,
    )
    mouse_press_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


class Person:
    """Opens the dock of a viewer, and uses mouse and keys as the window system does.

    Beside a viewer without a window, clicks go to where napari would hand them on.
    """

    def __init__(self, qtbot, viewer, size):
        self.qtbot, self.viewer = qtbot, viewer
        self.dock = open_dock(qtbot, viewer)
        if has_window(viewer):
            self.canvas = viewer.__wrapped__.window._qt_viewer.canvas
            self.native = self.canvas.native
            viewer.window.resize(*size)

    def world(self, pixel, layer=None):
        """Where a pixel of a layer, by default the lowest, is in the world."""
        layer = self.viewer.layers[0] if layer is None else layer
        position = np.array(layer.world_to_data(self.viewer.dims.point))
        position[-2:] = pixel
        world = np.asarray(self.viewer.dims.point, float)
        world[-layer.ndim :] = layer.data_to_world(position)
        return world

    def where(self, pixel, layer=None):
        """Where a pixel of a layer, by default the lowest, is on the screen."""
        axes = self.viewer.dims.displayed
        world = self.world(pixel, layer)
        transform = self.canvas.view.transform * self.canvas.view.scene.transform
        x, y = transform.map([world[axes[1]], world[axes[0]]])[:2]
        return QPoint(round(x), round(y))

    def send(self, kind, place, modifier=PLAIN, button=NONE, held=NONE):
        """Send a mouse event to the canvas."""
        assert self.native.rect().contains(place)
        place = QPointF(place)
        event = QMouseEvent(
            kind, place, self.native.mapToGlobal(place), button, held, modifier
        )
        QApplication.sendEvent(self.native, event)
        if kind == MOVE:  # napari looks at these every 5 ms only
            self.qtbot.wait(10)

    def hover(self, pixel):
        self.send(MOVE, self.where(pixel))

    def click(self, pixel, modifier=PLAIN, layer=None):
        if not has_window(self.viewer):
            click_in(self.viewer, self.world(pixel, layer), _KEYS[modifier])
            return
        place = self.where(pixel, layer)
        self.send(MOVE, place, modifier)
        self.send(PRESS, place, modifier, LEFT, LEFT)
        self.send(MOVE, place + TREMOR, modifier, NONE, LEFT)
        self.send(RELEASE, place + TREMOR, modifier, LEFT)

    def drag(self, start, end, modifier=PLAIN, release=True):
        """From one place of the screen to another."""
        self.send(PRESS, start, modifier, LEFT, LEFT)
        for share in (0.3, 0.6, 1):
            self.send(MOVE, start + (end - start) * share, modifier, NONE, LEFT)
        if release:
            self.send(RELEASE, end, modifier, LEFT)

    def key(self, key, modifier=PLAIN):
        QTest.keyClick(self.native, key, modifier)
        self.qtbot.wait(10)

    def press(self, button):
        """Click a button of the dock."""
        self.qtbot.mouseClick(button, LEFT)

    def drawn(self):
        """Wait until the canvas has found its place between the docks."""
        if has_window(self.viewer):
            self.qtbot.wait(50)
