"""The training loop: a generator of events."""

from __future__ import annotations

import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
import torch.distributed as dist

from napari_iaunet.errors import TrainingError
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.model.registry import find_model
from napari_iaunet.segmentation.backend import choose_device
from napari_iaunet.training.dataset import load_pairs, split_pairs
from napari_iaunet.training.run import Recipe, Run
from napari_iaunet.training.state import TrainingState, load_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_DEFAULT_MINUTES = 10.0


@dataclass(frozen=True)
class TrainingEvent:
    """One thing that happened.

    Attributes
    ----------
    kind : {"start", "step", "validation", "checkpoint", "end"}
    step : int
        Steps done so far, those before a resume counted in.
    losses : dict of str to float
        The step's losses by name.
    learning_rate : float or None
    validation_ap : float or None
        Pooled AP at IoU 0.5 on the validation images.
    seconds_left : float or None
        Estimate.
    """

    kind: Literal["start", "step", "validation", "checkpoint", "end"]
    step: int
    losses: dict[str, float] = field(default_factory=dict)
    learning_rate: float | None = None
    validation_ap: float | None = None
    seconds_left: float | None = None


def _setup(device: str) -> torch.device:
    """Choose the device and join the other processes that torchrun started."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized():
        cuda = torch.cuda.is_available() and device != "cpu"
        dist.init_process_group("nccl" if cuda else "gloo")
        if cuda:
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return choose_device(device)


def _initial(start: str | os.PathLike[str] | None, config: IAUNetConfig) -> IAUNet:
    return IAUNet(config) if start is None else load_model(find_model(start))[0]


def validation_ap(
    network: IAUNet, pairs: Sequence[tuple[Any, Any]], device: torch.device
) -> float:
    """Pooled AP at IoU 0.5 with the estimated diameter."""
    from napari_iaunet.evaluation import average_precision
    from napari_iaunet.files import read_image
    from napari_iaunet.segmentation.segmenter import Segmenter

    segmenter = Segmenter.from_network(network, device)
    true, found = [], []
    for image, mask in pairs:
        image = read_image(image).array if isinstance(image, str | Path) else image
        mask = read_image(mask).array if isinstance(mask, str | Path) else mask
        true.append(np.asarray(mask))
        found.append(segmenter.segment(image).labels)
    return float(average_precision(true, found, thresholds=(0.5,)).pooled[0])


def train(
    pairs: Sequence[tuple[Any, Any]],
    *,
    start: str | os.PathLike[str] | None = "default",
    out: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    validation: Sequence[tuple[Any, Any]] | None = None,
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    config: IAUNetConfig | None = None,
    recipe: Recipe | None = None,
    card: dict[str, Any] | None = None,
) -> Iterator[TrainingEvent]:
    """Train a model and tell how it goes.

    Closing the generator stops the training; what was saved last stays.

    Parameters
    ----------
    pairs : sequence of (image, mask)
        Paths or arrays.
    start : str, path or None
        A model to start from; None begins with random weights.
    out : path
        Model folder to write.
    minutes, steps : float, int
        Length of the run; ten minutes if neither is given.
    validation : sequence of (image, mask), optional
        Without it the last eighth of every series of images is held out if
        `pairs` are paths; else nothing is.
    resume : bool
        Go on with the run that `out` holds.
    seed : int
        Two runs of equal seed and `steps` on a CPU give equal weights.
    device : str
        "auto", "cpu", "cuda", "mps".
    config : IAUNetConfig, optional
        Of a network that begins with random weights.
    recipe : Recipe, optional
    card : dict, optional
        Written into the model's card beside what training itself knows.

    Yields
    ------
    TrainingEvent

    Raises
    ------
    TrainingError
        If there is nothing to train on or `out` cannot be resumed.
    """
    out, recipe = Path(out), recipe or Recipe()
    minutes, steps = _length(minutes, steps)
    torch.manual_seed(seed)
    target = _setup(device)
    if validation is None:
        paths = all(isinstance(p[0], str | Path) for p in pairs)
        pairs, validation = split_pairs(pairs) if paths else (pairs, [])
    network = _initial(start, config or IAUNetConfig())
    images = load_pairs(pairs, network.config.diameter)
    if not any(len(image.centres) > 1 for image in images):
        raise TrainingError("There is no annotated cell to train on.")
    network.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = TrainingState.begin(network, recipe.learning_rate, recipe.weight_decay)
    if resume:
        load_state(out, state)
    run = Run(state, images, recipe, out, seed, target)
    yield from _loop(run, minutes, steps, list(validation), dict(card or {}))


def _length(
    minutes: float | None, steps: int | None
) -> tuple[float | None, int | None]:
    for value in (minutes, steps):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise TrainingError("Minutes and steps must be greater than zero.")
    if minutes is None and steps is None:
        minutes = _DEFAULT_MINUTES
    return minutes, steps


def _seconds_left(run: Run, minutes: float | None, steps: int | None) -> float:
    """Time that the run still needs, by whichever limit comes first."""
    state = run.state
    left = math.inf
    if minutes:
        left = minutes * 60 - state.seconds
    if steps:
        left = min(left, state.seconds / max(state.step, 1) * (steps - state.step))
    return max(0.0, left)


def _full_card(
    run: Run, card: dict[str, Any], ap: float | None = None
) -> dict[str, Any]:
    training = {
        "steps": run.state.step,
        "minutes": round(run.state.seconds / 60, 1),
        "images": len(run.images),
        "device": run.device.type,
        "seed": run.seed,
    }
    figures = {} if ap is None else {"figures": {"validation AP50": round(ap, 4)}}
    return {**card, "training": training, **figures}


def _loop(
    run: Run,
    minutes: float | None,
    steps: int | None,
    validation: list[tuple[Any, Any]],
    card: dict[str, Any],
) -> Iterator[TrainingEvent]:
    state, recipe = run.state, run.recipe
    before = state.seconds
    started = saved = validated = time.monotonic()

    def done() -> float:
        state.seconds = before + time.monotonic() - started
        by_time = state.seconds / (minutes * 60) if minutes else 0.0
        by_step = state.step / steps if steps else 0.0
        return _agreed(max(by_time, by_step))

    yield TrainingEvent("start", state.step)
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(run.draw, state.step)
        while (share := done()) < 1:
            batch = upcoming.result()
            upcoming = pool.submit(run.draw, state.step + 1)
            run.settle(share)
            rate = run.rate(share)
            losses = run.step(batch, rate)
            left = _seconds_left(run, minutes, steps)
            yield TrainingEvent("step", state.step, losses, rate, None, left)
            now = time.monotonic()
            if now - saved > recipe.checkpoint_every:
                run.save(_full_card(run, card))
                saved = now
                yield TrainingEvent("checkpoint", state.step, seconds_left=left)
            if validation and run.rank == 0 and now - validated > recipe.validate_every:
                ap = validation_ap(state.averaged, validation, run.device)
                validated = time.monotonic()
                yield TrainingEvent("validation", state.step, {}, None, ap, left)
        upcoming.cancel()
    run.save(_full_card(run, card), last=True)
    final = None
    if validation and run.rank == 0:
        final = validation_ap(state.averaged, validation, run.device)
        run.save(_full_card(run, card, final))
        yield TrainingEvent("validation", state.step, validation_ap=final)
    yield TrainingEvent("end", state.step, validation_ap=final, seconds_left=0.0)


def _agreed(share: float) -> float:
    """Share of the run that is done as the first process sees it, so all stop alike."""
    if not dist.is_initialized():
        return share
    value = torch.tensor([share], dtype=torch.float64)
    if dist.get_backend() == "nccl":
        value = value.cuda()
    dist.broadcast(value, 0)
    return float(value)
