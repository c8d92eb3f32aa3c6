"""The tools of the bundled model can be started, know its images, and told of them."""

import json
import sys

import numpy as np
import pytest
from scipy import ndimage as ndi

from benchmarks.registration import register, shifts_of
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.registry import find_model
from tools.kinds import SAMPLING_WEIGHTS, SOURCES
from tools.readme import README, written
from tools.train_bundled import main


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
    assert min(SAMPLING_WEIGHTS.values()) / sum(SAMPLING_WEIGHTS.values()) > 1 / 60


def test_the_readme_tells_what_the_card_does():
    card = json.loads((find_model("default") / "card.json").read_text("utf-8"))
    text = README.read_text("utf-8")
    assert "| fluorescent nuclei |" in text
    assert written(text, card) == text


def test_the_bundled_model_knows_every_kind_and_is_calibrated():
    network, card = load_model(find_model("default"))
    assert {entry["name"] for entry in card["data"]} == set(SOURCES)
    assert network.config.calibration != (0.0, 1.0)


def test_channels_are_laid_on_the_masks_again():
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:160, :200]
    labels = np.zeros(rows.shape, np.uint16)
    for i, (y, x) in enumerate(rng.uniform(10, 150, (60, 2)), 1):
        labels[(rows - y) ** 2 + (columns - x) ** 2 < 49] = i
    cells = labels > 0
    membranes = cells & (ndi.uniform_filter(cells.astype(float), 5) < 0.9)
    shifts = [(1, 2), (3, -2), (9, -1)]
    channels = [
        np.roll(1000 * shown + rng.normal(200, 50, cells.shape), (-y, -x), (0, 1))
        for shown, (y, x) in zip((cells, cells, cells), shifts, strict=True)
    ]
    channels[1] = channels[1] + 300 * np.roll(membranes, (-3, 2), (0, 1))
    image = np.stack(channels).clip(0).astype(np.uint16)
    assert shifts_of(image, labels) == shifts
    moved, kept = register(image, labels)
    assert moved.shape == (3, 142, 182)
    assert shifts_of(moved, kept) == [(0, 0)] * 3
