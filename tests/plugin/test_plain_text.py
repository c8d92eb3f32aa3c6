"""Names of files, layers and models are shown as they are, whatever is in them."""

from pathlib import Path

import numpy as np
import pytest
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import notification_manager
from person import open_dock
from pictures import thumbnails
from qtpy import QtGui
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QListWidget, QWidget

import napari_iaunet
from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.core import notify
from napari_iaunet.plugin.core.notify import unmarked
from napari_iaunet.plugin.finetune.pair_list import PairInfo

NAME = "<b>x</b>"
PLAIN = Qt.TextFormat.PlainText
# PyQt and PySide have it in different modules.
is_rich = getattr(Qt, "mightBeRichText", None) or QtGui.Qt.mightBeRichText


def as_markup(text):
    return NAME in text and is_rich(text)


@pytest.fixture
def dock(qtbot, viewer, fake, monkeypatch):
    """The dock with such a name in every one of its parts."""
    models = [ModelInfo(NAME, Path(NAME), NAME)]
    monkeypatch.setattr(napari_iaunet, "list_models", lambda: models)
    pixels = np.zeros((3, 64, 64), np.uint8)
    viewer.add_image(pixels, name=NAME, axis_labels=(NAME, "y", "x"))
    viewer.add_labels(np.pad(np.ones((9, 9), int), ((9, 46), (9, 46))), name=NAME)
    viewer.add_image(pixels[0], name=f"{NAME} 2")
    viewer.add_image(pixels[1], name=f"{NAME} 3")
    dock = open_dock(qtbot, viewer)
    dock.lookalike_panel.set_examples(thumbnails(3))
    tuning = dock.finetune_panel
    tuning.pairs.set_pairs([PairInfo("a", NAME, NAME, NAME, [("i", NAME)])], [])
    tuning.set_result(f"{NAME} is kept", offered=True)
    tuning.set_advice([NAME])
    tuning.set_busy(True, f"{NAME} is read")
    for panel in (dock.segment_panel, dock.track_panel):
        panel.run.set_busy(True, f"{NAME} is read")
    dock.model_section.set_models(models)
    yield dock
    if dock.parent() is not None:
        dock.teardown()


def test_no_name_is_markup(dock):
    shown = 0
    for label in dock.findChildren(QLabel):
        shown += NAME in label.text()
        assert label.textFormat() == PLAIN or not as_markup(label.text()), label.text()
    assert shown > 3
    for widget in dock.findChildren(QWidget):
        assert not as_markup(widget.toolTip()), widget
    for rows in dock.findChildren(QListWidget):
        for i in range(rows.count()):
            assert not as_markup(rows.item(i).toolTip())
    for combo in dock.findChildren(type(dock.model_section.model)):
        for i in range(combo.count()):
            tip = combo.itemData(i, Qt.ItemDataRole.ToolTipRole)
            assert not as_markup(tip or "")


@pytest.mark.parametrize("kind", ["info", "warning"])
@pytest.mark.parametrize("name", [NAME, "&lt;b>", "a < b", "<!doctype>"])
def test_no_notification_is_markup(qtbot, kind, name):
    notification_manager.records.clear()
    getattr(notify, f"show_{kind}")(f"{name} is kept")
    (told,) = notification_manager.records
    shown = NapariQtNotification.from_notification(told)
    qtbot.addWidget(shown)
    assert not is_rich(QLabel.text(shown.message))
    assert told.message.replace("\u2060", "") == f"{name} is kept"


def test_no_title_of_a_job_is_markup(qtbot, monkeypatch):
    from napari_iaunet.plugin.core import jobs

    titles = []

    class Bar:
        def __init__(self, desc, **_):
            titles.append(desc)

        def __getattr__(self, _):
            return lambda *_, **__: None

    monkeypatch.setattr(jobs, "activity_bar", Bar)
    started = jobs.Jobs()
    with qtbot.waitSignal(started.succeeded):
        started.start(lambda progress: None, f"Segmenting {NAME}")
    assert titles == [unmarked(f"Segmenting {NAME}")]
    assert not is_rich(titles[0])


def test_napari_is_told_by_one_way():
    source = Path(napari_iaunet.__file__).parent / "plugin"
    texts = {path.name: path.read_text("utf-8") for path in source.rglob("*.py")}
    ways = ("from napari.utils.notifications", "from napari.utils import notifications")
    found = [name for name, text in texts.items() if any(way in text for way in ways)]
    assert found == ["notify.py"]
