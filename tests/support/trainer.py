"""Somebody who annotates and trains in a real viewer."""

import drawn
import numpy as np
from napari.utils.notifications import notification_manager
from person import Person
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

# Of the held-out cells: a model that drew cells too small is better after a few, which
# are the sooner there the less a machine has to do.
MOST_MEASUREMENTS = 60


def discs():
    """Twenty-five discs and their picture."""
    labels, picture = drawn.discs(5, 36)
    return labels, picture.astype(np.float32)


def messages():
    """Return what napari told so far."""
    return [n.message for n in notification_manager.records]


class Trainer(Person):
    """Somebody who annotates and trains."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1200, 900))
        self.panel = self.dock.finetune_panel
        self.controller = self.dock.finetune_controller
        self.dock.tabs.setCurrentWidget(self.panel)
        self.drawn()

    def proposals(self):
        """What the menu offers, and whether it can be chosen."""
        menu = self.panel.pairs.menu
        menu.aboutToShow.emit()
        return [(a.text(), a.isEnabled()) for a in menu.actions() if a.text()]

    def add(self, number=0):
        """Open the menu and click an entry."""
        menu = self.panel.pairs.menu
        self.press(self.panel.pairs.add_button)
        self.qtbot.waitUntil(menu.isVisible)
        action = [a for a in menu.actions() if a.text()][number]
        place = menu.actionGeometry(action).center()
        self.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=place)
        self.qtbot.waitUntil(lambda: not menu.isVisible())

    def add_complete(self):
        """Add the first entry, and say that every cell is labelled."""
        self.add()
        self.pick(self.row().region, "every cell is labelled")

    def row(self, number=0):
        """A row of the list."""
        return list(self.panel.pairs.rows.values())[number]

    def pick(self, picker, text):
        """Choose in a combo box with the keyboard."""
        picker.setFocus()
        for _ in range(picker.count()):
            QTest.keyClick(picker, Qt.Key.Key_Up)
        for _ in range(picker.findText(text)):
            QTest.keyClick(picker, Qt.Key.Key_Down)

    def train(self, minutes=0.1):
        self.panel.form[self.panel.options.unit].setValue(minutes)
        self.press(self.panel.train_button)

    def steps_at_rest(self):
        """Wait until the step that was begun is done, and no more come."""
        points = self.panel.plot.training
        long = 1500 + round(2000 * points[-1][0])  # longer than all steps so far
        for _ in range(20):
            steps = len(points)
            self.qtbot.wait(long)
            if len(points) == steps:
                return steps
        raise AssertionError

    def wait_for_steps(self, count=1):
        plot = self.panel.plot
        self.qtbot.waitUntil(lambda: len(plot.training) >= count)

    def wait_until_better(self, least=0.0):
        """Wait for a model that is better than the start; each measurement anew.

        It is to find so many of the held-out cells, at least.
        """
        plot = self.panel.plot
        for known in range(MOST_MEASUREMENTS):
            if any(ap > plot.start and ap >= least for _, ap in plot.precision):
                return
            self.qtbot.waitUntil(lambda known=known: len(plot.precision) > known)
        raise AssertionError

    def wait_for_end(self):
        panel = self.panel
        self.qtbot.waitUntil(
            lambda: not panel.stop_button.isEnabled() and not panel.bar.isVisible()
        )

    def started_from(self, name):
        start = self.panel.form["start"]
        start.setCurrentIndex(start.findText(name))
