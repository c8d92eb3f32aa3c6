"""One process of a training without some kinds; started by finetune.py."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import common
from accuracy import follow, trained_minutes
from train_bundled import SHARES


def main() -> None:
    from napari_iaunet.training.loop import train
    from napari_iaunet.training.run import Recipe

    data, out, minutes, *left = sys.argv[1:]
    usual, processes = Recipe(), int(os.environ.get("WORLD_SIZE", "1"))
    recipe = replace(
        usual,
        batch=max(2, usual.batch // processes),
        second_views=max(1, usual.second_views // processes),
        shares={kind: share for kind, share in SHARES.items() if kind not in left},
    )
    kinds = common.split(Path(data)).items()
    events = train(
        [pair for kind, (pairs, _) in kinds if kind not in left for pair in pairs],
        start=None,
        out=out,
        minutes=float(minutes),
        validation=[],
        resume=trained_minutes(Path(out)) > 0,
        device="cpu",
        recipe=recipe,
        card={"description": f"Trained without {', '.join(left)}."},
    )
    follow(events, f"{Path(out).name} [{os.environ.get('RANK', '0')}]")


if __name__ == "__main__":
    main()
