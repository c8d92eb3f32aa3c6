"""Models in memory, and the engines that are found out in the background."""

import shutil

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
