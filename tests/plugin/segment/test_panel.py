"""The Segment tab alone: what it offers, allows and emits."""

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.core.settings import ImageInfo, Settings
from napari_iaunet.plugin.segment.panel import SegmentPanel

LEFT = Qt.MouseButton.LeftButton


def info(name, shape=(64, 64), *, rgb=False, labels=None, channel_axis=None):
    labels = labels or tuple(str(i) for i in range(-len(shape), 0))
    return ImageInfo(name, name, shape, rgb, labels, channel_axis)


@pytest.fixture
def settings():
    settings = Settings()
    settings.offer_devices({"auto": "Automatic", "cpu": "CPU"})
    models = [ModelInfo("default", Path("d"), "All kinds."), ModelInfo("b", Path(), "")]
    settings.offer_models(models)
    return settings


@pytest.fixture
def panel(qtbot, settings):
    panel = SegmentPanel(settings)
    qtbot.addWidget(panel)
    panel.show()
    return panel


def press(qtbot, panel, settings):
    with qtbot.waitSignal(panel.segment_requested):
        qtbot.mouseClick(panel.run.start_button, LEFT)
    return settings.choice()


def tick(picker, row, state=Qt.CheckState.Checked):
    picker.list.item(row).setCheckState(state)


def test_without_an_image_it_says_what_to_do(panel, settings):
    assert not panel.run.start_button.isEnabled()
    assert not panel.run.cancel_button.isEnabled()
    assert "Open an image" in panel.run.status.text()
    assert settings.choice() is None


def test_without_a_model_it_says_what_to_do(panel, settings):
    settings.offer_images([info("a")])
    settings.offer_models([])
    assert not panel.run.start_button.isEnabled()
    assert "model" in panel.run.status.text()


def test_a_plain_image_needs_no_choice(qtbot, panel, settings):
    settings.offer_images([info("a")])
    assert panel.run.status.text() == ""
    for hidden in (
        panel.channel_picker.axis,
        panel.channel_picker.list,
        panel.form["whole_stack"],
    ):
        assert not hidden.isVisible()
    choice = press(qtbot, panel, settings)
    assert choice.image == "a"
    assert choice.together_with == ()
    assert choice.channel_axis is None
    assert choice.channels is None
    assert choice.whole_stack
    assert (choice.model, choice.device) == ("default", "auto")
    assert choice.diameter is None


def test_the_picked_image_stays_when_others_come_go_and_change_names(panel, settings):
    settings.offer_images([info("a"), info("b")])
    assert settings.info.name == "b"
    settings.pick_image("a")
    settings.offer_images([info("c"), info("a"), info("b")])
    assert settings.info.name == "a"
    renamed = ImageInfo("a", "new name", (64, 64), False, ("-2", "-1"), None)
    settings.offer_images([info("b"), renamed])
    assert panel.form["image"].currentText() == "new name"
    settings.offer_images([info("b")])
    assert settings.info.name == "b"
    settings.offer_images([])
    assert settings.info is None
    settings.pick_image("nonsense")


def test_diameter(qtbot, panel, settings):
    settings.offer_images([info("a")])
    assert not panel.form["diameter"].isEnabled()
    settings.show_estimate(17.5)
    panel.form["estimate"].setChecked(False)
    assert panel.form["diameter"].isEnabled()
    assert press(qtbot, panel, settings).diameter == 17.5


def test_a_single_plane_is_no_choice(panel, settings):
    """Files often have a first axis of length 1."""
    settings.offer_images([info("stack", (1, 40, 30))])
    assert not panel.form["whole_stack"].isVisible()
    assert not panel.channel_picker.note.text()


def test_whole_stack_or_plane(qtbot, panel, settings):
    settings.offer_images([info("a", (4, 5, 64, 64))])
    assert panel.form["whole_stack"].isVisible()
    assert "20 planes" in panel.form["whole_stack"].currentText()
    assert press(qtbot, panel, settings).whole_stack
    panel.form["whole_stack"].setCurrentIndex(1)
    assert not press(qtbot, panel, settings).whole_stack
    settings.offer_images([info("a", (4, 5, 64, 64)), info("b")])
    assert not press(qtbot, panel, settings).whole_stack
    settings.pick_image("b")
    assert press(qtbot, panel, settings).whole_stack


def test_a_part_of_the_plane_on_view(qtbot, panel, settings):
    settings.offer_images([info("film", (3, 64, 64))])
    settings.offer_drawn([("key", "tumour")])
    where, planes = panel.form["where"], panel.form["whole_stack"]
    texts = [where.itemText(i) for i in range(where.count())]
    assert texts == ["the whole image", "only the part on view", "only inside tumour"]
    assert planes.isVisible()
    assert press(qtbot, panel, settings).whole_stack
    where.setCurrentIndex(2)
    assert not planes.isVisible(), "a part is one of the plane on view"
    choice = press(qtbot, panel, settings)
    assert (choice.where, choice.whole_stack) == ("key", False)
    settings.offer_drawn([])
    assert where.currentText() == "the whole image"
    assert planes.isVisible()


def test_colours_need_no_choice(panel, settings):
    settings.offer_images(
        [info("a", (64, 64), rgb=True), info("b", (64, 64), rgb=True)]
    )
    assert not panel.channel_picker.list.isVisible()
    settings.offer_images([info("c", (5, 64, 64), rgb=True)])
    assert not panel.channel_picker.axis.isVisible()
    assert panel.form["whole_stack"].isVisible()


def test_images_of_one_size_can_be_channels(qtbot, panel, settings):
    settings.offer_images([info("a"), info("small", (32, 32)), info("e"), info("f")])
    settings.pick_image("e")
    picker = panel.channel_picker
    assert picker.list.isVisible()
    names = [picker.list.item(i).text() for i in range(picker.list.count())]
    assert names == ["a", "e", "f"]
    assert press(qtbot, panel, settings).together_with == ()
    tick(picker, names.index("a"))
    assert press(qtbot, panel, settings).together_with == ("a",)
    settings.offer_images([info("a"), info("e"), info("f"), info("g")])
    assert settings.choice().together_with == ("a",)
    settings.pick_image("f")
    assert settings.choice().together_with == ()


def test_a_named_channel_axis_is_preset(qtbot, panel, settings):
    labels = ("z", "c", "y", "x")
    settings.offer_images([info("a", (5, 3, 64, 64), labels=labels, channel_axis=1)])
    picker = panel.channel_picker
    assert picker.axis.currentText() == "c (3)"
    assert "5 planes" in panel.form["whole_stack"].currentText()
    choice = press(qtbot, panel, settings)
    assert (choice.channel_axis, choice.channels) == (1, (0, 1, 2))
    tick(picker, 1, Qt.CheckState.Unchecked)
    assert press(qtbot, panel, settings).channels == (0, 2)
    tick(picker, 0, Qt.CheckState.Unchecked)
    tick(picker, 2, Qt.CheckState.Unchecked)
    assert not panel.run.start_button.isEnabled()
    assert "at least one channel" in panel.run.status.text()
    tick(picker, 2)
    assert panel.run.start_button.isEnabled()
    assert panel.run.status.text() == ""


def test_a_channel_axis_can_be_picked(qtbot, panel, settings):
    settings.offer_images([info("a", (2, 64, 64))])
    picker = panel.channel_picker
    assert picker.axis.isVisible()
    assert "2 planes" in panel.form["whole_stack"].currentText()
    index = picker.axis.findData(0)
    assert picker.axis.itemText(index) == "axis 1 (2)"
    picker.axis.setCurrentIndex(index)
    picker.axis.activated.emit(index)
    assert not panel.form["whole_stack"].isVisible()
    choice = press(qtbot, panel, settings)
    assert (choice.channel_axis, choice.channels) == (0, (0, 1))
    settings.offer_images([info("a", (2, 64, 64)), info("b")])
    assert settings.choice().channel_axis == 0


def test_busy_and_back(qtbot, panel, settings):
    settings.offer_images([info("a")])
    panel.run.set_busy(True, "Loading the model…")
    assert not panel.run.start_button.isEnabled()
    assert panel.run.cancel_button.isEnabled()
    assert panel.run.bar.isVisible()
    panel.run.set_progress(3, 10, "Segmenting…")
    assert (panel.run.bar.value(), panel.run.bar.maximum()) == (3, 10)
    panel.run.set_progress(0, 1, "Segmenting…")
    assert panel.run.bar.maximum() == 0
    settings.offer_images([info("a"), info("b")])
    assert panel.run.status.text() == "Segmenting…"
    with qtbot.waitSignal(panel.cancel_requested):
        qtbot.mouseClick(panel.run.cancel_button, LEFT)
    assert not panel.run.cancel_button.isEnabled()
    panel.run.set_progress(4, 10, "Segmenting…")
    assert panel.run.status.text() == "Stopping…"
    panel.run.set_busy(False, "Cancelled.")
    assert panel.run.start_button.isEnabled()
    assert not panel.run.bar.isVisible()
    settings.offer_images([info("a"), info("b"), info("c")])
    assert panel.run.status.text() == "Cancelled."


def test_a_model_folder_can_be_picked(qtbot, panel, monkeypatch, tmp_path, settings):
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "my-model")
    )
    settings.offer_images([info("a")])
    for _ in range(2):
        qtbot.mouseClick(panel.browse, LEFT)
        assert panel.form["model"].currentText() == "my-model"
        assert press(qtbot, panel, settings).model == str(tmp_path / "my-model")
    assert panel.form["model"].count() == 3
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    qtbot.mouseClick(panel.browse, LEFT)
    assert panel.form["model"].count() == 3


def test_a_model_is_described(panel):
    assert panel.form["model"].toolTip() == "All kinds."
    panel.form["model"].setCurrentIndex(1)
    assert panel.form["model"].toolTip()


def test_the_picked_model_stays(panel, settings):
    panel.form["model"].setCurrentIndex(1)
    settings.offer_models(
        [ModelInfo(name, Path(), "") for name in ("default", "a", "b")]
    )
    assert panel.form["model"].currentText() == "b"
    settings.offer_models([ModelInfo("default", Path(), "")])
    assert panel.form["model"].currentText() == "default"
    settings.offer_models([])
    assert panel.form["model"].currentData() is None


def test_device(qtbot, panel, settings):
    with qtbot.waitSignal(panel.edited) as blocker:
        panel.form["device"].setCurrentIndex(1)
        panel.form["device"].activated.emit(1)
    assert blocker.args == ["device"]
    assert settings.device == "cpu"
    settings.offer_devices({"auto": "Automatic", "cpu": "CPU", "cuda": "GPU (X)"})
    settings.offer_images([info("a")])
    assert press(qtbot, panel, settings).device == "cpu"
    settings.offer_devices({"auto": "Automatic"})
    assert press(qtbot, panel, settings).device == "auto"


def test_long_names_do_not_widen_the_dock(panel, settings):
    width = panel.sizeHint().width()
    settings.offer_images([info("a very long name of an image " * 5)])
    panel.run.set_busy(False, "a long sentence about what went wrong " * 5)
    assert panel.sizeHint().width() <= width


def test_everything_has_a_tooltip(panel):
    names = ("image", "whole_stack", "model", "device", "diameter", "estimate")
    parts = [panel.form[name] for name in names]
    assert all(part.accessibleName() for part in parts)
    parts += (panel.browse, panel.channel_picker.axis)
    parts += (panel.channel_picker.list, panel.run.start_button)
    parts += (panel.run.cancel_button,)
    assert all(part.toolTip() for part in parts)
