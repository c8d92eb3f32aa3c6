"""The section "Your models" alone: what it offers, allows and emits."""

from pathlib import Path

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtGui import QTextDocument
from qtpy.QtTest import QTest

from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.models.panel import ModelSection

LEFT = Qt.MouseButton.LeftButton


def models(*names):
    return [ModelInfo(name, Path(name), f"about {name}") for name in names]


@pytest.fixture
def panel(qtbot):
    panel = ModelSection()
    qtbot.addWidget(panel)
    panel.show()
    return panel


def requests(panel):
    return {
        panel.rename_button: panel.rename_requested,
        panel.delete_button: panel.delete_requested,
        panel.export_button: panel.export_requested,
    }


def test_without_models_there_is_only_the_import(qtbot, panel):
    assert panel.model.currentText() == "none yet"
    assert not panel.model.isEnabled()
    for button, signal in requests(panel).items():
        with qtbot.assertNotEmitted(signal):
            qtbot.mouseClick(button, LEFT)
    with qtbot.waitSignal(panel.import_requested):
        qtbot.mouseClick(panel.import_button, LEFT)


def test_every_button_tells_the_picked_model(qtbot, panel):
    panel.set_models(models("a", "b"))
    panel.model.setFocus()
    QTest.keyClick(panel.model, Qt.Key.Key_Down)
    for button, signal in requests(panel).items():
        with qtbot.waitSignal(signal) as requested:
            qtbot.mouseClick(button, LEFT)
        assert requested.args == ["b"]


def test_the_picked_model_stays_while_there_is_one_of_its_name(panel):
    panel.set_models(models("a", "b"))
    panel.model.setCurrentText("b")
    panel.set_models(models("0", "a", "b"))
    assert panel.model.currentText() == "b"
    panel.set_models(models("0", "a"))
    assert panel.model.currentText() == "0"
    panel.set_models([])
    assert panel.model.currentText() == "none yet"
    panel.set_models(models("a"))
    assert panel.model.currentText() == "a"
    assert panel.model.count() == 1


def test_a_model_is_described(panel):
    panel.set_models(models("a", "b"))
    assert panel.model.itemData(1, Qt.ItemDataRole.ToolTipRole) == "about b"


def test_many_models_with_long_names_fit_a_narrow_dock(panel):
    panel.set_models(
        models(*(f"{i} a name that does not end " * 5 for i in range(999)))
    )
    assert panel.model.count() == 999
    assert_fits(panel)


def test_everything_has_a_tooltip(panel):
    parts = (panel.model, *requests(panel), panel.import_button)
    assert all(part.toolTip() for part in parts)


def test_a_card_is_shown_as_it_is(panel):
    """No markup, no picture from elsewhere, no link."""
    words = "<b>best</b> <img src='https://example.com/a.png'>"
    panel.set_models([ModelInfo("odd", Path("odd"), words)])
    tip = panel.model.itemData(0, Qt.ItemDataRole.ToolTipRole)
    shown = QTextDocument()
    assert "&lt;" in tip  # so Qt takes it for markup
    shown.setHtml(tip)
    assert shown.toPlainText() == words
    assert "<" not in tip
