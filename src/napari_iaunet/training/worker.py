"""One training in a process of its own: ``python -m napari_iaunet.training.worker``.

A crash, lack of memory or the end of the program that started it cannot harm more than
the training itself. The process reads its task from a folder, tells what happens in
lines of JSON on stdout, and obeys lines on stdin: ``pause``, ``go on``, ``stop``. It
stops by itself when stdin ends, for then nobody is left to tell.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import psutil

from napari_iaunet.atomic import replacing
from napari_iaunet.errors import IAUNetError, TrainingError, is_lack_of_memory
from napari_iaunet.training.task import EXAMPLE, GO_ON, MODEL, PAUSE, STOP, read_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.events import TrainingEvent
    from napari_iaunet.training.task import Task

# Steps are told at most so often, in seconds.
_BETWEEN_STEPS = 0.2
_NICENESS = 10


def main(folder: Path, orders: TextIO, out: TextIO) -> int:
    """Train as the task in a folder says; returns the exit status."""
    try:
        _train(folder, Orders(orders), out)
    except IAUNetError as error:
        message = str(error)
    except (MemoryError, RuntimeError) as error:
        if not is_lack_of_memory(error):
            raise
        message = "There is not enough memory to train. Close other programs."
    else:
        return 0
    _print({"kind": "error", "message": message}, out)
    return 2


def _train(folder: Path, orders: Orders, out: TextIO) -> None:
    # Imported here, so that a broken installation is told like other errors.
    from napari_iaunet.training.loop import train

    task, images = read_task(folder)
    events = train(
        images.pairs,
        start=task.start,
        out=folder / MODEL,
        minutes=task.minutes,
        steps=task.steps,
        validation=images.held_out,
        rehearsal=_labelled_by_start(images.rehearsal, task),
        seed=task.seed,
        device=task.device,
        card=task.card,
        resume=task.resume,
        should_stop=orders.should_stop,
    )
    told = 0.0
    for event in events:
        now = time.monotonic()
        if event.kind != "step" or now - told > _BETWEEN_STEPS:
            told = now
            _tell(event, folder, out)
        orders.wait_while_paused()


def _labelled_by_start(images: Sequence[Annotation], task: Task) -> list[Annotation]:
    """Label images by the model that the training starts from."""
    if not images:
        return []
    from napari_iaunet.segmentation.segmenter import Segmenter

    segmenter = Segmenter(task.start, task.device)
    return [
        image._replace(labels=segmenter.segment(image.image, **image.seen_as).labels)
        for image in images
    ]


class Orders:
    """Orders from the program that started this one, as they come in.

    Parameters
    ----------
    stream : text stream
        A line for each order. Its end means stop.
    """

    def __init__(self, stream: TextIO) -> None:
        self._may_run, self._stop = threading.Event(), threading.Event()
        self._may_run.set()
        threading.Thread(target=self._listen, args=(stream,), daemon=True).start()

    def should_stop(self) -> bool:
        """Whether to come to an end."""
        return self._stop.is_set()

    def wait_while_paused(self) -> None:
        """Return at once or, after an order to pause, when that has ended."""
        self._may_run.wait()

    def _listen(self, stream: TextIO) -> None:
        for line in stream:
            order = line.strip()
            if order == PAUSE:
                self._may_run.clear()
            elif order == GO_ON:
                self._may_run.set()
            elif order == STOP:
                break
        self._stop.set()
        self._may_run.set()


def _tell(event: TrainingEvent, folder: Path, out: TextIO) -> None:
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    values.pop("example")
    if event.example is not None:
        with replacing(folder / EXAMPLE, TrainingError) as fresh:
            np.save(fresh, event.example, allow_pickle=False)
        values["example"] = True
    _print(values, out)


def _print(values: dict[str, Any], out: TextIO) -> None:
    print(json.dumps(values), file=out, flush=True)


def give_way() -> None:
    """Let other programs, the window first of all, have the processor before this."""
    low = psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else _NICENESS
    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(low)


if __name__ == "__main__":
    give_way()
    sys.exit(main(Path(sys.argv[1]), sys.stdin, sys.stdout))
