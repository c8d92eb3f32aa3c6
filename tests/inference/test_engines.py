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
from napari_iaunet.model.checkpoint import save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig

pytest.importorskip("openvino")


CONFIG = IAUNetConfig(widths=(4, 4, 4), blocks=1, embedding=2, hidden=2, projection=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Folder of a tiny model: it is handled as any other, and converted sooner."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    torch.manual_seed(0)
    save_model(folder, IAUNet(CONFIG), {})
    return folder


def convert(home, *model):
    """Segmenter whose converted model is kept in a home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAPARI_IAUNET_HOME", str(home))
        return Segmenter(*model, device="cpu", engine="openvino")


@pytest.fixture(scope="module")
def converted(model, tmp_path_factory):
    """Folder with the converted tiny model."""
    home = tmp_path_factory.mktemp("home")
    convert(home, model)
    return home


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """The bundled model in both engines, and the home of the converted one."""
    home = tmp_path_factory.mktemp("bundled")
    usual = Segmenter(device="cpu", engine="pytorch")
    return {"pytorch": usual, "openvino": convert(home)}, home


@pytest.fixture(autouse=True)
def home(converted, tmp_path, monkeypatch):
    shutil.copytree(converted, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    monkeypatch.delenv("NAPARI_IAUNET_ENGINE", raising=False)
    return tmp_path


@pytest.fixture
def parts(model):
    """Make a segmenter of the tiny model with an engine."""
    return lambda engine=None: Segmenter(model, device="cpu", engine=engine)


@pytest.fixture(scope="module")
def image(data_folder: Path) -> np.ndarray:
    path = next((data_folder / "nuclei-fluorescence/train").glob("*_img.png"))
    return np.asarray(read_image(path).array)


def test_both_find_the_same_cells(image, bundled):
    segmenters, home = bundled
    found = {name: one.segment(image) for name, one in segmenters.items()}
    one, other = (found[name].labels for name in ("pytorch", "openvino"))
    assert one.max() > 5
    assert average_precision(one, other, thresholds=(0.9,)).pooled[0] > 0.9
    assert found["openvino"].diameter == pytest.approx(found["pytorch"].diameter, 0.05)
    kept = [p.name for p in (home / "engines").glob("*/*")]
    assert sorted(kept) == ["network.bin", "network.xml"]


def test_fields_differ_by_rounding_only(bundled):
    network, other = (one._backend for one in bundled[0].values())
    for shape in ((16, 16), (64, 96), (224, 160)):
        picture = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(1))
        a, b = network.engine(picture), other.engine(picture)
        for one, another in zip(a, b, strict=True):
            assert one.shape == another.shape
            assert one.stride() == another.stride()
            assert (one - another).abs().mean() < 0.02
        for engine, fields in ((network.engine, a), (other.engine, b)):
            torch.testing.assert_close(engine.masks(picture), fields.masks[:2])


def test_the_faster_one_is_chosen_once(monkeypatch, home, parts):
    times = {"pytorch": 2.0, "openvino": 1.0}
    asked: list[str] = []

    def seconds(engine):
        asked.append(engine.name)
        return times[engine.name]

    monkeypatch.setattr(engines, "_seconds", seconds)
    first = parts()
    assert first.engine == "openvino"
    assert asked == ["pytorch", "openvino"]
    note = json.loads(next((home / "engines").glob("*/engine.json")).read_text())
    assert note["engine"] == "openvino"
    assert parts().engine == "openvino"
    assert len(asked) == 2
    assert parts("pytorch").fingerprint != first.fingerprint
    assert parts("openvino").fingerprint == first.fingerprint


@pytest.mark.parametrize("openvino", [1.0, 2.0])
def test_pytorch_stays_where_nothing_is_gained(monkeypatch, openvino, parts):
    times = {"pytorch": 1.0, "openvino": openvino}
    monkeypatch.setattr(engines, "_seconds", lambda engine: times[engine.name])
    assert parts().engine == "pytorch"
    assert parts().engine == "pytorch"


def test_another_machine_or_a_damaged_note_is_measured_anew(monkeypatch, home, parts):
    monkeypatch.setattr(engines, "_seconds", lambda engine: len(engine.name))
    assert parts().engine == "pytorch"
    note = next((home / "engines").glob("*/engine.json"))
    for text in ("{", "[]", '{"machine": {}, "engine": "openvino"}'):
        note.write_text(text)
        assert parts().engine == "pytorch"


def test_what_is_not_known_yet_is_not_waited_for(monkeypatch, home, parts):
    shutil.rmtree(home / "engines")
    ready = parts("ready")
    assert ready.engine == "pytorch"
    assert not ready.engine_is_final
    assert not (home / "engines").exists()
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    monkeypatch.setattr(engines, "_convert", None)
    assert parts("pytorch").engine_is_final


def test_what_is_known_is_used_at_once(monkeypatch, home, parts):
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    assert parts().engine == "openvino"
    assert parts("ready").engine == "openvino"
    assert parts("ready").engine_is_final
    next((home / "engines").glob("*/network.xml")).unlink()
    assert parts("ready").engine == "pytorch"


def test_what_cannot_be_converted_is_tried_once(monkeypatch, home, parts):
    shutil.rmtree(home / "engines")
    asked = []

    def convert(network, folder):
        asked.append(folder)
        raise RuntimeError("an operation is unknown")

    monkeypatch.setattr(engines, "_convert", convert)
    assert parts().engine == "pytorch"
    assert parts().engine == "pytorch"
    assert parts("ready").engine_is_final
    assert len(asked) == 1


def test_it_is_found_out_in_the_background(home, parts, model):
    process = conversion.start(model)
    assert not parts("ready").engine_is_final
    assert process.wait() == 0
    process.stdin.close()
    ready = parts("ready")
    assert ready.engine_is_final
    note = json.loads(next((home / "engines").glob("*/engine.json")).read_text())
    assert note["engine"] == ready.engine


def test_the_background_ends_when_nobody_waits(home, model):
    process = conversion.start(model)
    process.stdin.close()
    assert process.wait() == 1
    assert not list((home / "engines").glob("*/engine.json"))


def test_a_pickled_segmenter_keeps_its_engine(parts):
    used = parts("openvino")
    assert pickle.loads(pickle.dumps(used)).engine == "openvino"


def test_the_environment_may_say_which(monkeypatch, parts):
    monkeypatch.setenv("NAPARI_IAUNET_ENGINE", "openvino")
    assert parts().engine == "openvino"
    monkeypatch.setenv("NAPARI_IAUNET_ENGINE", "tensorflow")
    with pytest.raises(DeviceError, match="choose pytorch or openvino"):
        parts()


def test_a_converted_model_that_is_damaged_is_told(home, parts):
    next((home / "engines").glob("*/network.xml")).write_text("no model")
    with pytest.raises(DeviceError, match="OpenVINO cannot use this model"):
        parts("openvino")


@pytest.mark.parametrize("asked", ["openvino", None])
def test_a_converted_model_that_is_damaged_is_made_again(
    monkeypatch, home, asked, parts
):
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    assert parts(None).engine == "openvino"
    next((home / "engines").glob("*/network.xml")).write_text("no model")
    if asked:
        with pytest.raises(DeviceError):
            parts(asked)
    assert parts(asked).engine == "openvino"
    assert parts("openvino").engine == "openvino"


def test_another_version_converts_again(monkeypatch, parts):
    network = parts("pytorch")._backend.network
    former = engines.cache_folder(network)
    monkeypatch.setattr(engines, "_version", lambda package: "another")
    assert engines.cache_folder(network) != former


def test_a_network_on_trial_is_not_converted(monkeypatch, parts):
    monkeypatch.setattr(engines, "_seconds", lambda engine: -len(engine.name))
    network = parts("pytorch")._backend.network
    trial = Segmenter.from_network(network, torch.device("cpu"))
    assert trial.engine == "pytorch"


def test_openvino_needs_the_processor(monkeypatch, parts):
    network = parts("pytorch")._backend.network
    with pytest.raises(DeviceError, match="the device"):
        engines.choose_engine(network, torch.device("meta"), "openvino")


def test_without_openvino_pytorch_is_used(monkeypatch, parts):
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    assert parts().engine == "pytorch"
