"""napari is closed while a job runs: the process ends, and ends well."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.viewer

SCRIPT = """
import sys
import napari, numpy as np
from qtpy.QtCore import QTimer
from napari_iaunet.plugin.core.jobs import Jobs

def work(progress):
    while True:
        progress(0, 1)

viewer = napari.Viewer()
viewer.add_image(np.zeros((8, 8)))
jobs = [Jobs() for _ in range(4)]

def start_and_close():
    for job in jobs:
        job.start(work, "Working")
    QTimer.singleShot(int(sys.argv[1]), close)

def close():
    viewer.close()
    for job in jobs:
        job.close()

QTimer.singleShot(100, start_and_close)
napari.run()
"""


@pytest.mark.parametrize("milliseconds", [0, 1, 300])
def test_napari_is_closed_while_jobs_run(milliseconds):
    command = [sys.executable, "-c", SCRIPT, str(milliseconds)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
