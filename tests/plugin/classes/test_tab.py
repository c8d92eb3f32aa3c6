"""Classes by keys, in a window."""

import numpy as np
import pytest
from person import Person
from qtpy.QtCore import Qt
from seer import cells_and_image, middle


class Sorter(Person):
    """Somebody who gives cells classes."""

    def __init__(self, qtbot, viewer):
        super().__init__(qtbot, viewer, (1200, 900))
        self.panel, self.controller = self.dock.class_panel, self.dock.class_controller
        self.dock.tabs.setCurrentWidget(self.panel)
        self.drawn()

    def wait(self):
        jobs = (self.controller.jobs, self.controller.learning)
        self.qtbot.waitUntil(lambda: not any(j.is_running for j in jobs))
        self.qtbot.wait(20)

    def give(self, key, place):
        self.hover(middle(*place))
        self.key(key)
        self.wait()

    def legend(self):
        table = self.panel.legend
        return [
            [table.item(row, column).text() for column in (1, 2, 3)]
            for row in range(table.rowCount())
        ]


@pytest.fixture
def sorter(qtbot, viewer, seer):
    sorter = Sorter(qtbot, viewer)
    labels, image = cells_and_image()
    viewer.add_image(image, name="image")
    viewer.add_labels(labels, name="cells")
    sorter.press(sorter.panel.pick_button)
    sorter.wait()
    return sorter


@pytest.mark.viewer
@pytest.mark.parametrize("active", ["image", "cells"])
def test_digits_give_classes_whatever_layer_is_selected(sorter, active):
    layers = sorter.viewer.layers
    layers.selection.active = layers[active]
    mode = str(layers[active].mode)
    for key, place in (
        (Qt.Key.Key_1, (0, 0)),
        (Qt.Key.Key_2, (0, 5)),
        (Qt.Key.Key_1, (1, 1)),
        (Qt.Key.Key_2, (3, 6)),
    ):
        sorter.give(key, place)
    assert sorter.legend() == [["class 1", "2", "15"], ["class 2", "2", "20"]]
    assert str(layers[active].mode) == mode
    shown = np.asarray(layers["cells classes on trial"].data)
    assert set(np.unique(shown)) == {0, 1, 2, 255}
    sorter.give(Qt.Key.Key_0, (0, 0))
    assert sorter.legend()[0][1] == "1"
    sorter.key(Qt.Key.Key_N)
    assert "in the middle of the view" in sorter.panel.status.text()


@pytest.mark.viewer
def test_in_another_tab_the_digits_are_napari_s_again(sorter):
    sorter.give(Qt.Key.Key_1, (0, 0))
    layers = sorter.viewer.layers
    sorter.dock.tabs.setCurrentIndex(0)
    assert [layer.name for layer in layers] == ["image", "cells"]
    assert layers["cells"].visible
    assert not sorter.panel.pick_button.isChecked()
    layers.selection.active = layers["cells"]
    sorter.key(Qt.Key.Key_2)
    assert str(layers["cells"].mode) == "paint"
    layers["cells"].mode = "pan_zoom"
    sorter.dock.tabs.setCurrentWidget(sorter.panel)
    sorter.wait()
    assert sorter.legend()[0][1] == "1"
    assert "cells classes on trial" in [layer.name for layer in layers]
