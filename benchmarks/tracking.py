"""Tracking: identity switches in films with known truth and in frames of yeast.

Films with known truth are made of the cells of real images: they move, turn, brighten,
cross and divide, slowly and fast. Linking by overlap, identity and motion is compared
with linking by overlap alone, on the same masks; so it is on real frames of yeast,
whose links were checked by eye.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from benchmarks import common, harness
from benchmarks.films import Film, make_film

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

OPTIONS = ("data", "model", "device", "threads", "write")
_SPEEDS = {"slow": 0.1, "medium": 0.3, "fast": 0.6}
_YEAST = "yeast-phase-contrast/train"
_LEAST_CELLS, _LEAST_DIAMETER = 12, 11.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--films", type=int, default=10, help="films of each speed")
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument(
        "--split", choices=("test", "train"), default="test", help="images of the cells"
    )


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    described = {
        f"{name} ({speed} diameters a frame)": [
            _describe(film, segmenter) for film in films(args, speed, seed)
        ]
        for seed, (name, speed) in enumerate(_SPEEDS.items())
    }
    described["yeast"] = [_yeast(args, segmenter)]
    text = (
        f"{args.films} films of {args.frames} frames for each speed, masks as they are "
        "drawn, parts that another cell hides left out. A switch: a cell whose id is "
        "another one than when it was last seen. Wrong: an id that goes on with "
        f"another cell, per 1,000 links, too.\n\n{_table(described)}\n\n"
        "Yeast: 13 frames of budding, mating and sporulating cells, every 14th of a "
        "film, between which the stage drifts by up to half a cell; 302 links that "
        "were checked by eye (`yeast_links.json`)."
    )
    where = harness.where(segmenter.device, threads)
    harness.publish("tracking", text, machine=where, write=args.write)


def _table(films: dict[str, list[_Described]]) -> str:
    from napari_iaunet.tracking.linking import LinkSettings

    full = LinkSettings()
    methods: dict[str, Callable[..., Any]] = {
        "overlap alone": by_overlap,
        "without identity": _linker(replace(full, identity=0.0, least=-0.5)),
        "without motion": _linker(replace(full, momentum=0.0)),
        "overlap, identity and motion": _linker(full),
    }
    head, rows = ["identity switches per 1,000 links"], []
    for title in films:
        head += [title, "wrong", *(["divisions found"] if title != "yeast" else [])]
    for title, method in methods.items():
        row = [title]
        for name, described in films.items():
            total: Counter[str] = Counter()
            for film in described:
                total.update(_errors(film, method))
            per_link = 1000 / total["links"]
            row += [f"{per_link * total[key]:.1f}" for key in ("switches", "wrong")]
            if name != "yeast":
                found, mothers = total["mothers found"], total["mothers"]
                row.append(f"{found / mothers:.2f}" if mothers else "-")
        rows.append(row)
    return harness.table(head, rows)


def films(
    args: argparse.Namespace, speed: float, seed: int, divisions: float = 0.01
) -> Iterator[Film]:
    """Make films of the cells of images; ``divisions`` is as for `make_film`."""
    rng = np.random.default_rng(seed)
    made = 0
    pairs = common.test_pairs(args.data)
    if args.split == "train":
        pairs = common.split(args.data)[common.NUCLEI][0]
    for pair in pairs:
        (sample,) = common.read([pair])
        sizes = common.cell_diameters(sample.labels)
        if len(sizes) < _LEAST_CELLS or np.median(sizes) < _LEAST_DIAMETER:
            continue
        yield make_film(sample, speed, rng, frames=args.frames, divisions=divisions)
        made += 1
        if made == args.films:
            return


def yeast_film(args: argparse.Namespace) -> Film:
    """Return real frames with the cells whose links are known."""
    images, _, truth = _yeast_frames(args)
    return Film(images, truth, {})


def _yeast(args: argparse.Namespace, segmenter: Any) -> _Described:
    """Return real frames; the true cell of a detection is 0 where it is not known."""
    images, labels, truth = _yeast_frames(args)
    planes, cells = _numbered(labels)
    known = np.zeros(len(cells), np.int64)
    known[planes.ravel()] = truth.ravel()
    film = Film(images, labels, {})
    return _Described(film, planes, known, segmenter.identify(images, planes))


def _yeast_frames(args: argparse.Namespace) -> tuple[NDArray[Any], ...]:
    """Return images, masks and, where they are known, true cells, all (T, Y, X)."""
    pairs = sorted((args.data / _YEAST).glob("*_img.*"))
    samples = common.read(
        (image, next(image.parent.glob(image.name.replace("_img.", "_mask."))))
        for image in pairs
    )
    labels = np.stack([sample.labels for sample in samples])
    truth = np.zeros_like(labels)
    text = Path(__file__).with_name("yeast_links.json").read_text(encoding="utf-8")
    for number, cell in enumerate(json.loads(text)["cells"], 1):
        for frame, label in enumerate(cell["labels"], cell["first"]):
            truth[frame][labels[frame] == label] = number
    return np.stack([sample.image for sample in samples]), labels, truth


def _errors(described: _Described, method: Callable[..., Any]) -> Counter[str]:
    film, planes, truth, vectors = described
    found, parents = method(planes, vectors)
    last: dict[int, int] = {}
    total: Counter[str] = Counter()
    ids: dict[int, set[int]] = {}
    held: dict[int, int] = {}
    for label, cell in enumerate(truth[1:], 1):
        now = int(found[label])
        if not cell:  # nobody knows which one it is
            continue
        if cell in last:
            total["links"] += 1
            total["switches"] += last[cell] != now
        last[int(cell)] = now
        total["wrong"] += held.setdefault(now, cell) != cell
        held[now] = cell
        ids.setdefault(int(cell), set()).add(now)
    for daughter, mother in film.parents.items():
        if daughter not in ids or mother not in ids:
            continue
        total["mothers"] += 1
        total["mothers found"] += any(
            parents.get(d) in ids[mother] for d in ids[daughter]
        )
    return total


class _Described(NamedTuple):
    """A film, its numbered detections, the true cell of each, and their vectors."""

    film: Film
    planes: NDArray[np.int32]
    truth: NDArray[np.int64]
    vectors: NDArray[np.float32]


def _describe(film: Film, segmenter: Any) -> _Described:
    planes, truth = _numbered(film.labels)
    return _Described(film, planes, truth, segmenter.identify(film.images, planes))


def _numbered(labels: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number all detections 1..n; also the true cell of each."""
    planes, truth = np.zeros_like(labels), [0]
    for index, plane in enumerate(labels):
        for cell in np.unique(plane[plane > 0]):
            planes[index][plane == cell] = len(truth)
            truth.append(int(cell))
    return planes, np.array(truth)


def _linker(settings: Any) -> Callable[..., Any]:
    from napari_iaunet.tracking.linking import link

    def run(planes: NDArray[np.int32], vectors: NDArray[np.float32]) -> Any:
        linked = link(planes, vectors, settings)
        return linked.table, linked.parents

    return run


def by_overlap(planes: NDArray[np.int32], _vectors: NDArray[np.float32]) -> Any:
    """Link each cell to the one that overlaps it most, each of them once."""
    from skimage.metrics import contingency_table

    table = np.zeros(int(planes.max()) + 1, np.int64)
    count, before, there = 0, np.zeros_like(planes[0]), np.zeros(1, np.int64)
    for plane in planes:
        here, ranks = np.unique(plane, return_inverse=True)
        ranks = ranks.reshape(plane.shape)
        shared = contingency_table(before, ranks).toarray()
        union = shared.sum(1, keepdims=True) + shared.sum(0, keepdims=True) - shared
        iou = (shared / union)[1:, 1:]
        for i, j in zip(*linear_sum_assignment(-iou), strict=True):
            if iou[i, j] > 0:
                table[here[j + 1]] = table[there[i + 1]]
        for label in here[1:]:
            if not table[label]:
                count += 1
                table[label] = count
        before, there = ranks, here
    return table, {}
