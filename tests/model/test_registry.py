"""Models by name."""

import json
from pathlib import Path

import pytest

from napari_iaunet.errors import ModelError
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.registry import find_model, list_models


def test_bundled_model_comes_first():
    first = list_models()[0]
    assert first.name == "default"
    assert first.description
    assert load_model(first.path)[1]["data"]


def test_user_models_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    network, _ = load_model(find_model("default"))
    save_model(tmp_path / "models" / "mine", network, {"description": "my cells"})
    (tmp_path / "models" / "foreign").mkdir()
    names = {model.name: model.description for model in list_models()}
    assert names["mine"] == "my cells"
    assert "foreign" not in names
    assert find_model("mine") == tmp_path / "models" / "mine"
    assert find_model(tmp_path / "models" / "mine") == tmp_path / "models" / "mine"


def test_unknown_name_lists_the_known():
    with pytest.raises(ModelError, match='no model "moon"; known models: default'):
        find_model("moon")


@pytest.mark.parametrize(
    "card",
    [
        b"[" * 100_000,
        b"{",
        b"[1, 2]",
        b'{"description": {"a": 1}, "figures": [3]}',
        b'{"description": "' + b"x" * 2_000_000 + b'"}',
        b"\xff\xfe",
        b"1" * 10_000,
    ],
)
def test_a_damaged_card_leaves_the_other_models(tmp_path: Path, monkeypatch, card):
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    (tmp_path / "models" / "odd").mkdir(parents=True)
    (tmp_path / "models" / "odd" / "config.json").write_text("{}")
    (tmp_path / "models" / "odd" / "card.json").write_bytes(card)
    found = {model.name: model for model in list_models()}
    assert set(found) == {"default", "odd"}
    assert len(found["odd"].description) <= 200
    assert find_model("default").is_dir()


def test_a_description_is_one_line(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    (tmp_path / "models" / "odd").mkdir(parents=True)
    (tmp_path / "models" / "odd" / "config.json").write_text("{}")
    card = {"description": "two\nlines\r\tand more"}
    (tmp_path / "models" / "odd" / "card.json").write_text(json.dumps(card))
    assert list_models()[-1].description == "two lines and more"
