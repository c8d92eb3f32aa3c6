"""Which cells are doubted, and what is said of them."""

import numpy as np
import pytest

from napari_iaunet.segmentation.doubt import doubts

COUNT = 20


@pytest.fixture
def usual():
    """Cells as one would wish them."""
    wobble = np.linspace(-1, 1, COUNT)
    return {
        "scores": 0.85 + 0.03 * wobble,
        "areas": 300 + 60 * wobble[::-1],
        "borders": np.full(COUNT, 40.0),
        "solidities": np.full(COUNT, 0.96),
    }


def first(found):
    return int(np.argmax(found.values))


def test_usual_cells_go_by_their_score(usual):
    found = doubts(**usual)
    assert np.argsort(found.values).tolist() == np.argsort(-usual["scores"]).tolist()
    assert all(reason.startswith("nothing odd") for reason in found.reasons)
    assert ((found.values >= 0) & (found.values <= 1)).all()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("scores", 0.55, "low score (0.55)"),
        ("areas", 1_225, "large: 4.0 times the usual area"),
        ("areas", 30, "small: 10 % of the usual area"),
        ("solidities", 0.7, "lobes or dents: fills 70 % of the hull around it"),
    ],
)
def test_what_is_odd_comes_first_and_is_said(usual, name, value, words):
    usual[name][12] = value
    found = doubts(**usual)
    assert first(found) == 12
    assert found.reasons[12] == words


def test_two_reasons_are_more_than_one(usual):
    usual["areas"][3] = usual["areas"][9] = 1_500
    usual["solidities"][9] = 0.7
    found = doubts(**usual)
    assert first(found) == 9
    assert "large" in found.reasons[9]
    assert "lobes" in found.reasons[9]


def test_what_the_border_cuts_may_be_small(usual):
    usual["areas"][5], usual["borders"][5] = 30, 0
    assert doubts(**usual).reasons[5].startswith("nothing odd")


def test_cells_without_scores_and_few_cells(usual):
    usual["scores"][:] = np.nan
    found = doubts(**usual)
    assert found.reasons[0] == "nothing odd"
    assert found.values.max() == 0
    few = {name: values[:2] for name, values in usual.items()}
    assert len(doubts(**few).reasons) == 2
    none = {name: values[:0] for name, values in usual.items()}
    assert doubts(**none).reasons == []
