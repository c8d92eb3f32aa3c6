"""A model is a folder: config.json, weights.safetensors, card.json. Never a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialise

from napari_iaunet.atomic import json_bytes, settled, write_files
from napari_iaunet.errors import ModelError
from napari_iaunet.model.forks import check_not_forked
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.model.registry import CARD, CONFIG, WEIGHTS, read_json

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from torch import Tensor

FORMAT = "napari-iaunet 1"
# What a model may be at most, so that one from a stranger takes neither all memory nor
# hours: some eight times the bundled one. Channels count by their share of the pixels,
# since a map of full resolution takes 1 MB per channel of a tile.
_LEVELS, _WIDEST, _MAPS, _VALUES = 8, 4096, 256, 50_000_000
_MOST = {
    "blocks": 16,
    "context_blocks": 16,
    "embedding": 128,
    "hidden": 1024,
    "projection": 4096,
    "descriptor": 4096,
}
_LEAST = {"context_blocks": 0}
_LARGEST_DIAMETER = 1e6  # pixels; no image is larger
# Offset and slope of a calibration: with more, every score would be 0 or 1.
_STEEPEST = 100.0
# Bytes of a weights file beside the weights; the bundled model's has 20,000.
_HEADER = 1_000_000


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


def _read_config(folder: Path) -> IAUNetConfig:
    if not folder.is_dir():
        raise ModelError(f"There is no model folder {folder}.")
    for name in (CONFIG, WEIGHTS):
        if not settled(folder, name).is_file():
            raise ModelError(
                f"{folder} is not a model of napari-iaunet: it has no {name}."
            )
    values = read_json(settled(folder, CONFIG))
    if values.get("format") != FORMAT:
        raise ModelError(
            f"{folder} is not a model of this version of napari-iaunet: "
            f'{CONFIG} does not say "{FORMAT}".'
        )
    try:
        config = IAUNetConfig.from_dict(values["network"])
        plausible = _is_plausible(config)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(f"The model's {CONFIG} does not fit: {folder}.") from error
    if not plausible:
        raise ModelError(f"The model's {CONFIG} has impossible values: {folder}.")
    return config


def _is_plausible(config: IAUNetConfig) -> bool:
    """Whether a network of this kind can be built and used on any computer."""
    counts = {
        "blocks": config.blocks,
        "context_blocks": config.context_blocks,
        "embedding": config.embedding,
        "hidden": config.hidden,
        "projection": config.projection,
        "descriptor": config.descriptor,
    }
    if any(type(n) is not int for n in (*counts.values(), *config.widths)):
        return False
    numbers = [config.diameter]
    if config.usual_diameter is not None:
        numbers.append(config.usual_diameter)
    line = config.calibration
    if any(type(n) not in (int, float) for n in (*numbers, *line)):
        return False
    return (
        type(config.identity) is bool
        and 3 <= len(config.widths) <= _LEVELS
        and all(1 <= width <= _WIDEST for width in config.widths)
        and sum(w / 4**level for level, w in enumerate(config.widths)) <= _MAPS
        and all(_LEAST.get(k, 1) <= n <= _MOST[k] for k, n in counts.items())
        and 1 <= config.diameter <= 1000
        and all(0 < n <= _LARGEST_DIAMETER for n in numbers)
        and len(line) == 2
        and abs(line[0]) <= _STEEPEST
        and 0 < line[1] <= _STEEPEST
    )


def _empty_network(folder: Path, config: IAUNetConfig) -> IAUNet:
    """Build a network that takes no memory yet, if it is not too large."""
    with torch.device("meta"):
        network = IAUNet(config)
    values = sum(value.numel() for value in network.state_dict().values())
    if values > _VALUES:
        raise ModelError(
            f"The model has {values:,} values, more than the {_VALUES:,} that fit "
            f"into every computer: {folder}."
        )
    return network


def _check_weights(
    folder: Path, weights: Mapping[str, Tensor], network: IAUNet
) -> None:
    expected = network.state_dict()
    if set(weights) != set(expected):
        raise ModelError(
            f"The weights do not belong to the model's {CONFIG}: {folder}."
        )
    for name, value in weights.items():
        if value.dtype != expected[name].dtype:
            raise ModelError(
                f"The weights {name} are of the type {value.dtype} instead of "
                f"{expected[name].dtype}: {folder}."
            )
        if value.shape != expected[name].shape:
            raise ModelError(
                f"The weights {name} have the shape {tuple(value.shape)} instead of "
                f"{tuple(expected[name].shape)}: {folder}."
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelError(f"The weights {name} hold NaN or infinity: {folder}.")
        if name.endswith("running_var") and (value < 0).any():
            raise ModelError(f"The weights {name} hold a negative variance: {folder}.")


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
    DeviceError
        In a fork of a process that has loaded one.
    """
    check_not_forked()
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
    network = _empty_network(folder, _read_config(folder))
    file = settled(folder, WEIGHTS)
    largest = _HEADER + sum(v.nbytes for v in network.state_dict().values())
    if file.stat().st_size > largest:
        raise ModelError(
            f"The model's {WEIGHTS} is larger than its {CONFIG} says: {folder}."
        )
    try:
        weights = load_file(file)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"The model's {WEIGHTS} is damaged or of a foreign format: {folder}."
        ) from error
    _check_weights(folder, weights, network)
    # In memory of its own, since the file may be replaced. (`to_empty` would have torch
    # import some 400 modules of sympy first, while which a window stands still.)
    kinds = {name: empty.dtype for name, empty in network.state_dict().items()}
    own = {name: w.to(kinds[name], copy=True) for name, w in weights.items()}
    network.load_state_dict(own, assign=True)
    card = settled(folder, CARD)
    return network.eval(), read_json(card) if card.is_file() else {}
