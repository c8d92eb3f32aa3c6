"""Background jobs: every outcome arrives once, in the GUI thread."""

import threading

import pytest
from napari.utils.progress import progress as activity_bar
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_iaunet.errors import Cancelled, ImageError
from napari_iaunet.plugin.core.jobs import Jobs, explain


class Outcomes:
    def __init__(self, jobs):
        self.seen, self.threads = [], []
        jobs.succeeded.connect(self.on_success)
        jobs.failed.connect(self.on_failure)
        jobs.cancelled.connect(self.on_cancel)

    def _add(self, what):
        self.seen.append(what)
        self.threads.append(threading.get_ident())

    def on_success(self, value):
        self._add(("succeeded", value))

    def on_failure(self, message):
        self._add(("failed", message))

    def on_cancel(self):
        self._add(("cancelled",))


@pytest.fixture
def jobs(qtbot):
    jobs = Jobs()
    yield jobs
    jobs.close()


@pytest.fixture
def outcomes(jobs):
    return Outcomes(jobs)


def finish(qtbot, jobs):
    qtbot.waitUntil(lambda: not jobs.is_running)
    qtbot.wait(20)


def until_stopped(progress):
    while True:
        progress(0, 1)


def test_result_arrives_in_the_gui_thread(qtbot, jobs, outcomes):
    threads = []

    def work(progress):
        threads.append(threading.get_ident())
        return 42

    jobs.start(work, "test")
    assert jobs.is_running
    finish(qtbot, jobs)
    assert outcomes.seen == [("succeeded", 42)]
    assert outcomes.threads == [threading.get_ident()]
    assert threads[0] != threading.get_ident()
    assert not activity_bar._all_instances


def test_progress(qtbot, jobs):
    def work(progress):
        progress(1, 2)
        progress(2, 2)

    seen = []
    jobs.progressed.connect(lambda done, total: seen.append((done, total)))
    jobs.start(work, "test")
    finish(qtbot, jobs)
    assert seen[-1] == (2, 2)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ImageError("The image is empty."), "The image is empty."),
        (MemoryError(), "not enough memory"),
        (RuntimeError("CUDA out of memory. Tried"), "not enough memory"),
        (RuntimeError("shapes do not match"), "RuntimeError: shapes do not match"),
        (KeyError("x"), "terminal"),
        (StopIteration(), "terminal"),
    ],
)
def test_every_error_arrives_as_a_sentence(qtbot, jobs, outcomes, error, message):
    def work(progress):
        raise error

    jobs.start(work, "test")
    finish(qtbot, jobs)
    ((kind, text),) = outcomes.seen
    assert kind == "failed"
    assert message in text
    assert "\n" not in text


def test_unexpected_errors_are_logged_with_their_traceback(caplog):
    try:
        int("secret detail")
    except ValueError as error:
        explain(error)
    assert "Traceback" in caplog.text
    assert "secret detail" in caplog.text


def test_errors_of_the_input_are_not_logged(caplog):
    explain(ImageError("The image is empty."))
    assert not caplog.records


def test_cancel(qtbot, jobs, outcomes):
    jobs.start(until_stopped, "test")
    qtbot.wait(50)
    jobs.cancel()
    finish(qtbot, jobs)
    assert outcomes.seen == [("cancelled",)]


def test_loading_is_not_waited_for(qtbot):
    jobs = Jobs(load_first=True)
    outcomes = Outcomes(jobs)
    loaded, ended = threading.Event(), threading.Event()

    def work(progress):
        loaded.wait()
        try:
            progress(0, 1)
        finally:
            ended.set()

    jobs.start(work, "test")
    qtbot.wait(50)
    jobs.cancel()
    assert outcomes.seen == [("cancelled",)]
    assert not jobs.is_running
    assert not activity_bar._all_instances
    jobs.start(lambda progress: "new", "newer")
    finish(qtbot, jobs)
    loaded.set()
    qtbot.waitUntil(ended.is_set)
    qtbot.wait(50)
    assert outcomes.seen == [("cancelled",), ("succeeded", "new")]


def test_what_changes_nothing_is_abandoned(qtbot):
    jobs = Jobs(abandons=True)
    outcomes = Outcomes(jobs)
    go, ended = threading.Event(), threading.Event()

    def work(progress):
        progress(1, 2)
        go.wait()
        try:
            progress(2, 2)
        finally:
            ended.set()

    jobs.start(work, "test")
    qtbot.wait(50)
    jobs.cancel()
    assert outcomes.seen == [("cancelled",)]
    go.set()
    qtbot.waitUntil(ended.is_set)
    qtbot.wait(50)
    assert outcomes.seen == [("cancelled",)]


def test_cancel_after_the_last_report_drops_the_result(qtbot, jobs, outcomes):
    go = threading.Event()

    def work(progress):
        return go.wait(5)

    jobs.start(work, "test")
    qtbot.wait(50)
    jobs.cancel()
    go.set()
    finish(qtbot, jobs)
    assert outcomes.seen == [("cancelled",)]


def test_a_newer_job_replaces_an_older_one(qtbot, jobs, outcomes):
    ended = []

    def older(progress):
        try:
            until_stopped(progress)
        except Cancelled:
            ended.append(True)
            raise

    jobs.start(older, "older")
    qtbot.wait(50)
    jobs.start(lambda progress: "new", "newer")
    finish(qtbot, jobs)
    qtbot.waitUntil(lambda: ended == [True])
    qtbot.wait(20)
    assert outcomes.seen == [("succeeded", "new")]


def test_a_job_replaced_while_its_bar_is_made_leaves_none(qtbot, jobs, outcomes):
    def process_events(event):
        QApplication.processEvents()

    made = activity_bar._all_instances.events.changed
    QTimer.singleShot(0, lambda: jobs.start(lambda progress: "new", "newer"))
    # As napari's window does when a bar is made: a second press is processed there.
    made.connect(process_events)
    jobs.start(lambda progress: "old", "older")
    made.disconnect(process_events)
    finish(qtbot, jobs)
    assert outcomes.seen == [("succeeded", "new")]
    assert not list(activity_bar._all_instances)


def test_reports_that_come_while_a_bar_is_drawn_draw_none(qtbot):
    """They would be drawn one inside the other, until Python has no room for more."""
    several = [Jobs(), Jobs()]
    go_on, depth, deepest = threading.Event(), [0], [0]

    def work(progress):
        progress(0, 1)
        go_on.wait(10)

    for one in several:
        one.start(work, "Working")
    qtbot.waitUntil(lambda: all(one._task.counts for one in several))
    QApplication.processEvents()

    def draw(event):  # as napari does
        depth[0] += 1
        deepest[0] = max(deepest[0], depth[0])
        if depth[0] < 20:
            for one in several:
                one._on_progress(one._task, 0, 1)
        depth[0] -= 1

    for one in several:
        one._bar.events.value.connect(draw)
    told = []
    several[1].progressed.connect(lambda *report: told.append(report))
    several[0]._on_progress(several[0]._task, 0, 1)
    go_on.set()
    for one in several:
        one.close()
    assert deepest == [1]
    assert told == [(0, 1)], "the tab tells all the same"


def test_closing_stops_the_job_in_silence(qtbot, jobs, outcomes):
    ended = threading.Event()

    def work(progress):
        try:
            until_stopped(progress)
        finally:
            ended.set()

    jobs.start(work, "test")
    qtbot.wait(50)
    jobs.close()
    qtbot.waitUntil(ended.is_set)
    qtbot.wait(50)
    assert outcomes.seen == []
    assert not jobs.is_running
