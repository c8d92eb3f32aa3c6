"""One thing in each turn of the event loop."""

import pytest
from pytestqt.exceptions import capture_exceptions
from qtpy.QtCore import QTimer

from napari_iaunet.plugin.core.turns import Turns


def test_the_window_has_its_turn_between_two_steps(qtbot):
    turns, done = Turns(), []
    ticks = QTimer(interval=0)
    ticks.timeout.connect(lambda: done.append("window"))
    ticks.start()
    turns.start(
        [lambda: done.append(1), lambda: done.append(2)], lambda: done.append(3)
    )
    assert turns.is_running
    assert done == []
    qtbot.waitUntil(lambda: not turns.is_running)
    assert [step for step in done if step != "window"] == [1, 2, 3]
    assert "window" in done[done.index(1) : done.index(2)]


def test_a_step_that_fails_ends_it_in_order(qtbot):
    turns, done = Turns(), []
    with capture_exceptions() as caught:
        turns.start([lambda: 1 / 0, lambda: done.append(2)], lambda: done.append(3))
        qtbot.waitUntil(lambda: not turns.is_running)
    assert [kind for kind, *_ in caught] == [ZeroDivisionError]
    assert done == [3]


@pytest.mark.parametrize("again", [False, True])
def test_what_is_stopped_or_begun_anew_is_not_done(qtbot, again):
    turns, done = Turns(), []
    turns.start([lambda: done.append(1)], lambda: done.append(2))
    turns.stop()
    assert not turns.is_running
    if again:
        turns.start([], lambda: done.append(3))
    qtbot.wait(50)
    assert done == [3] * again
