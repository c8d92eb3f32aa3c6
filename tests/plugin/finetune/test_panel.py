"""The Fine-tune tab alone: what it allows, shows and emits."""

from pathlib import Path

import numpy as np
import pytest
from narrow import WIDTH
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLabel

from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.finetune.pair_list import PairInfo
from napari_iaunet.plugin.finetune.panel import FinetunePanel, TrainingChoice

LEFT = Qt.MouseButton.LeftButton


def models(*names):
    return [ModelInfo(name, Path(name), f"about {name}") for name in names]


@pytest.fixture
def panel(qtbot):
    panel = FinetunePanel()
    qtbot.addWidget(panel)
    panel.resize(360, 900)
    panel.show()
    panel.set_models(models("default", "mine"))
    return panel


@pytest.fixture
def ready(panel):
    panel.set_ready(True)
    return panel


@pytest.fixture
def busy(ready):
    ready.set_busy(True, "Training…")
    return ready


def press(qtbot, button):
    qtbot.mouseClick(button, LEFT)


def train(qtbot, panel):
    with qtbot.waitSignal(panel.train_requested) as requested:
        press(qtbot, panel.train_button)
    return requested.args[0]


def test_without_pairs_it_says_what_to_do(qtbot, panel):
    assert "Add an annotated image first" in panel.status.text()
    with qtbot.assertNotEmitted(panel.train_requested):
        press(qtbot, panel.train_button)
    panel.set_ready(True)
    assert panel.status.text() == ""
    assert train(qtbot, panel).start == "default"
    panel.set_ready(False)
    assert "Add an annotated image first" in panel.status.text()


def test_the_training_is_as_long_as_was_asked_for(qtbot, ready):
    assert train(qtbot, ready) == TrainingChoice("default", 2.0, None, False)
    assert not ready.form["steps"].isVisible()
    ready.form["unit"].setFocus()
    QTest.keyClick(ready.form["unit"], Qt.Key.Key_Down)
    assert ready.form["steps"].isVisible()
    assert not ready.form["minutes"].isVisible()
    assert train(qtbot, ready) == TrainingChoice("default", None, 300, False)
    steps = ready.form["steps"]
    steps.selectAll()
    QTest.keyClicks(steps, "12")
    QTest.keyClick(steps, Qt.Key.Key_Return)
    assert train(qtbot, ready).steps == 12


def test_what_is_too_long_or_too_short_is_not_taken(qtbot, ready):
    minutes = ready.form["minutes"]
    for typed, taken in (("9999", 600), ("0", 0.1)):
        minutes.setValue(float(typed))
        assert train(qtbot, ready).minutes == pytest.approx(taken)


def test_start_and_rehearsal(qtbot, ready):
    ready.form["start"].setFocus()
    QTest.keyClick(ready.form["start"], Qt.Key.Key_Down)
    QTest.keyClick(ready.form["rehearse"], Qt.Key.Key_Space)
    choice = train(qtbot, ready)
    assert choice.start == "mine"
    assert choice.rehearse


def test_the_model_to_start_from_stays_while_it_is_offered(qtbot, ready):
    ready.form["start"].setCurrentIndex(1)
    ready.set_models(models("default", "a", "mine"))
    assert train(qtbot, ready).start == "mine"
    assert ready.form["start"].itemData(2, Qt.ItemDataRole.ToolTipRole) == "about mine"
    ready.set_models(models("default"))
    assert train(qtbot, ready).start == "default"


def test_a_training_is_paused_and_goes_on(qtbot, busy):
    assert not busy.train_button.isEnabled()
    for on, button, status in (
        (True, "Go on", "Paused."),
        (False, "Pause", "Going on…"),
    ):
        with qtbot.waitSignal(busy.pause_toggled) as toggled:
            press(qtbot, busy.pause_button)
        assert toggled.args == [on]
        assert busy.pause_button.text() == button
        assert busy.status.text() == status


def test_progress_is_not_told_over_a_pause(qtbot, busy):
    assert busy.bar.isVisible()
    busy.set_progress(0.25, "12 seconds left")
    assert busy.bar.value() == busy.bar.maximum() / 4
    assert busy.status.text() == "12 seconds left"
    press(qtbot, busy.pause_button)
    busy.set_progress(0.3, "11 seconds left")
    assert busy.status.text() == "Paused."
    busy.set_busy(False, "Done.")
    assert busy.pause_button.text() == "Pause"
    assert not busy.bar.isVisible()


def test_a_training_is_stopped_once(qtbot, busy):
    with qtbot.waitSignal(busy.stop_requested):
        press(qtbot, busy.stop_button)
    assert busy.status.text() == "Stopping…"
    busy.set_progress(0.5, "10 seconds left")
    assert busy.status.text() == "Stopping…"
    with (
        qtbot.assertNotEmitted(busy.stop_requested),
        qtbot.assertNotEmitted(busy.pause_toggled),
    ):
        press(qtbot, busy.stop_button)
        press(qtbot, busy.pause_button)
    busy.set_busy(False, "Stopped.")
    assert busy.train_button.isEnabled()


def test_some_work_can_neither_stop_nor_rest(ready):
    ready.set_busy(True, "Saving…", can_stop=False, can_pause=False)
    assert not ready.stop_button.isEnabled()
    assert not ready.pause_button.isEnabled()


def test_options_and_pairs_wait_for_the_end(busy):
    assert not busy.pairs.isEnabled()
    assert not busy.form["start"].isEnabled()
    busy.set_busy(False, "")
    assert busy.pairs.isEnabled()
    assert busy.form["start"].isEnabled()


def test_a_new_model_is_named_and_saved_or_discarded(qtbot, ready):
    assert not ready.name.isVisible()
    ready.set_result("The model got better.", offered=True)
    assert ready.result.isVisible()
    assert not ready.train_button.isEnabled(), "it would be forgotten"
    QTest.keyClicks(ready.name, "my cells")
    for wish in (
        lambda: press(qtbot, ready.save_button),
        lambda: QTest.keyClick(ready.name, Qt.Key.Key_Return),
    ):
        with qtbot.waitSignal(ready.save_requested) as saved:
            wish()
        assert saved.args == ["my cells"]
    ready.set_result("That name is taken.", offered=True)
    assert ready.name.text() == "my cells", "what was typed stays"
    with qtbot.waitSignal(ready.discard_requested):
        press(qtbot, ready.discard_button)
    ready.set_result("", offered=False)
    assert not ready.name.isVisible()
    assert not ready.result.isVisible()
    ready.set_result("The model got better.", offered=True)
    assert ready.name.text() == ""


def test_advice_is_plain_text_and_stays_until_it_is_replaced(panel):
    assert not panel.advice.isVisible()
    panel.set_advice(["“<b>cells</b>” has few cells.", "Another thing."])
    assert panel.advice.text().splitlines() == [
        "⚠ “<b>cells</b>” has few cells.",
        "⚠ Another thing.",
    ]
    assert panel.advice.textFormat() == Qt.TextFormat.PlainText
    panel.set_ready(True)
    panel.set_busy(True, "Training…")
    assert panel.advice.isVisible()
    panel.set_advice(())
    assert not panel.advice.isVisible()


@pytest.mark.parametrize("shape", [(1, 1), (50, 90), (300, 20)])
def test_an_example_of_any_size_is_shown(panel, shape):
    picture = np.zeros((*shape, 3), np.uint8)
    picture[..., 0] = 200
    panel.set_example(picture)
    assert panel.example.isVisible()
    assert panel.caption.isVisible()
    image = panel.example.pixmap().toImage()
    assert image.width() > 0
    assert image.pixelColor(image.width() // 2, image.height() // 2).red() == 200
    panel.set_example(None)
    assert not panel.example.isVisible()


def test_another_section_comes_at_the_end(panel):
    section = QLabel("Your models")
    panel.add_section(section)
    QApplication.processEvents()
    assert section.isVisible()
    place = section.mapTo(panel.widget(), section.rect().topLeft())
    assert place.y() > panel.train_button.y()


def test_much_and_long_names_fit_a_narrow_dock(panel):
    long = "a layer with a name that does not end for quite a while"
    panel.pairs.set_pairs([PairInfo(str(i), long, long, "r") for i in range(20)], [])
    panel.set_models(models(*(f"{i} {long}" for i in range(10_000))))
    panel.set_advice([long] * 5)
    panel.set_result(f"{long} " * 5, offered=True)
    panel.set_busy(True, f"{long} " * 3)
    panel.plot.show()
    panel.resize(WIDTH, 900)
    QApplication.processEvents()
    assert panel.width() == WIDTH
    assert panel.widget().width() <= panel.viewport().width()


def test_everything_has_a_tooltip(panel):
    parts = [panel.train_button, panel.pause_button, panel.stop_button, panel.name]
    parts += [panel.save_button, panel.discard_button, panel.example]
    parts += [panel.form[n] for n in ("start", "minutes", "steps", "unit", "rehearse")]
    assert all(part.toolTip() for part in parts)
