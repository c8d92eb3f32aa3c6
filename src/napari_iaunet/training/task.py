"""What a training process is to do, and where it puts what it makes.

Loads no torch: the program that starts the process may not have it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_iaunet.training.dataset import Annotation

# Files of the folder that a training process works in.
TASK, ARRAYS, MODEL, EXAMPLE = "task.json", "pairs.npz", "model", "example.npy"
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
    """

    start: str
    minutes: float | None = None
    steps: int | None = None
    device: str = "auto"
    seed: int = 0
    card: dict[str, Any] | None = None


def write_task(
    folder: Path,
    task: Task,
    pairs: Sequence[Annotation],
    known: Sequence[Annotation] = (),
) -> None:
    """Put a task into a folder.

    Parameters
    ----------
    folder : Path
        Made if needed.
    task : Task
    pairs : sequence of Annotation
    known : sequence of Annotation
        Images that the model shall not forget; their labels do not matter.
    """
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    about = []
    for index, pair in enumerate([*pairs, *known]):
        arrays[f"{index}_image"] = np.asarray(pair.image)
        arrays[f"{index}_labels"] = np.asarray(pair.labels)
        if pair.region is not None:
            arrays[f"{index}_region"] = pair.region
        about.append(
            {
                "name": pair.name,
                "channel_axis": pair.channel_axis,
                "stack": pair.stack,
            }
        )
    with (folder / ARRAYS).open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    count = len(pairs)
    values = {"task": asdict(task), "pairs": about[:count], "known": about[count:]}
    (folder / TASK).write_text(json.dumps(values), encoding="utf-8")


def read_task(folder: Path) -> tuple[Task, list[Annotation], list[Annotation]]:
    """Read what `write_task` wrote: the task, the pairs, and what is known."""
    from napari_iaunet.training.dataset import Annotation

    values = json.loads((folder / TASK).read_text(encoding="utf-8"))
    pairs = []
    with np.load(folder / ARRAYS, allow_pickle=False) as arrays:
        for index, about in enumerate([*values["pairs"], *values["known"]]):
            region = f"{index}_region"
            pairs.append(
                Annotation(
                    arrays[f"{index}_image"],
                    arrays[f"{index}_labels"],
                    arrays.get(region),
                    **about,
                )
            )
    count = len(values["pairs"])
    return Task(**values["task"]), pairs[:count], pairs[count:]
