"""``napari-iaunet train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_iaunet.atomic import settled
from napari_iaunet.commands.common import (
    add_device,
    add_reading,
    count,
    local,
    positive,
    reading,
    say,
)
from napari_iaunet.model.registry import CARD, CONFIG, WEIGHTS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from napari_iaunet.training.dataset import Annotation
    from napari_iaunet.training.events import TrainingEvent
    from napari_iaunet.training.holdout import HeldOut

_STEPS_PER_LINE = 20
_NOT_PROVEN = (
    "The model is better on the held-out cells, but that is not proven: they are too "
    "few, or chance may give as much."
)

HELP = "annotated images to a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    add(
        "folders",
        nargs="+",
        type=local,
        metavar="FOLDER",
        help="folder of *_img.* images and their *_mask.* label images",
    )
    add("--out", required=True, type=local, help="folder for the model")
    add("--start", default="default", help="model to start from, or 'none'")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=positive, help="how long to train")
    length.add_argument("--steps", type=count, help="how many steps to train")
    add(
        "--rehearse",
        nargs="+",
        type=local,
        default=[],
        metavar="FOLDER",
        help="folder of annotated images that the model shall not forget",
    )
    add("--resume", action="store_true", help="continue a training in --out")
    add("--seed", type=int, default=0, help="seed of all random numbers")
    add_reading(parser)
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Train a model and tell how it goes."""
    from napari_iaunet.training.dataset import find_pairs
    from napari_iaunet.training.loop import train
    from napari_iaunet.training.task import PROGRESS

    start = None if args.start.lower() == "none" else args.start
    if not args.resume:
        _check_out(args.out)
    pairs, held_out = _find_images(args, start)
    events = train(
        pairs,
        start=start,
        out=args.out,
        minutes=args.minutes,
        steps=args.steps,
        validation=held_out,
        rehearsal=find_pairs(args.rehearse),
        resume=args.resume,
        seed=args.seed,
        device=args.device,
    )
    try:
        for event in events:
            if event.kind != "step" or event.step % _STEPS_PER_LINE == 0:
                say(_describe(event))
            if event.kind == "end" and event.improved is False:
                say(f"Training did not help: {args.out} holds the start, unchanged.")
            elif event.kind == "end" and event.proven is False:
                say(_NOT_PROVEN)
    except KeyboardInterrupt:
        how = f"Stopped; go on with --resume --out {args.out}"
        if not settled(args.out, PROGRESS).is_file():
            how = "Stopped before anything was saved."
        say(how, error=True)
        return 130
    return 0


def _check_out(out: Path) -> None:
    """Refuse to write over a model that somebody may want to keep, or other files."""
    from napari_iaunet.errors import TrainingError
    from napari_iaunet.training.state import STATE
    from napari_iaunet.training.task import PROGRESS

    names = CONFIG, WEIGHTS, CARD, STATE, PROGRESS
    there = [name for name in names if settled(out, name).exists()]
    if there:
        raise TrainingError(
            f"{out} holds a model already ({there[0]}): choose another folder, or "
            "continue its training with --resume."
        )


def _find_images(
    args: argparse.Namespace, start: str | None
) -> tuple[Sequence[Annotation | Sequence[Any]], Sequence[HeldOut] | None]:
    """Return what to train on and, if that is decided already, what is held out.

    Where training starts from a model, what may be wrong with an annotation is told as
    in the Fine-tune tab.
    """
    from napari_iaunet.training.dataset import find_pairs

    pairs, how = find_pairs(args.folders), reading(args)
    if start is None and not any(value is not None for value in how.values()):
        return pairs, None
    from napari_iaunet.model.checkpoint import load_model
    from napari_iaunet.model.registry import find_model
    from napari_iaunet.training.advice import about_held_out, advise
    from napari_iaunet.training.dataset import read_pairs
    from napari_iaunet.training.holdout import MANY_FILES, divide

    annotations = list(read_pairs(pairs, **how))
    if start is None:
        return divide(pairs, annotations)
    diameter = load_model(find_model(start))[0].config.diameter
    advice = advise(annotations, diameter)
    training, held_out = divide(pairs, annotations)
    if len(pairs) < MANY_FILES:
        advice += about_held_out(held_out)
    for line in advice:
        say(line, error=True)
    return training, held_out


def _describe(event: TrainingEvent) -> str:
    parts = [f"{event.kind:<10} step {event.step:>6}"]
    parts += [f"{name} {loss:.3f}" for name, loss in event.losses.items()]
    if event.kind == "step" and event.learning_rate is not None:
        parts.append(f"learning rate {event.learning_rate:.1e}")
    if event.validation_ap is not None:
        parts.append(f"validation AP {event.validation_ap:.3f}")
    if event.start_ap is not None:
        parts.append(f"start {event.start_ap:.3f}")
    if event.seconds_left is not None:
        minutes, seconds = divmod(round(event.seconds_left), 60)
        parts.append(f"{minutes}:{seconds:02d} left")
    return "  ".join(parts)
