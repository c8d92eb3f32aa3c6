"""One process of an ablation's training; started by accuracy.py."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import accuracy
import common


def main() -> None:
    from napari_iaunet.model.losses import LossWeights
    from napari_iaunet.model.network import IAUNetConfig
    from napari_iaunet.training.loop import train
    from napari_iaunet.training.run import Recipe

    name, data, out, minutes, device, identity, triplets = sys.argv[1:]
    usual, processes = Recipe(), int(os.environ.get("WORLD_SIZE", "1"))
    without = LossWeights(pixel_triplet=0, cell_triplet=0)
    recipe = replace(
        usual,
        batch=max(2, usual.batch // processes),
        second_views=max(1, usual.second_views // processes),
        weights=LossWeights() if int(triplets) else without,
    )
    pairs, _ = common.split(Path(data))[common.NUCLEI]
    events = train(
        pairs,
        start=None,
        out=out,
        minutes=float(minutes),
        validation=[],
        resume=accuracy.trained_minutes(Path(out)) > 0,
        device=device,
        config=IAUNetConfig(identity=bool(int(identity))),
        recipe=recipe,
        card={"description": f"Ablation of the benchmarks: {name}."},
    )
    accuracy.follow(events, f"{Path(out).name} [{os.environ.get('RANK', '0')}]")


if __name__ == "__main__":
    main()
