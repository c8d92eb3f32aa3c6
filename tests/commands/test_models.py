"""What `models` says of the models that there are."""

import json
import re

import pytest

from napari_iaunet.cli import main
from napari_iaunet.model.registry import find_model


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Folder of a model of the user's own, without a card."""
    monkeypatch.setenv("NAPARI_IAUNET_HOME", str(tmp_path))
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    for name in ("config.json", "weights.safetensors"):
        (folder / name).symlink_to(find_model("default") / name)
    return folder


def listed(capsys) -> str:
    assert main(["models"]) == 0
    return capsys.readouterr().out


def test_the_bundled_model_says_what_to_expect_of_each_kind_of_image(capsys):
    lines = listed(capsys).splitlines()
    assert lines[0].startswith("default  ")
    kinds = [line.split()[0] for line in lines[1:]]
    assert len(kinds) == len(set(kinds)) > 5
    for line in lines[1:]:
        assert re.search(r"AP at IoU 0\.5 [01]\.\d\d", line)
        assert "mean of 0.5 to 0.95 0." in line
        assert any(word in line for word in ("good", "fair", "weak"))


def test_a_trained_model_says_its_scores_on_held_out_cells(mine, capsys):
    figures = {
        "validation AP50": 0.7,
        "validation AP50-95": 0.41,
        "validation cells": 9,
    }
    (mine / "card.json").write_text(json.dumps({"figures": figures}))
    last = listed(capsys).splitlines()[-1]
    assert "held-out cells  AP at IoU 0.5 0.70, mean of 0.5 to 0.95 0.41; fair" in last
    assert last.endswith("(by few cells)")


@pytest.mark.parametrize(
    "card",
    [
        "{}",
        "[1]",
        '{"figures": 7}',
        '{"figures": {"held-out images": {"a": 1, "b": {"AP50": "x"}}}}',
        '{"figures": {"validation AP50": null}}',
        "no card",
    ],
)
def test_a_card_of_any_sort_does_not_keep_models_from_being_listed(mine, card, capsys):
    (mine / "card.json").write_text(card)
    assert listed(capsys).splitlines()[-1].startswith("mine")
