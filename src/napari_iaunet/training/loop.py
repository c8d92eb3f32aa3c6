"""The training loop: a generator of events."""

from __future__ import annotations

import copy
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from napari_iaunet.errors import TrainingError
from napari_iaunet.inference.devices import choose_device
from napari_iaunet.model.checkpoint import load_model, save_model
from napari_iaunet.model.network import IAUNet, IAUNetConfig
from napari_iaunet.model.registry import find_model, finish_saving
from napari_iaunet.training.dataset import (
    MANY_FILES,
    prepare,
    read_pairs,
    split_pairs,
)
from napari_iaunet.training.events import Length, TrainingEvent
from napari_iaunet.training.holdout import hold_out, whole
from napari_iaunet.training.run import FINE_TUNING, Material, Recipe, Run
from napari_iaunet.training.selection import Judge
from napari_iaunet.training.state import TrainingState, load_state, mean_of, save_state
from napari_iaunet.training.task import origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut

# A start of this AP at IoU 0.5 knows what the cells are like, and how large.
_FINDS_CELLS = 0.5


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


def train(
    pairs: Sequence[Sequence[Any]],
    *,
    start: str | os.PathLike[str] | None = "default",
    out: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    validation: Sequence[Sequence[Any]] | None = None,
    rehearsal: Sequence[Sequence[Any]] = (),
    resume: bool = False,
    seed: int = 0,
    device: str = "auto",
    config: IAUNetConfig | None = None,
    recipe: Recipe | None = None,
    card: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Iterator[TrainingEvent]:
    """Train a model and tell how it goes.

    Closing the generator stops the training; what was saved last stays.

    Parameters
    ----------
    pairs : sequence of (image, mask) or (image, mask, region)
        Paths or arrays, as for `read_pairs`. The region, (Y, X), is where every cell
        is labelled.
    start : str, path or None
        A model to start from; None begins with random weights.
    out : path
        Model folder to write. With a model to start from it holds the best model so
        far by the held-out cells, which is the start until a better one comes.
    minutes, steps : float, int
        Length of the run; ten minutes if neither is given.
    validation : sequence like `pairs`, optional
        Held-out images. Without it the last eighth of every series of images is held
        out if `pairs` are eight paths or more and there are series of four or more,
        else a strip of every image; an empty sequence holds out nothing, and the last
        model is kept.
    rehearsal : sequence like `pairs`
        Images that the start does well on and shall not forget: a quarter of the
        crops is taken from them (Robins, Connection Science 1995).
    resume : bool
        Go on with the run that `out` holds.
    seed : int
        Two runs of equal seed and `steps` on a CPU give equal weights.
    device : str
        "auto", "cpu", "cuda", "mps".
    config : IAUNetConfig, optional
        Of a network that begins with random weights.
    recipe : Recipe, optional
        By default that of the bundled model or, with a model to start from, one for
        few images.
    card : dict, optional
        Written into the model's card beside, or instead of, what training itself
        knows.
    should_stop : callable, optional
        Asked before every step; True ends the training as if its time were over,
        with a last measurement.

    Yields
    ------
    TrainingEvent

    Raises
    ------
    TrainingError
        If there is nothing to train on or `out` cannot be resumed.
    """
    out = Path(out)
    if recipe is None:
        recipe = Recipe() if start is None else FINE_TUNING
    length = Length(minutes, steps, should_stop)
    torch.manual_seed(seed)
    target = _setup(device)
    network = _initial(start, config or IAUNetConfig())
    annotations, held_out = _divide(pairs, validation)
    diameter = network.config.diameter
    images = [prepare(a, diameter) for a in annotations]
    if not any(len(image.centres) > 1 for image in images):
        raise TrainingError("There is no annotated cell to train on.")
    first = copy.deepcopy(network)
    network.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = TrainingState.begin(network, recipe.learning_rate, recipe.weight_decay)
    if resume:
        finish_saving(out)
        load_state(out, state)
    checks = [prepare(part.alone(), diameter) for part in held_out]
    known = [prepare(a, diameter) for a in read_pairs(rehearsal)]
    run = Run(state, Material(images, checks, known), recipe, out, seed, target)
    every = recipe.validate_every
    judge = Judge(held_out, target, every=every, from_start=start is not None)
    names = [{"image": annotation.name} for annotation in annotations]
    card = {
        **origin(start, names, rehearsal=bool(known)),
        "training": {"asked for": {"minutes": length.minutes, "steps": length.steps}},
        **(card or {}),
    }
    yield TrainingEvent("start", state.step)
    if judge.keeps_best and run.rank == 0:
        so_far = load_model(out)[0] if resume else None
        yield _begin(judge, first, run, so_far, card)
        judge.has_new_best = False
    # A start that finds the cells shall not be narrowed down to the size of a few.
    if not _finds_cells(judge):
        run.remember_size()
    yield from _loop(run, length, judge, card, first)
    yield from _finish(run, judge, card, first)


def _divide(
    pairs: Sequence[Sequence[Any]], validation: Sequence[Sequence[Any]] | None
) -> tuple[list[Annotation], list[HeldOut]]:
    """Read the images and hold out a part of them, if no others are given."""
    paths = [
        (Path(pair[0]), pair[1]) for pair in pairs if isinstance(pair[0], str | Path)
    ]
    if validation is None and len(pairs) == len(paths) >= MANY_FILES:
        others, last = split_pairs(paths)
        if last:  # not if each image is a series of its own
            pairs, validation = others, last
    annotations = list(read_pairs(pairs))
    if validation is None:
        return hold_out(annotations)
    return annotations, [whole(a) for a in read_pairs(validation)]


def _begin(
    judge: Judge,
    first: IAUNet,
    run: Run,
    so_far: IAUNet | None,
    card: dict[str, Any],
) -> TrainingEvent:
    """Measure the start, and the best model of the training that is resumed."""
    ap = judge.measure_start(first)
    if so_far is None:
        save_model(run.out, first, _full_card(run, card, judge))
        save_state(run.out, run.state)  # from now on it can be resumed
    else:
        ap = judge.measure(so_far)[0]
    return _measured(run, judge, ap)


def _measured(run: Run, judge: Judge, ap: float) -> TrainingEvent:
    """Tell what the judge has just measured."""
    return TrainingEvent(
        "validation",
        run.state.step,
        validation_ap=ap,
        loss=run.held_out_loss(),
        start_ap=judge.start_ap,
        example=judge.example,
    )


def _full_card(
    run: Run, card: dict[str, Any], judge: Judge, *, half: bool = False
) -> dict[str, Any]:
    """Tell all of a model; `half` if it is the mean of the start and what trained."""
    training = {
        **card.get("training", {}),
        "steps": run.state.step,
        "minutes": round(run.state.seconds / 60, 1),
        "images": len(run.images),
        "device": run.device.type,
        "seed": run.seed,
        "half of the start": half,
        "recipe": asdict(run.recipe),
    }
    return {**card, "training": training, **judge.figures()}


def _loop(
    run: Run, length: Length, judge: Judge, card: dict[str, Any], first: IAUNet
) -> Iterator[TrainingEvent]:
    state = run.state
    saved = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(run.draw, state.step)
        while (share := _agreed(length.done(state))) < 1:
            # Time counts only while the reader of the events wants the next one, so
            # that a training can be paused.
            begin = time.monotonic()
            batch = upcoming.result()
            upcoming = pool.submit(run.draw, state.step + 1)
            run.settle(share)
            rate = run.rate(share)
            losses = run.step(batch, rate)
            step = TrainingEvent(
                "step", state.step, losses, rate, loss=run.total(losses)
            )
            state.seconds += time.monotonic() - begin
            yield _timed(step, state, length)
            if judge.is_due() and run.rank == 0:
                yield _timed(TrainingEvent("measuring", state.step), state, length)
                begin = time.monotonic()
                event = _validate(run, judge, card, first)
                state.seconds += time.monotonic() - begin
                yield _timed(event, state, length)
            if time.monotonic() - saved > run.recipe.checkpoint_every:
                begin = saved = time.monotonic()
                run.save(_full_card(run, card, judge), _last_model(run, judge))
                state.seconds += time.monotonic() - begin
                yield _timed(TrainingEvent("checkpoint", state.step), state, length)
        upcoming.cancel()


def _timed(event: TrainingEvent, state: TrainingState, length: Length) -> TrainingEvent:
    """Tell the time with an event."""
    left = length.seconds_left(state)
    return replace(event, seconds_left=left, seconds=state.seconds)


def _validate(
    run: Run, judge: Judge, card: dict[str, Any], first: IAUNet
) -> TrainingEvent:
    """Measure what the training has made so far, and save it if it is the best."""
    network, half = run.state.averaged, _keeps_half(run, judge)
    if half:
        network = mean_of([network, first])
    ap, keep = judge.measure(network)
    if keep and judge.keeps_best:
        run.save(_full_card(run, card, judge, half=half), network)
    return replace(_measured(run, judge, ap), improved=judge.improved)


def _finds_cells(judge: Judge) -> bool:
    return (judge.start_ap or 0.0) >= _FINDS_CELLS


def _keeps_half(run: Run, judge: Judge) -> bool:
    return run.recipe.keeps_half and _finds_cells(judge)


def _last_model(run: Run, judge: Judge) -> IAUNet | None:
    """Model to write where no best one is kept."""
    return None if judge.keeps_best else run.state.averaged


def _finish(
    run: Run, judge: Judge, card: dict[str, Any], first: IAUNet
) -> Iterator[TrainingEvent]:
    """Fit the descriptor, measure once more, and save what is to be kept."""
    run.describe()
    if judge.has_cells and run.rank == 0:
        yield _measuring(run)
        yield replace(_validate(run, judge, card, first), seconds=run.state.seconds)
    run.save(_full_card(run, card, judge), _last_model(run, judge))
    if judge.has_new_best and not _keeps_half(run, judge) and run.rank == 0:
        yield _measuring(run)
        event = _go_half_way(run, judge, card, first)
        yield replace(event, seconds=run.state.seconds)
    yield TrainingEvent(
        "end",
        run.state.step,
        validation_ap=judge.best_ap,
        seconds_left=0.0,
        seconds=run.state.seconds,
        start_ap=judge.start_ap,
        improved=judge.improved,
    )


def _measuring(run: Run) -> TrainingEvent:
    return TrainingEvent("measuring", run.state.step, seconds=run.state.seconds)


def _go_half_way(
    run: Run, judge: Judge, card: dict[str, Any], first: IAUNet
) -> TrainingEvent:
    """Keep the mean of start and best model, if that does as well on what is held out.

    It has forgotten less of what the start knew.
    """
    mean = mean_of([load_model(run.out)[0], first])
    ap, keep = judge.measure_closer(mean)
    if keep:
        save_model(run.out, mean, _full_card(run, card, judge, half=True))
    return replace(_measured(run, judge, ap), improved=judge.improved)


def _agreed(share: float) -> float:
    """Share of the run that is done as the first process sees it, so all stop alike."""
    if not dist.is_initialized():
        return share
    value = torch.tensor([share], dtype=torch.float64)
    if dist.get_backend() == "nccl":
        value = value.cuda()
    dist.broadcast(value, 0)
    return float(value)
