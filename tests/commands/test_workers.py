"""A program that is told to end, or killed, leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
from patient import wait_until

from napari_iaunet.commands import segment, workers
from napari_iaunet.commands.segment import Pair

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
PROGRAM = [sys.executable, "-m", "napari_iaunet.cli", "segment"]


@pytest.fixture(autouse=True)
def hang_up_is_heard():
    """As nohup ignores it for all that it starts, the tests among them."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(6):
        noise = rng.integers(0, 255, (900, 900), np.uint8)
        tifffile.imwrite(tmp_path / f"{i}.tif", noise)
    return [str(tmp_path / f"{i}.tif") for i in range(6)]


def slow(*_args):
    time.sleep(0.3)


def hidden(folder):
    return list(folder.rglob(".*"))


def workers_of(process):
    """Processes that do images; there are others, which keep book."""
    try:
        children = process.children(recursive=True)
        return [c for c in children if "spawn_main" in " ".join(c.cmdline())]
    except psutil.Error:
        return []


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_the_program(tmp_path, images, how):
    out = tmp_path / "out"
    command = [*PROGRAM, *images, "--out", str(out), "--jobs", "2", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        process = psutil.Process(program.pid)
        wait_until(lambda: len(workers_of(process)) == 2)
        wait_until(lambda: out.is_dir() or program.poll() is not None)
        workers = workers_of(process)
        assert workers
        os.kill(program.pid, how)
        _, said = program.communicate(timeout=60)
    wait_until(lambda: not any(w.is_running() for w in workers), limit=30)
    assert program.returncode == (-9 if how == signal.SIGKILL else 143), said
    if how == signal.SIGTERM:
        assert said.strip() == "napari-iaunet: stopped."
        assert not hidden(out)
        masks = list(out.glob("*_mask.tif"))
        assert len(masks) < len(images)
        for mask in masks:
            tifffile.imread(mask)


def interrupted_after_one(pairs):
    with workers.pool(1) as pool:
        next(segment._together(pool, pairs, Namespace(), None, []))
        raise KeyboardInterrupt


@pytest.mark.slow
def test_what_waits_is_dropped_in_silence(monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    monkeypatch.setattr(segment, "_work", slow)
    pairs = [Pair(Path(f"{i}.tif"), Path(f"{i}_mask.tif"), None) for i in range(9)]
    with pytest.raises(KeyboardInterrupt):
        interrupted_after_one(pairs)
    assert not failed


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_one_process_ends_in_order(tmp_path, images, how):
    out = tmp_path / "out"
    command = [*PROGRAM, *images, "--out", str(out), "--jobs", "1", "--device", "cpu"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        wait_until(lambda: out.is_dir() or program.poll() is not None)
        time.sleep(0.2)
        os.kill(program.pid, how)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 128 + how, said
    assert said.strip() == "napari-iaunet: stopped."
    assert not hidden(out)
