"""Training in a process of its own: told, paused, stopped, killed."""

import json
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import drawn
import numpy as np
import psutil
import pytest
from patient import wait_until
from small_model import save_untrained

from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.task import (
    EXAMPLE,
    GO_ON,
    MODEL,
    PAUSE,
    STOP,
    Task,
    TaskImages,
    write_task,
)


@pytest.fixture(scope="module")
def discs():
    labels, picture = drawn.discs(4, 32)
    return Annotation(picture, labels)


class Process:
    """A worker; its events come in a queue."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "napari_iaunet.training.worker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put(None)

    def until(self, kind: str):
        while (event := self._next()) is not None:
            if event["kind"] == kind:
                return event
        raise AssertionError(self.process.stderr.read())

    def _next(self):
        wait_until(lambda: not self.events.empty())
        return self.events.get()

    def end(self) -> int:
        """Wait until the process has ended."""
        wait_until(lambda: self.process.poll() is not None)
        return self.process.returncode

    def order(self, text: str) -> None:
        print(text, file=self.process.stdin, flush=True)

    def close(self):
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()
        self.process.wait()


@pytest.fixture
def start(tmp_path, discs):
    """Start a worker on a task, by default of a model whose steps are quick."""
    running, small = [], tmp_path / "small"
    save_untrained(small)

    def begin(pairs=(discs,), **options):
        task = Task(**{"start": str(small), "device": "cpu", **options})
        write_task(tmp_path, task, TaskImages(pairs))
        running.append(Process(tmp_path))
        return running[-1]

    yield begin
    for process in running:
        process.close()


def test_a_whole_training(start, tmp_path, discs):
    process = start(start="default", steps=2, card={"description": "discs"})
    first = process.until("validation")
    assert first["validation_ap"] == first["start_ap"]
    assert first["example"]
    assert np.load(tmp_path / EXAMPLE).shape == discs.labels.shape
    end = process.until("end")
    assert end["improved"] in (True, False)
    assert process.end() == 0
    assert load_model(tmp_path / MODEL)[1]["description"] == "discs"


def test_pause_go_on_and_stop(start, tmp_path):
    process = start(minutes=10)
    process.until("start")
    begin = time.monotonic()
    process.until("step")
    process.order(PAUSE)
    long = 1 + 2 * (time.monotonic() - begin)  # longer than a step takes
    time.sleep(long)
    while not process.events.empty():
        process.events.get()
    time.sleep(long)
    assert process.events.empty()
    process.order(GO_ON)
    process.until("step")
    process.order(PAUSE)
    process.order(STOP)
    assert process.until("end")["improved"] in (True, False)
    assert process.end() == 0
    load_model(tmp_path / MODEL)


def test_it_gives_way_to_other_programs(start):
    worker = start(minutes=5)
    worker.until("start")
    mine, its = (psutil.Process(p).nice() for p in (None, worker.process.pid))
    assert its != mine
    if not psutil.WINDOWS:
        assert its > mine


def test_it_ends_with_the_program_that_started_it(start, tmp_path):
    process = start(minutes=10)
    process.until("step")
    process.process.stdin.close()
    process.until("end")
    assert process.end() == 0
    load_model(tmp_path / MODEL)


def test_a_killed_training_leaves_its_best_model(start, tmp_path):
    process = start(minutes=10)
    process.until("step")
    process.process.kill()
    process.end()
    load_model(tmp_path / MODEL)


def test_errors_are_told(start, discs):
    blank = discs._replace(labels=np.zeros_like(discs.labels))
    process = start(pairs=[blank], steps=1)
    assert "no annotated cell" in process.until("error")["message"]
    assert process.end() == 2
