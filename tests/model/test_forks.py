"""A fork of a process that has computed says so, and never waits for ever."""

import re
import subprocess
import sys

import pytest

CODE = """
import os, sys
import numpy as np, torch
from napari_iaunet import Segmenter
torch.set_num_threads(2)
image = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
def segment():
    return Segmenter(device="cpu", engine="pytorch").segment(image, diameter=20)
used = segment()
child = os.fork()
if child:
    os.waitpid(child, 0)
else:
    torch.set_num_threads(int(sys.argv[1]))
    try:
        segment()
        print("done")
    except Exception as error:
        print(type(error).__name__, error)
    sys.stdout.flush()
    os._exit(0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no forks")
@pytest.mark.parametrize(
    ("threads", "told"),
    [(2, 'DeviceError This process was forked.*"spawn"'), (1, "done")],
)
def test_a_fork_never_waits_for_ever(threads, told):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(threads)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert re.match(told, done.stdout)
