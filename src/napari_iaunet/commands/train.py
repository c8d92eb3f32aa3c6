"""``napari-iaunet train``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from napari_iaunet.training.events import TrainingEvent

_STEPS_PER_LINE = 20


def run(args: argparse.Namespace) -> int:
    """Train a model and tell how it goes."""
    from napari_iaunet.training.dataset import find_pairs
    from napari_iaunet.training.loop import train

    events = train(
        find_pairs(args.folders),
        start=None if args.start.lower() == "none" else args.start,
        out=args.out,
        minutes=args.minutes,
        steps=args.steps,
        rehearsal=find_pairs(args.rehearse),
        resume=args.resume,
        seed=args.seed,
        device=args.device,
    )
    try:
        for event in events:
            if event.kind != "step" or event.step % _STEPS_PER_LINE == 0:
                print(_describe(event), flush=True)
            if event.kind == "end" and event.improved is False:
                print(f"Training did not help: {args.out} holds the start, unchanged.")
    except KeyboardInterrupt:
        print(f"Stopped; go on with --resume --out {args.out}", file=sys.stderr)
        return 130
    return 0


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
