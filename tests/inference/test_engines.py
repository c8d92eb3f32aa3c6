"""PyTorch and OpenVINO: the same fields, and the faster one is taken."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_iaunet import Segmenter, average_precision
from napari_iaunet.errors import DeviceError
from napari_iaunet.inference import conversion, engines
from napari_iaunet.io.read import read_image
from napari_iaunet.model.registry import find_model

pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Folder with the converted bundled model, which takes seconds to make."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_IAUNET_HOME", str(home))
        Segmenter(device="cpu", engine="openvino")
    return home


@pytest.fixture(autouse=True)
def home(converted, tmp_path, monkeypatch):
    shutil.copytree(converted, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    monkeypatch.delenv("NAPARI_IAUNET_ENGINE", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def image(data_folder: Path) -> np.ndarray:
    path = next((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    return np.asarray(read_image(path).array)


def parts(engine: str) -> Segmenter:
    return Segmenter(device="cpu", engine=engine)


def test_both_find_the_same_cells(image, converted):
    found = {name: parts(name).segment(image) for name in ("pytorch", "openvino")}
    one, other = (found[name].labels for name in ("pytorch", "openvino"))
    assert one.max() > 5
    assert average_precision(one, other, thresholds=(0.9,)).pooled[0] > 0.9
    assert found["openvino"].diameter == pytest.approx(found["pytorch"].diameter, 0.05)
    kept = [p.name for p in (converted / "engines").glob("*/*")]
    assert sorted(kept) == ["network.bin", "network.xml"]


def test_fields_differ_by_rounding_only():
    network = parts("pytorch")._backend
    other = parts("openvino")._backend
    for shape in ((16, 16), (64, 96), (224, 160)):
        picture = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(1))
        a, b = network.engine(picture), other.engine(picture)
        for one, another in zip(a, b, strict=True):
            assert one.shape == another.shape
            assert one.stride() == another.stride()
            assert (one - another).abs().mean() < 0.02
        for engine, fields in ((network.engine, a), (other.engine, b)):
            torch.testing.assert_close(engine.masks(picture), fields.masks[:2])


def test_the_faster_one_is_chosen_once(monkeypatch, home):
    times = {"pytorch": 2.0, "openvino": 1.0}
    asked: list[str] = []

    def seconds(engine):
        asked.append(engine.name)
        return times[engine.name]

    monkeypatch.setattr(engines, "_seconds", seconds)
    first = Segmenter(device="cpu")
    assert first.engine == "openvino"
    assert asked == ["pytorch", "openvino"]
    note = json.loads(next((home / "engines").glob("*/engine.json")).read_text())
    assert note["engine"] == "openvino"
    assert Segmenter(device="cpu").engine == "openvino"
    assert len(asked) == 2
    assert parts("pytorch").fingerprint != first.fingerprint
    assert parts("openvino").fingerprint == first.fingerprint


@pytest.mark.parametrize("openvino", [1.0, 2.0])
def test_pytorch_stays_where_nothing_is_gained(monkeypatch, openvino):
    times = {"pytorch": 1.0, "openvino": openvino}
    monkeypatch.setattr(engines, "_seconds", lambda engine: times[engine.name])
    assert Segmenter(device="cpu").engine == "pytorch"
    assert Segmenter(device="cpu").engine == "pytorch"


def test_another_machine_or_a_damaged_note_is_measured_anew(monkeypatch, home):
    monkeypatch.setattr(engines, "_seconds", lambda engine: len(engine.name))
    assert Segmenter(device="cpu").engine == "pytorch"
    note = next((home / "engines").glob("*/engine.json"))
    for text in ("{", "[]", '{"machine": {}, "engine": "openvino"}'):
        note.write_text(text)
        assert Segmenter(device="cpu").engine == "pytorch"


def test_what_is_not_known_yet_is_not_waited_for(monkeypatch, home):
    shutil.rmtree(home / "engines")
    ready = parts("ready")
    assert ready.engine == "pytorch"
    assert not ready.engine_is_final
    assert not (home / "engines").exists()
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    monkeypatch.setattr(engines, "_convert", None)
    assert parts("pytorch").engine_is_final


def test_what_is_known_is_used_at_once(monkeypatch, home):
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    assert Segmenter(device="cpu").engine == "openvino"
    assert parts("ready").engine == "openvino"
    assert parts("ready").engine_is_final
    next((home / "engines").glob("*/network.xml")).unlink()
    assert parts("ready").engine == "pytorch"


def test_what_cannot_be_converted_is_tried_once(monkeypatch, home):
    shutil.rmtree(home / "engines")
    asked = []

    def convert(network, folder):
        asked.append(folder)
        raise RuntimeError("an operation is unknown")

    monkeypatch.setattr(engines, "_convert", convert)
    assert Segmenter(device="cpu").engine == "pytorch"
    assert Segmenter(device="cpu").engine == "pytorch"
    assert parts("ready").engine_is_final
    assert len(asked) == 1


def test_it_is_found_out_in_the_background(home):
    process = conversion.start(find_model("default"))
    assert not parts("ready").engine_is_final
    assert process.wait() == 0
    process.stdin.close()
    ready = parts("ready")
    assert ready.engine_is_final
    note = json.loads(next((home / "engines").glob("*/engine.json")).read_text())
    assert note["engine"] == ready.engine


def test_the_background_ends_when_nobody_waits(home):
    process = conversion.start(find_model("default"))
    process.stdin.close()
    assert process.wait() == 1
    assert not list((home / "engines").glob("*/engine.json"))


def test_a_pickled_segmenter_keeps_its_engine():
    used = parts("openvino")
    assert pickle.loads(pickle.dumps(used)).engine == "openvino"


def test_the_environment_may_say_which(monkeypatch):
    monkeypatch.setenv("NAPARI_IAUNET_ENGINE", "openvino")
    assert Segmenter(device="cpu").engine == "openvino"
    monkeypatch.setenv("NAPARI_IAUNET_ENGINE", "tensorflow")
    with pytest.raises(DeviceError, match="choose pytorch or openvino"):
        Segmenter(device="cpu")


def test_a_converted_model_that_is_damaged_is_told(home):
    next((home / "engines").glob("*/network.xml")).write_text("no model")
    with pytest.raises(DeviceError, match="OpenVINO cannot use this model"):
        parts("openvino")


@pytest.mark.parametrize("asked", ["openvino", None])
def test_a_converted_model_that_is_damaged_is_made_again(monkeypatch, home, asked):
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    assert parts(None).engine == "openvino"
    next((home / "engines").glob("*/network.xml")).write_text("no model")
    if asked:
        with pytest.raises(DeviceError):
            parts(asked)
    assert parts(asked).engine == "openvino"
    assert Segmenter(device="cpu", engine="openvino").engine == "openvino"


def test_another_version_converts_again(monkeypatch):
    network = parts("pytorch")._backend.network
    former = engines.cache_folder(network)
    monkeypatch.setattr(engines, "_version", lambda package: "another")
    assert engines.cache_folder(network) != former


def test_a_network_on_trial_is_not_converted(monkeypatch):
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    network = parts("pytorch")._backend.network
    trial = Segmenter.from_network(network, torch.device("cpu"))
    assert trial.engine == "pytorch"


def test_openvino_needs_the_processor(monkeypatch):
    network = parts("pytorch")._backend.network
    with pytest.raises(DeviceError, match="the device"):
        engines.choose_engine(network, torch.device("meta"), "openvino")


def test_without_openvino_pytorch_is_used(monkeypatch):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    assert Segmenter(device="cpu").engine == "pytorch"
