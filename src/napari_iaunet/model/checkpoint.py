"""A model is a folder: config.json, weights.safetensors, card.json. Never a pickle."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from napari_iaunet.atomic import json_bytes, settled, write_files
from napari_iaunet.errors import ModelError
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.model.registry import CARD, CONFIG, WEIGHTS

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from torch import Tensor

FORMAT = "napari-iaunet 1"


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """Return tensors as a file of safetensors holds them."""
    return serialise({k: v.detach().cpu().contiguous() for k, v in tensors.items()})


def save_model(folder: Path, network: IAUNet, card: Mapping[str, Any]) -> None:
    """Write a model folder; other files in it stay.

    If the program dies meanwhile, the folder holds the old or the new model.

    Parameters
    ----------
    folder : Path
        Made if needed.
    network : IAUNet
    card : mapping
        Data, licences, split, cost and figures, as plain JSON values.

    Raises
    ------
    ModelError
        If the folder cannot be written to.
    """
    write_files(folder, model_files(network, card), ModelError)


def model_files(network: IAUNet, card: Mapping[str, Any]) -> dict[str, bytes]:
    """Return what `save_model` writes, by the names of the files."""
    config = {"format": FORMAT, "network": network.config.to_dict()}
    return {
        WEIGHTS: tensor_bytes(network.state_dict()),
        CONFIG: json_bytes(config),
        CARD: json_bytes(card),
    }


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"The model's {path.name} cannot be read: {path}.") from error
    if not isinstance(values, dict):
        raise ModelError(f"The model's {path.name} is not what it should be: {path}.")
    return values


def _read_config(folder: Path) -> IAUNetConfig:
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}.")
    for name in (CONFIG, WEIGHTS):
        if not settled(folder, name).is_file():
            raise ModelError(
                f"{folder} is not a model of napari-iaunet: it has no {name}."
            )
    values = _read_json(settled(folder, CONFIG))
    if values.get("format") != FORMAT:
        raise ModelError(
            f"{folder} is not a model of this version of napari-iaunet: "
            f'{CONFIG} does not say "{FORMAT}".'
        )
    try:
        config = IAUNetConfig.from_dict(values["network"])
        plausible = (
            3 <= len(config.widths) <= 8
            and all(1 <= w <= 4096 for w in config.widths)
            and all(
                1 <= n <= 4096
                for n in (config.embedding, config.hidden, config.projection)
            )
            and 1 <= float(config.diameter) <= 1000
            and 0 < float(config.usual_diameter or 1) < math.inf
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"The model's {CONFIG} does not fit: {folder}.") from error
    if not plausible:
        raise ModelError(f"The model's {CONFIG} has impossible values: {folder}.")
    return config


def _check_weights(
    folder: Path, weights: Mapping[str, Tensor], network: IAUNet
) -> None:
    expected = network.state_dict()
    if set(weights) != set(expected):
        raise ModelError(
            f"The weights do not belong to the model's {CONFIG}: {folder}."
        )
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            raise ModelError(
                f"The weights {name} have the shape {tuple(value.shape)} instead of "
                f"{tuple(expected[name].shape)}: {folder}."
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelError(f"The weights {name} hold NaN or infinity: {folder}.")


def load_model(folder: str | os.PathLike[str]) -> tuple[IAUNet, dict[str, Any]]:
    """Read a model folder.

    Parameters
    ----------
    folder : path

    Returns
    -------
    network : IAUNet
        On the CPU, in evaluation mode.
    card : dict
        Empty if the folder has no card.

    Raises
    ------
    ModelError
        If anything is missing, damaged, foreign or of the wrong shape.
    """
    folder = Path(folder)
    while True:
        before = _versions(folder)
        try:
            loaded = _load(folder)
        except ModelError:
            if _versions(folder) == before:
                raise
        else:
            if _versions(folder) == before:
                return loaded
        # A training has saved meanwhile: what was read may be of two models.


def _versions(folder: Path) -> list[tuple[int, ...]]:
    """Tell the files of a model from those that a later save puts in their place."""
    found: list[tuple[int, ...]] = []
    for name in (CONFIG, WEIGHTS, CARD):
        try:
            now = settled(folder, name).stat()
            found.append((now.st_ino, now.st_size, now.st_mtime_ns))
        except OSError:
            found.append(())
    return found


def _load(folder: Path) -> tuple[IAUNet, dict[str, Any]]:
    network = IAUNet(_read_config(folder))
    try:
        weights = load_file(settled(folder, WEIGHTS))
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"The model's {WEIGHTS} is damaged or of a foreign format: {folder}."
        ) from error
    _check_weights(folder, weights, network)
    network.load_state_dict(weights)
    card = settled(folder, CARD)
    return network.eval(), _read_json(card) if card.is_file() else {}
