"""The files of a model's folder, and how they are replaced. Loads no torch."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CONFIG, WEIGHTS, CARD = "config.json", "weights.safetensors", "card.json"


def part_of(path: Path) -> Path:
    """Return the file that replaces `path` when it is written."""
    return path.with_name(f".{path.name}.part")


def replace_all(folder: Path) -> None:
    """Put the written files in place; `finish_saving` if that was cut short."""
    part_of(folder / WEIGHTS).replace(folder / WEIGHTS)
    finish_saving(folder)


def finish_saving(folder: Path) -> None:
    """Make config and card those of the weights, where a program was killed.

    The weights are replaced first, when all files are written: if theirs is gone,
    what is left of the others belongs to them.
    """
    if part_of(folder / WEIGHTS).exists():
        return
    for name in (CONFIG, CARD):
        with contextlib.suppress(FileNotFoundError):
            part_of(folder / name).replace(folder / name)
