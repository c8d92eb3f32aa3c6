"""Waits in vain end soon, and a slow machine gets the time that it needs."""

import time

import pytest
from patient import LIMIT, Clock, PatientBot, wait_until
from pytestqt.wait_signal import SignalEmittedError
from qtpy.QtCore import QObject, QTimer, Signal


class Sender(QObject):
    sent = Signal()


class Machine:
    """Needs the usual time for a piece of work, or a multiple of it."""

    def __init__(self, slowness):
        self.seconds, self.slowness = 0.0, slowness
        self.clock = Clock(self.work, usual=0.01, now=lambda: self.seconds)

    def work(self):
        self.seconds += 0.01 * self.slowness

    def passed(self, seconds):
        """What the clock counts while so many seconds pass on the wall."""
        end = self.seconds + seconds
        while self.seconds < end:
            self.seconds += 0.1
            self.clock.passed()
        return self.clock.passed()


@pytest.fixture
def bot(qapp, request):
    return PatientBot(request)


@pytest.fixture(params=["without a window", "with a window", "for a signal"])
def wait(bot, request):
    """Wait in one of the three ways until something holds."""

    def for_signal(condition, **options):
        sender, timer = Sender(), QTimer()
        timer.timeout.connect(lambda: condition() and sender.sent.emit())
        timer.start(10)
        with bot.waitSignal(sender.sent, **options):
            pass

    ways = {
        "without a window": wait_until,
        "with a window": bot.waitUntil,
        "for a signal": for_signal,
    }
    return ways[request.param]


@pytest.mark.parametrize("slowness", [1, 5, 10, 30])
def test_the_clock_is_as_slow_as_the_machine(slowness):
    machine = Machine(slowness)
    assert machine.passed(300) == pytest.approx(300 / slowness, rel=0.05)
    # It follows when something else begins or ends to keep the machine busy.
    machine.slowness = 1
    more = machine.passed(300)
    assert more == pytest.approx(300 + 300 / slowness, rel=0.05)


def test_a_fast_machine_has_the_usual_time():
    assert Machine(0.1).passed(100) == pytest.approx(100, rel=0.05)


def test_a_wait_in_vain_takes_less_than_a_minute_and_says_so(wait):
    assert LIMIT <= 45
    machine, begin = Machine(1), time.monotonic()

    def in_vain():
        machine.seconds += LIMIT / 5
        return False

    with pytest.raises((AssertionError, PatientBot.TimeoutError), match="in vain"):
        wait(in_vain, clock=machine.clock)
    assert time.monotonic() - begin < LIMIT


def test_a_wait_on_a_slow_machine_passes(wait):
    machine = Machine(10)

    def late():
        machine.seconds += LIMIT / 20
        return machine.seconds > 8 * LIMIT

    wait(late, clock=machine.clock)


def test_a_signal_that_is_not_to_come_is_not_waited_for(bot):
    sender, begin = Sender(), time.monotonic()
    with bot.assertNotEmitted(sender.sent):
        pass
    assert time.monotonic() - begin < LIMIT / 2
    with (
        pytest.raises(SignalEmittedError, match="unexpectedly"),
        bot.assertNotEmitted(sender.sent),
    ):
        sender.sent.emit()
