"""The sliders that say what counts, alone."""

import pytest
from narrow import assert_fits
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_iaunet.identity.properties import DEFAULT_WEIGHTS
from napari_iaunet.plugin.lookalikes.weight_sliders import WeightSliders

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def sliders(qtbot):
    sliders = WeightSliders(DEFAULT_WEIGHTS)
    qtbot.addWidget(sliders)
    sliders.show()
    return sliders


def texts(sliders):
    return [label.text() for label in sliders.findChildren(QLabel)]


def test_weights(qtbot, sliders):
    assert sliders.weights == DEFAULT_WEIGHTS
    with qtbot.waitSignal(sliders.changed) as changed:
        sliders.sliders["size"].setValue(75)
    assert changed.args[0] == {**DEFAULT_WEIGHTS, "size": 0.75}
    with qtbot.waitSignal(sliders.changed) as changed:
        qtbot.mouseClick(sliders.reset_button, LEFT)
    assert changed.args[0] == DEFAULT_WEIGHTS


def test_every_group_has_its_slider_and_its_number(sliders):
    assert list(sliders.sliders) == list(DEFAULT_WEIGHTS)
    shown = texts(sliders)
    for name, weight in DEFAULT_WEIGHTS.items():
        assert name.capitalize() in shown
        assert f"{weight:.2f}" in shown


def test_keys_move_a_slider_between_nothing_and_all(qtbot, sliders):
    shape = sliders.sliders["shape"]
    for key, weight in ((Qt.Key.Key_End, 1.0), (Qt.Key.Key_Home, 0.0)):
        QTest.keyClick(shape, key)
        assert sliders.weights["shape"] == weight
        assert f"{weight:.2f}" in texts(sliders)
    with qtbot.waitSignal(sliders.changed) as changed:
        QTest.keyClick(shape, Qt.Key.Key_Right)
    assert changed.args[0]["shape"] == 0.01


def test_reset_tells_the_change_once(qtbot, sliders):
    for slider in sliders.sliders.values():
        slider.setValue(33)
    seen = []
    sliders.changed.connect(seen.append)
    qtbot.mouseClick(sliders.reset_button, LEFT)
    assert seen == [DEFAULT_WEIGHTS]


def test_any_groups_fit_a_narrow_dock(qtbot, sliders):
    assert_fits(sliders)
    others = WeightSliders({"neighbours": 0.5, "position": 1})
    qtbot.addWidget(others)
    assert_fits(others)
    assert others.weights == {"neighbours": 0.5, "position": 1}


def test_every_slider_says_what_it_means(sliders):
    parts = (*sliders.sliders.values(), sliders.reset_button)
    assert all(part.toolTip() for part in parts)
