"""``napari-iaunet models``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.commands.common import local, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

HELP = "list the models"
# Least AP at IoU 0.5 of each word: about nine and eight of ten cells are found there,
# and as many of those that are found are right.
_WORDS = (
    (0.82, "good: few cells to correct"),
    (0.65, "fair: some cells to correct"),
    (0.0, "weak: click the cells, or fine-tune the model"),
)
# With fewer cells than this an AP says little: its standard error is near .1.
_FEW = 25


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument(
        "--bioimageio",
        type=local,
        metavar="ZIP",
        help="list nothing, but write a model for the BioImage Model Zoo",
    )
    parser.add_argument(
        "--model", default="default", help="which one: name of a model, or its folder"
    )


def run(args: argparse.Namespace) -> int:
    """List the models that can be named, and how accurate they are."""
    from napari_iaunet.model.registry import find_model, list_models

    if args.bioimageio:
        from napari_iaunet.model.bioimageio import export

        folder = find_model(args.model)
        export(folder, args.bioimageio, folder.name)
        say(f"{args.model}: {args.bioimageio}")
        return 0

    known = list_models()
    width = max((len(model.name) for model in known), default=0)
    for model in known:
        say(f"{model.name:<{width}}  {model.description}  ({model.path})")
        for line in _expectations(model.figures):
            say(f"{'':<{width}}    {line}")
    return 0


def _expectations(figures: Mapping[str, Any]) -> Iterator[str]:
    """Say what to expect of a model, by what its card says of images held out of it.

    Cards may be anybody's: what is no number is left out.
    """
    kinds = figures.get("held-out images")
    if not isinstance(kinds, dict):
        prefix = "validation "
        said = {
            key.removeprefix(prefix): value
            for key, value in figures.items()
            if isinstance(key, str) and key.startswith(prefix)
        }
        kinds = {"held-out cells": said}
    width = max(len(str(kind)) for kind in ("", *kinds))
    for kind, said in kinds.items():
        ap = said.get("AP50") if isinstance(said, dict) else None
        if not isinstance(ap, int | float):
            continue
        shown = f"AP at IoU 0.5 {ap:.2f}"
        mean = said.get("AP50-95")
        if isinstance(mean, int | float):
            shown += f", mean of 0.5 to 0.95 {mean:.2f}"
        yield f"{kind:<{width}}  {shown}; {in_words(said)}"


def in_words(figures: Mapping[str, Any]) -> str:
    """Say what an AP at IoU 0.5 of so many cells means for who uses the cells."""
    words = next((text for least, text in _WORDS if figures["AP50"] >= least), "")
    cells = figures.get("cells")
    few = isinstance(cells, int | float) and cells < _FEW
    return f"{words} (by few cells)" if few else words
