"""Models by name."""

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
