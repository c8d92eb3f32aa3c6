"""Queries: what stands for cells, and which pixels they win."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.data import immunohistochemistry

from napari_iaunet.segmentation import queries
from napari_iaunet.segmentation.queries import (
    distinct,
    find_peaks,
    smoothed,
    votes_of,
)
from napari_iaunet.segmentation.segmenter import Segmenter


def _reference_peaks(centre, inside, height):
    mean = F.avg_pool2d(centre[None, None], 3, 1, 1, count_include_pad=False)
    highest = F.max_pool2d(mean, 5, 1, 2)
    peak = (mean == highest) & (mean > height)
    return np.flatnonzero(peak[0, 0].numpy() & inside)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 3), (64, 48)])
def test_peaks_are_the_local_maxima_of_the_smoothed_centre_map(shape):
    centre = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    inside = np.ones(shape, bool)
    found = find_peaks(smoothed(centre), inside, 0.3)
    np.testing.assert_array_equal(found, _reference_peaks(centre, inside, 0.3))
    assert len(found)


def test_a_plateau_is_one_peak():
    centre = torch.zeros(20, 20)
    centre[5:12, 6:14] = 1
    assert len(find_peaks(smoothed(centre), np.ones((20, 20), bool), 0.5)) == 1


def test_distinct_places_are_those_of_numpy():
    places = np.random.default_rng(0).integers(-9, 9, (500, 2))
    rows, inverse = distinct(places)
    expected, order = np.unique(places, axis=0, return_inverse=True)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(inverse, order.ravel())


def test_votes_of_a_network_gone_wrong_stay_near_the_plane():
    offset = torch.full((2, 20, 30), 1e30)
    offset[:, 5] = torch.nan
    offset[:, 6] = -torch.inf
    votes = votes_of(offset, 10.0, np.arange(600))
    assert votes.shape == (600, 2)
    assert np.isfinite(votes).all()
    assert votes.min() >= -3
    assert (votes.max(0) <= (5, 6)).all()


def test_logits_of_a_network_gone_wrong_are_numbers():
    """Differences of infinities would warn, and lead nowhere."""
    place, near = np.arange(3), np.zeros((3, 2), np.int64)
    wrong = queries.Queries(
        place[:1], np.zeros((1, 2), np.float32), torch.zeros(1, 1), place[:1]
    )
    vectors = torch.tensor([[torch.nan], [torch.inf], [-torch.inf]])
    for _, _, logit in queries.compare(
        vectors,
        np.zeros((3, 2), np.float32),
        wrong,
        near,
        np.ones((3, 2), bool),
        place,
        lambda difference, votes: difference[:, 0] + 0 * votes[:, 0],
    ):
        assert logit.dtype == np.float32
        assert np.isfinite(np.subtract.outer(logit, logit)).all()
        assert logit[1] > logit[0] == logit[2]


def test_queries_that_are_not_compared_would_not_have_won(monkeypatch):
    segmenter = Segmenter(device="cpu")
    tissue = immunohistochemistry()[:300, :300]
    usual = segmenter.segment(tissue, diameter=14).labels
    monkeypatch.setattr(queries, "_AHEAD", np.inf)
    thorough = segmenter.segment(tissue, diameter=14).labels
    assert usual.max() > 20
    assert np.mean((usual > 0) != (thorough > 0)) < 0.001
    assert np.mean(usual != thorough) < 0.01
