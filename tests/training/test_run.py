"""Single steps of a training."""

import numpy as np
import pytest
import torch
from drawn import discs

from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.training.dataset import TrainingData
from napari_iaunet.training.events import Budget
from napari_iaunet.training.holdout import split
from napari_iaunet.training.recipe import Recipe
from napari_iaunet.training.run import Run
from napari_iaunet.training.state import TrainingState

CONFIG = IAUNetConfig(widths=(8, 12, 16), embedding=4, hidden=8, projection=6)
RECIPE = Recipe(batch=4, size=64, warm_up=1)


@pytest.fixture(scope="module")
def data():
    labels, picture = discs(4, 32)
    annotations, _ = split([(picture, labels)], [])
    return TrainingData.prepare(annotations, [], [], CONFIG.diameter)


@pytest.fixture
def run(data, tmp_path):
    torch.manual_seed(0)
    state = TrainingState.begin(IAUNet(CONFIG), torch.device("cpu"), RECIPE)
    return Run(state, data, RECIPE, Budget(steps=5), tmp_path / "m", 0, {})


def values(run):
    """Weights and statistics of the network, as they are now."""
    found = run.state.network.state_dict().items()
    return {name: value.clone() for name, value in found}


def changed(run, before):
    return {name for name, v in values(run).items() if not torch.equal(v, before[name])}


def test_a_step_changes_weights_and_statistics(run):
    before, batch = values(run), next(run.batches())
    run.step(batch, 0.01)
    names = changed(run, before)
    assert {"stem.0.weight", "stem.1.running_mean", "standardise.running_mean"} < names


def test_a_batch_that_is_not_finite_changes_nothing(run):
    batch = next(run.batches())
    batch.images[0, 0, 5, 5] = np.nan
    before = values(run)
    run.step(batch, 0.01)
    assert run.state.step == 1
    assert not changed(run, before)
    averaged = run.state.averaged.state_dict().values()
    assert all(torch.isfinite(value).all() for value in averaged)


def test_a_gradient_that_is_not_finite_changes_nothing(run):
    weight = run.state.network.stem[0].weight
    weight.register_hook(lambda gradient: gradient * np.nan)
    before, batch = values(run), next(run.batches())
    losses = run.step(batch, 0.01)
    assert np.isfinite(run.total(losses))
    assert not changed(run, before)


def test_all_statistics_are_frozen(run):
    run.step(next(run.batches()), 0.01)
    run.freeze_statistics(1.0)
    before = values(run)
    run.step(next(run.batches()), 0.01)
    names = changed(run, before)
    assert "stem.0.weight" in names
    assert not [name for name in names if "running" in name or "tracked" in name]
