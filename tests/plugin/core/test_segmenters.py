"""Models in memory, and the engines that are found out in the background."""

import shutil
import subprocess
import sys

import psutil
import pytest

from napari_iaunet.inference import engines
from napari_iaunet.model.registry import find_model
from napari_iaunet.plugin.core import segmenters
from napari_iaunet.plugin.core.segmenters import Segmenters


@pytest.fixture
def models():
    models = Segmenters()
    yield models
    models.close()


def test_a_model_is_loaded_once(models, monkeypatch):
    loaded = []
    monkeypatch.setattr(
        segmenters, "make_segmenter", lambda *names: loaded.append(names) or object()
    )
    first = models.get("a", "cpu")
    assert models.get("a", "cpu") is first
    assert models.get("b", "cpu") is not first
    assert loaded == [("a", "cpu"), ("b", "cpu")]


def test_a_model_is_used_at_once_and_converted_in_the_background(
    models, monkeypatch, home
):
    pytest.importorskip("openvino")
    monkeypatch.delenv("NAPARI_IAUNET_ENGINE")
    first = models.get("default", "cpu")
    assert first.engine == "pytorch"
    assert not first.engine_is_final
    (process,) = models._conversions.values()
    assert models.get("default", "cpu") is first
    assert process.poll() is None, "it takes seconds"
    assert process.wait() == 0
    second = models.get("default", "cpu")
    assert second is not first
    assert second.engine_is_final
    assert len(models._conversions) == 1
    assert models.get("default", "cpu") is second
    (note,) = (home / "engines").glob("*/engine.json")
    assert engines._read(note)["engine"] == second.engine


def test_what_cannot_be_converted_is_tried_once(models, monkeypatch, tmp_path):
    pytest.importorskip("openvino")
    monkeypatch.delenv("NAPARI_IAUNET_ENGINE")
    folder = tmp_path / "model"
    shutil.copytree(find_model("default"), folder)
    first = models.get(str(folder), "cpu")
    (process,) = models._conversions.values()
    process.kill()
    process.wait()
    assert models.get(str(folder), "cpu") is first
    assert len(models._conversions) == 1


# A conversion that does not listen, as one that is within a library.
UNHEARING = """
import subprocess, sys, types
from napari_iaunet.inference import conversion
from napari_iaunet.plugin.core import segmenters

def start(folder):
    code = "print(flush=True); import time; time.sleep(20)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    process.stdout.readline()
    print(process.pid)
    return process

conversion.start = start
segmenters.make_segmenter = lambda *_: types.SimpleNamespace(engine_is_final=False)
models = segmenters.Segmenters()
models.get("default", "cpu")
"""


def test_nothing_is_converted_any_more_when_the_program_has_ended():
    """napari ends without telling what lies in its docks."""
    ended = subprocess.run(
        [sys.executable, "-c", UNHEARING], capture_output=True, text=True, check=True
    )
    assert not psutil.pid_exists(int(ended.stdout))
