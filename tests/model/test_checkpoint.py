"""A model folder is read whole or refused with one clear sentence."""

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_iaunet.atomic import finish_replacing
from napari_iaunet.errors import ModelError
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig

SMALL = IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path / "mine", IAUNet(SMALL), {"description": "a test"})
    return tmp_path / "mine"


def test_round_trip(folder: Path):
    torch.manual_seed(0)
    expected = IAUNet(SMALL).eval()
    network, card = load_model(folder)
    image = torch.randn(1, 3, 16, 16)
    for a, b in zip(network(image), expected(image), strict=True):
        torch.testing.assert_close(a, b)
    assert card == {"description": "a test"}
    assert sorted(p.name for p in folder.iterdir()) == [
        "card.json",
        "config.json",
        "weights.safetensors",
    ]


def _change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values["network"] |= changes
    path.write_text(json.dumps(values))


def _cut(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _pickle(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(pickle.dumps({"a": 1}))


def _torch_pickle(folder: Path) -> None:
    torch.save({"a": torch.zeros(1)}, folder / "weights.safetensors")


def _drop_one(folder: Path) -> None:
    path = folder / "weights.safetensors"
    weights = load_file(path)
    weights.pop(next(iter(weights)))
    save_file(weights, path)


def _nan(folder: Path) -> None:
    path = folder / "weights.safetensors"
    weights = load_file(path)
    weights["stem.0.weight"][0] = torch.nan
    save_file(weights, path)


def _dtype(folder: Path) -> None:
    path = folder / "weights.safetensors"
    save_file({k: v.to(torch.float16) for k, v in load_file(path).items()}, path)


def _negative_variance(folder: Path) -> None:
    path = folder / "weights.safetensors"
    weights = load_file(path)
    weights["stem.1.running_var"][0] = -1
    save_file(weights, path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: _change_config(f, widths=[2900, 1, 1]),
        lambda f: _change_config(f, widths=[1, 1, 4096, 4096, 4096, 4096, 4096, 4096]),
        lambda f: _change_config(f, widths=[8, 12.5, 16]),
        lambda f: _change_config(f, widths=[8, True, 16]),
        lambda f: _change_config(f, widths=[8, "12", 16]),
        lambda f: _change_config(f, widths={"8": 1, "12": 1, "16": 1}),
        lambda f: _change_config(f, blocks=10**9),
        lambda f: _change_config(f, blocks=0),
        lambda f: _change_config(f, context_blocks=-1),
        lambda f: _change_config(f, descriptor=10**12),
        lambda f: _change_config(f, descriptor=-1),
        lambda f: _change_config(f, embedding=4096),
        lambda f: _change_config(f, embedding=None),
        lambda f: _change_config(f, diameter="28"),
        lambda f: _change_config(f, diameter=float("nan")),
        lambda f: _change_config(f, usual_diameter=float("inf")),
        lambda f: _change_config(f, usual_diameter=10**400),
        lambda f: _change_config(f, identity="no"),
        lambda f: (f / "config.json").write_text("[" * 100_000),
        lambda f: (f / "config.json").write_text(" " * 1_000_001),
        lambda f: (f / "card.json").write_text(" " * 1_000_001),
        lambda f: (f / "card.json").write_text("[" * 100_000),
        lambda f: (f / "weights.safetensors").write_bytes(bytes(2_000_000)),
        _dtype,
        _negative_variance,
        lambda f: (f / "weights.safetensors").unlink(),
        lambda f: (f / "config.json").unlink(),
        lambda f: (f / "config.json").write_text("{"),
        lambda f: (f / "config.json").write_text("[]"),
        lambda f: (f / "config.json").write_text('{"format": "other"}'),
        lambda f: (f / "card.json").write_text("{"),
        lambda f: _change_config(f, widths=[8, 12, 24]),
        lambda f: _change_config(f, widths=[]),
        lambda f: _change_config(f, widths=[10**9, 10**9, 10**9]),
        lambda f: _change_config(f, widths="abc"),
        lambda f: _change_config(f, extra=1),
        lambda f: _change_config(f, diameter=-1),
        _cut,
        _pickle,
        _torch_pickle,
        _drop_one,
        _nan,
    ],
)
def test_damage_is_refused_in_one_sentence(folder: Path, damage):
    damage(folder)
    with pytest.raises(ModelError) as caught:
        load_model(folder)
    message = str(caught.value)
    assert message.endswith(".")
    assert "\n" not in message


def test_a_model_of_an_earlier_version_is_read(tmp_path: Path):
    """Names in the files of users' models stay as they were."""
    network = IAUNet(IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8))
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "config.json").write_text("""{
      "format": "napari-iaunet 1",
      "network": {
        "widths": [8, 12, 16], "blocks": 2, "embedding": 4, "hidden": 8,
        "projection": 32, "descriptor": 128, "diameter": 28.0,
        "usual_diameter": 41.5, "identity": true
      }
    }""")
    (tmp_path / "card.json").write_text("""{
      "description": "default, trained on plate 7",
      "training": {
        "half of the start": true,
        "recipe": {"averaging": 0.98, "settled": 1.0, "shares": {}, "keeps_half": true}
      }
    }""")
    read, card = load_model(tmp_path)
    assert read.config == replace(network.config, usual_diameter=41.5)
    assert torch.equal(read.stem[0].weight, network.stem[0].weight)
    assert card["training"]["half of the start"] is True


def test_missing_folder(tmp_path: Path):
    with pytest.raises(ModelError, match="no model folder"):
        load_model(tmp_path / "none")


def test_a_save_that_was_cut_short_is_finished(tmp_path: Path, monkeypatch):
    small, other = IAUNet(SMALL), IAUNet(replace(SMALL, diameter=20.0))
    save_model(tmp_path, small, {"name": "old"})
    really = Path.replace
    for files in (0, 1, 2):
        left = [None] * files

        def cut_short(path, target, left=left):
            if not left:
                raise KeyboardInterrupt
            left.pop()
            return really(path, target)

        monkeypatch.setattr(Path, "replace", cut_short)
        with pytest.raises(KeyboardInterrupt):
            save_model(tmp_path, other, {"name": "new"})
        monkeypatch.setattr(Path, "replace", really)
        finish_replacing(tmp_path)
        network, card = load_model(tmp_path)
        new = files > 0
        assert network.config == (other if new else small).config
        assert card["name"] == ("new" if new else "old")
        save_model(tmp_path, small, {"name": "old"})


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": [64, 128, 256, 4096]},
        {"widths": [64, 256, 1024, 4096], "blocks": 16, "context_blocks": 16},
        {"widths": [128] * 8, "descriptor": 4096, "blocks": 16},
    ],
)
def test_a_network_too_large_is_refused_before_it_takes_memory(
    folder: Path, changes: dict[str, object]
):
    """Of 270 bytes of a config.json that is plausible number by number."""
    _change_config(folder, **changes)
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError, match="more than the 50,000,000"):
        load_model(folder)
    # In kB; megabytes at most, since no weight is made.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_loaded_model_does_not_depend_on_its_file(folder: Path):
    network, _ = load_model(folder)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    (folder / "weights.safetensors").write_bytes(b"")
    for name, value in network.state_dict().items():
        assert torch.equal(value, expected[name])
        assert value.device.type == "cpu"


def test_a_first_prediction_imports_no_library_for_algebra():
    """Which takes a second in which a window stands still."""
    code = (
        "import sys\n"
        "import numpy as np\n"
        "from napari_iaunet import Segmenter\n"
        "Segmenter(device='cpu').segment(np.eye(64, dtype=np.uint8))\n"
        "assert 'torch' in sys.modules and 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_of_a_loaded_network_is_in_memory_in_its_own_kind(folder: Path):
    network, _ = load_model(folder)
    fresh = IAUNet(network.config)
    for name, values in network.state_dict().items():
        assert values.device.type == "cpu", name
        assert values.dtype == fresh.state_dict()[name].dtype, name
    tensors = [*network.parameters(), *network.buffers()]
    assert all(values.device.type == "cpu" for values in tensors)
    assert [p.requires_grad for p in network.parameters()] == [
        p.requires_grad for p in fresh.parameters()
    ]
