"""Look-alikes: average precision on blood smears, cells found again, and time.

Blood smears, a kind of image that trained nothing: the experts' types of the cells
say which of them are alike. The masks are those of the model. One example, then
several; peers are chance, measured properties as people use them today, and the
vectors that the cell triplets trained. Then: how accurate is a classifier of all types
at once, by the number of examples of each, beside a random forest on measured
properties (needs scikit-learn)? Is a cell found again in its image
after that was turned, mirrored, brightened or made noisy? And how long 100,000 cells
take. The cells of a smear are described once, and kept in the folder of the runs.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import common, harness

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    # Vectors of all cells, rows of likes, rows of unlikes -> one value per cell.
    Ranking = Callable[[Vectors, NDArray[np.int64], NDArray[np.int64]], Any]

OPTIONS = ("data", "runs", "model", "device", "threads", "images", "write")
_EXAMPLES = (1, 2, 4, 8)
_TRIALS = 25
_LEARNT = (1, 2, 5, 10, 20, 40)  # examples of each type
_DRAWS = 5
_FEWEST = 20  # cells of a type that is reported
_FIRST = 10
_MOST = 200  # examples of a type
_WIDEST = 512
_PROPERTIES = (
    "area",
    "eccentricity",
    "solidity",
    "axis_major_length",
    "axis_minor_length",
    "intensity_mean",
    "intensity_max",
    "intensity_min",
)
EMBEDDING, BOTH = "embedding", "embedding + properties, usual weights"
REGIONPROPS = "regionprops, scaled"
# Of the properties that the program measures.
_GROUPS = ("colour", "size", "shape", "intensity")
# Standard deviations, beyond which values of the pooled maps count as equally far.
_FAR = 3.0


class Cells(NamedTuple):
    """Cells of all smears whose mask holds one point.

    Attributes
    ----------
    image, types : (N,) int
    vectors : dict of str to (N, D) float32
        By method; rows of unit length.
    described : DescribedCells
    measured : (N, D) float
        Properties as regionprops gives them.
    """

    image: NDArray[np.int64]
    types: NDArray[np.int64]
    vectors: dict[str, Vectors]
    described: Any
    measured: NDArray[Any]


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    where = harness.where(segmenter.device, threads)
    for part in args.only:
        text = PARTS[part](segmenter, args)
        harness.publish(f"lookalikes-{part}", text, machine=where, write=args.write)


# -- vectors -----------------------------------------------------------------


def describe(segmenter: Any, args: argparse.Namespace) -> Cells:
    """Segment all smears and describe their cells by every method."""
    from napari_iaunet.identity.describe import DescribedCells
    from napari_iaunet.identity.properties import combine

    files = common.smear_files(args.data)[: args.images]
    smears = [_smear(segmenter, file, args.runs) for file in files]
    image = np.repeat(np.arange(len(smears)), [len(s["types"]) for s in smears])
    joined = {key: np.concatenate([s[key] for s in smears]) for key in smears[0]}
    groups = {key: joined[key] for key in _GROUPS}
    ours = DescribedCells(np.arange(len(image)), joined["embeddings"], groups)
    measured = _unit(_standardised(joined["measured"]))
    pooled = _unit(np.clip(_standardised(joined["pooled"]), -_FAR, _FAR))
    halves = {"pooled": 1.0, "measured": 0.5}
    vectors = {
        REGIONPROPS: measured,
        "vectors of the triplets": joined["projected"],
        "pooled maps, standardised, up to 3": pooled,
        "the same + regionprops at half weight": combine(
            {"pooled": pooled, "measured": measured}, halves
        ),
        EMBEDDING: ours.embeddings,
        BOTH: ours.vectors(),
    }
    return Cells(image, joined["types"], vectors, ours, joined["measured"])


def _smear(segmenter: Any, file: Path, runs: Path) -> dict[str, NDArray[Any]]:
    """Describe the cells of a smear, or read how they were described before."""
    kept = runs / "lookalikes" / f"{file.stem}-{segmenter._digest[:12]}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, **_describe_smear(segmenter, file))
    with np.load(kept) as known:
        return dict(known)


def _describe_smear(segmenter: Any, file: Path) -> dict[str, NDArray[Any]]:
    from skimage.measure import regionprops_table

    smear = common.read_smear(file)
    labels = segmenter.segment(smear.image).labels
    owner = labels[smear.points[:, 0], smear.points[:, 1]]
    alone = np.bincount(owner, minlength=labels.max() + 1)[owner] == 1
    kept = alone & (owner > 0)
    rows = owner[kept] - 1
    pooled: list[NDArray[Any]] = []
    with _watched(segmenter._backend, pooled):
        cells = segmenter.describe(smear.image, labels)
    gray = smear.image.mean(axis=-1)
    table = regionprops_table(labels, gray, properties=_PROPERTIES)
    return {
        "types": smear.types[kept],
        "embeddings": cells.embeddings[rows],
        "pooled": pooled[0][rows],
        "measured": np.stack([table[key] for key in _PROPERTIES], axis=1)[rows],
        "projected": segmenter.identify(smear.image, labels)[rows],
        **{key: cells.properties[key][rows] for key in _GROUPS},
    }


@contextmanager
def _watched(backend: Any, pooled: list[NDArray[Any]]) -> Iterator[None]:
    """Keep the maps that are pooled; no part of the program needs them later."""
    describe = backend.describe

    def watch(*args: Any, **options: Any) -> Any:
        found = describe(*args, **options)
        pooled.append(found.numpy())
        return found

    backend.describe = watch
    try:
        yield
    finally:
        del backend.describe


def _standardised(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray((values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9))


def _unit(values: NDArray[Any]) -> Vectors:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.maximum(length, 1e-9)).astype(np.float32)


# -- retrieval ---------------------------------------------------------------


def _retrieval(segmenter: Any, args: argparse.Namespace) -> str:
    """Average precision of look-alikes on blood smears."""
    cells = describe(segmenter, args)
    counts = np.bincount(cells.types)
    types = np.flatnonzero(counts >= _FEWEST)
    rows = [["chance", "", *_chance(cells, types)]]
    ways = _one_example()
    first = next(iter(ways))
    for name, vectors in cells.vectors.items():
        every = name in (EMBEDDING, BOTH)
        for way in ways if every else [first]:
            rows.append([name, way, *_one(cells, vectors, types, ways[way])])
    head = ["", "compared by", "mean AP", f"precision at {_FIRST}"]
    about = (
        f"### Blood smears: {len(np.unique(cells.image))} images, "
        f"{len(cells.types)} cells of {len(types)} types\n\n"
        "Mean over the types of the experts, of all cells of a type. Cells of the "
        f"example's image do not count.\n\nEvery cell, up to {_MOST} of a type, as the "
        "only example:\n\n"
    )
    return f"{about}{harness.table(head, rows)}\n\n{_several(cells, types)}"


def _one_example() -> dict[str, Callable[[Vectors], Callable[[int], Any]]]:
    """Ways to rank by one example: first for all vectors, then for its row."""
    from napari_iaunet.identity.ranking import compare, relative

    def plain(vectors: Vectors) -> Callable[[int], Any]:
        return lambda row: vectors @ vectors[row]

    def program(vectors: Vectors) -> Callable[[int], Any]:
        apart = relative(vectors)
        return lambda row: compare(apart, [row])

    return {
        "the cosine": plain,
        "the cosine, the mean taken off": lambda vectors: plain(relative(vectors)),
        "the program: that, and joined by ten like it": program,
    }


def _average_precision(
    value: NDArray[Any], alike: NDArray[np.bool_]
) -> tuple[float, float]:
    """Average precision of a ranking, and the precision of its first cells."""
    ranked = alike[np.argsort(-value, kind="stable")]
    places = np.flatnonzero(ranked)
    if not places.size:
        return float("nan"), float("nan")
    precision = np.arange(1, places.size + 1) / (places + 1)
    return float(precision.mean()), float(ranked[:_FIRST].mean())


def _chance(cells: Cells, types: NDArray[Any]) -> list[str]:
    share = [float((cells.types == t).mean()) for t in types]
    return [f"{np.mean(share):.3f}"] * 2


def _one(
    cells: Cells,
    vectors: Vectors,
    types: NDArray[Any],
    way: Callable[[Vectors], Callable[[int], Any]],
) -> list[str]:
    means, rank = [], way(vectors)
    rng = np.random.default_rng(0)
    for kind in types:
        found = []
        for row in rng.permutation(np.flatnonzero(cells.types == kind))[:_MOST]:
            others = cells.image != cells.image[row]
            value = rank(row)[others]
            found.append(_average_precision(value, cells.types[others] == kind))
        means.append(np.nanmean(found, axis=0))
    return [f"{value:.3f}" for value in np.mean(means, axis=0)]


def _several(cells: Cells, types: NDArray[Any]) -> str:
    rankings = _rankings()
    usual = next(iter(rankings))
    # A discriminant of some thousand columns would take hours.
    small = {n: v for n, v in cells.vectors.items() if v.shape[1] <= _WIDEST}
    named = [(n, v, usual) for n, v in small.items()]
    embedding = cells.vectors[EMBEDDING]
    named += [(EMBEDDING, embedding, way) for way in list(rankings)[1:]]
    rows = [["chance", "", *[_chance(cells, types)[0]] * (1 + len(_EXAMPLES))]]
    for name, vectors, way in named:
        row = [name, way]
        for likes, unlikes in [(8, 0), *((k, k) for k in _EXAMPLES)]:
            mean = _trials(cells, vectors, types, rankings[way], likes, unlikes)
            row.append(f"{mean:.3f}")
        rows.append(row)
    head = ["", "joined by", "8 + 0", *(f"{k} + {k}" for k in _EXAMPLES)]
    return (
        f"Likes + unlikes, drawn at random {_TRIALS} times for each type; cells of "
        "the examples' images do not count. Mean AP:\n\n" + harness.table(head, rows)
    )


def _rankings() -> dict[str, Ranking]:
    from napari_iaunet import similarity

    def mean(v: Vectors, like: Any, unlike: Any) -> Any:
        return v @ (v[like].mean(0) - (v[unlike].mean(0) if len(unlike) else 0))

    def nearest(v: Vectors, like: Any, unlike: Any) -> Any:
        against = (v @ v[unlike].T).max(1) if len(unlike) else 0
        return (v @ v[like].T).max(1) - against

    def ridge(v: Vectors, like: Any, unlike: Any) -> Any:
        examples = v[np.r_[like, unlike]].astype(float)
        wanted = np.r_[np.ones(len(like)), -np.ones(len(unlike))]
        gram = examples @ examples.T + np.eye(len(wanted))
        return v @ (examples.T @ np.linalg.solve(gram, wanted))

    return {
        "the program": similarity,
        "mean prototype": mean,
        "nearest example": nearest,
        "ridge": ridge,
    }


def _trials(
    cells: Cells,
    vectors: Vectors,
    types: NDArray[Any],
    ranking: Ranking,
    likes: int,
    unlikes: int,
) -> float:
    rng = np.random.default_rng(1)
    means = []
    for kind in types:
        of_kind = np.flatnonzero(cells.types == kind)
        rest = np.flatnonzero(cells.types != kind)
        found = []
        for _ in range(_TRIALS):
            like, unlike = rng.permutation(of_kind)[:likes], rng.permutation(rest)
            unlike = unlike[:unlikes]
            value = ranking(vectors, like, unlike)
            taken = np.unique(cells.image[np.r_[like, unlike]])
            others = ~np.isin(cells.image, taken)
            found.append(
                _average_precision(value[others], cells.types[others] == kind)[0]
            )
        means.append(np.nanmean(found))
    return float(np.mean(means))


# -- classes -----------------------------------------------------------------


def _classes(segmenter: Any, args: argparse.Namespace) -> str:
    """Accuracy of a classifier of all types, by the number of examples of each."""
    cells = describe(segmenter, args)
    types = np.flatnonzero(np.bincount(cells.types) >= 2 * max(_LEARNT))
    methods = {
        "the program": _by_program,
        "the same, embedding alone": _by_embedding,
        "random forest on regionprops": _by_forest,
    }
    table = [[name] for name in methods]
    for count in _LEARNT:
        draws = [_draw(cells, types, count, seed) for seed in range(_DRAWS)]
        for row, method in zip(table, methods.values(), strict=True):
            found = [_recalls(cells, types, d, method(cells, *d)) for d in draws]
            means = np.mean(found, axis=1)
            row.append(f"{means.mean():.3f} ({means.std():.3f})")
    learn, test = _draw(cells, types, _LEARNT[-1], 0)
    found = _by_program(cells, learn, test)
    confusion = [
        [str(a), *(f"{np.mean(found[cells.types[test] == a] == b):.2f}" for b in types)]
        for a in types
    ]
    head = ["examples of each type", *map(str, _LEARNT)]
    return (
        f"### Classes of blood cells: {len(types)} types\n\nMean over the types of the "
        "share of cells that get their type, with its standard deviation over "
        f"{_DRAWS} draws: examples are from one half of the images, the cells that "
        f"count from the other.\n\n{harness.table(head, table)}\n\n"
        f"The first draw of the program with {_LEARNT[-1]} of each: share of the cells "
        "of a type (row) that are taken for each type (column).\n\n"
        f"{harness.table(['', *map(str, types)], confusion)}"
    )


def _draw(
    cells: Cells, types: NDArray[Any], count: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw rows to learn from, so many of each type, and rows of other images."""
    rng = np.random.default_rng(seed)
    images = np.unique(cells.image)
    ours = np.isin(cells.image, rng.permutation(images)[: len(images) // 2])
    learn = [
        rng.permutation(np.flatnonzero(ours & (cells.types == kind)))[:count]
        for kind in types
    ]
    return np.concatenate(learn), np.flatnonzero(~ours & np.isin(cells.types, types))


def _recalls(
    cells: Cells, types: NDArray[Any], draw: Any, found: NDArray[Any]
) -> list[float]:
    true = cells.types[draw[1]]
    return [float(np.mean(found[true == kind] == kind)) for kind in types]


def _by_program(
    cells: Cells, learn: NDArray[Any], test: NDArray[Any]
) -> NDArray[np.int64]:
    return _learnt(cells, cells.described, learn)[test]


def _by_embedding(
    cells: Cells, learn: NDArray[Any], test: NDArray[Any]
) -> NDArray[np.int64]:
    return _learnt(cells, cells.vectors[EMBEDDING], learn)[test]


def _learnt(cells: Cells, features: Any, learn: NDArray[Any]) -> NDArray[np.int64]:
    from napari_iaunet import Classifier

    classes: list[Any] = [None] * len(cells.types)
    for row in learn:
        classes[row] = cells.types[row]
    return np.asarray(Classifier.fit(features, classes).predict(features)[0])


def _by_forest(
    cells: Cells, learn: NDArray[Any], test: NDArray[Any]
) -> NDArray[np.int64]:
    from sklearn.ensemble import RandomForestClassifier

    values = cells.measured
    forest = RandomForestClassifier(300, class_weight="balanced", random_state=0)
    return np.asarray(
        forest.fit(values[learn], cells.types[learn]).predict(values[test])
    )


# -- found again -------------------------------------------------------------


def _found_again(segmenter: Any, args: argparse.Namespace) -> str:
    """Cells found again after a change of the image."""
    changes = _changes()
    rows = []
    for kind, held_out in common.held_out(args.data).items():
        hits: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in changes}
        for sample in common.read(held_out[: args.images or 5]):
            if sample.labels.max() < 2:
                continue
            usual = segmenter.embed(sample.picture(), sample.labels)
            label_ids = _label_ids(sample.labels)
            whole = ~np.isin(label_ids, _at_border(sample.labels))
            for name, change in changes.items():
                image, labels = change(sample.picture(), sample.labels)
                rows_there = np.searchsorted(label_ids, _label_ids(labels))
                again = segmenter.embed(image, labels)
                nearest = (again @ usual.T).argmax(axis=1)
                hits[name].append((nearest == rows_there)[whole[rows_there]])
        if any(hits.values()):
            share = [np.concatenate(found).mean() for found in hits.values()]
            count = sum(map(len, hits[next(iter(changes))]))
            rows.append([kind, str(count), *(f"{value:.3f}" for value in share)])
    return (
        "### A cell found again\n\nShare of the cells of held-out images that are "
        "most alike to themselves after a change of the whole image, among all cells "
        "of that image. Cells that the image's border cuts are sought among, but not "
        "counted: beyond a border that is turned by 30° something must be made up."
        "\n\n" + harness.table(["", "cells", *changes], rows)
    )


def _label_ids(labels: NDArray[Any]) -> NDArray[Any]:
    return np.unique(labels[labels > 0])


def _at_border(labels: NDArray[Any]) -> NDArray[Any]:
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    return np.unique(np.concatenate(sides))


def _changes() -> dict[str, Callable[..., tuple[NDArray[Any], NDArray[Any]]]]:
    from skimage.transform import rotate

    def gamma(image: NDArray[Any], power: float) -> NDArray[Any]:
        top = float(image.max()) or 1.0
        return np.asarray((image / top) ** power * top)

    def noisy(image: NDArray[Any]) -> NDArray[Any]:
        spread = 0.05 * float(np.percentile(image, 99) - np.percentile(image, 1))
        return image + np.random.default_rng(0).normal(0, spread, image.shape)

    def tilted(image: NDArray[Any], labels: NDArray[Any]) -> Any:
        options = {"preserve_range": True, "resize": True}
        return (
            rotate(image.astype(float), 30, mode="edge", **options),
            rotate(labels, 30, order=0, **options).astype(np.int32),
        )

    return {
        "turned by 90°": lambda i, m: (np.rot90(i), np.rot90(m)),
        "turned by 30°": tilted,
        "mirrored": lambda i, m: (i[:, ::-1], m[:, ::-1]),
        "gamma 0.7": lambda i, m: (gamma(i, 0.7), m),
        "gamma 1.4": lambda i, m: (gamma(i, 1.4), m),
        "noise of 5 %": lambda i, m: (noisy(i), m),
    }


# -- time --------------------------------------------------------------------


def _seconds(_segmenter: Any, _args: argparse.Namespace) -> str:
    """Milliseconds to rank 100,000 cells."""
    from napari_iaunet import similarity
    from napari_iaunet.identity.ranking import compare, relative

    rng = np.random.default_rng(0)
    vectors = _unit(rng.normal(size=(100_000, 128)))
    apart, rows = relative(vectors), []
    for likes, unlikes in ((1, 0), (1, 1), (8, 8)):
        chosen = rng.permutation(len(vectors))[: likes + unlikes]
        examples = chosen[:likes], chosen[likes:]
        taken = [
            f"{1000 * np.median(harness.seconds(rank, 20)):.0f}"
            for rank in (
                partial(similarity, vectors, *examples),
                partial(compare, apart, *examples),
            )
        ]
        rows.append([f"{likes} + {unlikes}", *taken])
    return (
        "### `similarity` of 100,000 cells\n\nThe tab takes off what they have in "
        "common once, and ranks from then on.\n\n"
        + harness.table(["likes + unlikes", "median ms", "of that the ranking"], rows)
    )


PARTS = {
    "retrieval": _retrieval,
    "classes": _classes,
    "found": _found_again,
    "time": _seconds,
}
