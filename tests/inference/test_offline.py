"""Nothing is sent to anybody."""

import os
import subprocess
import sys

import pytest

# Runs first: whatever looks up a host or connects to one is written down and fails.
BLOCK = """
import os, socket, sys, time
told = []
def blocked(*args, **kwargs):
    told.append(args)
    raise OSError("blocked by the test")
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
    setattr(socket, name, blocked)
socket.socket.connect = socket.socket.connect_ex = blocked
"""
CHECK = """
time.sleep(3)  # what is sent in the background
assert not told, told
home = set(os.listdir(os.environ["HOME"]))
assert "intel" not in home, home
print("offline")
"""
SEGMENT = """
import numpy as np
import napari_iaunet
from napari_iaunet import Segmenter
Segmenter(device="cpu", engine={engine!r}).segment(np.eye(64))
napari_iaunet.list_models()
"""
WINDOW = """
import napari
viewer = napari.Viewer(show=False)
viewer.window.add_plugin_dock_widget("napari-iaunet")
viewer.close()
"""


def offline(code: str, tmp_path) -> None:
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    kept = {k: v for k, v in os.environ.items() if k != "CI"}  # CI sends nothing
    kept |= home | {"NAPARI_IAUNET_HOME": str(tmp_path / "ours")}
    done = subprocess.run(
        [sys.executable, "-c", BLOCK + code + CHECK],
        env=kept,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.endswith("offline\n"), done.stdout + done.stderr


def test_the_first_segmentation(tmp_path):
    offline(SEGMENT.format(engine="pytorch"), tmp_path)


@pytest.mark.slow
def test_openvino_and_its_conversion(tmp_path):
    pytest.importorskip("openvino")
    offline(SEGMENT.format(engine="openvino"), tmp_path)


@pytest.mark.viewer
def test_the_window(tmp_path):
    offline(WINDOW, tmp_path)
