"""Fine-tuning on few cells: AP on other images against the number of labelled cells.

Cells of one kind are painted at random in as few images as need be, the others
unknown, and a model is trained on them for a while; then all cells of a part of an
image are painted, which is complete. Tested is on other images of the kind. Beside it
stands a random forest on pixels with a watershed, which learns from the complete part
(needs scikit-learn).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from benchmarks import common, harness
from benchmarks.finetune import Results, forest_ap, model_ap, spread

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.common import Pair
    from napari_iaunet.training.dataset import Annotation

OPTIONS = ("data", "runs", "model", "threads", "images", "write")
_COUNTS = (10, 25, 50, 100, 200)
# Sides of what is painted in and tested on, in pixels: larger images take minutes each.
_PAINTED, _TESTED = 768, 420


class Draw(NamedTuple):
    """Cells to train on, painted here and there and in a complete part; images to test.

    The samples are those of the complete part.
    """

    sparse: list[Annotation]
    complete: list[Annotation]
    samples: list[common.Sample]
    test: list[common.Sample]
    seed: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--counts", type=int, nargs="+", default=_COUNTS, help="labelled cells"
    )
    parser.add_argument("--seeds", type=int, default=3, help="draws of cells")
    parser.add_argument("--seconds", type=float, default=60, help="of training")
    parser.add_argument(
        "--steps", type=int, help="of training, instead: on a machine that is busy"
    )
    parser.add_argument("--kinds", nargs="+", help="all that the model does not know")
    parser.set_defaults(images=4)


def run(args: argparse.Namespace) -> None:
    threads = common.limit_threads(args.threads)
    length = f"{args.steps} steps" if args.steps else f"{args.seconds:g} seconds"
    results = Results(args.runs / "few" / f"{length}.json")
    rows = []
    for kind in args.kinds or _unknown(args):
        training, held_out = common.split(args.data)[kind]
        for count in args.counts:
            found: dict[str, list[float]] = {}
            for seed in range(args.seeds):
                draw = _draw([*training, *held_out], count, args.images, seed)
                name = f"{kind} {count} {seed}"
                before = partial(_before, args.model, draw)
                figures = results.get(f"{kind} {seed}", before)
                for way in ("sparse", "complete"):
                    tuned = partial(_tuned, args, draw, way)
                    figures |= results.get(f"{name} {way}", tuned)
                figures |= results.get(f"{name} forest", partial(_forest, draw))
                for key, value in figures.items():
                    found.setdefault(key, []).append(value)
            rows.append([f"{kind}, {count}", *map(spread, found.values())])
    text = (
        f"AP at IoU 0.5 on {args.images} other images before, and after "
        f"{length} on so many cells of the kind: painted at random, and all cells of "
        "a part. *Kept* is what is better on the held-out cells, else the start; "
        "*trained* is what the tab offers as not proven otherwise. "
        f"Mean of {args.seeds} draws and, in brackets, their standard deviation.\n\n"
    )
    head = ["kind, cells", "before", "sparse: kept", "trained", "complete: kept"]
    table = harness.table([*head, "trained", "forest"], rows)
    where = harness.where("cpu", threads)
    harness.publish("few", text + table, machine=where, write=args.write)


def _unknown(args: argparse.Namespace) -> list[str]:
    """Kinds with several images that the card of the model does not name."""
    from napari_iaunet.model.checkpoint import load_model
    from napari_iaunet.model.registry import find_model

    card = load_model(find_model(args.model))[1]
    known = {entry["name"] for entry in card.get("data", [])}
    return [
        kind
        for kind, (training, held_out) in common.split(args.data).items()
        if kind not in known and len(training) + len(held_out) > args.images
    ]


def _draw(pairs: Sequence[Pair], count: int, tested: int, seed: int) -> Draw:
    """Paint cells in some images; test on the last ones, the same for every count."""
    from napari_iaunet.training.dataset import read_pairs, with_edges

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pairs))
    test = [_cut(s, _TESTED) for s in common.read([pairs[i] for i in order[-tested:]])]
    sparse, complete, samples, left = [], [], [], count
    for annotation in read_pairs([pairs[i] for i in order[:-tested]]):
        here = _middle(annotation, _PAINTED)
        labels = np.asarray(here.labels)
        numbers = rng.permutation(np.unique(labels[labels > 0]))
        if not numbers.size:
            continue
        some = np.where(np.isin(labels, numbers[:left]), labels, 0)
        nowhere = np.zeros(labels.shape, np.bool_)
        sparse.append(with_edges(here._replace(labels=some, region=nowhere)))
        sample = common.Sample(here.image, labels, here.channel_axis)
        height = _height_with(labels, min(left, numbers.size))
        complete.append(with_edges(_upper(here, height)))
        samples.append(_cut(sample, height, labels.shape[1], middle=False))
        left -= min(left, numbers.size)
        if not left:
            break
    return Draw(sparse, complete, samples, test, seed)


def _cut(
    sample: common.Sample, height: int, width: int | None = None, *, middle: bool = True
) -> common.Sample:
    """Cut a part of an image, from the middle or from the upper left."""
    image, labels, axis = sample
    window = []
    for length, side in zip(labels.shape, (height, width or height), strict=True):
        start = max(0, (length - side) // 2) if middle else 0
        window.append(slice(start, start + side))
    first = (slice(None),) if axis == 0 else ()
    return common.Sample(image[(*first, *window)], labels[tuple(window)], axis)


def _middle(annotation: Annotation, side: int) -> Annotation:
    sample = common.Sample(annotation.image, annotation.labels, annotation.channel_axis)
    image, labels, _ = _cut(sample, side)
    return annotation._replace(image=image, labels=labels)


def _height_with(labels: common.Labels, count: int) -> int:
    """Rows, from the first one, that hold so many whole cells."""
    from scipy.ndimage import find_objects

    ends = sorted(box[0].stop for box in find_objects(labels) if box is not None)
    return int(ends[count - 1])


def _upper(annotation: Annotation, height: int) -> Annotation:
    """Let all be known of the upper rows, and nothing of the others."""
    labels = annotation.labels
    beyond = np.isin(labels, np.unique(labels[height:])) & (labels > 0)
    region = np.zeros(labels.shape, np.bool_)
    region[:height] = True
    labels = np.where(beyond, 0, labels)
    return annotation._replace(labels=labels, region=region & ~beyond)


# -- figures ---------------------------------------------------------------------------


def _before(model: str, draw: Draw) -> dict[str, float]:
    from napari_iaunet import Segmenter

    return {"before": model_ap(Segmenter(model, "cpu", engine="pytorch"), draw.test)}


def _tuned(args: argparse.Namespace, draw: Draw, way: str) -> dict[str, float]:
    """AP of the model that is kept, and of what was trained."""
    import torch

    from napari_iaunet import Segmenter, train
    from napari_iaunet.training.selection import trained_network

    out: Path = args.runs / "few" / "tuned"
    annotations = draw.sparse if way == "sparse" else draw.complete
    for _ in train(
        annotations,
        start=args.model,
        out=out,
        minutes=None if args.steps else args.seconds / 60,
        steps=args.steps,
        seed=draw.seed,
        device="cpu",
    ):
        pass
    last = Segmenter.from_network(trained_network(out)[0], torch.device("cpu"))
    return {
        f"{way}: kept": model_ap(Segmenter(out, "cpu", engine="pytorch"), draw.test),
        f"{way}: trained": model_ap(last, draw.test),
    }


def _forest(draw: Draw) -> dict[str, float]:
    return {"forest": forest_ap(draw.samples, draw.test, draw.seed)}
