"""Two models on the same cells: by how much one is better, and how sure that is.

Loads no torch: the Fine-tune tab says what this says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.ndimage import center_of_mass
from scipy.spatial import KDTree
from skimage.segmentation import relabel_sequential

from napari_iaunet.evaluation import THRESHOLDS, match, overlaps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# With fewer cells than this, chance decides, whatever a band says: of ten drawn anew,
# one or two may be of a kind that the others do not show.
FEW_CELLS = 20
# Of so many draws of other cells the difference lies in the band; beyond either end in
# one of ten.
SURE = 0.8
# Draws of cells; the ends of a band differ by .005 or so from one thousand to another.
_DRAWS = 1000


class Tally(NamedTuple):
    """What a model found of each of N cells, at T thresholds of the overlap.

    Attributes
    ----------
    cells : (N,) bool
        False of a row that stands for an image without cells.
    found : (N, T) bool
    wrong : (N, T) int64
        Found cells that are none; each counts at the cell that it is nearest to.
    """

    cells: NDArray[np.bool_]
    found: NDArray[np.bool_]
    wrong: NDArray[np.int64]


class Band(NamedTuple):
    """Where a difference of two models lies if other cells are drawn, see `SURE`."""

    low: float
    high: float


def tally(
    true: Sequence[NDArray[np.integer[Any]]],
    found: Sequence[NDArray[np.integer[Any]]],
    thresholds: Sequence[float] = THRESHOLDS,
) -> Tally:
    """Count what was found cell by cell.

    Parameters
    ----------
    true, found : sequence of (Y, X) integer arrays
        Label images, one pair each.
    thresholds : sequence of T float
    """
    images = [
        _tally(relabel_sequential(t)[0], relabel_sequential(f)[0], thresholds)
        for t, f in zip(true, found, strict=True)
    ]
    return Tally(*(np.concatenate(parts) for parts in zip(*images, strict=True)))


def _tally(
    true: NDArray[np.integer[Any]],
    found: NDArray[np.integer[Any]],
    thresholds: Sequence[float],
) -> Tally:
    pairs = overlaps(true, found)
    rows = max(pairs.n_true, 1)
    hits = np.zeros((rows, len(thresholds)), np.bool_)
    wrong = np.zeros((rows, len(thresholds)), np.int64)
    nearest = _nearest(true, found, pairs.n_true, pairs.n_pred)
    for column, threshold in enumerate(thresholds):
        of_true, of_found, _ = match(pairs, threshold)
        hits[of_true, column] = True
        alone = np.delete(nearest, of_found)
        wrong[:, column] = np.bincount(alone, minlength=rows)
    return Tally(np.full(rows, pairs.n_true > 0), hits, wrong)


def _nearest(
    true: NDArray[np.integer[Any]],
    found: NDArray[np.integer[Any]],
    n_true: int,
    n_found: int,
) -> NDArray[np.int64]:
    """Return the true cell, from 0, that each found one is nearest to."""
    if not n_true or not n_found:
        return np.zeros(n_found, np.int64)
    centres, others = (
        np.array(center_of_mass(labels > 0, labels, range(1, count + 1)))
        for labels, count in ((true, n_true), (found, n_found))
    )
    return np.asarray(KDTree(centres).query(others)[1], np.int64)


def difference(
    start: Tally, trained: Tally, counted: NDArray[np.bool_], seed: int = 0
) -> Band:
    """Return the band of the AP that a trained model has more than its start.

    Cells are drawn anew, with replacement, each with what both models did with it: what
    is hard for both makes no difference (Efron and Tibshirani, An Introduction to the
    Bootstrap, 1993). One cell more that only the start finds and one that only the
    trained model finds keep the band from closing where few cells agree by chance
    (Agresti and Min, Statistics in Medicine 2005, of paired shares).

    Parameters
    ----------
    start, trained : Tally
        Of the same images.
    counted : (T,) bool
        Thresholds over which the mean is taken.
    seed : int
        Equal seeds give equal bands.
    """
    kinds, counts = _kinds([_rows(start, counted), _rows(trained, counted)])
    total = counts.sum()
    times = np.random.default_rng(seed).multinomial(total, counts / total, _DRAWS)
    drawn = (times @ kinds).reshape(_DRAWS, 2, 3, -1)
    found, cells, wrong = (drawn[:, :, part] for part in range(3))
    precision = found / np.maximum(cells + wrong, 1)
    gained = (precision[:, 1] - precision[:, 0]).mean(axis=1)
    ends = np.quantile(gained, ((1 - SURE) / 2, (1 + SURE) / 2))
    return Band(float(ends[0]), float(ends[1]))


def _rows(tally: Tally, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return what counts of each cell, (N, 3 T): found, there and wrong."""
    found, wrong = tally.found[:, counted], tally.wrong[:, counted]
    there = np.repeat(tally.cells[:, None], found.shape[1], axis=1)
    return np.concatenate([found, there, wrong], axis=1).astype(np.int64)


def _kinds(
    models: list[NDArray[np.int64]],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different rows of both models, and how many cells have each.

    There are few, however many cells there are: to draw among them is as good.
    """
    width = models[0].shape[1]
    missed = np.repeat((0, 1, 0), width // 3)
    hit = np.repeat((1, 1, 0), width // 3)
    alone = [np.concatenate([hit, missed]), np.concatenate([missed, hit])]
    rows = np.concatenate([np.concatenate(models, axis=1), alone])
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    return kinds, counts.astype(np.int64)
