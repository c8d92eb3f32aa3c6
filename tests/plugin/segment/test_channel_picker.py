"""The rows of a form for the channels of an image alone, with real settings."""

import pytest
from narrow import assert_fits
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFormLayout, QLabel, QWidget

from napari_iaunet.plugin.core.settings import ImageInfo, Settings
from napari_iaunet.plugin.segment.channel_picker import ChannelPicker

LEFT = Qt.MouseButton.LeftButton


def info(name, shape=(64, 64), *, rgb=False, labels=None, channel_axis=None):
    labels = labels or tuple(str(i) for i in range(-len(shape), 0))
    return ImageInfo(name, name, shape, rgb, labels, channel_axis)


FOUR = info("a", (4, 64, 64), labels=("c", "y", "x"), channel_axis=0)


class Rows(QWidget):
    """A form with the picker's rows, which shows every change of the settings."""

    def __init__(self):
        super().__init__()
        self.settings = Settings()
        self.form = QFormLayout(self)
        self.form.addRow("Image", QLabel("a"))
        self.picker = ChannelPicker(self.form, self.settings)
        self.settings.changed.connect(self.picker.show)
        self.axis, self.list = self.picker.axis, self.picker.list
        self.nuclei = self.picker.nuclei

    def offer(self, *images):
        self.settings.offer_images(images)

    def texts(self):
        return [self.list.item(i).text() for i in range(self.list.count())]

    def ticked(self):
        checked = Qt.CheckState.Checked
        return [
            self.list.item(i).checkState() == checked for i in range(self.list.count())
        ]


@pytest.fixture
def rows(qtbot):
    rows = Rows()
    qtbot.addWidget(rows)
    rows.resize(320, 300)
    rows.show()
    return rows


def press(qtbot, rows, number):
    """Click the box of a channel."""
    place = rows.list.visualItemRect(rows.list.item(number))
    box = QPoint(place.left() + 10, place.center().y())
    qtbot.mouseClick(rows.list.viewport(), LEFT, pos=box)


def test_rows_show_only_where_there_is_something_to_choose(rows):
    assert not rows.axis.isVisible()
    assert not rows.list.isVisible()
    rows.offer(info("a"))
    assert not rows.axis.isVisible()
    assert not rows.list.isVisible()
    rows.offer(info("a", (3, 64, 64)))
    assert rows.axis.isVisible()
    assert not rows.list.isVisible()
    rows.offer(info("a", (3, 64, 64), rgb=True))
    assert not rows.axis.isVisible()
    rows.offer(FOUR)
    assert rows.axis.isVisible()
    assert rows.list.isVisible()


def test_channels_of_an_axis_are_ticked(qtbot, rows):
    rows.offer(FOUR)
    assert rows.axis.currentText() == "c (4)"
    assert rows.texts() == [f"channel {i}" for i in range(1, 5)]
    assert rows.ticked() == [True] * 4
    press(qtbot, rows, 1)
    assert rows.settings.channels == (0, 2, 3)
    rows.list.setCurrentRow(3)
    QTest.keyClick(rows.list, Qt.Key.Key_Space)
    assert rows.settings.channels == (0, 2)
    press(qtbot, rows, 1)
    assert rows.settings.channels == (0, 1, 2)
    assert rows.ticked() == [True, True, True, False]


def test_an_axis_is_picked_with_the_keyboard(rows):
    rows.offer(info("a", (2, 5, 64, 64), labels=("-4", "z", "y", "x")))
    texts = [rows.axis.itemText(i) for i in range(rows.axis.count())]
    assert texts == ["none", "axis 1 (2)", "z (5)", "y (64)", "x (64)"]
    rows.axis.setFocus()
    for axis, count in ((0, 2), (1, 5)):
        QTest.keyClick(rows.axis, Qt.Key.Key_Down)
        assert rows.settings.channel_axis == axis
        assert rows.settings.channels == tuple(range(count))
        assert rows.list.count() == count
    for _ in range(2):
        QTest.keyClick(rows.axis, Qt.Key.Key_Up)
    assert rows.settings.channel_axis is None
    assert rows.settings.channels is None
    assert not rows.list.isVisible()


def test_images_of_one_size_are_channels_together(qtbot, rows):
    rows.offer(info("d"), info("small", (32, 32)), info("e"), info("a"))
    assert rows.texts() == ["a", "d", "e"], "the one that is picked, and others"
    assert rows.ticked() == [True, False, False]
    press(qtbot, rows, 0)  # it is always one of them
    assert rows.ticked() == [True, False, False]
    press(qtbot, rows, 1)
    assert rows.settings.together_with == ("d",)
    press(qtbot, rows, 2)
    assert sorted(rows.settings.together_with) == ["d", "e"]


def test_three_channels_say_as_which_colour_they_are_seen(qtbot, rows):
    rows.offer(info("spots 10"), info("spots 9"), info("actin"), info("GFP"))
    assert rows.texts() == ["actin", "GFP", "spots 9", "spots 10"]
    press(qtbot, rows, 0)
    press(qtbot, rows, 3)
    assert rows.texts() == [
        *("actin (red)", "GFP (green)", "spots 9", "spots 10 (blue)"),
    ]
    press(qtbot, rows, 0)
    assert rows.texts() == ["actin", "GFP", "spots 9", "spots 10"]
    rows.offer(info("a", (3, 9, 9), labels=("c", "y", "x"), channel_axis=0))
    assert rows.texts()[2] == "channel 3 (blue)"


def test_the_channel_of_nuclei_is_found_by_its_name_or_told(qtbot, rows):
    rows.offer(info("actin"), info("membrane"), info("DAPI"))
    assert rows.settings.image == "DAPI"
    assert not rows.nuclei.isVisible(), "alone, it is no channel beside others"
    press(qtbot, rows, 0)
    assert rows.nuclei.currentText() == "DAPI"
    assert rows.texts() == ["actin (cells)", "DAPI (nuclei)", "membrane"]
    assert rows.settings.choice().nuclei == "DAPI"
    rows.nuclei.setFocus()
    QTest.keyClick(rows.nuclei, Qt.Key.Key_Up)
    QTest.keyClick(rows.nuclei, Qt.Key.Key_Up)
    assert rows.nuclei.currentText() == "not known"
    assert rows.texts() == ["actin", "DAPI", "membrane"]
    assert rows.settings.choice().nuclei is None


def test_the_channel_of_nuclei_along_an_axis_comes_first(qtbot, rows):
    rows.offer(FOUR)
    assert rows.nuclei.isVisible()
    assert rows.nuclei.currentText() == "not known"
    rows.nuclei.setFocus()
    for _ in range(3):
        QTest.keyClick(rows.nuclei, Qt.Key.Key_Down)
    assert rows.nuclei.currentText() == "channel 3"
    assert rows.settings.choice().channels == (2, 0, 1, 3)
    assert rows.texts()[:3] == [
        "channel 1 (cells)",
        "channel 2 (cells)",
        "channel 3 (nuclei)",
    ]
    press(qtbot, rows, 2)
    assert rows.nuclei.currentText() == "not known"
    assert rows.settings.choice().channels == (0, 1, 3)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (info("a", (8, 64, 64), labels=("c", "y", "x"), channel_axis=0), "8 channels"),
        (info("a", (3, 64, 64)), "3 planes"),
        (info("a", (256, 256, 20)), "256 planes of 256 x 20"),
        (info("a", (256, 256, 5)), "256 planes of 256 x 5"),
        (info("a", (3, 64, 64), labels=("c", "y", "x"), channel_axis=0), ""),
        (info("a", (3, 64, 64), labels=("z", "y", "x")), ""),
        (info("a", (30, 64, 64)), ""),
        (info("a", (64, 64)), ""),
        (info("a", (64, 64), rgb=True), ""),
        (info("a", (3, 64, 64), rgb=True), ""),
        (info("a", (64, 80, 9), rgb=True), "64 planes of 80 x 9"),
        (info("a", (64, 80, 3, 9)), "axis 3 holds channels"),
        (info("a", (64, 80, 3, 9), channel_axis=2), "64 planes of 80 x 9"),
        (info("a", (64, 3, 80, 80), channel_axis=1), ""),
        (info("a", (9, 512, 12), labels=("t", "y", "x")), ""),
    ],
)
def test_it_says_what_it_takes_the_axes_for(rows, image, words):
    rows.offer(image)
    assert rows.picker.note.isVisible() == bool(words)
    assert words in rows.picker.note.text()
    assert rows.picker.turn.isVisible() == ("“Planes first”" in rows.picker.note.text())
    assert_fits(rows)


def test_planes_that_a_file_calls_channels_can_be_said_to_be_planes(rows):
    rows.offer(info("a", (8, 64, 64), labels=("c", "y", "x"), channel_axis=0))
    assert rows.settings.planes is None
    rows.axis.setFocus()
    QTest.keyClick(rows.axis, Qt.Key.Key_Up)
    assert rows.axis.currentText() == "none"
    assert rows.settings.planes == 8
    assert not rows.picker.note.isVisible()


def test_the_settings_are_shown_whoever_changed_them(rows):
    rows.offer(FOUR)
    rows.settings.channels = (2,)
    assert rows.ticked() == [False, False, True, False]
    rows.settings.channel_axis = None
    assert rows.axis.currentText() == "none"
    assert not rows.list.isVisible()


def test_at_most_four_channels_are_shown_without_scrolling(rows):
    heights = {}
    for count in (2, 4, 1_000):
        shape = (count, 64, 64)
        rows.offer(info(str(count), shape, labels=("c", "y", "x"), channel_axis=0))
        assert rows.list.count() == count
        heights[count] = rows.list.height()
    assert heights[2] < heights[4] == heights[1_000]


def test_many_channels_with_long_names_fit_a_narrow_dock(rows):
    rows.offer(
        *(info(f"{i} an image whose name does not end " * 5) for i in range(1_000))
    )
    assert rows.list.count() == 1_000
    assert_fits(rows)


def test_everything_has_a_tooltip(rows):
    assert rows.axis.toolTip()
    assert rows.list.toolTip()
