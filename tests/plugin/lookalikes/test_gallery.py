"""A row of small pictures of cells alone."""

import pytest
from narrow import assert_fits
from pictures import thumbnails
from qtpy.QtCore import QPoint, QSize, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest

from napari_iaunet.plugin.lookalikes.gallery import ThumbnailRow

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
KEYS = Qt.KeyboardModifier


@pytest.fixture
def row(qtbot):
    row = ThumbnailRow("Examples", "tip")
    qtbot.addWidget(row)
    row.resize(300, row.height())
    row.show()
    return row


def place_of(row, number):
    return row.visualItemRect(row.item(number)).center()


@pytest.mark.parametrize("shape", [(20, 20), (13, 13, 3)])
def test_a_picture_is_pressed(qtbot, row, shape):
    row.set_thumbnails(thumbnails(3, shape))
    assert row.selected() is None
    place = place_of(row, 1)
    for keys, kind in (
        (KEYS.NoModifier, "show"),
        (KEYS.ShiftModifier, "like"),
        (KEYS.ControlModifier, "unlike"),
        (KEYS.AltModifier, "unlike"),
    ):
        with qtbot.waitSignal(row.pressed) as pressed:
            qtbot.mouseClick(row.viewport(), LEFT, keys, pos=place)
        assert pressed.args == [1, kind]
    row.setCurrentRow(2)
    assert row.selected().text == "cell 2"
    with qtbot.assertNotEmitted(row.pressed):
        qtbot.mouseClick(row.viewport(), RIGHT, pos=place)
        qtbot.mouseClick(row.viewport(), LEFT, pos=QPoint(290, 20))
    row.set_thumbnails([])
    assert row.count() == 0
    assert row.selected() is None


def test_the_pressed_picture_is_selected(qtbot, row):
    row.set_thumbnails(thumbnails(3))
    qtbot.mouseClick(row.viewport(), LEFT, pos=place_of(row, 1))
    assert row.selected().key == 1
    QTest.keyClick(row, Qt.Key.Key_Right)
    assert row.selected().key == 2


def test_a_picture_tells_its_text_and_shows_its_frame(row):
    row.set_thumbnails(thumbnails(2))
    assert [row.item(i).toolTip() for i in range(2)] == ["cell 0", "cell 1"]

    def edge(number):
        picture = row.item(number).icon().pixmap(QSize(48, 48)).toImage()
        return QColor(picture.pixel(1, picture.height() // 2)).name()

    assert edge(0) == "#5a5a5a"
    assert edge(1) == "#ff0000"


@pytest.mark.parametrize("shape", [(1, 1), (7, 30), (300, 200, 3)])
def test_pictures_of_any_size_are_shown(row, shape):
    row.set_thumbnails(thumbnails(1, shape))
    size = row.item(0).icon().actualSize(QSize(48, 48))
    assert max(size.width(), size.height()) == 48
    assert not row.grab().isNull()


def test_the_place_of_the_scroll_bar_stays(qtbot, row):
    row.set_thumbnails(thumbnails(50))
    bar = row.horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 200)
    bar.setValue(200)
    row.set_thumbnails(thumbnails(50))
    qtbot.waitUntil(lambda: bar.value() == 200)


def test_ten_thousand_pictures_fit_a_narrow_dock(qtbot, row):
    row.set_thumbnails(thumbnails(10_000))
    assert row.count() == len(row.thumbnails) == 10_000
    assert_fits(row)
    row.setCurrentRow(9_999)
    assert row.selected().key == 9_999
    with qtbot.waitSignal(row.pressed) as pressed:
        qtbot.mouseClick(row.viewport(), LEFT, pos=place_of(row, 9_999))
    assert pressed.args == [9_999, "show"]
