"""Somebody with a mouse and a keyboard in front of a real viewer."""

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
PRESS, RELEASE = QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonRelease
MOVE = QEvent.Type.MouseMove
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier
ALT = Qt.KeyboardModifier.AltModifier
# A hand is never quite still between press and release.
TREMOR = QPoint(1, 1)


class Person:
    """Opens the dock in a viewer, and uses mouse and keys as the window system does."""

    def __init__(self, qtbot, viewer, size):
        self.qtbot, self.viewer = qtbot, viewer
        _, self.dock = viewer.window.add_plugin_dock_widget("napari-iaunet", "IAU-Net")
        self.canvas = viewer.__wrapped__.window._qt_viewer.canvas
        self.native = self.canvas.native
        viewer.window.resize(*size)

    def where(self, pixel, layer=None):
        """Where a pixel of a layer, by default the lowest, is on the screen."""
        layer = self.viewer.layers[0] if layer is None else layer
        axes = self.viewer.dims.displayed
        position = np.array(layer.world_to_data(self.viewer.dims.point))
        position[-2:] = pixel
        world = np.asarray(self.viewer.dims.point, float)
        world[-layer.ndim :] = layer.data_to_world(position)
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
        place = self.where(pixel, layer)
        self.send(MOVE, place, modifier)
        self.send(PRESS, place, modifier, LEFT, LEFT)
        self.send(MOVE, place + TREMOR, modifier, NONE, LEFT)
        self.send(RELEASE, place + TREMOR, modifier, LEFT)

    def drag(self, start, end):
        """From one place of the screen to another."""
        self.send(PRESS, start, PLAIN, LEFT, LEFT)
        for share in (0.3, 0.6, 1):
            self.send(MOVE, start + (end - start) * share, PLAIN, NONE, LEFT)
        self.send(RELEASE, end, PLAIN, LEFT)

    def key(self, key, modifier=PLAIN):
        QTest.keyClick(self.native, key, modifier)
        self.qtbot.wait(10)

    def press(self, button):
        """Click a button of the dock."""
        self.qtbot.mouseClick(button, LEFT)

    def drawn(self):
        """Wait until the canvas has found its place between the docks."""
        self.qtbot.wait(50)
