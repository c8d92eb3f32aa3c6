"""Training from top to bottom: `train` is the whole of it, step by step."""

from __future__ import annotations

import copy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from napari_iaunet.inference.devices import use_large_pages
from napari_iaunet.model.checkpoint import load_model
from napari_iaunet.model.forks import check_not_forked
from napari_iaunet.model.network import IAUNet
from napari_iaunet.model.registry import find_model
from napari_iaunet.training.dataset import TrainingData
from napari_iaunet.training.events import Budget, TrainingEvent
from napari_iaunet.training.holdout import split
from napari_iaunet.training.recipe import FINE_TUNING, Recipe
from napari_iaunet.training.run import Run, alone, check_seed, join_processes
from napari_iaunet.training.selection import ModelSelection
from napari_iaunet.training.state import TrainingState, load_state

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_iaunet.model.network import IAUNetConfig
    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.holdout import HeldOut


def train(
    pairs: Sequence[Annotation | Sequence[Any]],
    *,
    start: str | os.PathLike[str] | None = "default",
    out: str | os.PathLike[str],
    minutes: float | None = None,
    steps: int | None = None,
    validation: Sequence[Sequence[Any] | HeldOut] | None = None,
    rehearsal: Sequence[Sequence[Any]] = (),
    teacher: str | os.PathLike[str] | None = None,
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
        Paths or arrays of one plane. The region, (Y, X), is where every cell
        is labelled.
    start : str or path or None
        A model to start from; None begins with random weights.
    out : path
        Model folder to write. With a model to start from it holds the best model so
        far by the held-out cells, which is the start until a better one comes.
    minutes, steps : float or int
        Length of the run; ten minutes if neither is given.
    validation : sequence of pairs or of HeldOut, optional
        Held-out images. Without it the last eighth of every series of images is held
        out if `pairs` are eight paths or more and there are series of four or more,
        else a strip of every image; an empty sequence holds out nothing, and the last
        model is kept.
    rehearsal : sequence of pairs
        Images that the start does well on and shall not forget: a quarter of the
        crops is taken from them (Robins, Connection Science 1995).
    teacher : str or path, optional
        Model whose answers about these images are taught; by default the start.
    resume : bool
        Go on with the run that `out` holds.
    seed : int
        0 or more. Two runs of equal seed and `steps` on a CPU give equal weights.
    device : str
        "auto", "cpu", "cuda", "mps".
    config : IAUNetConfig, optional
        Of a network that begins with random weights.
    recipe : Recipe, optional
        By default that of the bundled model or, with a model to start from, one for
        few images.
    card : dict, optional
        Written into the model's card beside, or instead of, what training itself
        knows; ``pairs`` are the names of the images, one mapping each.
    should_stop : callable, optional
        Asked before every step; True ends the training as if its time were over,
        with a last measurement.

    Yields
    ------
    TrainingEvent

    Raises
    ------
    TrainingError
        If there is nothing to train on, a parameter cannot be used, `out` cannot be
        resumed, or another training is writing there.
    """
    # Read, divide and prepare the images; build or load the network.
    check_not_forked()
    budget, out = Budget(minutes, steps, should_stop), Path(out)
    check_seed(seed)
    recipe = recipe or (Recipe() if start is None else FINE_TUNING)
    use_large_pages()
    torch.manual_seed(seed)
    target = join_processes(device)
    network = IAUNet(config) if start is None else load_model(find_model(start))[0]
    first = None if start is None else copy.deepcopy(network)
    annotations, held_out = split(pairs, validation)
    parts = [part.alone() for part in held_out]
    told = first if teacher is None else load_model(find_model(teacher))[0]
    data = TrainingData.prepare(annotations, parts, rehearsal, network.config.diameter)

    with alone(out):
        # Begin, or go on where the former run stopped.
        state = TrainingState.begin(network, target, recipe)
        if resume:
            load_state(out, state)
        about = _origin(start, annotations, card or {}, rehearsal=bool(data.rehearsal))
        run = Run(state, data, recipe, budget, out, seed, about, told)
        measured_here = held_out if run.rank == 0 else []  # one process for all
        selection = ModelSelection(measured_here, target, first, recipe)
        yield run.event("start")

        # Until a better model comes, the start is the best one.
        if selection.keeps_best:
            selection.begin(load_model(out)[0] if resume else None)
            if not resume:
                run.save(first, selection.figures())
            yield run.event("validation", loss=run.held_out_loss(), **selection.last())
        last = None if selection.keeps_best else state.averaged
        # A start that finds the cells shall not be narrowed down to the size of a few.
        if not selection.start_finds_cells:
            run.learn_usual_diameter()

        batches = run.batches()
        while (done := run.fraction_done()) < 1:
            with run.clock():
                batch = next(batches)
                run.freeze_statistics(done)
                rate = run.learning_rate(done)
                losses = run.step(batch, rate)
            loss = run.total(losses)
            yield run.event("step", losses=losses, learning_rate=rate, loss=loss)
            if selection.is_due():
                yield run.event("measuring")
                with run.clock():
                    measured = _validate(run, selection)
                yield run.event("validation", **measured)
            if run.checkpoint_is_due():
                with run.clock():
                    run.save(last, selection.figures())
                yield run.event("checkpoint")

        # Fit the descriptor, measure once more, choose and save.
        run.fit_descriptor()
        if selection.has_cells:
            yield run.event("measuring")
            yield run.event("validation", **_validate(run, selection))
        run.save(last, selection.figures())
        if selection.found_better and not selection.interpolates:
            yield run.event("measuring")
            yield run.event("validation", **_interpolate(run, selection))
        yield run.event("end", seconds_left=0.0, **selection.kept())


def _origin(
    start: str | os.PathLike[str] | None,
    annotations: Sequence[Annotation],
    card: Mapping[str, Any],
    *,
    rehearsal: bool,
) -> dict[str, Any]:
    """Tell when a model was made, and of what; `card` knows better."""
    values: dict[str, Any] = {"date": time.strftime("%Y-%m-%d")}
    if start is not None:  # the card of a model for everybody is written by hand
        pairs = card.get("pairs") or [{"image": a.name} for a in annotations]
        more = f" and {len(pairs) - 1} more" if len(pairs) > 1 else ""
        name, image = Path(start).name, pairs[0]["image"]
        values["description"] = f"{name}, trained on {image}{more}"
        values |= {"start": str(start), "pairs": pairs, "rehearsal": rehearsal}
    return {**values, **card}


def _validate(run: Run, selection: ModelSelection) -> dict[str, Any]:
    """Measure what the training has made so far, and save it if it is the best."""
    network = selection.candidate(run.state.averaged)
    if selection.accepts(network):
        figures = selection.figures()
        run.save(network, figures, interpolated=selection.interpolates)
    return {"loss": run.held_out_loss(), **selection.last()}


def _interpolate(run: Run, selection: ModelSelection) -> dict[str, Any]:
    """Keep the mean of start and best model, if that does as well on what is held out.

    It has forgotten less of what the start knew.
    """
    mean = selection.interpolated(load_model(run.out)[0])
    if selection.accepts(mean, closer=True):
        run.save(mean, selection.figures(), interpolated=True)
    return {"loss": run.held_out_loss(), **selection.last()}
