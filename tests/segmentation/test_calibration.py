"""Scores are probabilities once a model is calibrated."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.data import immunohistochemistry

from napari_iaunet import Segmenter
from napari_iaunet.errors import ModelError
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.registry import find_model
from napari_iaunet.segmentation.calibration import (
    calibrated,
    fit_calibration,
    log_odds,
)


@pytest.fixture
def cells() -> tuple[np.ndarray, np.ndarray]:
    """Scores of overconfident cells, and which of them are right."""
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.55, 1, 20_000).astype(np.float32)
    odds = -1 + 0.6 * log_odds(scores)
    return scores, rng.random(scores.size) < 1 / (1 + np.exp(-odds))


def test_the_line_is_found_again(cells):
    assert fit_calibration(*cells) == pytest.approx((-1, 0.6), abs=0.08)


def test_of_cells_with_a_probability_so_many_are_right(cells):
    scores, right = cells
    told = calibrated(scores, fit_calibration(scores, right))
    for low in np.arange(0.3, 0.8, 0.1):
        here = (told >= low) & (told < low + 0.1)
        assert right[here].mean() == pytest.approx(told[here].mean(), abs=0.04)


def test_order_stays_and_no_calibration_changes_nothing(cells):
    scores, _ = cells
    told = calibrated(scores, (-1.0, 0.6))
    assert told.dtype == np.float32
    assert (np.diff(told[np.argsort(scores)]) >= 0).all()
    assert calibrated(scores, (0.0, 1.0)) is scores


def test_a_few_cells_that_are_all_right_give_no_step():
    offset, slope = fit_calibration(np.full(5, 0.8), np.ones(5, bool))
    assert 0 < offset < 3
    assert 0.5 < slope < 3


def test_weights_say_how_much_a_cell_counts(cells):
    scores, right = cells
    fitted = fit_calibration(scores, right, np.where(right, 2.0, 1.0))
    assert fitted[0] > fit_calibration(scores, right)[0] + 0.3


@pytest.mark.slow
def test_a_calibrated_model_finds_the_same_cells_and_tells_other_scores(tmp_path):
    network, card = load_model(find_model("default"))
    network.config = replace(network.config, calibration=(0.0, 1.0))
    save_model(tmp_path / "plain", network, card)
    network.config = replace(network.config, calibration=(-1.0, 0.6))
    save_model(tmp_path / "calibrated", network, card)
    image = immunohistochemistry()
    for told in ({}, {"diameter": 14.0}):
        plain, other = (
            Segmenter(tmp_path / name, "cpu", engine="pytorch").segment(image, **told)
            for name in ("plain", "calibrated")
        )
        np.testing.assert_array_equal(plain.labels, other.labels)
        assert len(plain.scores) > 20
        np.testing.assert_allclose(
            other.scores, calibrated(plain.scores, (-1.0, 0.6)), atol=1e-6
        )


@pytest.mark.parametrize("line", [(0.0, 0.0), (float("nan"), 1.0), (0.0,), (0, 1e9)])
def test_an_impossible_calibration_is_refused(tmp_path, line):
    network, card = load_model(find_model("default"))
    network.config = replace(network.config, calibration=line)
    save_model(tmp_path / "model", network, card)
    with pytest.raises(ModelError, match="impossible"):
        load_model(tmp_path / "model")


def test_a_fingerprint_tells_calibrations_apart():
    network, _ = load_model(find_model("default"))
    cpu = torch.device("cpu")
    other = replace(network.config, calibration=(-1.0, 0.6))
    before = Segmenter.from_network(network, cpu).fingerprint
    network.config = other
    assert Segmenter.from_network(network, cpu).fingerprint != before
