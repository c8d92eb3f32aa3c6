"""Scores agree with a slow and obvious calculation."""

import itertools

import numpy as np
import pytest
from peaks import peak_of

from napari_iaunet.errors import ImageError
from napari_iaunet.evaluation import average_precision, match, overlaps


def random_labels(seed, shape=(24, 31), n=9):
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    for label in rng.choice(np.arange(1, 60), n, replace=False):
        y, x = rng.integers(0, shape[0] - 5), rng.integers(0, shape[1] - 5)
        h, w = rng.integers(3, 10, 2)
        labels[y : y + h, x : x + w] = label
    return labels


def brute_iou(true, pred):
    return {
        (t, p): np.sum((true == t) & (pred == p)) / np.sum((true == t) | (pred == p))
        for t in np.unique(true[true > 0])
        for p in np.unique(pred[pred > 0])
    }


@pytest.mark.parametrize("seed", range(12))
def test_equals_brute_force(seed):
    true = random_labels(seed)
    pred = np.roll(true, (seed % 3, 1), axis=(0, 1)) * 3
    pred[:: 7 + seed] = 0
    ious = brute_iou(true, pred)
    found = overlaps(true, pred)
    assert sorted(found.iou) == pytest.approx(sorted(v for v in ious.values() if v))
    score = average_precision(true, pred, thresholds=(0.55, 0.75, 0.9))
    n_true, n_pred = len(np.unique(true)) - 1, len(np.unique(pred)) - 1
    for i, limit in enumerate((0.55, 0.75, 0.9)):
        hits = [v for v in ious.values() if v >= limit]
        tp = len(hits)
        assert score.tp[0, i] == tp
        assert score.fn[0, i] == n_true - tp
        assert score.fp[0, i] == n_pred - tp
        assert score.pooled[i] == pytest.approx(tp / (n_true + n_pred - tp))
        assert score.f1[i] == pytest.approx(2 * tp / (n_true + n_pred))
        assert score.panoptic_quality[i] == pytest.approx(
            2 * sum(hits) / (n_true + n_pred)
        )


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5])
def test_low_thresholds_match_as_many_as_possible(seed, threshold):
    rng = np.random.default_rng(seed)
    true, pred = rng.integers(0, 5, (2, 6, 5))
    ious = {k: v for k, v in brute_iou(true, pred).items() if v >= max(threshold, 1e-9)}
    trues, preds = np.unique(true[true > 0]), np.unique(pred[pred > 0])
    padded = [*preds, *([None] * len(trues))]
    best = max(
        sum((t, p) in ious for t, p in zip(trues, order, strict=False))
        for order in itertools.permutations(padded, len(trues))
    )
    t, p, iou = match(overlaps(true, pred), threshold)
    assert len(iou) == best
    assert len(set(t)) == len(set(p)) == best
    assert all(
        ious[trues[i], preds[j]] == pytest.approx(v)
        for i, j, v in zip(t, p, iou, strict=True)
    )


def test_half_overlap_matches_once():
    true = np.zeros((2, 4), np.uint8)
    true[0], true[1] = 1, 2
    pred = np.ones((2, 4), np.uint8)
    assert average_precision(true, pred, (0.5,)).tp.tolist() == [[1]]


def test_many_cells_take_little_memory():
    code = """
import numpy as np
from napari_iaunet.evaluation import average_precision

y, x = np.indices((1600, 1600)) // 16
labels = (y * 100 + x + 1).astype(np.int32)
before = peak()
score = average_precision(labels, np.roll(labels, 3, 1), (0.0, 0.3, 0.5))
print(before, peak(), *score.tp[0])
"""
    before, after, *tp = peak_of(code)
    # Matched in a table of all cells with all cells, they would take 800 MB.
    assert after - before < 200
    assert tp == [10_000] * 3


@pytest.mark.parametrize("first", [1, 2**31, 2**63])
def test_identical_and_renumbered(first):
    true = random_labels(3)
    pred = np.where(true > 0, np.uint64(first + 5000) - true.astype(np.uint64), 0)
    score = average_precision(true, pred)
    assert score.pooled.tolist() == [1.0] * 10
    assert score.panoptic_quality.tolist() == [1.0] * 10


def test_pooled_is_not_the_mean_over_images():
    one, many = np.zeros((20, 20), int), np.zeros((20, 20), int)
    one[2:5, 2:5] = 1
    many[::4, ::4] = np.arange(25).reshape(5, 5) + 1
    score = average_precision([one, many], [one, np.zeros_like(many)], (0.5,))
    assert score.per_image.tolist() == [[1.0], [0.0]]
    assert score.pooled[0] == pytest.approx(1 / 26)


def test_empty_images():
    empty = np.zeros((5, 5), int)
    cell = empty.copy()
    cell[1:3, 1:3] = 4
    assert average_precision(empty, empty).pooled.tolist() == [1.0] * 10
    assert average_precision(empty, cell).pooled.tolist() == [0.0] * 10
    assert average_precision(cell, empty).pooled.tolist() == [0.0] * 10
    both = average_precision([empty, cell], [empty, cell], 0.5)
    assert both.pooled.tolist() == [1.0]
    assert both.per_image.tolist() == [[1.0], [1.0]]


def test_plain_lists_stacks_and_bool():
    assert average_precision([[0, 1], [0, 1]], [[0, 7], [0, 7]]).pooled[0] == 1
    stack = np.stack([random_labels(1), random_labels(2)])
    assert average_precision(stack, stack).per_image.shape == (1, 10)
    mask = np.eye(4, dtype=bool)
    assert average_precision(mask, mask.astype(int)).pooled[-1] == 1


@pytest.mark.parametrize(
    ("true", "pred", "kwargs"),
    [
        (np.zeros((4, 4), int), np.zeros((4, 5), int), {}),
        (np.zeros((4, 4), float), np.zeros((4, 4), int), {}),
        (np.full((4, 4), -1), np.zeros((4, 4), int), {}),
        ([np.zeros((4, 4), int)] * 2, [np.zeros((4, 4), int)], {}),
        ([], [], {}),
        (np.zeros((4, 4), int), np.zeros((4, 4), int), {"thresholds": (1.5,)}),
        (np.zeros((4, 4), int), np.zeros((4, 4), int), {"thresholds": ()}),
    ],
)
def test_unusable_input_is_one_sentence(true, pred, kwargs):
    with pytest.raises(ImageError, match=r"^[^\n]+\.$"):
        average_precision(true, pred, **kwargs)
