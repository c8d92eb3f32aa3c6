"""The map in the window of napari: drawn by OpenGL, chosen with mouse and keys."""

import numpy as np
import pytest
from person import LEFT, MOVE, NONE, PLAIN, PRESS, RELEASE, SHIFT, Person
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from seer import cells_and_image, middle

from napari_iaunet.plugin.layers.camera import camera_of

pytestmark = pytest.mark.viewer


class Mapper(Person):
    """Somebody who looks at a map of cells."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1200, 900))
        labels, image = cells_and_image()
        viewer.add_image(image, name="image")
        viewer.add_labels(labels, name="cells")
        self.panel, self.controller = self.dock.map_panel, self.dock.map_controller
        self.plot = self.panel.plot
        self.dock.tabs.setCurrentWidget(self.panel)
        self.drawn()
        self.press(self.panel.make_button)
        self.wait()

    def wait(self):
        jobs = (self.controller.jobs, self.controller.laying)
        self.qtbot.waitUntil(lambda: not any(j.is_running for j in jobs))
        self.qtbot.wait(60)

    @property
    def places(self):
        return self.plot._places

    def on_map(self, kind, place, modifier=PLAIN, button=NONE, held=NONE):
        native = self.plot.canvas.native
        place = QPointF(*place)
        event = QMouseEvent(
            kind, place, native.mapToGlobal(place), button, held, modifier
        )
        QApplication.sendEvent(native, event)

    def lasso(self, places, modifier=PLAIN):
        pixels = self.plot.view.on_screen(places)
        self.on_map(PRESS, pixels[0], modifier, LEFT, LEFT)
        for pixel in pixels[1:]:
            self.on_map(MOVE, pixel, modifier, NONE, LEFT)
        self.on_map(RELEASE, pixels[-1], modifier, LEFT)
        self.qtbot.wait(60)

    def click_on_map(self, row, kind=PRESS):
        pixel = self.plot.view.on_screen(self.places[row])
        self.on_map(kind, pixel, PLAIN, LEFT, LEFT)
        self.on_map(RELEASE, pixel, PLAIN, LEFT)

    def chosen(self):
        return np.flatnonzero(self.controller._display.chosen).tolist()

    def key_on_map(self, key, modifier=PLAIN):
        QTest.keyClick(self.plot.canvas.native, key, modifier)


@pytest.fixture
def mapper(qtbot, viewer, seer):
    return Mapper(qtbot, viewer)


def around(places):
    """Return a lasso around some places."""
    low, high = places.min(axis=0) - 0.02, places.max(axis=0) + 0.02
    return np.array([low, (high[0], low[1]), high, (low[0], high[1])])


def test_mouse_and_keys_choose_cells(mapper):
    bright = [7 * row + column for row in range(5) for column in range(3)]
    mapper.lasso(around(mapper.places[bright]))
    assert mapper.chosen() == bright
    assert "15 of 35 cells" in mapper.panel.count.text()
    assert mapper.viewer.layers[-1].name == "cells map"
    dark = sorted(set(range(35)) - set(bright))
    mapper.lasso(around(mapper.places[dark]), SHIFT)
    assert len(mapper.chosen()) == 35
    mapper.click_on_map(0)
    assert len(mapper.chosen()) == 1
    mapper.click_on_map(0, QEvent.Type.MouseButtonDblClick)
    centre = np.array(camera_of(mapper.viewer).center[-2:])
    labels = mapper.viewer.layers["cells"].data
    (row,) = mapper.chosen()
    assert labels[tuple(np.rint(centre).astype(int))] == row + 1
    mapper.key_on_map(Qt.Key.Key_Escape)
    assert mapper.chosen() == []
    mapper.plot.set_mark(None)
    mapper.key_on_map(Qt.Key.Key_Right)
    mapper.key_on_map(Qt.Key.Key_Left)
    mapper.key_on_map(Qt.Key.Key_Space)
    assert len(mapper.chosen()) == 1
    mapper.hover(middle(0, 1))
    assert mapper.plot._mark == 1


def test_a_dock_of_its_own_and_another_theme(mapper):
    """Points are drawn in a new window, too; nothing fails as the window closes."""
    outer, plot = mapper.dock.parent(), mapper.plot

    def ink():
        picture = plot.canvas.native.grabFramebuffer()
        shown = picture.convertToFormat(picture.Format.Format_RGB888)
        corner = shown.pixelColor(1, 1)
        colours = {
            shown.pixel(x, y)
            for x in range(0, shown.width(), 2)
            for y in range(0, shown.height(), 2)
        }
        return corner.lightness(), len(colours)

    dark, colours = ink()
    assert colours > 1
    first = plot.canvas
    outer.setFloating(True)
    mapper.qtbot.waitUntil(lambda: plot.canvas is not first)
    mapper.viewer.theme = "light"
    mapper.qtbot.wait(50)
    light, colours = ink()
    assert colours > 1
    assert light > 150 > dark
    mapper.viewer.window.remove_dock_widget(outer)
    assert plot.canvas is None
    assert [layer.name for layer in mapper.viewer.layers] == ["image", "cells"]
