"""Look-alikes: average precision on blood smears, cells found again, and time.

Blood smears, a kind of image that trained nothing: the experts' types of the cells
say which of them are alike. The masks are those of the model. One example, then
several; peers are chance, measured properties as people use them today, and the
vectors that the cell triplets trained. Then: is a cell found again in its image
after that was turned, mirrored, brightened or made noisy? And how long 100,000 cells
take.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import common, harness

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    # Vectors of all cells, rows of likes, rows of unlikes -> one value per cell.
    Ranking = Callable[[Vectors, NDArray[np.int64], NDArray[np.int64]], Any]

OPTIONS = ("data", "model", "device", "threads", "images", "write")
_EXAMPLES = (1, 2, 4, 8)
_TRIALS = 25
_FEWEST = 20  # cells of a type that is reported
_FIRST = 10
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
EMBEDDING = "embedding"


class Cells(NamedTuple):
    """Cells of all smears whose mask holds one point.

    Attributes
    ----------
    image, types : (N,) int
    vectors : dict of str to (N, D) float32
        By method; rows of unit length.
    """

    image: NDArray[np.int64]
    types: NDArray[np.int64]
    vectors: dict[str, Vectors]


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    parts = [PARTS[part](segmenter, args) for part in args.only]
    where = harness.where(segmenter.device, threads)
    harness.publish("lookalikes", "\n\n".join(parts), machine=where, write=args.write)


# -- vectors -----------------------------------------------------------------


def describe(segmenter: Any, args: argparse.Namespace) -> Cells:
    """Segment all smears and describe their cells by every method."""
    from skimage.measure import regionprops_table

    from napari_iaunet.identity.describe import DescribedCells

    image, types, described, measured, projected = [], [], [], [], []
    for number, file in enumerate(common.smear_files(args.data)[: args.images]):
        smear = common.read_smear(file)
        labels = segmenter.segment(smear.image).labels
        owner = labels[smear.points[:, 0], smear.points[:, 1]]
        alone = np.bincount(owner, minlength=labels.max() + 1)[owner] == 1
        kept = alone & (owner > 0)
        rows = owner[kept] - 1
        image.append(np.full(rows.size, number))
        types.append(smear.types[kept])
        cells = segmenter.describe(smear.image, labels)
        properties = {key: values[rows] for key, values in cells.properties.items()}
        described.append(
            DescribedCells(cells.label_ids[rows], cells.embeddings[rows], properties)
        )
        gray = smear.image.mean(axis=-1)
        table = regionprops_table(labels, gray, properties=_PROPERTIES)
        measured.append(np.stack([table[key] for key in _PROPERTIES], axis=1)[rows])
        projected.append(_triplet_vectors(segmenter, smear.image, labels)[rows])
    ours, values = DescribedCells.joined(described), np.concatenate(measured)
    standardised = (values - values.mean(axis=0)) / (values.std(axis=0) + 1e-9)
    vectors = {
        "regionprops, scaled": _unit(standardised),
        "vectors of the triplets": np.concatenate(projected),
        EMBEDDING: ours.embeddings,
        "embedding + properties, usual weights": ours.vectors(),
    }
    return Cells(np.concatenate(image), np.concatenate(types), vectors)


def _triplet_vectors(
    segmenter: Any, image: NDArray[Any], labels: NDArray[Any]
) -> Vectors:
    """Project every cell as in training; no part of the program needs this."""
    import torch

    from napari_iaunet.identity.descriptor import cell_pixels
    from napari_iaunet.inference.tiles import pad_to_stride, rescale
    from napari_iaunet.segmentation.diameter import scale_for
    from napari_iaunet.segmentation.image import as_planes

    network = segmenter._backend.network
    diameter = float(np.median(common.cell_diameters(labels)))
    plane = as_planes(image)[0]
    plane = rescale(plane, scale_for(diameter, network.config.diameter, plane.shape))
    label_ids = np.arange(1, labels.max() + 1)
    pixels = cell_pixels(labels, label_ids, plane.shape[1:])
    padded = torch.from_numpy(pad_to_stride(plane, network.config.stride))[None]
    cells = torch.zeros(padded.shape[2:], dtype=torch.int64)
    cells[pixels.y, pixels.x] = torch.from_numpy(pixels.cell) + 1
    with torch.inference_mode():
        maps = network.features(padded.to(segmenter._backend.device))
        cells = cells[None].to(maps[0].device)
        vectors = network.cell_vectors(maps, cells, len(label_ids))
    return np.asarray(vectors.float().cpu())


def _unit(values: NDArray[Any]) -> Vectors:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.maximum(length, 1e-9)).astype(np.float32)


# -- retrieval ---------------------------------------------------------------


def _retrieval(segmenter: Any, args: argparse.Namespace) -> str:
    """Average precision of look-alikes on blood smears."""
    cells = describe(segmenter, args)
    counts = np.bincount(cells.types)
    types = np.flatnonzero(counts >= _FEWEST)
    rows = [["chance", *_chance(cells, types)]]
    rows += [[name, *_one(cells, v, types)] for name, v in cells.vectors.items()]
    head = ["", "mean AP", f"precision at {_FIRST}"]
    about = (
        f"### Blood smears: {len(np.unique(cells.image))} images, "
        f"{len(cells.types)} cells of {len(types)} types\n\n"
        "Mean over the types of the experts, of all cells of a type. Cells of the "
        "example's image do not count.\n\nEvery cell as the only example:\n\n"
    )
    return f"{about}{harness.table(head, rows)}\n\n{_several(cells, types)}"


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


def _one(cells: Cells, vectors: Vectors, types: NDArray[Any]) -> list[str]:
    means = []
    for kind in types:
        found = []
        for row in np.flatnonzero(cells.types == kind):
            others = cells.image != cells.image[row]
            value = vectors[others] @ vectors[row]
            found.append(_average_precision(value, cells.types[others] == kind))
        means.append(np.nanmean(found, axis=0))
    return [f"{value:.3f}" for value in np.mean(means, axis=0)]


def _several(cells: Cells, types: NDArray[Any]) -> str:
    rankings = _rankings()
    usual = next(iter(rankings))
    named = [(n, v, usual) for n, v in cells.vectors.items()]
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

    rng = np.random.default_rng(0)
    vectors = _unit(rng.normal(size=(100_000, 128)))
    rows = []
    for likes, unlikes in ((1, 0), (1, 1), (8, 8)):
        chosen = rng.permutation(len(vectors))[: likes + unlikes]
        rank = partial(similarity, vectors, chosen[:likes], chosen[likes:])
        taken = 1000 * np.median(harness.seconds(rank, 20))
        rows.append([f"{likes} + {unlikes}", f"{taken:.0f}"])
    return "### `similarity` of 100,000 cells\n\n" + harness.table(
        ["likes + unlikes", "median ms"], rows
    )


PARTS = {"retrieval": _retrieval, "found": _found_again, "time": _seconds}
