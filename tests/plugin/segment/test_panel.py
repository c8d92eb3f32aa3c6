"""The Segment tab alone: what it offers, allows and emits."""

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_iaunet.model.registry import ModelInfo
from napari_iaunet.plugin.layers.images import ImageInfo
from napari_iaunet.plugin.segment.panel import SegmentPanel

LEFT = Qt.MouseButton.LeftButton


def info(name, shape=(64, 64), *, rgb=False, labels=None, channel_axis=None):
    labels = labels or tuple(str(i) for i in range(-len(shape), 0))
    return ImageInfo(name, name, shape, rgb, labels, channel_axis)


@pytest.fixture
def panel(qtbot):
    panel = SegmentPanel()
    qtbot.addWidget(panel)
    panel.set_devices({"auto": "Automatic", "cpu": "CPU"}, "auto")
    models = [ModelInfo("default", Path("d"), "All kinds."), ModelInfo("b", Path(), "")]
    panel.set_models(models)
    panel.show()
    return panel


def press(qtbot, panel):
    with qtbot.waitSignal(panel.segment_requested) as blocker:
        qtbot.mouseClick(panel.run.start_button, LEFT)
    return blocker.args[0]


def tick(picker, row, state=Qt.CheckState.Checked):
    picker.list.item(row).setCheckState(state)


def test_without_an_image_it_says_what_to_do(panel):
    assert not panel.run.start_button.isEnabled()
    assert not panel.run.cancel_button.isEnabled()
    assert "Open an image" in panel.run.status.text()
    assert panel.choice() is None


def test_without_a_model_it_says_what_to_do(panel):
    panel.set_images([info("a")])
    panel.set_models([])
    assert not panel.run.start_button.isEnabled()
    assert "model" in panel.run.status.text()


def test_a_plain_image_needs_no_choice(qtbot, panel):
    panel.set_images([info("a")])
    assert panel.run.status.text() == ""
    for hidden in (panel.channel_picker.axis, panel.channel_picker.list, panel.stack):
        assert not hidden.isVisible()
    choice = press(qtbot, panel)
    assert choice.image == "a"
    assert choice.together_with == ()
    assert choice.channel_axis is None
    assert choice.channels is None
    assert choice.whole_stack
    assert (choice.model, choice.device) == ("default", "auto")
    assert choice.diameter is None


def test_the_picked_image_stays_when_others_come_go_and_change_names(panel):
    panel.set_images([info("a"), info("b")])
    assert panel.current_image.name == "b"
    panel.pick_image("a")
    panel.set_images([info("c"), info("a"), info("b")])
    assert panel.current_image.name == "a"
    renamed = ImageInfo("a", "new name", (64, 64), False, ("-2", "-1"), None)
    panel.set_images([info("b"), renamed])
    assert panel.image.currentText() == "new name"
    panel.set_images([info("b")])
    assert panel.current_image.name == "b"
    panel.set_images([])
    assert panel.current_image is None
    panel.pick_image("nonsense")


def test_diameter(qtbot, panel):
    panel.set_images([info("a")])
    assert not panel.diameter.isEnabled()
    panel.set_diameter(17.5)
    panel.estimate.setChecked(False)
    assert panel.diameter.isEnabled()
    assert press(qtbot, panel).diameter == 17.5


def test_whole_stack_or_plane(qtbot, panel):
    panel.set_images([info("a", (4, 5, 64, 64))])
    assert panel.stack.isVisible()
    assert "20 planes" in panel.stack.currentText()
    assert press(qtbot, panel).whole_stack
    panel.stack.setCurrentIndex(1)
    assert not press(qtbot, panel).whole_stack
    panel.set_images([info("a", (4, 5, 64, 64)), info("b")])
    assert not press(qtbot, panel).whole_stack
    panel.pick_image("b")
    assert press(qtbot, panel).whole_stack


def test_colours_need_no_choice(panel):
    panel.set_images([info("a", (64, 64), rgb=True), info("b", (64, 64), rgb=True)])
    assert not panel.channel_picker.list.isVisible()
    panel.set_images([info("c", (5, 64, 64), rgb=True)])
    assert not panel.channel_picker.axis.isVisible()
    assert panel.stack.isVisible()


def test_images_of_one_size_can_be_channels(qtbot, panel):
    panel.set_images([info("a"), info("small", (32, 32)), info("b"), info("c")])
    panel.pick_image("b")
    picker = panel.channel_picker
    assert picker.list.isVisible()
    names = [picker.list.item(i).text() for i in range(picker.list.count())]
    assert names[0] == "b"
    assert sorted(names) == ["a", "b", "c"]
    assert press(qtbot, panel).together_with == ()
    tick(picker, names.index("a"))
    assert press(qtbot, panel).together_with == ("a",)
    panel.set_images([info("a"), info("b"), info("c"), info("d")])
    assert panel.choice().together_with == ("a",)
    panel.pick_image("c")
    assert panel.choice().together_with == ()


def test_a_named_channel_axis_is_preset(qtbot, panel):
    labels = ("z", "c", "y", "x")
    panel.set_images([info("a", (5, 3, 64, 64), labels=labels, channel_axis=1)])
    picker = panel.channel_picker
    assert picker.axis.currentText() == "c (3)"
    assert "5 planes" in panel.stack.currentText()
    choice = press(qtbot, panel)
    assert (choice.channel_axis, choice.channels) == (1, (0, 1, 2))
    tick(picker, 1, Qt.CheckState.Unchecked)
    assert press(qtbot, panel).channels == (0, 2)
    tick(picker, 0, Qt.CheckState.Unchecked)
    tick(picker, 2, Qt.CheckState.Unchecked)
    assert not panel.run.start_button.isEnabled()
    assert "at least one channel" in panel.run.status.text()
    tick(picker, 2)
    assert panel.run.start_button.isEnabled()
    assert panel.run.status.text() == ""


def test_a_channel_axis_can_be_picked(qtbot, panel):
    panel.set_images([info("a", (2, 64, 64))])
    picker = panel.channel_picker
    assert picker.axis.isVisible()
    assert "2 planes" in panel.stack.currentText()
    index = picker.axis.findData(0)
    assert picker.axis.itemText(index) == "axis 1 (2)"
    picker.axis.setCurrentIndex(index)
    picker.axis.activated.emit(index)
    assert not panel.stack.isVisible()
    choice = press(qtbot, panel)
    assert (choice.channel_axis, choice.channels) == (0, (0, 1))
    panel.set_images([info("a", (2, 64, 64)), info("b")])
    assert panel.choice().channel_axis == 0


def test_busy_and_back(qtbot, panel):
    panel.set_images([info("a")])
    panel.run.set_busy(True, "Loading the model…")
    assert not panel.run.start_button.isEnabled()
    assert panel.run.cancel_button.isEnabled()
    assert panel.run.bar.isVisible()
    panel.run.set_progress(3, 10, "Segmenting…")
    assert (panel.run.bar.value(), panel.run.bar.maximum()) == (3, 10)
    panel.run.set_progress(0, 1, "Segmenting…")
    assert panel.run.bar.maximum() == 0
    panel.set_images([info("a"), info("b")])
    assert panel.run.status.text() == "Segmenting…"
    with qtbot.waitSignal(panel.cancel_requested):
        qtbot.mouseClick(panel.run.cancel_button, LEFT)
    assert not panel.run.cancel_button.isEnabled()
    panel.run.set_progress(4, 10, "Segmenting…")
    assert panel.run.status.text() == "Stopping…"
    panel.run.set_busy(False, "Cancelled.")
    assert panel.run.start_button.isEnabled()
    assert not panel.run.bar.isVisible()
    panel.set_images([info("a"), info("b"), info("c")])
    assert panel.run.status.text() == "Cancelled."


def test_a_model_folder_can_be_picked(qtbot, panel, monkeypatch, tmp_path):
    monkeypatch.setattr(
        QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "my-model")
    )
    panel.set_images([info("a")])
    for _ in range(2):
        qtbot.mouseClick(panel.browse, LEFT)
        assert panel.model.currentText() == "my-model"
        assert press(qtbot, panel).model == str(tmp_path / "my-model")
    assert panel.model.count() == 3
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    qtbot.mouseClick(panel.browse, LEFT)
    assert panel.model.count() == 3


def test_a_model_is_described(panel):
    assert panel.model.toolTip() == "All kinds."
    panel.model.setCurrentIndex(1)
    assert panel.model.toolTip()


def test_the_picked_model_stays(panel):
    panel.model.setCurrentIndex(1)
    panel.set_models([ModelInfo(name, Path(), "") for name in ("default", "a", "b")])
    assert panel.model.currentText() == "b"
    panel.set_models([ModelInfo("default", Path(), "")])
    assert panel.model.currentText() == "default"
    panel.set_models([])
    assert panel.model.currentData() is None


def test_device(qtbot, panel):
    with qtbot.waitSignal(panel.device_changed) as blocker:
        panel.device.setCurrentIndex(1)
        panel.device.activated.emit(1)
    assert blocker.args == ["cpu"]
    panel.set_devices({"auto": "Automatic", "cpu": "CPU", "cuda": "GPU (X)"}, "cpu")
    panel.set_images([info("a")])
    assert press(qtbot, panel).device == "cpu"
    panel.set_devices({"auto": "Automatic"}, "cpu")
    assert press(qtbot, panel).device == "auto"


def test_long_names_do_not_widen_the_dock(panel):
    width = panel.sizeHint().width()
    panel.set_images([info("a very long name of an image " * 5)])
    panel.run.set_busy(False, "a long sentence about what went wrong " * 5)
    assert panel.sizeHint().width() <= width


def test_everything_has_a_tooltip(panel):
    parts = (panel.image, panel.stack, panel.model, panel.browse, panel.device)
    parts += (panel.diameter, panel.estimate, panel.channel_picker.axis)
    parts += (panel.channel_picker.list, panel.run.start_button)
    parts += (panel.run.cancel_button,)
    assert all(part.toolTip() for part in parts)
