"""A model that learns in seconds what `drawn.discs` are, and trains on as quickly."""

import functools
import tempfile
from pathlib import Path

import drawn
import torch

from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.training.loop import train
from napari_iaunet.training.recipe import Recipe

CONFIG = IAUNetConfig(widths=(8, 16, 24), embedding=4, hidden=8, projection=6)
_RECIPE = Recipe(batch=4, size=64, warm_up=5, learning_rate=4e-3, ema_decay=0.9)


@functools.cache
def _learned():
    """Network that finds all of the discs."""
    labels, picture = drawn.discs(5, 36)
    with tempfile.TemporaryDirectory() as folder:
        options = {"config": CONFIG, "recipe": _RECIPE, "validation": []}
        out = Path(folder) / "model"
        for _ in train(
            [(picture, labels)], start=None, out=out, steps=60, device="cpu", **options
        ):
            pass
        return load_model(out)[0]


def save_untrained(folder):
    """Save a model that knows nothing yet, for trainings that need not be good."""
    torch.manual_seed(0)
    save_model(folder, IAUNet(CONFIG), {})


def save_small_model(folder, bias=0.0):
    """Save the model; with a bias below 0 it takes less of a picture for cells."""
    network = _learned()
    there = network.mask_head[-1].bias[0]
    with torch.no_grad():
        there += bias
        save_model(folder, network, {"description": "discs"})
        there -= bias
