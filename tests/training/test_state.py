"""The state of a training, and means of weights."""

import json

import pytest
import torch
from safetensors.torch import save_file

from napari_iaunet.errors import TrainingError
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.training.recipe import Recipe
from napari_iaunet.training.state import TrainingState, load_state, mean_of, save_state


@pytest.fixture
def networks():
    torch.manual_seed(0)
    config = IAUNetConfig(widths=(8, 12, 16), descriptor=24)
    return [IAUNet(config) for _ in range(2)]


def test_every_weight_is_the_mean(networks):
    one, other = (dict(network.state_dict()) for network in networks)
    for name, value in mean_of(networks).state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (one[name] + other[name]) / 2)


def test_what_the_descriptor_keeps_is_that_of_the_first(networks):
    for i, network in enumerate(networks):
        network.descriptor_basis.fill_(i + 1)
    assert (mean_of(networks).descriptor_basis == 1).all()


def test_the_networks_stay_as_they_are(networks):
    before = {name: v.clone() for name, v in networks[0].state_dict().items()}
    mean_of(networks)
    after = networks[0].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def begun(network):
    return TrainingState.begin(network, torch.device("cpu"), Recipe())


def test_a_state_comes_back_as_it_was(networks, tmp_path):
    state = begun(networks[0])
    sum(p.sum() for p in state.network.parameters()).backward()
    state.optimizer.step()
    state.step, state.seconds = 7, 2.5
    save_state(tmp_path, state)
    other = begun(networks[1])
    load_state(tmp_path, other)
    assert (other.step, other.seconds) == (7, 2.5)
    for one, two in zip(
        state.network.parameters(), other.network.parameters(), strict=True
    ):
        assert torch.equal(one, two)
        moments = other.optimizer.state[two]
        assert moments.keys() == state.optimizer.state[one].keys()
        assert torch.equal(moments["exp_avg"], state.optimizer.state[one]["exp_avg"])


def test_the_files_of_earlier_versions_are_read(networks, tmp_path):
    wanted, average = (network.state_dict() for network in networks)
    tensors = {f"network.{name}": value.clone() for name, value in wanted.items()}
    tensors |= {f"averaged.{name}": value.clone() for name, value in average.items()}
    for name, value in networks[0].named_parameters():
        tensors[f"optimizer.{name}/step"] = torch.tensor(3.0)
        for moment in ("exp_avg", "exp_avg_sq"):
            tensors[f"optimizer.{name}/{moment}"] = torch.full_like(value, 0.5)
    save_file(tensors, tmp_path / "training.safetensors")
    progress = {"step": 3, "seconds": 61.5}
    (tmp_path / "training.json").write_text(json.dumps(progress))
    state = begun(IAUNet(networks[0].config))
    load_state(tmp_path, state)
    assert (state.step, state.seconds) == (3, 61.5)
    assert torch.equal(state.network.stem[0].weight, wanted["stem.0.weight"])
    assert torch.equal(state.averaged.stem[0].weight, average["stem.0.weight"])
    moments = state.optimizer.state[state.network.stem[0].weight]
    assert float(moments["step"]) == 3
    assert (moments["exp_avg_sq"] == 0.5).all()
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(TrainingError, match="cannot be resumed"):
        load_state(tmp_path, state)
