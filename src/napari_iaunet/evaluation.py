"""How well predicted cells agree with annotated ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from napari_iaunet.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
# Pixels whose labels are counted at a time, for memory's sake: they take 16 MB.
_AT_A_TIME = 1 << 20
# Two labels up to this are one number of 64 bits.
_LARGEST_LABEL = 2**31 - 1


@dataclass(frozen=True)
class AveragePrecision:
    """Scores of N images at T thresholds of the intersection over union.

    Attributes
    ----------
    thresholds : (T,) float64
    pooled : (T,) float64
        TP / (TP + FP + FN) with the counts of all images added up.
    per_image : (N, T) float64
        The same ratio of each image; its mean over images is
        ``per_image.mean(axis=0)``.
    tp, fp, fn : (N, T) int64
        Matched cells, predicted cells without a match, missed cells.
    iou_sum : (N, T) float64
        Intersection over union, added up over the matched cells.

    Notes
    -----
    Where neither truth nor prediction holds a cell, every score is 1.
    """

    thresholds: NDArray[np.float64]
    pooled: NDArray[np.float64]
    per_image: NDArray[np.float64]
    tp: NDArray[np.int64]
    fp: NDArray[np.int64]
    fn: NDArray[np.int64]
    iou_sum: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean of `pooled` over the thresholds: of AP .5 to .95, unless said else."""
        return float(self.pooled.mean())

    @property
    def mean_per_image(self) -> float:
        """Mean over images of the mean over the thresholds."""
        return float(self.per_image.mean())

    @property
    def f1(self) -> NDArray[np.float64]:
        """Pooled 2 TP / (2 TP + FP + FN); (T,)."""
        tp, fp, fn = (n.sum(axis=0) for n in (self.tp, self.fp, self.fn))
        return _ratio(2 * tp, 2 * tp + fp + fn)

    @property
    def mean_matched_iou(self) -> NDArray[np.float64]:
        """Mean intersection over union of all matched cells; (T,)."""
        return _ratio(self.iou_sum.sum(axis=0), self.tp.sum(axis=0))

    @property
    def panoptic_quality(self) -> NDArray[np.float64]:
        """Pooled F1 times the mean IoU of matched cells; (T,)."""
        tp, fp, fn = (n.sum(axis=0) for n in (self.tp, self.fp, self.fn))
        return _ratio(2 * self.iou_sum.sum(axis=0), 2 * tp + fp + fn)


class Overlaps(NamedTuple):
    """Pairs of cells that share pixels, sorted, and how many cells there are."""

    true: NDArray[np.intp]
    pred: NDArray[np.intp]
    iou: NDArray[np.float64]
    n_true: int
    n_pred: int


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """``part / whole``, and 1 where ``whole`` is 0."""
    safe = np.where(whole == 0, 1, whole)
    return np.where(whole == 0, 1.0, part / safe).astype(np.float64)


def overlaps(true: NDArray[Any], pred: NDArray[Any]) -> Overlaps:
    """Intersection over union of all overlapping pairs of cells.

    Parameters
    ----------
    true, pred : integer or bool arrays of one shape
        Label images; 0 is background, labels need not be consecutive.

    Returns
    -------
    Overlaps
        ``true[k]`` and ``pred[k]`` count cells in ascending order of label,
        from 0; ``iou`` is float64 in (0, 1].
    """
    pairs, both = _count_pairs(_small_labels(true), _small_labels(pred))
    t, p = np.divmod(pairs, _LARGEST_LABEL + 1)
    ids_t, t = np.unique(t, return_inverse=True)
    ids_p, p = np.unique(p, return_inverse=True)
    area_t, area_p = np.bincount(t, both), np.bincount(p, both)
    cells = (ids_t[t] != 0) & (ids_p[p] != 0)
    t, p, both = t[cells], p[cells], both[cells]
    return Overlaps(
        (np.cumsum(ids_t != 0) - 1)[t],
        (np.cumsum(ids_p != 0) - 1)[p],
        both / (area_t[t] + area_p[p] - both),
        int(np.count_nonzero(ids_t)),
        int(np.count_nonzero(ids_p)),
    )


def _small_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels in one row, (P,), in the same order but not above the largest."""
    flat = np.ravel(labels)
    if int(flat.max(initial=0)) <= _LARGEST_LABEL:
        return flat
    ids, rank = np.unique(flat, return_inverse=True)
    return rank + int(ids[0] != 0)


def _count_pairs(
    true: NDArray[Any], pred: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of labels that lie on each other, as one number, and their pixels."""
    pairs, counts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for start in range(0, true.size, _AT_A_TIME):
        here = slice(start, start + _AT_A_TIME)
        pair = true[here].astype(np.int64) * (_LARGEST_LABEL + 1)
        pair += pred[here].astype(np.int64)
        found, count = np.unique(pair, return_counts=True)
        pairs.append(found)
        counts.append(count)
    known, which = np.unique(np.concatenate(pairs), return_inverse=True)
    return known, np.bincount(which, np.concatenate(counts)).astype(np.int64)


def match(
    found: Overlaps, threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Match each true cell with at most one predicted cell.

    Parameters
    ----------
    found : Overlaps
    threshold : float
        Least intersection over union of a match, in [0, 1].

    Returns
    -------
    true, pred : (K,) int
        Matched cells, as counted in `Overlaps`.
    iou : (K,) float64
    """
    keep = found.iou >= threshold
    true, pred, iou = found.true[keep], found.pred[keep], found.iou[keep]
    if threshold > 0.5 or not iou.size:
        # Two cells cannot both cover more than half of a third one.
        return true, pred, iou
    ids_t, row = np.unique(true, return_inverse=True)
    ids_p, column = np.unique(pred, return_inverse=True)
    # One match more is worth more than all overlap: the number of matches comes first.
    # A true cell may also stay alone, which is worth less than any match.
    alone, most = np.arange(ids_t.size), min(ids_t.size, ids_p.size)
    # Some versions of SciPy match by numbers of 32 bits only.
    rows = np.concatenate([row, alone]).astype(np.int32)
    columns = np.concatenate([column, ids_p.size + alone]).astype(np.int32)
    value = np.concatenate([1 + 2 * most + iou, np.ones(ids_t.size)])
    t, p = min_weight_full_bipartite_matching(
        coo_array((value, (rows, columns))).tocsr(), maximize=True
    )
    t, p = t[p < ids_p.size], p[p < ids_p.size]
    # Pairs are sorted, first by true cells.
    chosen = iou[np.searchsorted(row * ids_p.size + column, t * ids_p.size + p)]
    return ids_t[t], ids_p[p], chosen


def average_precision(
    true: ArrayLike | Sequence[ArrayLike],
    pred: ArrayLike | Sequence[ArrayLike],
    thresholds: Sequence[float] | float = THRESHOLDS,
) -> AveragePrecision:
    """Compare predicted with annotated cells.

    Parameters
    ----------
    true, pred : (Y, X) or (Z, Y, X) integer array, or a list of such
        Label images; 0 is background, labels need not be consecutive. A list
        or tuple of arrays is several images.
    thresholds : sequence of float
        Least intersection over union of a match, in [0, 1].

    Returns
    -------
    AveragePrecision

    Raises
    ------
    ImageError
        If shapes or numbers of images differ, or labels are not integers.
    """
    trues, preds = _images(true), _images(pred)
    if len(trues) != len(preds):
        msg = f"There are {len(trues)} true label images but {len(preds)} predicted."
        raise ImageError(msg)
    limits = np.atleast_1d(np.asarray(thresholds, np.float64))
    if limits.ndim != 1 or not limits.size or not ((limits >= 0) & (limits <= 1)).all():
        msg = "Thresholds of the intersection over union must lie between 0 and 1."
        raise ImageError(msg)
    scores = []
    for i, (one, other) in enumerate(zip(trues, preds, strict=True), 1):
        if one.shape != other.shape:
            which = f" of image {i} of {len(trues)}" if len(trues) > 1 else ""
            raise ImageError(
                f"The true labels{which} have shape {one.shape} but the predicted "
                f"ones {other.shape}."
            )
        scores.append(_score(one, other, limits))
    return pooled(scores)


def pooled(scores: Sequence[AveragePrecision]) -> AveragePrecision:
    """Put the scores of several images together, at the same thresholds."""
    tp, fp, fn, sums = (
        np.concatenate([getattr(score, name) for score in scores])
        for name in ("tp", "fp", "fn", "iou_sum")
    )
    return AveragePrecision(
        thresholds=scores[0].thresholds,
        pooled=_ratio(tp.sum(axis=0), (tp + fp + fn).sum(axis=0)),
        per_image=_ratio(tp, tp + fp + fn),
        tp=tp,
        fp=fp,
        fn=fn,
        iou_sum=sums,
    )


def _score(
    true: NDArray[Any], pred: NDArray[Any], thresholds: NDArray[np.float64]
) -> AveragePrecision:
    found = overlaps(true, pred)
    ious = [match(found, float(limit))[2] for limit in thresholds]
    tp = np.array([[iou.size for iou in ious]], np.int64)
    fp, fn = found.n_pred - tp, found.n_true - tp
    ratio = _ratio(tp, tp + fp + fn)
    sums = np.array([[iou.sum() for iou in ious]])
    return AveragePrecision(thresholds, ratio[0], ratio, tp, fp, fn, sums)


def _images(labels: ArrayLike | Sequence[ArrayLike]) -> list[NDArray[Any]]:
    """Make a list of checked label images."""
    many = isinstance(labels, (list, tuple)) and all(
        hasattr(item, "shape") for item in labels
    )
    images = [np.asarray(item) for item in labels] if many else [np.asarray(labels)]  # type: ignore[union-attr]
    if not images:
        raise ImageError("There are no label images to compare.")
    for i, image in enumerate(images, 1):
        which = f" of image {i} of {len(images)}" if len(images) > 1 else ""
        if image.dtype.kind not in "biu":
            raise ImageError(f"Labels{which} must be integers, not {image.dtype}.")
        if image.size and image.dtype.kind == "i" and image.min() < 0:
            raise ImageError(f"Labels{which} must not be negative.")
    return images
