"""The dock is of use in a narrow window, and to those who hear it instead of seeing."""

from pathlib import Path

import numpy as np
import pytest
from narrow import WIDTH
from person import open_dock
from pictures import thumbnails
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLabel,
    QProgressBar,
    QScrollArea,
    QWidget,
)

from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.finetune.pair_list import PairInfo

pytestmark = pytest.mark.viewer
LONG = "an image whose name does not end " * 4


@pytest.fixture
def dock(qtbot, viewer, fake):
    """The dock with something in every one of its parts."""
    pixels = np.zeros((3, 64, 64), np.uint8)
    viewer.add_image(pixels, name="stack", axis_labels=("c", "y", "x"))
    viewer.add_image(pixels[0], name=LONG)
    viewer.add_image(pixels[1], name="b")
    viewer.add_labels(np.pad(np.ones((9, 9), int), ((9, 46), (9, 46))), name=LONG)
    dock = open_dock(qtbot, viewer)
    found = dock.lookalike_panel.found
    found.set_values(np.linspace(0, 1, 1_000, dtype=np.float32))
    found.set_gallery(thumbnails(30), thumbnails(30))
    dock.lookalike_panel.set_examples(thumbnails(30))
    tuning = dock.finetune_panel
    images = [("i", LONG), ("j", "other")]
    tuning.pairs.set_pairs([PairInfo("a", LONG, LONG, "", images)], [("r", LONG)])
    tuning.set_result("It finds more. " * 9, offered=True)
    tuning.set_advice(["Something to think of. " * 9])
    tuning.plot.show()
    tuning.caption.show()
    dock.batch_panel.chart.button.setChecked(True)
    dock.model_section.set_models([ModelInfo("m" * 60, Path("m"), "")])
    yield dock
    if dock.parent() is not None:
        dock.teardown()


def tabs(dock):
    for number in range(dock.tabs.count()):
        dock.tabs.setCurrentIndex(number)
        for _ in range(3):
            QApplication.processEvents()
        yield dock.tabs.widget(number)


def spoken(widget):
    """What a screen reader calls a widget, by the rules of Qt."""
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton):
        return widget.text().replace("&", "")
    labels = widget.window().findChildren(QLabel)
    return "".join(label.text() for label in labels if label.buddy() is widget)


def is_part(widget):
    """Whether Qt made a widget as a part of another, which has the name."""
    parts = (QComboBox, QAbstractSpinBox)
    while (widget := widget.parentWidget()) is not None:
        if isinstance(widget, parts):
            return True
    return False


def test_everything_that_takes_keys_has_a_name(dock):
    heard = []
    for widget in dock.findChildren(QWidget):
        takes_keys = widget.focusPolicy() != Qt.FocusPolicy.NoFocus
        tells = isinstance(widget, (QProgressBar, QHeaderView))
        if (takes_keys or tells) and not is_part(widget):
            name = spoken(widget)
            heard.append(name)
            # "?" and "…" say something only beside what can be seen.
            assert len(name) > 2, (type(widget).__name__, widget.toolTip())
    assert len(heard) > 40


def test_pictures_of_cells_have_a_name(dock):
    item = dock.lookalike_panel.found.best.item(3)
    assert item.data(Qt.ItemDataRole.AccessibleTextRole) == "cell 3"


@pytest.mark.parametrize("width", [WIDTH, 700])
def test_all_tabs_can_be_seen_and_reached(qtbot, dock, viewer, width):
    outer = dock.parent()
    viewer.window.resize(1500, 900)
    outer.window().resizeDocks([outer], [width], Qt.Orientation.Horizontal)
    qtbot.wait(50)
    buttons = dock.tab_buttons.buttons
    assert dock.width() == pytest.approx(width, abs=20)
    assert len({button.y() for button in buttons}) == (3 if width == WIDTH else 1)
    for number, button in enumerate(buttons):
        assert button.isVisible()
        assert dock.tab_buttons.rect().contains(button.geometry())
        assert button.width() >= button.minimumSizeHint().width()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        assert dock.tabs.currentIndex() == number
        assert dock.tabs.currentWidget().isVisible()
        assert [b.isChecked() for b in buttons].index(True) == number
    bar, pages = dock.tab_buttons, dock.tabs
    qtbot.waitUntil(lambda: bar.geometry().bottom() < pages.geometry().top())
    qtbot.keyClick(buttons[1], Qt.Key.Key_Space)
    assert dock.tabs.currentIndex() == 1
    dock.tabs.setCurrentIndex(4)
    assert [b.isChecked() for b in buttons].index(True) == 4


def test_nothing_is_cut_in_a_narrow_dock(dock, viewer):
    outer = dock.parent()
    window = outer.window()
    for tab in tabs(dock):
        window.resizeDocks([outer], [WIDTH], Qt.Orientation.Horizontal)
        QApplication.processEvents()
        assert outer.width() <= WIDTH
        seen = tab.viewport() if isinstance(tab, QScrollArea) else tab
        for widget in tab.findChildren(QWidget):
            if not widget.isVisible() or is_part(widget):
                continue
            if isinstance(widget, (QAbstractButton, QLabel, QComboBox)):
                place = widget.mapTo(tab, QPoint(0, 0)).x()
                text = getattr(widget, "text", lambda: "")()
                assert place >= 0, text
                assert place + widget.width() <= seen.width(), text
                if not isinstance(widget, QComboBox):  # these shorten their text
                    assert widget.width() >= widget.minimumSizeHint().width(), text
