"""Which model of a training is kept."""

import numpy as np
import pytest
import torch

from napari_iaunet.evaluation import average_precision
from napari_iaunet.training.dataset import Annotation
from napari_iaunet.training.holdout import whole
from napari_iaunet.training.selection import Judge

CELLS = 9


def cells(missing=0, grown=0):
    """Nine squares in a row; the last ones are missing, all are wider than they are."""
    labels = np.zeros((20, 16 * CELLS), np.int32)
    for i in range(CELLS - missing):
        labels[4:14, 16 * i : 16 * i + 10 + grown] = i + 1
    return labels


@pytest.fixture
def judge(monkeypatch):
    truth = cells()

    def measure(self, found):
        return average_precision([truth], [found])

    monkeypatch.setattr(Judge, "_measure", measure)
    held_out = [whole(Annotation(truth.astype(float), truth))]
    return Judge(held_out, torch.device("cpu"), every=1, from_start=True)


def test_a_model_that_finds_one_more_cell_is_kept(judge):
    judge.measure_start(cells(missing=3))
    assert judge.measure(cells(missing=2)) == (pytest.approx(7 / 9), True)
    assert judge.improved


def test_the_card_tells_whether_it_helped(judge):
    assert judge.figures() == {}
    judge.measure_start(cells(missing=3))
    assert judge.figures()["improved"] is False
    judge.measure(cells(missing=2))
    assert judge.figures() == {
        "improved": True,
        "figures": {
            "validation AP50": 0.7778,
            "validation AP50 of the start": 0.6667,
            "validation cells": CELLS,
        },
    }


def test_what_chance_may_give_is_not_kept(judge):
    judge.measure_start(cells(missing=3, grown=2))
    # The outlines fit better at one of the eight thresholds.
    assert judge.measure(cells(missing=3, grown=1))[1] is False
    assert not judge.improved


def test_from_then_on_any_better_one_is_kept(judge):
    judge.measure_start(cells(missing=5))
    assert judge.measure(cells(missing=3, grown=2))[1]
    assert judge.measure(cells(missing=3, grown=1))[1]
    assert judge.measure(cells(missing=3, grown=2))[1] is False


def test_more_cells_at_a_higher_overlap_do_not_make_up_for_fewer_at_half(judge):
    judge.measure_start(cells(grown=6))
    assert judge.start_ap == 1
    ap, keep = judge.measure(cells(missing=1))
    assert ap < 1
    assert keep is False


def test_a_model_closer_to_the_start_may_be_worse_by_less_than_a_cell(judge):
    judge.measure_start(cells(missing=5))
    assert judge.measure(cells(missing=2))[1]
    assert judge.measure_closer(cells(missing=4, grown=2))[1] is False
    assert judge.measure_closer(cells(missing=1, grown=2))[1]
    judge.measure_start(cells(missing=3))
    assert judge.measure(cells(missing=2))[1]
    closer = judge.measure_closer(cells(missing=2, grown=2))
    assert closer[1] is False, "it would not beat the start any more"
