"""Folders that trainings work in, also those that were interrupted."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_iaunet.atomic import finish_replacing
from napari_iaunet.errors import TrainingError
from napari_iaunet.model.registry import user_models_folder
from napari_iaunet.plugin.core import folder_lock
from napari_iaunet.training.task import MODEL, PROGRESS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """What a training has reached, by the card of its best model.

    Attributes
    ----------
    improved : bool
        Whether the best model did better than the start on the held-out cells.
    proven : bool
        Whether that is more than chance: so many cells, and so much better.
    ap, start_ap : float or None
        AP at IoU 0.5 on the held-out cells.
    held_out : int or None
        Number of these.
    difference : (low, high) or None
        Between these lies what the AP has gained, of so many cells.
    steps : int
        How many were trained.
    """

    improved: bool
    proven: bool
    ap: float | None
    start_ap: float | None
    held_out: int | None
    difference: tuple[float, float] | None
    steps: int

    @property
    def has_model(self) -> bool:
        """Whether there is anything to save beside the start."""
        return self.improved or self.steps > 0


def new_folder() -> Path:
    """Make a folder for a training.

    Raises
    ------
    TrainingError
        If the user's folder cannot be written to.
    """
    home = user_models_folder().parent / "trainings"
    stamp = time.strftime("%Y-%m-%d %H-%M-%S")
    number = 1
    try:
        while True:
            folder = home / (stamp if number == 1 else f"{stamp} {number}")
            if not folder.exists():
                folder.mkdir(parents=True)
                folder_lock.take(folder)
                return folder
            number += 1
    except OSError as error:
        raise TrainingError(f"{home} cannot be written to: {error}.") from error


def discard(folder: Path) -> None:
    """Forget a training."""
    folder_lock.release(folder)
    shutil.rmtree(folder, ignore_errors=True)


def outcome(folder: Path) -> Outcome | None:
    """Tell what a training has reached; None if it has not begun."""
    finish_replacing(folder / MODEL)
    card = _card(folder)
    if card is None:
        return None
    figures = card.get("figures", {})
    return Outcome(
        improved=bool(card.get("improved")),
        proven=bool(card.get("proven")),
        ap=figures.get("validation AP50"),
        start_ap=figures.get("validation AP50 of the start"),
        held_out=figures.get("validation cells"),
        difference=_difference(figures),
        steps=_steps(folder),
    )


def _difference(figures: dict[str, Any]) -> tuple[float, float] | None:
    try:
        low, high = figures["validation difference"]["AP50"]
    except KeyError:  # no better model yet
        return None
    return float(low), float(high)


def interrupted() -> Iterator[Path]:
    """Find trainings that nobody waits for any more, the last first.

    Those that came to nothing are forgotten.
    """
    home = user_models_folder().parent / "trainings"
    folders = sorted(home.iterdir(), reverse=True) if home.is_dir() else []
    for folder in folders:
        if not folder.is_dir() or folder_lock.is_owned(folder):
            continue
        reached = outcome(folder)
        if reached is not None and reached.has_model:
            yield folder
        else:
            discard(folder)


def _steps(folder: Path) -> int:
    try:
        text = (folder / MODEL / PROGRESS).read_text(encoding="utf-8")
        return int(json.loads(text)["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _card(folder: Path) -> dict[str, Any] | None:
    try:
        card = json.loads((folder / MODEL / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return card if isinstance(card, dict) else None
