"""What a training process is to do, and where it puts what it makes.

Loads no torch: the program that starts the process may not have it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut

# Files of the folder that a training process works in.
TASK, ARRAYS, MODEL, EXAMPLE = "task.json", "pairs.npz", "model", "example.npy"
# In the model's folder: how far the training has come.
PROGRESS = "training.json"
# What it obeys.
PAUSE, GO_ON, STOP = "pause", "go on", "stop"


@dataclass(frozen=True)
class Task:
    """What is to be trained.

    Attributes
    ----------
    start : str
        Name or folder of the model to start from.
    minutes : float or None
    steps : int or None
    device : str
    seed : int
    card : dict
        What the model's card says beside what training itself knows.
    resume : bool
        Whether to go on with the training that the folder holds.
    """

    start: str
    minutes: float | None = None
    steps: int | None = None
    device: str = "auto"
    seed: int = 0
    card: dict[str, Any] | None = None
    resume: bool = False


class TaskImages(NamedTuple):
    """Images of a task.

    Attributes
    ----------
    pairs : sequence of Annotation
        To train on.
    rehearsal : sequence of Annotation
        Images that the model shall not forget; their labels do not matter.
    held_out : sequence of HeldOut or None
        None: the training holds out a part of the pairs.
    """

    pairs: Sequence[Annotation]
    rehearsal: Sequence[Annotation] = ()
    held_out: Sequence[HeldOut] | None = None


# Parts of an annotation that are arrays.
_PARTS = ("image", "labels", "region")


def write_task(folder: Path, task: Task, images: TaskImages) -> None:
    """Put a task into a folder, which is made if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, NDArray[Any]] = {}
    names: dict[int, str] = {}

    def keep(array: Any) -> str:
        """Name an array; one that several annotations share is written once."""
        name = names.setdefault(id(array), str(len(names)))
        arrays[name] = np.asarray(array)
        return name

    def about(image: Annotation) -> dict[str, Any]:
        parts = {part: getattr(image, part) for part in _PARTS}
        kept = {part: None if a is None else keep(a) for part, a in parts.items()}
        return {**image._asdict(), **kept}

    values: dict[str, Any] = {
        "task": asdict(task),
        "pairs": [about(image) for image in images.pairs],
        "rehearsal": [about(image) for image in images.rehearsal],
        "held_out": None,
    }
    if images.held_out is not None:
        values["held_out"] = [
            {"annotation": about(part.annotation), "block": keep(part.block)}
            for part in images.held_out
        ]
    with (folder / ARRAYS).open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    (folder / TASK).write_text(json.dumps(values), encoding="utf-8")


def read_start(folder: Path) -> str:
    """Return the model that the training of a folder starts from."""
    values = json.loads((folder / TASK).read_text(encoding="utf-8"))
    return str(values["task"]["start"])


def prolong(folder: Path, minutes: float | None, steps: int | None) -> None:
    """Let the training of a folder go on for so many minutes, or steps, more."""
    path = folder / TASK
    values = json.loads(path.read_text(encoding="utf-8"))
    done = json.loads((folder / MODEL / PROGRESS).read_text(encoding="utf-8"))
    values["task"] |= {
        "minutes": None if minutes is None else minutes + done["seconds"] / 60,
        "steps": None if steps is None else steps + done["step"],
        "resume": True,
    }
    path.write_text(json.dumps(values), encoding="utf-8")


def read_task(folder: Path) -> tuple[Task, TaskImages]:
    """Read what `write_task` wrote."""
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut

    values = json.loads((folder / TASK).read_text(encoding="utf-8"))
    with np.load(folder / ARRAYS, allow_pickle=False) as stored:
        arrays = dict(stored)

    def annotation(about: dict[str, Any]) -> Annotation:
        return Annotation(**about | {part: arrays.get(about[part]) for part in _PARTS})

    held_out = values["held_out"] and [
        HeldOut(annotation(part["annotation"]), arrays[part["block"]])
        for part in values["held_out"]
    ]
    images = TaskImages(
        [annotation(about) for about in values["pairs"]],
        [annotation(about) for about in values["rehearsal"]],
        held_out,
    )
    return Task(**values["task"]), images
