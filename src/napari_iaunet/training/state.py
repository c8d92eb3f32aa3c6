"""What a training run must remember to go on: weights, averages, moments."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from napari_iaunet.atomic import json_bytes, settled, write_files
from napari_iaunet.errors import TrainingError
from napari_iaunet.model.checkpoint import tensor_bytes
from napari_iaunet.training.task import PROGRESS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_iaunet.model.network import IAUNet
    from napari_iaunet.training.recipe import Recipe

STATE = "training.safetensors"


@dataclass
class TrainingState:
    """Network, optimizer and the moving average of the weights.

    Attributes
    ----------
    network : IAUNet
        What the optimizer changes.
    averaged : IAUNet
        Exponential moving average: the model that is saved and used.
    optimizer : AdamW
    step : int
    seconds : float
        Training time so far.
    """

    network: IAUNet
    averaged: IAUNet
    optimizer: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0

    @classmethod
    def begin(
        cls, network: IAUNet, device: torch.device, recipe: Recipe
    ) -> TrainingState:
        """Put a network on a device, to be trained by AdamW with fresh moments.

        Only matrices and kernels decay.
        """
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        network.train()
        kernels = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        optimizer = torch.optim.AdamW(
            [
                {"params": kernels, "weight_decay": recipe.weight_decay},
                {"params": others, "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
        )
        averaged = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        return cls(network, averaged, optimizer)

    @torch.no_grad()
    def average(self, decay: float) -> None:
        """Move the average towards the network.

        Faster in the first steps, when the average is of weights that mean nothing
        yet: the decay grows as in TensorFlow's ``ExponentialMovingAverage``.
        """
        decay = min(decay, (1 + self.step) / (10 + self.step))
        current = self.network.state_dict()
        for name, value in self.averaged.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])


def _tensors(state: TrainingState) -> dict[str, Tensor]:
    tensors = {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"averaged.{k}": v for k, v in state.averaged.state_dict().items()}
    for name, parameter in state.network.named_parameters():
        for key, value in state.optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{name}/{key}"] = value
    return tensors


def save_state(folder: Path, state: TrainingState) -> None:
    """Write the state; the old one stays whole until the new one is."""
    write_files(folder, state_files(state), TrainingError)


def state_files(state: TrainingState) -> dict[str, bytes]:
    """Return what `save_state` writes, by the names of the files."""
    progress = {"step": state.step, "seconds": state.seconds}
    return {STATE: tensor_bytes(_tensors(state)), PROGRESS: json_bytes(progress)}


def load_state(folder: Path, state: TrainingState) -> None:
    """Fill `state` with what `save_state` wrote, also if saving was cut short.

    Raises
    ------
    TrainingError
        If the folder holds no run, or one of another network.
    """
    path = settled(folder, STATE)
    if not path.is_file():
        raise TrainingError(f"There is no training to resume in {folder}.")
    try:
        tensors = load_file(path)
        told = settled(folder, PROGRESS).read_text(encoding="utf-8")
        progress = json.loads(told)
        _fill(state, tensors)
        state.step, state.seconds = int(progress["step"]), float(progress["seconds"])
    except (SafetensorError, KeyError, ValueError, RuntimeError, OSError) as error:
        raise TrainingError(
            f"The training in {folder} cannot be resumed: it is damaged or belongs "
            "to another network."
        ) from error


def load_averaged(folder: Path, network: IAUNet) -> None:
    """Give a network the averaged weights of the run that a folder holds.

    Raises
    ------
    TrainingError
        If it holds none, or one of another network.
    """
    try:
        network.load_state_dict(_part(load_file(settled(folder, STATE)), "averaged."))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise TrainingError(f"There is no training in {folder}.") from error


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _fill(state: TrainingState, tensors: dict[str, Tensor]) -> None:
    state.network.load_state_dict(_part(tensors, "network."))
    state.averaged.load_state_dict(_part(tensors, "averaged."))
    moments = _part(tensors, "optimizer.")
    for name, parameter in state.network.named_parameters():
        found = _part(moments, f"{name}/")
        if found:
            state.optimizer.state[parameter] = {
                key: value if key == "step" else value.to(parameter.device)
                for key, value in found.items()
            }


@torch.no_grad()
def mean_of(networks: Sequence[IAUNet]) -> IAUNet:
    """Return a network whose weights are the means of those of others.

    Networks that began with the same weights may be joined in this way ("model soups":
    Wortsman et al., ICML 2022). The mean of two is the interpolation half way between
    them.

    Parameters
    ----------
    networks : sequence of IAUNet
        Of the same shape. What is no weight, such as the configuration and what the
        descriptor keeps, is that of the first.
    """
    mean = copy.deepcopy(networks[0])
    others = [network.state_dict() for network in networks]
    for name, value in mean.state_dict().items():
        if value.is_floating_point() and not name.startswith("descriptor_"):
            value.copy_(sum(other[name].to(value) for other in others) / len(others))
    return mean
