"""The Classes tab shows classes, and says what the user wants."""

import numpy as np
import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt

from napari_iaunet.identity.confusion import Confusion
from napari_iaunet.plugin.classes.examples import CellClass
from napari_iaunet.plugin.classes.panel import ClassPanel

CLASSES = [CellClass("large <b>", "#e69f00"), CellClass("small", "#56b4e9")]
CONFUSION = Confusion(("large <b>", "small"), np.array([[3, 1], [0, 4]]))


@pytest.fixture
def panel(qtbot):
    panel = ClassPanel()
    qtbot.addWidget(panel)
    panel.set_classes(CLASSES, {"large <b>": 4, "small": 1}, {"small": 1200})
    panel.resize(380, 800)
    panel.show()
    return panel


def texts(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def heard(signal):
    values = []
    signal.connect(lambda *args: values.append(args))
    return values


def test_the_legend(panel):
    assert texts(panel.legend) == [
        ["1", "large <b>", "4", ""],
        ["2", "small", "1", "1,200"],
    ]
    for row, one in enumerate(CLASSES):
        pixmap = panel.legend.item(row, 1).icon().pixmap(8, 8)
        assert pixmap.toImage().pixelColor(4, 4).name() == one.colour


def test_a_name_is_typed(panel):
    names = heard(panel.class_renamed)
    panel.legend.item(0, 1).setText("huge")
    assert names == [("large <b>", "huge")]
    panel.set_classes([CellClass("huge", "#e69f00"), CLASSES[1]], {}, {})
    assert len(names) == 1
    assert not panel.legend.item(0, 2).flags() & Qt.ItemFlag.ItemIsEditable


def test_buttons_are_for_the_selected_classes(panel):
    assert not panel.colour_button.isEnabled()
    panel.legend.selectRow(1)
    assert panel.selected() == ["small"]
    assert panel.colour_button.isEnabled()
    assert not panel.merge_button.isEnabled()
    removed, merged = heard(panel.class_removed), heard(panel.classes_merged)
    panel.remove_button.click()
    assert removed == [("small",)]
    panel.legend.selectAll()
    panel.merge_button.click()
    assert merged == [(["large <b>", "small"],)]
    panel.set_classes(CLASSES[1:], {}, {})
    assert panel.selected() == ["small"]


def test_how_sure_it_is(panel):
    panel.set_outcome(None)
    assert "at least two classes" in panel.accuracy.text()
    assert not panel.keep_button.isEnabled()
    panel.set_outcome(CONFUSION)
    assert panel.accuracy.text().startswith("88 %")
    assert texts(panel.confusion) == [["3", "1"], ["·", "4"]]
    panel.set_classes(CLASSES[::-1], {}, {})
    panel.set_outcome(CONFUSION)
    assert texts(panel.confusion) == [["4", "·"], ["1", "3"]]
    assert panel.confusion.horizontalHeaderItem(1).text() == "2"
    panel.set_classes(CLASSES, {}, {})
    panel.set_outcome(CONFUSION)
    assert "taken for" in panel.confusion.item(0, 1).toolTip()
    assert "<b>" not in panel.confusion.item(0, 1).toolTip()
    assert panel.keep_button.isEnabled()
    panel.set_outcome(Confusion(CONFUSION.names, np.zeros((2, 2), int)))
    assert "two examples" in panel.accuracy.text()
    assert panel.confusion.isHidden()
    assert panel.save_button.isEnabled()


def test_fits_into_a_narrow_dock(qtbot, panel):
    panel.set_outcome(CONFUSION)
    assert_fits(panel.takeWidget())


def test_images_of_classes_are_asked_for(panel):
    panel.set_outcome(CONFUSION)
    wanted = heard(panel.export_requested)
    panel.semantic_button.click()
    panel.panoptic_button.click()
    assert wanted == [("semantic",), ("panoptic",)]
