"""The tools of the bundled model can be started, know its images, and told of them."""

import json
import sys

import pytest

from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import find_model
from tools.kinds import SAMPLING_WEIGHTS, SOURCES
from tools.readme import README, written
from tools.train_bundled import _widened, main


def test_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train_bundled", "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "--context-blocks" in capsys.readouterr().out


def test_every_kind_has_a_source_a_licence_and_a_share():
    assert set(SOURCES) == set(SAMPLING_WEIGHTS)
    for about in SOURCES.values():
        assert about["what"]
        assert about["source"]
        assert about["licence"]
    assert min(SAMPLING_WEIGHTS.values()) / sum(SAMPLING_WEIGHTS.values()) > 0.02


def test_the_readme_tells_what_the_card_does():
    card = json.loads((find_model("default") / "card.json").read_text("utf-8"))
    text = README.read_text("utf-8")
    assert "| fluorescent nuclei |" in text
    assert written(text, card) == text


def test_the_next_model_can_be_trained_on(tmp_path):
    network, card = load_model(_widened(tmp_path / "start"))
    assert network.config == load_model(find_model("default"))[0].config
    assert {entry["name"] for entry in card["data"]} == set(SOURCES)
