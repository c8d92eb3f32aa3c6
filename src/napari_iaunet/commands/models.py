"""``napari-iaunet models``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

HELP = "list the models"


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no arguments."""


def run(_: argparse.Namespace) -> int:
    """List the models that can be named."""
    from napari_iaunet.model.registry import list_models

    known = list_models()
    width = max((len(model.name) for model in known), default=0)
    for model in known:
        print(f"{model.name:<{width}}  {model.description}  ({model.path})")
    return 0
