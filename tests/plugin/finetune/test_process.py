"""A training in a process of its own, as the window sees it."""

import os
import signal
import time

import numpy as np
import pytest
from small_model import save_untrained

from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.plugin.finetune.process import TrainingProcess
from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.task import MODEL, Task, TaskImages, write_task


@pytest.fixture
def task(tmp_path):
    labels = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((40, 40), int))
    labels[np.arange(120) % 40 > 28] = 0
    labels[:, np.arange(120) % 40 > 28] = 0
    small = tmp_path / "small"
    save_untrained(small)

    def write(labels=labels, **options):
        task = Task(**{"start": str(small), "device": "cpu", **options})
        write_task(tmp_path, task, TaskImages([Annotation(labels > 0, labels)]))
        return tmp_path

    return write


@pytest.fixture
def process(qtbot):
    process = TrainingProcess()
    process.events = []
    process.told.connect(process.events.append)
    yield process
    process.close()


def kinds(process):
    return [event["kind"] for event in process.events]


def test_it_tells_and_ends(qtbot, process, task):
    with qtbot.waitSignal(process.ended):
        process.start(task(start="default", steps=2))
    assert kinds(process)[0] == "start"
    assert kinds(process)[-1] == "end"
    assert not process.is_running


def test_pause_and_stop(qtbot, process, task):
    process.start(task(minutes=10))
    qtbot.waitUntil(lambda: "start" in kinds(process))
    begin = time.monotonic()
    qtbot.waitUntil(lambda: "step" in kinds(process))
    process.pause()
    long = 1500 + round(1000 * (time.monotonic() - begin))  # longer than a step takes
    qtbot.wait(long)
    told = len(process.events)
    qtbot.wait(long)
    assert len(process.events) == told
    process.go_on()
    qtbot.waitUntil(lambda: len(process.events) > told)
    with qtbot.waitSignal(process.ended):
        process.stop()
    assert kinds(process)[-1] == "end"


def test_errors_are_in_the_users_words(qtbot, process, task):
    with qtbot.waitSignal(process.failed) as failed:
        process.start(task(labels=np.zeros((64, 64), int), steps=1))
    assert failed.args == ["There is no annotated cell to train on."]


def test_a_crash_is_told(qtbot, process, task):
    folder = task(minutes=10)
    process.start(folder)
    qtbot.waitUntil(lambda: "step" in kinds(process))
    with qtbot.waitSignal(process.failed) as failed:
        os.kill(process._process.processId(), signal.SIGTERM)
    assert "ended unexpectedly" in failed.args[0]
    load_model(folder / MODEL)


def test_a_python_that_is_missing(qtbot, process, task, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with qtbot.waitSignal(process.failed) as failed:
        process.start(task(steps=1))
    assert "could not be started" in failed.args[0]
    assert not process.is_running


def test_closing_leaves_nothing_behind(qtbot, process, task):
    folder = task(minutes=10)
    process.start(folder)
    qtbot.waitUntil(lambda: "step" in kinds(process))
    number = process._process.processId()
    process.close()
    assert not process.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    load_model(folder / MODEL)
