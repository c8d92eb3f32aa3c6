"""Nuclei and cells that become pairs: drawn ones whose pairs are known, and tissue.

Drawn images have a channel of nuclei and one of whole cells; some cells have two nuclei
or none, and some nuclei no cell. Tissue has no known pairs: most of its cells have one
nucleus. Pictures to look at are put into the folder of `--runs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import common, harness
from benchmarks.drawn import CELL, draw_pairs

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.common import Labels
    from benchmarks.drawn import Paired

OPTIONS = ("data", "runs", "model", "device", "threads", "images", "write")
# How many channels of the tissue cells are found in; 0: as the expert drew them.
_CELLS = {
    "of the expert": 0,
    "found in nuclei, membrane, cytoplasm": 3,
    "found in nuclei, membrane": 2,
}
# Drawn nuclei are so wide, in pixels.
_NUCLEUS = 20.0
_FOUND = 0.5  # least intersection over union


def run(args: argparse.Namespace) -> None:
    from napari_iaunet import Segmenter

    threads = common.limit_threads(args.threads)
    segmenter = Segmenter(args.model, args.device)
    told = [PARTS[part](segmenter, args) for part in args.only]
    machine = harness.where(segmenter.device, threads)
    for part, text in zip(args.only, told, strict=True):
        harness.publish(f"pairs-{part}", text, machine=machine, write=args.write)


# -- drawn ---------------------------------------------------------------------------


def _drawn(segmenter: Any, args: argparse.Namespace) -> str:
    """Known pairs of drawn images, by their outlines and by those that are found."""
    from napari_iaunet import pair

    known, found, rows, alone = [], [], [], 0
    for drawn in draw_pairs(args.images or 6):
        alone += int((drawn.cell_of == 0).sum())
        # Two channels never lie quite above one another.
        known.append(right_pairs(drawn, np.roll(drawn.nuclei, 2, axis=1), drawn.cells))
        nuclei, cells = (
            segmenter.segment(channel, diameter=diameter).labels
            for channel, diameter in zip(drawn.image, (_NUCLEUS, CELL), strict=True)
        )
        found.append(right_pairs(drawn, nuclei, cells))
        counts = pair(drawn.nuclei, drawn.cells).nuclei_in
        rows.append([*np.bincount(np.minimum(counts, 2), minlength=3)])
    none, one, two = np.sum(rows, axis=0)
    told = (
        f"{one} cells with one nucleus, {two} with two, {none} without; {alone} nuclei "
        "without cell."
    )
    head = ("pairs of", "nuclei", "known ends", "right", "share")
    table = [
        _row("drawn outlines, 2 px aside", np.concatenate(known)),
        _row("found outlines", np.concatenate(found)),
    ]
    return f"{told}\n\n{harness.table(head, table)}"


def _row(name: str, rights: NDArray[np.int64]) -> list[str]:
    known, right = int((rights >= 0).sum()), int((rights > 0).sum())
    share = f"{right / max(known, 1):.1%}"
    return [name, str(len(rights)), str(known), str(right), share]


def right_pairs(drawn: Paired, nuclei: Labels, cells: Labels) -> NDArray[np.int64]:
    """Return for each drawn nucleus whether its pair is right.

    Parameters
    ----------
    drawn : Paired
    nuclei, cells : (Y, X) int
        As they were found.

    Returns
    -------
    (M,) int64
        1 if it is, 0 if not, -1 if the nucleus or its cell was not found, which says
        nothing of pairs.
    """
    from napari_iaunet import pair

    found = pair(nuclei, cells)
    cell_of = dict(zip(found.nucleus_ids.tolist(), found.cell_of.tolist(), strict=True))
    nucleus_at, cell_at = _matches(drawn.nuclei, nuclei), _matches(drawn.cells, cells)
    rights = []
    for number, cell in enumerate(drawn.cell_of.tolist(), start=1):
        nucleus = nucleus_at.get(number)
        if nucleus is None or (cell and cell not in cell_at):
            rights.append(-1)
        else:
            rights.append(int(cell_of[nucleus] == (cell_at[cell] if cell else 0)))
    return np.array(rights, np.int64)


def _matches(true: Labels, found: Labels) -> dict[int, int]:
    """Which found label is each true one, where both share more than half."""
    pairs, shared = np.unique(
        np.stack([true.ravel(), found.ravel()]), axis=1, return_counts=True
    )
    sizes = np.bincount(true.ravel()), np.bincount(found.ravel())
    matches = {}
    for (one, other), both in zip(pairs.T.tolist(), shared.tolist(), strict=True):
        if one and other and both > _FOUND * (sizes[0][one] + sizes[1][other] - both):
            matches[one] = other
    return matches


# -- tissue --------------------------------------------------------------------------


def _tissue(segmenter: Any, args: argparse.Namespace) -> str:
    """The share of cells of a tissue with exactly one nucleus, and pictures of them."""
    from napari_iaunet import pair
    from napari_iaunet.training.dataset import find_pairs

    files = find_pairs([args.data / "tissue-codex" / "train"])[: args.images]
    folder = args.runs / "pairs"
    folder.mkdir(parents=True, exist_ok=True)
    counts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in _CELLS}
    lost = []
    for (image, _), sample in zip(files, common.read(files), strict=True):
        nuclei = segmenter.segment(sample.image[0]).labels
        for name, channels in _CELLS.items():
            labels = sample.labels
            if channels:
                shown = sample.image[:channels]
                labels = segmenter.segment(shown, channel_axis=0).labels
            pairs = pair(nuclei, labels)
            counts[name].append(pairs.nuclei_in)
        lost.append((pairs.nuclei_without_cell.size, pairs.nucleus_ids.size))
        _picture(folder / f"{image.stem}.png", sample.image, nuclei, pairs)
    head = ("cells", "number", "no nucleus", "one", "several")
    rows = [[who, *_shares(np.concatenate(n))] for who, n in counts.items()]
    alone, every = np.sum(lost, axis=0)
    told = (
        f"{every} nuclei were found, {alone / max(every, 1):.1%} of them in none of "
        "the cells of the last row."
    )
    return "\n\n".join([harness.table(head, rows), f"{told} Pictures: {folder.name}/."])


def _shares(nuclei_in: NDArray[np.int64]) -> list[str]:
    kinds = (nuclei_in == 0, nuclei_in == 1, nuclei_in > 1)
    return [str(len(nuclei_in)), *(f"{kind.mean():.1%}" for kind in kinds)]


def _picture(
    path: Path, image: NDArray[Any], nuclei: Labels, pairs: Any, scale: int = 2
) -> None:
    """Save nuclei (blue) and membranes (green), outlined; what has no partner in red.

    Cells with several nuclei are yellow.
    """
    from skimage.io import imsave
    from skimage.segmentation import find_boundaries

    shown = np.zeros((*image.shape[1:], 3), np.float32)
    for channel, colour in ((0, 2), (1, 1)):
        low, high = np.percentile(image[channel], (1, 99.8))
        shown[..., colour] = np.clip((image[channel] - low) / max(high - low, 1), 0, 1)
    large = np.ones((scale, scale), np.int32)
    shown, nuclei = np.kron(shown, large[..., None]), np.kron(nuclei, large)
    cells = np.kron(pairs.cells, large)
    shown[find_boundaries(cells, mode="inner")] = (0.9, 0.9, 0.9)
    shown[find_boundaries(nuclei, mode="inner")] = (0.3, 0.7, 1)
    for labels, ids, colour in (
        (cells, pairs.cells_without_nucleus, (1, 0.2, 0.2)),
        (cells, pairs.cells_with_several, (1, 0.9, 0)),
        (nuclei, pairs.nuclei_without_cell, (1, 0.2, 0.2)),
    ):
        edge = find_boundaries(labels, mode="inner")
        shown[edge & np.isin(labels, ids)] = colour
    imsave(path, (255 * shown).astype(np.uint8), check_contrast=False)


PARTS = {"drawn": _drawn, "tissue": _tissue}
