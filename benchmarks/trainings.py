"""Networks that a benchmark trains from random weights, one process for each core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import common
from tools.kinds import SAMPLING_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_iaunet.training.events import TrainingEvent
    from napari_iaunet.training.recipe import Recipe

_STEPS_PER_LINE = 100


def trained_minutes(folder: Path) -> float:
    """Minutes that the training in a folder has lasted, 0 if there is none."""
    try:
        text = (folder / "training.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0.0
    return float(json.loads(text)["seconds"]) / 60


def train_from_scratch(cores: int | None = None, **task: Any) -> None:
    """Train, or go on, in one process for each core, or in one on a GPU.

    Parameters
    ----------
    cores : int, optional
        All of them if left out.
    **task
        Arguments of `_train`.
    """
    from napari_iaunet.inference.devices import choose_device

    cores = cores or os.cpu_count() or 1
    on_cpu = choose_device(task.get("device", "cpu")).type == "cpu"
    processes = cores if on_cpu else 1
    launch = ["torch.distributed.run", "--standalone", "--nproc-per-node"]
    worker = ["-m", "benchmarks.trainings", json.dumps(task, default=str)]
    subprocess.run(
        [sys.executable, "-m", *launch, str(processes), *worker],
        env={**os.environ, "OMP_NUM_THREADS": "1" if processes > 1 else str(cores)},
        check=True,
    )


def _train(
    out: str,
    data: str,
    kinds: Sequence[str],
    minutes: float,
    description: str,
    *,
    device: str = "cpu",
    identity: bool = True,
    triplets: bool = True,
) -> None:
    """Be one of the processes of a training.

    Parameters
    ----------
    out, data : str
        Model folder to write and folder of the images.
    kinds : sequence of str
        Of the images to train on.
    minutes : float
    description : str
        What the model's card says.
    device : str
    identity, triplets : bool
        Whether the network has its identity blocks and its losses their triplets.
    """
    from napari_iaunet.model.losses import LossWeights
    from napari_iaunet.model.network import IAUNetConfig
    from napari_iaunet.training.loop import train

    pairs, folder = common.split(Path(data)), Path(out)
    without = LossWeights(pixel_triplet=0, cell_triplet=0)
    events = train(
        [pair for kind in kinds for pair in pairs[kind][0]],
        start=None,
        out=folder,
        minutes=minutes,
        validation=[],
        resume=trained_minutes(folder) > 0,
        device=device,
        config=IAUNetConfig(identity=identity),
        recipe=shared_recipe(
            sampling_weights={
                kind: w for kind, w in SAMPLING_WEIGHTS.items() if kind in kinds
            },
            weights=LossWeights() if triplets else without,
        ),
        card={"description": description},
    )
    print_events(events, folder.name)


def shared_recipe(**changes: Any) -> Recipe:
    """Return the usual recipe with changes, its batch divided among the processes."""
    from napari_iaunet.training.recipe import Recipe

    usual, processes = Recipe(), int(os.environ.get("WORLD_SIZE", "1"))
    return replace(
        usual,
        batch=max(2, usual.batch // processes),
        second_views=max(1, usual.second_views // processes),
        **changes,
    )


def print_events(events: Iterable[TrainingEvent], title: str) -> None:
    """Run a training and print a line from time to time."""
    title = f"{title} [{os.environ.get('RANK', '0')}]"
    for event in events:
        if event.kind != "step" or event.step % _STEPS_PER_LINE == 0:
            losses = " ".join(f"{k} {v:.3f}" for k, v in event.losses.items())
            print(title, event.kind, event.step, losses, file=sys.stderr, flush=True)


if __name__ == "__main__":
    _train(**json.loads(sys.argv[1]))
